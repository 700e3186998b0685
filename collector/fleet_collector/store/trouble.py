"""Errors of the drivers, in words that say what to do."""

from __future__ import annotations

# What SQLite's and libpq's messages contain, and what a person makes of it. The first that fits counts.
_SENTENCES = (
    ("database is locked", "is locked by another program; wait until that is done, or end it"),
    ("lock timeout", "is locked by another program; wait until that is done, or end it"),
    ("disk is full", "cannot grow: no space is left on its volume; make room and try again"),
    ("no space left", "cannot grow: no space is left on its volume; make room and try again"),
    ("readonly database", "may not be written; check the owner and the mode of the file and its directory"),
    ("read-only", "may not be written; it is read-only"),
    ("unable to open", "cannot be opened; check that its directory exists and is yours to write"),
    ("not a database", "is not an SQLite database; name another file with --db, or move this one away"),
    ("malformed", "is damaged; restore a copy, or save what is left with sqlite3's .recover"),
    ("disk i/o error", "cannot be read or written; its volume is full, or reports an error (dmesg)"),
    ("password authentication failed", "refuses the login; check user and password"),
    ("no password supplied", "wants a password; set PGPASSWORD, or write it into ~/.pgpass"),
    ("does not exist", "has no such database, user or table; create it (createdb) or correct the address"),
    ("permission denied", "does not allow this; the user needs the right to create and write tables"),
    ("connection refused", "does not answer; is PostgreSQL running, at this host and port?"),
    ("could not translate host", "is at a host whose name has no address"),
    ("timeout expired", "does not answer in time"),
    ("closed the connection", "broke off; was it stopped or restarted? Try again"),
    ("terminating connection", "broke off; was it stopped or restarted? Try again"),
    ("is shutting down", "is about to stop; try again when it is back"),
    ("is starting up", "is about to start; try again in a moment"),
    ("too many", "has no connection left; close some, or raise max_connections"),
)


def sentence(shown: str, error: BaseException) -> str:
    """Return one line about an error of the database ``shown``, with the driver's own words at the end."""
    lines = str(error).split("\n")
    said = lines[0].strip()[:300] or type(error).__name__
    for sign, words in _SENTENCES:
        if any(sign in line.lower() for line in lines):
            return f"the database {shown} {words} ({said})"
    return f"the database {shown} cannot be used: {said}"
