"""ssh_config(5): files are read and split once per run, then asked for each host.

For a keyword the first value that applies wins; IdentityFile and CertificateFile gather. ``Host``,
``Include`` (whose content stands under the block that includes it) and ``Match all|host|originalhost|user|
localuser|exec|tagged|canonical|final`` count; another criterion never matches, and ``unheard`` names it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from glob import glob
from pathlib import Path
from re import fullmatch

from fleet_collector.errors import SettingsError
from fleet_collector.transport.ssh_criteria import (
    EVALUATED,
    Criterion,
    Subject,
    Values,
    applies,
    at_home,
    host_line,
    host_name,
    match_line,
)

_GATHERED = frozenset({"identityfile", "certificatefile"})
_WHOLE_LINE = frozenset({"proxycommand", "remotecommand", "localcommand", "knownhostscommand"})
_PLAIN_NAME = r"[^*?!,]+"
_DEEPEST = 16  # nested Include, as OpenSSH has it

READ = _GATHERED | {
    "host",
    "include",
    "match",
    "addressfamily",
    "bindaddress",
    "ciphers",
    "globalknownhostsfile",
    "hostkeyalgorithms",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "kexalgorithms",
    "macs",
    "port",
    "proxycommand",
    "proxyjump",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
}
_NEAR_READ = frozenset({"cipher", "globalknownhostsfile2", "identityfile2", "userknownhostsfile2"})  # of old
_NEARLY = 0.85


@dataclass(frozen=True)
class Block:
    """Settings that hold where all criteria do; an enclosing block's criteria come first."""

    criteria: tuple[Criterion, ...]
    settings: list[tuple[str, list[str]]] = field(default_factory=list)


@dataclass
class SshConfig:
    """The blocks of all files; those for plain names only are found by dictionary.

    ``unheard`` names the criteria that nobody evaluates, such as ``Match localnetwork``.
    """

    blocks: list[Block] = field(default_factory=list)
    unheard: tuple[str, ...] = ()
    _by_name: dict[str, list[int]] = field(default_factory=dict)
    _others: list[int] = field(default_factory=list)
    _final: bool = False  # somewhere is Match final: all is read a second time

    def index(self) -> SshConfig:
        """Sort the blocks into those of one name and the others."""
        for number, block in enumerate(self.blocks):
            names = _plain_names(block)
            if names is None:
                self._others.append(number)
            for name in names or ():
                self._by_name.setdefault(name, []).append(number)
        words = dict.fromkeys(criterion.word for block in self.blocks for criterion in block.criteria)
        self._final = "final" in words
        self.unheard = tuple(f"Match {word}" for word in words if word not in EVALUATED)
        return self

    def lookup(self, subject: Subject) -> Values:
        """Return the values for a host by keyword in lower case, tokens not yet expanded."""
        values: Values = {}
        if subject.user is not None:
            values["user"] = [subject.user]
        if subject.port is not None:
            values["port"] = [str(subject.port)]
        for option in subject.options:
            keyword, words = _line(option, subject.host)
            if keyword:
                _take(values, keyword, words)
        self._apply(subject.host, subject, values, final=False)
        if self._final:
            self._apply(host_name(subject, values), subject, values, final=True)
        return values

    def _apply(self, name: str, subject: Subject, values: Values, *, final: bool) -> None:
        """Take in the blocks that hold; where to connect to is settled before the final pass."""
        held: dict[int, bool] = {}  # a criterion is asked where it stands, not again after what it let in

        def holds(criterion: Criterion) -> bool:
            if id(criterion) not in held:
                held[id(criterion)] = applies(criterion, subject, values, final) != criterion.negated
            return held[id(criterion)]

        for number in sorted({*self._others, *self._by_name.get(name, ())}):
            block = self.blocks[number]
            if not all(map(holds, block.criteria)):
                continue
            for keyword, words in block.settings:
                if not (final and keyword == "hostname"):
                    _take(values, keyword, words)


def _take(values: Values, keyword: str, words: list[str]) -> None:
    if keyword in _GATHERED:
        known = values.setdefault(keyword, [])
        known.extend(word for word in words if word not in known)
    else:
        values.setdefault(keyword, words)


def read(paths: Iterable[Path]) -> SshConfig:
    """Read files in order of precedence; a missing one is empty. Raises SettingsError with file:line."""
    config = SshConfig()
    for path in paths:
        config.blocks.extend(_file(path, (), 0))
    return config.index()


def _file(path: Path, enclosing: tuple[Criterion, ...], depth: int) -> list[Block]:
    if depth > _DEEPEST:
        raise SettingsError(f"{path}: Include is nested more than {_DEEPEST} deep")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    if "\0" in text:
        raise SettingsError(f"{path}: not a text file")
    blocks = [Block(enclosing)]
    for number, line in enumerate(text.splitlines(), 1):
        keyword, words = _line(line, f"{path}:{number}")
        if keyword in ("host", "match"):
            own = host_line(words) if keyword == "host" else match_line(words, f"{path}:{number}")
            blocks.append(Block(enclosing + own))
        elif keyword == "include":
            criteria = blocks[-1].criteria
            for included in _included(words, path):
                blocks.extend(_file(included, criteria, depth + 1))
            blocks.append(Block(criteria))
        elif keyword:
            _check(keyword, f"{path}:{number}")
            blocks[-1].settings.append((keyword, words))
    return [block for block in blocks if block.settings]


def _check(keyword: str, where: str) -> None:
    """Refuse what is all but a keyword that is read, as ssh itself does; others of ssh's own pass."""
    if keyword not in READ and keyword not in _NEAR_READ:
        meant = get_close_matches(keyword, READ, n=1, cutoff=_NEARLY)
        if meant:
            raise SettingsError(f"{where}: {keyword} is not known to ssh; did you mean {meant[0]}?")


def _line(line: str, where: str) -> tuple[str, list[str]]:
    """Split ``Keyword value …``, ``Keyword=value`` or ``Keyword "a value"``."""
    found = fullmatch(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*", line)
    if not found:
        return "", []
    keyword, rest = found[1].lower(), found[2]
    if keyword in _WHOLE_LINE:
        return keyword, [rest]
    try:
        words = shlex.split(rest, comments=True)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}; close the quotation mark") from error
    return (keyword, words) if words else ("", [])


def _included(words: list[str], path: Path) -> Iterator[Path]:
    """Files that Include names; a relative one lies in ~/.ssh, or in /etc/ssh for the system's files."""
    directory = Path("/etc/ssh") if path.is_relative_to("/etc/ssh") else at_home("~/.ssh")
    for word in words:
        pattern = str(directory / at_home(word))
        yield from map(Path, sorted(glob(pattern)))  # noqa: PTH207 - for which anything is a pattern


def _plain_names(block: Block) -> list[str] | None:
    """Names a block is bound to, or None when patterns or Match decide."""
    for criterion in block.criteria:
        if criterion.word == "host line" and fullmatch(f"{_PLAIN_NAME}( {_PLAIN_NAME})*", criterion.argument):
            return criterion.argument.split(" ")
    return None
