"""What shells, PAM and the kernel of a host say of well-known troubles, and what to do about them."""

from __future__ import annotations

_TERMINALS = "let it do so for terminals only: [ -t 0 ]."

# The first that fits counts.
_KNOWN = (
    (
        ("resource temporarily unavailable", "cannot fork", "can't fork", "fork: retry"),
        "The account or the host has no process left (ulimit -u, pid_max); end some, or log in as root.",
    ),
    (
        ("expired", "password change required"),
        "The account or its password has expired: chage -l USER there.",
    ),
    (
        ("account is currently not available", "nologin"),
        "The account's login shell is nologin: use another account, or give it a shell.",
    ),
    (
        ("cannot allocate memory", "memoryerror", "out of memory"),
        "The host or the account's limit (ulimit -v) is out of memory.",
    ),
    (
        ("signal kill", "exit status 137", "signal xcpu", "exit status 152"),
        "Killed on the host: out of memory, or over a limit of CPU time or memory (ulimit, cgroup).",
    ),
    (
        ("zlib.error", "unterminated quoted string", "unexpected eof"),
        f"An rc file of the account reads standard input or starts another shell: {_TERMINALS}",
    ),
    (
        ("not a terminal", "not a tty", "must have a tty", "must be run from a terminal"),
        f"An rc file or a forced command of the account wants a terminal: {_TERMINALS}",
    ),
    (
        (" sh: command not found", " sh: not found", "command not found: sh"),
        "The account's rc files set a PATH without /bin and /usr/bin: correct it there.",
    ),
    (("sftp connections only",), "The account may transfer files and nothing else: use another account."),
)


def advice(said: str) -> str:
    """What to do about a well-known trouble, if the words are of one.

    >>> advice("sh: 1: Cannot fork")[:35]
    'The account or the host has no proc'
    """
    text = said.lower()
    return next((hint for signs, hint in _KNOWN if any(sign in text for sign in signs)), "")
