"""The command line: parse, call the collector, render."""
