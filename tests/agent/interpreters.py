"""The Python interpreters of this machine that a host could have."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path


@cache
def found() -> tuple[str, ...]:
    """One working interpreter of each version from 3.6 on: the system's, PATH's, pyenv's."""
    candidates = ["/usr/bin/python3", sys.executable]
    candidates += [path for minor in range(6, 20) if (path := shutil.which(f"python3.{minor}"))]
    candidates += map(str, sorted((Path.home() / ".pyenv/versions").glob("3.*/bin/python3")))
    versions: dict[str, str] = {}
    for candidate in candidates:
        version = _version(candidate)
        if version is not None:
            versions.setdefault(version, candidate)
    return tuple(versions.values())


def _version(candidate: str) -> str | None:
    code = "import sys; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info < (3, 6))"
    try:
        done = subprocess.run(
            [candidate, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
