from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet_collector.errors import SnapshotError
from fleet_collector.snapshot import STEPS
from fleet_collector.snapshot.frames import MARK, decode, ended, without_python
from tests.collector.answers import answer, end, frame, section, start

N = "c0ffee"


def test_a_whole_answer_becomes_a_snapshot() -> None:
    snapshot = decode(answer(N, started_at=1700000000.5), N)
    assert snapshot.agent.finished
    assert snapshot.agent.started_at == 1700000000.5
    assert snapshot.agent.cpu_ms == 8
    assert all(getattr(snapshot, step).status == "ok" for step in STEPS)


def test_noise_before_between_and_after_is_passed_over() -> None:
    parts = [start(N), *(section(N, step) for step in STEPS), end(N)]
    noise = b'Welcome! \x1b[31m{"frame": "start"}\nno line end'
    snapshot = decode(noise + noise.join(parts) + noise, N)
    assert snapshot.agent.finished
    assert snapshot.logs is not None


def test_frames_of_another_run_do_not_count() -> None:
    with pytest.raises(SnapshotError):
        decode(answer("other"), N)


def test_half_an_answer_keeps_its_sections() -> None:
    whole = answer(N)
    snapshot = decode(whole[: whole.index(b'"memory"') + 40], N)
    assert snapshot.cpu is not None
    assert snapshot.memory is None
    assert not snapshot.agent.finished


@pytest.mark.parametrize(
    "data",
    [
        {"cores": "4"},
        {"cores": -1},
        {"cores": 2**63},
        {"percent": {"busy": 1}},
        {"top": [{"pid": 1}]},
        {"top": {"pid": 1}},
        {"load1": "high"},
        [1],
        "text",
        {"top": [{"pid": 1, "name": "x" * 5000, "core_percent": 1, "machine_percent": 1}]},
    ],
)
def test_a_section_that_fails_the_check_is_an_error_and_the_rest_stays(data: object) -> None:
    broken = section(N, "cpu", data=data, notes={"pressure": "absent"})
    snapshot = decode(start(N) + broken + section(N, "memory") + end(N), N)
    assert snapshot.cpu is not None
    assert snapshot.memory is not None
    assert snapshot.cpu.status == "error"
    assert snapshot.cpu.data is None
    assert snapshot.cpu.notes["data"].startswith("error: ")
    assert snapshot.cpu.notes["pressure"] == "absent"
    assert snapshot.memory.status == "ok"


@pytest.mark.parametrize("number", [b"1e400", b"NaN", b"9" * 5000])
def test_impossible_numbers_cost_their_section_alone(number: bytes) -> None:
    line = section(N, "cpu", data={"load1": "HERE"}).replace(b'"HERE"', number)
    snapshot = decode(start(N) + line + section(N, "disk"), N)
    assert snapshot.cpu is not None
    assert snapshot.cpu.status == "error"
    assert snapshot.disk is not None


def test_broken_json_costs_its_section_alone() -> None:
    line = section(N, "cpu").replace(b'"data": {}}', b'"data": {"load1": 1.')
    snapshot = decode(start(N) + line + section(N, "disk"), N)
    assert snapshot.cpu is not None
    assert snapshot.cpu.status == "error"
    assert snapshot.disk is not None


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\\udce9b", b"\\ud83d"])
def test_names_that_are_not_unicode_do_not_cost_the_section(name: bytes) -> None:
    line = section(N, "identity", data={"hostname": "NAME"}).replace(b"NAME", name)
    snapshot = decode(start(N) + line, N)
    assert snapshot.identity is not None
    assert snapshot.identity.status == "ok"
    assert snapshot.identity.data is not None
    assert snapshot.identity.data.hostname is not None


def test_deep_nesting_is_an_error_of_its_section() -> None:
    line = section(N, "cpu", data="DEEP").replace(
        b'"DEEP"', b'{"top":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    )
    snapshot = decode(start(N) + line + section(N, "disk"), N)
    assert snapshot.cpu is not None
    assert snapshot.cpu.status == "error"


def test_the_first_of_two_sections_counts_and_unknown_ones_do_not() -> None:
    output = section(N, "cpu", ms=1.0) + section(N, "cpu", ms=2.0) + section(N, "weather")
    snapshot = decode(start(N) + output, N)
    assert snapshot.cpu is not None
    assert snapshot.cpu.ms == 1.0


def test_another_schema_is_refused_with_both_versions() -> None:
    with pytest.raises(SnapshotError, match=r"version 0\.1.*schema 7.*schema 1"):
        decode(start(N, schema=7) + section(N, "cpu"), N)


def test_an_agent_that_lies_about_itself_is_still_an_agent() -> None:
    lie = frame(
        N, frame="start", schema=1, agent={"version": 3, "uid": "root", "python": "3.9", "finished": 9}
    )
    snapshot = decode(lie + section(N, "cpu"), N)
    assert snapshot.agent.version == "unknown"
    assert snapshot.agent.python == "3.9"
    assert snapshot.agent.uid is None
    assert not snapshot.agent.finished


def test_the_end_is_seen_in_the_last_piece_only_when_it_is_whole() -> None:
    assert ended(section(N, "logs") + end(N), N)
    assert not ended(end(N)[:-1], N)
    assert not ended(section(N, "logs"), N)
    assert not ended(end("other"), N)


def test_no_python_is_recognised() -> None:
    line = b'noise\n\nfleet-frame - {"frame":"no_python","tried":"python3:127"}\n'
    assert without_python(line) == "python3:127"
    assert without_python(answer(N)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary(max_size=2000))
@example(b"\nfleet-frame c0ffee {}\n")
@example(b"\nfleet-frame c0ffee \n\nfleet-frame c0ffee \xff\n")
def test_any_bytes_are_a_snapshot_or_a_snapshot_error(output: bytes) -> None:
    for candidate in (output, b"\n" + MARK + N.encode() + b" " + output + b"\n"):
        with suppress(SnapshotError):
            decode(candidate, N)
        ended(candidate, N)
        without_python(candidate)


@settings(deadline=None)
@given(st.sampled_from(STEPS), JSON, JSON, JSON, JSON)
def test_any_json_is_a_section_or_an_error(
    step: str, data: object, notes: object, ms: object, agent: object
) -> None:
    line = frame(N, frame="section", step=step, status="ok", ms=ms, notes=notes, data=data)
    odd = frame(N, frame="start", schema=1, agent=agent) + line + frame(N, frame="end", agent=agent)
    snapshot = decode(odd, N)
    assert getattr(snapshot, step).status in ("ok", "error")


@settings(deadline=None)
@given(st.data())
def test_a_whole_answer_with_some_bytes_changed_never_breaks_the_reader(data: st.DataObject) -> None:
    output = bytearray(answer(N, STEPS[:3], started_at=1.7e9))
    for _ in range(data.draw(st.integers(1, 8))):
        output[data.draw(st.integers(0, len(output) - 1))] = data.draw(st.integers(0, 255))
    try:
        snapshot = decode(bytes(output), N)
    except SnapshotError:
        return
    assert json.dumps(snapshot.agent.version)
