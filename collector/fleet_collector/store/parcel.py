"""A record in the form in which it is stored, in the database or, if that cannot be reached, in the spool."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TypeVar

import msgspec
import zstandard
from msgspec import Struct

from fleet_collector.errors import SnapshotError
from fleet_collector.findings.past import Glimpse, glimpse
from fleet_collector.record import Record
from fleet_collector.snapshot import Snapshot

LEVEL = 3  # of zstd: three times the speed of 9 for a tenth more space
LARGEST_SNAPSHOT_BYTES = 64 * 1024 * 1024

T = TypeVar("T")

_JSON = msgspec.json.Encoder()


class Parcel(Struct, frozen=True, array_like=True):
    """One scan, flat: what goes into ``scan``, and the rows that hang on it without its number."""

    host: str
    sweep_id: int
    taken_at: int
    status: str
    severity: str
    failure: tuple[str | None, str | None, str | None, str | None]
    duration_ms: float
    clock_offset_seconds: float | None
    address: str | None
    groups: str
    schema: int
    content: bytes | None
    glimpse: bytes
    samples: list[tuple[str, str, float]]
    findings: list[tuple[str, str, str, str, str, str, str | None]]


def pack(records: Iterable[Record]) -> list[Parcel]:
    """Return the records as they are stored."""
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    return [_pack(record, compressor) for record in records]


def _pack(record: Record, compressor: zstandard.ZstdCompressor) -> Parcel:
    failure, snapshot, offset = record.failure, record.snapshot, record.clock_offset_seconds
    return Parcel(
        host=record.host,
        sweep_id=record.sweep_id,
        taken_at=record.taken_at,
        status=record.status,
        severity=record.severity,
        failure=(failure.kind, failure.stage, _plain(failure.message), _plain(failure.hint))
        if failure
        else (None, None, None, None),
        duration_ms=float(record.duration_ms),
        clock_offset_seconds=None if offset is None else float(offset),
        address=record.address,
        groups=",".join(record.groups),
        schema=snapshot.schema if snapshot else 0,
        content=compressor.compress(_JSON.encode(snapshot)) if snapshot else None,
        glimpse=compressor.compress(_JSON.encode(glimpse(record.taken_at / 1000, snapshot)))
        if snapshot
        else b"",
        samples=[(sample.metric, _plain(sample.label), sample.value) for sample in record.samples],
        findings=[
            (
                finding.rule,
                finding.step,
                finding.severity,
                _plain(finding.subject),
                _plain(finding.message),
                _JSON.encode(finding.evidence).decode(),
                None if finding.next is None else _plain(finding.next),
            )
            for finding in record.findings
        ],
    )


def _plain(text: str) -> str:
    """Replace NUL, which PostgreSQL's text cannot hold."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def unpack_snapshot(content: bytes) -> Snapshot:
    """Return a stored snapshot, also one of an older form; raise SnapshotError if it cannot be read."""
    return _unpack(content, _snapshots())


def unpack_glimpse(content: bytes) -> Glimpse:
    """Return a stored glimpse; raise SnapshotError if it cannot be read."""
    return _unpack(content, _glimpses())


# Decoders are made when they are first needed: that of snapshots takes longer than most queries.
@cache
def _snapshots() -> msgspec.json.Decoder[Snapshot]:
    return msgspec.json.Decoder(Snapshot)


@cache
def _glimpses() -> msgspec.json.Decoder[Glimpse]:
    return msgspec.json.Decoder(Glimpse)


def _unpack(content: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        size = zstandard.get_frame_parameters(content).content_size
        if size > LARGEST_SNAPSHOT_BYTES:
            raise SnapshotError(f"the stored snapshot claims {size} bytes")
        return decoder.decode(zstandard.ZstdDecompressor().decompress(content))
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise SnapshotError(f"the stored snapshot cannot be read by this version: {error}") from error
