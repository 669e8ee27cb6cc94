"""
Files as bodies: plain, compressed, in a zip archive, or standard input; in constant memory.

What a file is, is told by its first bytes, never by its name. A compressed file that ends early, or
whose checksum does not fit, is an error: what came out of it is not the report.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import sys
import zipfile
import zlib
from contextlib import AbstractContextManager, contextmanager
from io import BufferedReader
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from cdr_engine.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["STDIN", "FileBody", "Member", "members"]

CHUNK_BYTES = 1 << 20
STDIN = "-"
"""The name that stands for standard input."""

MAGIC = {
    "gzip": b"\x1f\x8b",
    "bzip2": b"BZh",
    "zstd": b"\x28\xb5\x2f\xfd",
    "zip": b"PK\x03\x04",
}
MAGIC_BYTES = max(map(len, MAGIC.values()))


class Readable(Protocol):
    """All that is asked of a stream."""

    def read(self, size: int, /) -> bytes:
        """Give at most so many bytes, none at the end."""
        ...


class FileBody:
    """
    Chunks of one stream; SHA-256 and length of what was read.

    Iterating raises DataError where the stream is cut short, damaged or cannot be read.
    """

    proof = "file"

    def __init__(self, name: str, stream: Readable) -> None:
        self._name = name
        self._stream = stream
        self._digest = hashlib.sha256()
        self.bytes_read = 0

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._read():
            self._digest.update(chunk)
            self.bytes_read += len(chunk)
            yield chunk

    def _read(self) -> bytes:
        try:
            return self._stream.read(CHUNK_BYTES)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise DataError(f"{self._name} cannot be read to its end: {_reason(error)}") from error

    @property
    def sha256(self) -> str:
        """Of the bytes so far, as hexadecimal digits."""
        return self._digest.hexdigest()


class Member(NamedTuple):
    """One report in a file: the file itself, or a member of an archive."""

    name: str
    """For messages: the path, and the member's name within it."""
    size: int | None
    """Bytes of the report, where they are known without reading it."""
    open: Callable[[], AbstractContextManager[FileBody]]


def members(path: Path) -> list[Member]:
    """
    Look into a file: one report, or those of a zip archive in its order.

    Raises
    ------
    DataError
        If it cannot be opened, or the archive is damaged or encrypted.
    """
    if str(path) == STDIN:
        return [Member("standard input", None, _standard_input)]
    name = str(path)
    try:
        with path.open("rb") as file:
            kind = _kind(file.read(MAGIC_BYTES))
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                return [_zipped(path, info) for info in archive.infolist() if not info.is_dir()]
        size = path.stat().st_size if kind == "plain" else None
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{name} cannot be read: {_reason(error)}") from error

    @contextmanager
    def opened() -> Iterator[FileBody]:
        with path.open("rb", buffering=0) as file:
            yield FileBody(name, _decompressed(file, kind))

    return [Member(name, size, opened)]


def _zipped(path: Path, info: zipfile.ZipInfo) -> Member:
    name = f"{path}: {info.filename}"
    if info.flag_bits & 1:
        raise DataError(f"{name} is encrypted: unpack it first")

    @contextmanager
    def opened() -> Iterator[FileBody]:
        with zipfile.ZipFile(path) as archive, archive.open(info) as stream:
            yield FileBody(name, stream)

    return Member(name, info.file_size, opened)


@contextmanager
def _standard_input() -> Iterator[FileBody]:
    name = "standard input"
    stream = sys.stdin.buffer
    lead = stream.peek(MAGIC_BYTES) if isinstance(stream, BufferedReader) else b""
    kind = _kind(lead)
    if kind == "zip":
        raise DataError(f"{name} is a zip archive, which is read from its end: save it first")
    yield FileBody(name, _decompressed(stream, kind))


def _kind(lead: bytes) -> str:
    return next((kind for kind, magic in MAGIC.items() if lead.startswith(magic)), "plain")


def _decompressed(stream: IO[bytes], kind: str) -> Readable:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=stream, mode="rb")
    if kind == "bzip2":
        return bz2.BZ2File(stream)
    if kind == "zstd":
        import pyarrow as pa

        decompressed: Readable = pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")
        return decompressed
    return stream


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return text or type(error).__name__
