"""
A checksum of a whole file, inside its own footer.

Page checksums say nothing of what stands around the pages: names, types, the bounds by which
queries skip, the record. One flipped bit there renames a column or hides its rows, and no reader
notices. So the footer also holds the CRC-32 of the file, taken with zeros in its own place.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BLANK", "SEAL_KEY", "is_sealed", "seal"]

SEAL_KEY = b"cdr_engine_seal"
BLANK = b"00000000"
"""Its value while the file is written: eight hexadecimal digits."""

VALUE_HEAD = bytes((0x18, len(BLANK)))
"""What Thrift's compact protocol puts between a key and its value: field 2, text, its length."""
TAIL = 8
"""A Parquet file ends in the length of its footer and `PAR1`, four bytes each."""
PIECE = 1 << 20


def seal(path: Path) -> None:
    """
    Fill in the checksum of a closed file that was written with `SEAL_KEY: BLANK`.

    Raises
    ------
    OSError
        If the file has no place for it.
    """
    with path.open("r+b") as file:
        at = _place(file)
        if at is None:
            raise OSError(None, "the footer has no place for a seal")
        checksum = _checksum(file, at)
        file.seek(at)
        file.write(checksum)


def is_sealed(path: Path) -> bool:
    """Tell whether every bit of the file is as it was when it was sealed."""
    with path.open("rb") as file:
        at = _place(file)
        if at is None:
            return False
        file.seek(at)
        return file.read(len(BLANK)) == _checksum(file, at)


def _place(file: BinaryIO) -> int | None:
    """Position of the seal's value."""
    size = file.seek(0, 2)
    file.seek(max(0, size - TAIL))
    length = int.from_bytes(file.read(4), "little")
    start = size - TAIL - length
    if start < 0:
        return None
    file.seek(start)
    marker = SEAL_KEY + VALUE_HEAD
    found = file.read(length).rfind(marker)
    return None if found < 0 else start + found + len(marker)


def _checksum(file: BinaryIO, at: int) -> bytes:
    """CRC-32 of the file as if the seal at this position were blank, as hexadecimal digits."""
    file.seek(0)
    checksum = _crc(file, at, 0)
    file.seek(len(BLANK), 1)
    checksum = _crc(file, None, zlib.crc32(BLANK, checksum))
    return f"{checksum:08x}".encode()


def _crc(file: BinaryIO, length: int | None, checksum: int) -> int:
    """Continue a checksum over so many bytes, or all that are left."""
    left = PIECE if length is None else length
    while left and (piece := file.read(min(left, PIECE))):
        checksum = zlib.crc32(piece, checksum)
        left -= 0 if length is None else len(piece)
    return checksum
