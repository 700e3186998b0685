"""The program that goes to a host, the request at its end, and the command that starts it there.

The agent's sources travel as text, each compiled on the host when it is first imported, so that rare paths
cost nothing. They are read as files, never imported here.
"""

from __future__ import annotations

import importlib.util
import zlib
from functools import cache
from pathlib import Path

import msgspec

CANDIDATES = (
    "/usr/bin/python3",  # before PATH: a version manager's shim costs more than the whole job
    "python3",
    "/usr/libexec/platform-python",
    *(f"python3.{minor}" for minor in range(14, 5, -1)),
    "/usr/local/bin/python3",
)
"""Interpreters tried on a host, in this order."""

FLAGS = "-I -S -B"
"""Nothing of the user's environment, no site-packages, nothing written."""

BOOTSTRAP = (
    "import sys;sys.version_info<(3,6)and sys.exit(91);import zlib;d=zlib.decompressobj();"
    "b=sys.stdin.buffer.read()or sys.exit(93);exec(d.decompress(b)+d.unused_data);"
    "import posix;posix._exit(92)"
)
"""What the interpreter runs: read compressed sources and the plain call behind them, then execute both.

Its exit status: 91 it is too old, 92 all is well, 93 there was nothing to read.
"""

AGENT = "fleet_agent"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent shall do; the keys are described in the agent's ``__main__``."""

    nonce: str
    interval_seconds: float = 1.0
    section_seconds: float = 5.0
    total_seconds: float = 20.0
    processes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()
    log_roots: tuple[str, ...] = ("/var/log",)
    large_file_bytes: int = 100 * 1024 * 1024
    lookup: str | None = None
    root: str = "/"
    portable: bool = False


def program(request: Request) -> str:
    """Return the exact text that is executed on the host: all sources, then the call with the request."""
    return _sources() + _call(request)


def payload(request: Request) -> bytes:
    """Return what goes to the command's standard input, to be followed by its end.

    The sources are the same for every host and compressed once; the call behind them is a few hundred bytes.
    """
    return _compressed() + _call(request).encode()


def command(candidates: tuple[str, ...] = CANDIDATES) -> str:
    r"""Return the command line that finds an interpreter and runs the program from standard input.

    Any login shell (sh, csh, fish, a restricted one) must read it as ``sh -c`` and one word, so nothing that
    one of them treats specially within single quotes stands there: ``'``, ``!``, a newline, ``\\``.
    An interpreter that is a stub, too old, broken or without zlib ends before it has read anything, and the
    next is tried; should one have read all and ended badly, the next finds nothing to read (93), and that
    bad end counts. When none fits, a frame ``{"frame":"no_python","tried":"python3:1 ..."}`` names each with
    its exit status, and the command exits with 127.
    """
    attempt = f'command -v $p >/dev/null 2>&1 || continue; $p {FLAGS} -c "{BOOTSTRAP}"; s=$?'
    judge = 'case $s in 92) exit 0;; 70) exit 70;; 93) exit $l;; esac; l=$s; t="$t $p:$s"'
    none = r'echo; echo "fleet-frame - {\"frame\":\"no_python\",\"tried\":\"${t# }\"}"; exit 127'
    return f"sh -c 'l=93; t=; for p in {' '.join(candidates)}; do {attempt}; {judge}; done; {none}'"


COMMAND = command()
"""The command line for every host."""


def misfits(tried: str) -> str:
    """What was wrong with each interpreter of a ``no_python`` frame, in words.

    >>> misfits("python3:91 python3.9:1")
    'python3 is older than 3.6, python3.9 ended with status 1'
    """
    pairs = (word.rpartition(":") for word in tried.split())
    return ", ".join(
        f"{name} {_MISFITS.get(status) or f'ended with status {status}'}" for name, _, status in pairs
    )


_MISFITS = {"0": "did nothing", "91": "is older than 3.6", "126": "cannot be run", "127": "does not run"}


def _call(request: Request) -> str:
    return f"\nfrom {AGENT}.__main__ import serve\n\nserve({msgspec.structs.asdict(request)!r})\n"


@cache
def _compressed() -> bytes:
    return zlib.compress(_sources().encode(), 9)


@cache
def _sources() -> str:
    """Return the loader, every module of the agent as a raw text, and the line that makes them importable."""
    root = _agent_directory()
    files = sorted(root.rglob("*.py"))
    packages = {_module(file, root) for file in files if file.stem == "__init__"}
    parts = [(root / "loader.py").read_text("utf-8"), "\n\nSOURCES = {}\n"]
    parts += [
        f"\nSOURCES[{_module(file, root)!r}] = r'''{_text(file)}'''\n"
        for file in files
        if file.stem != "loader"
    ]
    parts.append(f"\nsys.meta_path.insert(0, Loader(SOURCES, {sorted(packages)!r}))\n")
    return "".join(parts)


def _agent_directory() -> Path:
    spec = importlib.util.find_spec(AGENT)  # finds a package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(AGENT)
    return Path(spec.submodule_search_locations[0])


def _module(file: Path, root: Path) -> str:
    parts = [AGENT, *file.relative_to(root).with_suffix("").parts]
    return ".".join(part for part in parts if part != "__init__")


def _text(file: Path) -> str:
    text = file.read_text("utf-8")
    if "'''" in text or (text and not text.endswith("\n")):
        raise ValueError(f"{file} must end with a newline and hold no ''' to travel as a raw text")
    return text
