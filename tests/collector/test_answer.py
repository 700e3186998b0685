from __future__ import annotations

from fleet_collector.snapshot.frames import decode
from fleet_collector.transport import Answer
from tests.collector.answers import answer
from tests.collector.ssh_server import NONCE, program

MEBIBYTE = 1024 * 1024


def test_of_noise_before_the_first_frame_the_end_is_kept_and_nothing_of_the_frames_is_lost() -> None:

    taken, what, whole = Answer(), program("true"), answer(NONCE)
    for _ in range(160):
        assert not taken.take(b"all work and no play\n" * 2000, what, 8 * MEBIBYTE)
        assert len(taken.output) < 128 * 1024
    assert not taken.came_at
    for byte in whole:
        taken.take(bytes([byte]), what, 8 * MEBIBYTE)
    assert taken.came_at
    assert taken.output.endswith(whole)
    assert decode(taken.output, NONCE).agent.finished
