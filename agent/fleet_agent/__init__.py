"""The program fleet sends to a host: standard library only, Python 3.6 or newer, writes nothing."""

__version__ = "0.1.0"
