"""Results that are not stored yet, in a file until they are: nothing is lost when this program is killed.

One file a writer, locked with flock(2) while its owner lives: a file that can be locked is nobody's any more,
and whoever opens the database next brings it in and removes it. Bringing in twice does no harm.

The file: the line ``fleet-spool 1``, then for each batch 4 bytes length, 4 bytes CRC-32 (both big-endian),
and that many bytes of zstd-compressed MessagePack: the sweep's number, its beginning, its parcels. A batch
that is damaged is passed over, one that is cut short ends the file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard
from msgspec import Struct
from sqlalchemy import insert, select

from fleet_collector.errors import StoreError
from fleet_collector.store.database import Database
from fleet_collector.store.parcel import Parcel
from fleet_collector.store.save import save_parcels
from fleet_collector.store.sweeps import recount
from fleet_collector.tables import SWEEP

MAGIC = b"fleet-spool 1\n"
LARGEST_BATCH_BYTES = 256 * 1024 * 1024

_HEAD = struct.Struct(">II")
_LOST = "brought in from a spool"


class _Foreign(StoreError):
    """A spool file that this program cannot read: it stays, for the one that can."""


class _Batch(Struct, frozen=True, array_like=True):
    """What one append holds."""

    sweep_id: int
    started_at: int
    parcels: list[Parcel]


class Spool:
    """The spool file of one writer; made with the first batch, in the first directory that takes it."""

    def __init__(self, database: Database, sweep_id: int, started_at: int) -> None:
        self._database = database
        self._sweep = (sweep_id, started_at)
        self._file: BinaryIO | None = None
        self._path = Path()
        self._kept = len(MAGIC)  # bytes that stay: batches that could not be stored

    def note(self, parcels: Sequence[Parcel]) -> bool:
        """Write a batch that will soon be stored, so that it outlives this process; tell if it worked."""
        try:
            self.append(parcels, synced=False)
        except StoreError:
            return False
        return True

    def keep(self) -> bool:
        """Wait until what was noted is on the disk; tell whether it is."""
        try:
            if self._file:
                os.fsync(self._file.fileno())
                self._kept = self._file.tell()
        except OSError:
            return False
        return self._file is not None

    def clear(self) -> None:
        """Forget what was noted and not kept: it is stored."""
        if self._file:
            with suppress(OSError):
                self._file.truncate(self._kept)
                self._file.seek(self._kept)

    def append(self, parcels: Sequence[Parcel], *, synced: bool = True) -> None:
        """Write a batch and wait until it is on the disk; raise StoreError if no directory takes it."""
        batch = zstandard.compress(msgspec.msgpack.encode(_Batch(*self._sweep, list(parcels))))
        frame = framed(batch)
        reasons: list[str] = []
        if self._file and not _written(self._file, frame, reasons, synced=synced):
            self.close()
        if self._file:
            self._kept = self._file.tell() if synced else self._kept
            return
        for directory in directories(self._database):
            path = directory / f"{tag(self._database)}.{os.getpid()}-{os.urandom(4).hex()}.spool"
            try:
                file = _create(path)
            except OSError as error:
                reasons.append(f"{directory}: {error.strerror or error}")
                continue
            if _written(file, MAGIC + frame, reasons, synced=synced):
                self._file, self._path = file, path
                self._kept = file.tell() if synced else len(MAGIC)
                return
            path.unlink(missing_ok=True)
            file.close()
        raise StoreError(
            f"{len(parcels)} results are lost: neither the database {self._database.shown} nor a spool file "
            f"takes them ({'; '.join(reasons)})"
        )

    def close(self) -> None:
        """Let go of the file, for whoever brings it in; one with nothing in it is removed."""
        if self._file:
            if self._file.tell() == len(MAGIC):
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None


def bring_in(database: Database) -> int:
    """Store what dead or finished writers have spooled; return how many results came in.

    A file that cannot be stored yet stays where it is; ``database.notices`` says what happened. After the
    first trouble with the database the others are left for later: each attempt may wait long.
    """
    brought = 0
    for path in _files(database):
        try:
            with path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                brought += _store(database, file)
                path.unlink(missing_ok=True)
        except BlockingIOError:  # its writer lives
            continue
        except (_Foreign, OSError) as error:
            database.notices.append(f"results wait in {path}: {error}")
        except StoreError as error:
            database.notices.append(f"results wait in {path}: {error}")
            break
    if brought:
        results = "1 result was" if brought == 1 else f"{brought} results were"
        database.notices.append(f"{results} brought in from a spool file")
    return brought


def directories(database: Database) -> list[Path]:
    """Return where spool files may lie: beside the database, the user's state, what is temporary, memory."""
    import platformdirs

    beside = [database.path.resolve().parent] if database.path else []
    shared = [Path(tempfile.gettempdir()), Path("/dev/shm")]  # noqa: S108 - a directory of our own in it
    return [*beside, platformdirs.user_state_path("fleet"), *(path / _own_name() for path in shared)]


def _own_name() -> str:
    return f"fleet-{os.geteuid()}"


def tag(database: Database) -> str:
    """Return what the names of this database's spool files begin with."""
    name = str(database.path.resolve()) if database.path else database.shown
    return "fleet-" + hashlib.sha256(name.encode()).hexdigest()[:16]


def framed(batch: bytes) -> bytes:
    """Return a batch as it stands in the file."""
    return _HEAD.pack(len(batch), zlib.crc32(batch)) + batch


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.name == _own_name() and path.parent.stat().st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "the directory is somebody else's")
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return open(descriptor, "wb", buffering=0)  # noqa: PTH123 - a descriptor, no path


def _written(file: BinaryIO, content: bytes, reasons: list[str], *, synced: bool) -> bool:
    """Append all of it, or leave the file as it was."""
    end = file.tell()
    try:
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
        if synced:
            os.fsync(file.fileno())
    except OSError as error:
        reasons.append(f"writing: {error.strerror}")
        with suppress(OSError):  # what stays there ends the file; the next batch goes into another
            file.truncate(end)
        return False
    return True


def _files(database: Database) -> list[Path]:
    """Return the spool files of this user for this database; what others have laid there is not read."""
    found: list[Path] = []
    for directory in directories(database):
        try:
            found += [
                path
                for path in directory.glob(f"{tag(database)}.*.spool")
                if not path.is_symlink() and path.is_file() and path.stat().st_uid == os.geteuid()
            ]
        except OSError:
            continue
    return sorted(set(found))


def _store(database: Database, file: BinaryIO) -> int:
    stored = 0
    for batch in _batches(file):
        number = _sweep_of(database, batch)
        save_parcels(database, [msgspec.structs.replace(parcel, sweep_id=number) for parcel in batch.parcels])
        with database.writing() as connection:
            recount(connection, [number])
        stored += len(batch.parcels)
    return stored


def _batches(file: BinaryIO) -> Iterator[_Batch]:
    beginning = file.read(len(MAGIC)).strip(b"\0")  # zeros are left where a machine went down
    if not MAGIC.startswith(beginning):
        raise _Foreign(f"it was written by another version of fleet (it begins with {beginning!r})")
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, checksum = _HEAD.unpack(head)
        content = file.read(length) if 0 < length <= LARGEST_BATCH_BYTES else b""
        if len(content) != length or not content:  # cut short, or zeros again
            return
        if zlib.crc32(content) != checksum:
            continue
        try:
            plain = zstandard.ZstdDecompressor().decompress(content, max_output_size=LARGEST_BATCH_BYTES)
            yield msgspec.msgpack.decode(plain, type=_Batch)
        except (zstandard.ZstdError, msgspec.DecodeError) as error:
            raise _Foreign(f"it was written by another version of fleet ({error})") from error


def _sweep_of(database: Database, batch: _Batch) -> int:
    """Return the number of a batch's sweep; a database that was made anew in between gets a sweep for it."""
    same = select(SWEEP.c.id).where(
        SWEEP.c.started_at == batch.started_at, (SWEEP.c.id == batch.sweep_id) | (SWEEP.c.asked == _LOST)
    )
    with database.writing() as connection:
        found = connection.execute(same.order_by(SWEEP.c.asked == _LOST)).scalars().first()
        if found is not None:
            return int(found)
        row = {"started_at": batch.started_at, "finished_at": batch.started_at, "status": "interrupted"}
        row |= {"asked": _LOST, "owner": "", "heartbeat_at": batch.started_at, "hosts": len(batch.parcels)}
        return int(connection.execute(insert(SWEEP).values(row).returning(SWEEP.c.id)).scalar_one())
