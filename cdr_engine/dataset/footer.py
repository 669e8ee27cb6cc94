"""
The record in the footer of a data file: what was asked for, what came, what became of it.

Its file of rejects carries the same record.

There is no other state: what is exported is read from these, so it cannot disagree with the files.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from cdr_engine.errors import DatasetError
from cdr_engine.ledger import Ledger
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FOOTER_KEY", "DataFile", "Footer", "digest_of", "read_footer"]

FOOTER_KEY = b"cdr_engine"


class Footer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of one body; stored as JSON under `FOOTER_KEY` of the Parquet metadata."""

    format: int = 1
    source: Literal["report", "file"]
    """Fetched for a window, or ingested from a file."""
    account_id: str | None
    time_zone: str
    sha256: str
    """Of the decoded body, as hexadecimal digits."""
    ledger: Ledger
    committed_at: datetime | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    request: dict[str, Any] = {}
    """The criteria that were sent; nothing secret."""
    proof: str = ""
    """What showed that the body was complete: chunked, content-length, file or unproven."""
    first_enqueued: datetime | None = None
    last_enqueued: datetime | None = None
    """Span of enqueue_time over the rows."""
    columns: tuple[str, ...] = ()
    """Names of the header line, in its order; aliases resolved."""
    delimiter: str = ","
    missing_columns: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    seconds: float = 0.0
    """From the first byte to the commit."""
    versions: dict[str, str] = {}
    parts: tuple[Footer, ...] = ()
    """Of a folded window: the records of the windows it was folded from, by window."""

    @property
    def window(self) -> Window | None:
        """The window that was asked for; None for an ingested file."""
        if self.window_start is None or self.window_end is None:
            return None
        return Window(_utc(self.window_start), _utc(self.window_end))

    def has_settled(self, settling: timedelta) -> bool:
        """Tell whether the window was asked for so long after its end that no call was missing."""
        asked_after = self.asked_after
        return asked_after is None or asked_after >= settling

    @property
    def asked_after(self) -> timedelta | None:
        """How long after its end the window was asked for; None for an ingested file."""
        if self.window is None or self.committed_at is None:
            return None
        return self.committed_at - timedelta(seconds=self.seconds) - self.window.end

    @property
    def name(self) -> str:
        """Name of its file, without suffix: the window's, or the digest of an ingested file."""
        return self.window.name if self.window else self.sha256

    def encode(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, text: bytes) -> Footer:
        """Read it from JSON; msgspec.ValidationError where it is another format."""
        return _DECODER.decode(text)

    def describe(self) -> dict[str, Any]:
        """Return it as plain values, for JSON output."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain | {"ledger": asdict(self.ledger)}


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


_DECODER = msgspec.json.Decoder(Footer)
"""
Made here, before there are threads: two that decode a type for the first time at once can bring
msgspec 0.22, which looks into the type then, to a segmentation fault.
"""


def digest_of(parts: Iterable[Footer]) -> str:
    """SHA-256 of a folded window: that of its parts' digests, in their order."""
    return hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()


class DataFile(NamedTuple):
    """One committed data file."""

    path: Path
    footer: Footer
    size: int
    """Bytes on disk."""


def read_footer(path: Path) -> DataFile:
    """
    Read the record of one data file.

    Raises
    ------
    DatasetError
        If the file is not Parquet, or was not written by this engine.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path).metadata or {}
        footer = Footer.decode(metadata[FOOTER_KEY])
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise DatasetError(f"{path} is not a data file of this engine: {_short(error)}") from error
    return DataFile(path, footer, path.stat().st_size)


def _short(error: Exception) -> str:
    if isinstance(error, KeyError):
        return "its footer has no record"
    return str(error).partition("\n")[0][:200]
