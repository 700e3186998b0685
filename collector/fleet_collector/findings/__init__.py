"""Rules: pure functions from a snapshot to findings, one file a step."""
