"""From the bytes a host printed to a checked snapshot.

The agent prints one frame a line, ``fleet-frame NONCE {json}``, after an empty line. Whatever else stands in
the output (rc files, banners, other programs) is passed over. Frames that came whole count:

    {"frame": "start", "schema": 1, "agent": {...}}
    {"frame": "section", "step": "cpu", "status": "ok", "ms": 3.1, "notes": {}, "data": {...}}
    {"frame": "end", "agent": {...}}

Nothing here trusts its input: types are strict, a section that fails the check becomes ``error`` and the
others stay, and no input raises anything but SnapshotError.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from fleet_collector import snapshot
from fleet_collector.errors import SnapshotError
from fleet_collector.snapshot import SCHEMA, STEPS, Agent, Section, Snapshot
from fleet_collector.snapshot.fact import Number, Text

MARK = b"fleet-frame "
_NOBODY = b"-"  # the nonce of the line that the bootstrap prints when no Python fits
_MOST_FRAMES = 256
_LARGEST_FRAME_BYTES = 8 * 1024 * 1024
_REASON_CHARACTERS = 200

_MALFORMED = (msgspec.DecodeError, RecursionError, UnicodeError, ValueError)


class _Frame(msgspec.Struct):
    frame: str
    step: str = ""
    schema: int | None = None
    tried: str = ""


class _Agents(msgspec.Struct):
    agent: msgspec.Raw = msgspec.Raw(b"{}")


class _Envelope(msgspec.Struct):
    ms: Number = 0.0
    notes: dict[Text, Text] = {}


_FRAME = msgspec.json.Decoder(_Frame)
_AGENTS = msgspec.json.Decoder(_Agents)
_AGENT_FACTS = msgspec.json.Decoder(dict[str, Any])
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_SECTIONS: dict[str, msgspec.json.Decoder[Section[Any]]] = {
    step: msgspec.json.Decoder(Section[getattr(snapshot, step.capitalize())])  # type: ignore[misc]
    for step in STEPS
}


def decode(output: bytes, nonce: str) -> Snapshot:
    """Return the snapshot in a host's output.

    Raises SnapshotError when no section came, or when the agent speaks another schema than this program.
    """
    agent: dict[str, Any] = {}
    sections: dict[str, Section[Any]] = {}
    finished = False
    for line in _lines(output, nonce.encode()):
        frame = _envelope(line)
        if frame.frame == "section" and frame.step in _SECTIONS and frame.step not in sections:
            sections[frame.step] = _section(frame.step, line)
        elif frame.frame == "start":
            agent = _agent(line) | agent
            _check(frame.schema, agent)
        elif frame.frame == "end":
            agent, finished = agent | _agent(line), True
    if not sections:
        raise SnapshotError("no section of a snapshot came")
    return Snapshot(schema=SCHEMA, agent=_known(agent, finished), **sections)


def ended(piece: bytes, nonce: str) -> bool:
    """Tell whether a piece of output ends with the last frame, so that nothing more need be waited for."""
    mark = MARK + nonce.encode() + b" "
    start = piece.rfind(mark)
    if start < 0 or not piece.endswith(b"\n") or len(piece) - start > 4096:
        return False
    return _envelope(piece[start + len(mark) :].strip()).frame == "end"


def without_python(output: bytes) -> str | None:
    """Return what was tried when the host said that it has no usable Python, else None."""
    for line in _lines(output, _NOBODY):
        frame = _envelope(line)
        if frame.frame == "no_python":
            return frame.tried
    return None


def _lines(output: bytes, nonce: bytes) -> Iterator[bytes]:
    """Yield the JSON of each whole frame: from its mark at the start of a line to the end of that line."""
    mark = b"\n" + MARK + nonce + b" "
    text = b"\n" + output
    position = 0
    for _ in range(_MOST_FRAMES):
        position = text.find(mark, position)
        if position < 0:
            return
        start = position + len(mark)
        end = text.find(b"\n", start)
        if end < 0:
            return
        if end - start <= _LARGEST_FRAME_BYTES:
            yield text[start:end]
        position = end


def _envelope(line: bytes) -> _Frame:
    """Return what a frame says it is; a broken one counts for its step, if it shows one."""
    for text in _readings(line):
        with suppress(*_MALFORMED):
            return _FRAME.decode(text)
    return _Frame("section", _step(line))


def _readings(line: bytes) -> Iterator[bytes]:
    """Yield JSON as it came, then with text that is not Unicode (names may be any bytes) made so."""
    yield line
    with suppress(*_MALFORMED):
        value = json.loads(line.decode("utf-8", "replace"))
        yield json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _step(line: bytes) -> str:
    """The step of a frame whose JSON is broken, from its beginning as the agent writes it."""
    _, found, rest = line[:200].replace(b" ", b"").partition(b'"step":"')
    return rest.partition(b'"')[0].decode("ascii", "replace") if found else ""


def _section(step: str, line: bytes) -> Section[Any]:
    """Return a section; one that fails the check keeps its notes and says why it has no data."""
    reason, envelope = "", _Envelope()
    for text in _readings(line):
        try:
            return _SECTIONS[step].decode(text)
        except _MALFORMED as error:
            reason = reason or f"error: {error}"[:_REASON_CHARACTERS]
        with suppress(*_MALFORMED):
            envelope = _ENVELOPE.decode(text)
    return Section(status="error", ms=envelope.ms, notes={**envelope.notes, "data": reason})


def _agent(line: bytes) -> dict[str, Any]:
    """Return what a start or end frame tells of the agent; nonsense is nothing."""
    with suppress(*_MALFORMED):
        return _AGENT_FACTS.decode(_AGENTS.decode(line).agent)
    return {}


def _known(agent: dict[str, Any], finished: bool) -> Agent:
    """Keep those facts of the agent that pass the check, one by one."""
    facts: dict[str, Any] = {"version": "unknown"}
    for name, value in agent.items():
        with suppress(*_MALFORMED):
            msgspec.convert({"version": "", name: value}, Agent)
            facts[name] = value
    return msgspec.convert({**facts, "finished": finished}, Agent)


def _check(schema: int | None, agent: dict[str, Any]) -> None:
    if schema != SCHEMA:
        version = str(agent.get("version", "unknown"))[:40]
        raise SnapshotError(
            f"the agent there (version {version}) speaks schema {schema}, this fleet reads schema {SCHEMA}"
        )
