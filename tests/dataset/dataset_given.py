"""What the dataset's tests write: calls made by hand, committed the way the engine does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cdr_engine.columns import calls_schema
from cdr_engine.dataset import DataFileWriter, Footer
from cdr_engine.ledger import Ledger, Reject
from cdr_engine.rejected import REJECTS_SCHEMA
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.dataset import DataFile, Layout

Row = dict[str, Any]

DAY = datetime(2024, 11, 1, tzinfo=UTC)
ACCOUNT = "13670001"


def day(number: int, days: int = 1) -> Window:
    """The window of some days, the first of November 2024 being 0."""
    start = DAY + timedelta(days=number)
    return Window(start, start + timedelta(days=days))


def call(number: int, at: datetime | None = DAY, profile: int = 1111, **cells: Any) -> Row:
    """One call; its uii follows from the number."""
    uii = f"20241101000000013211000000{number:04d}"
    return {"uii": uii, "cloud_profile_id": profile, "enqueue_time": at, **cells}


def batch_of(rows: Sequence[Row]) -> Any:
    """The rows in the schema of the calls table; what they do not name is NULL."""
    schema = calls_schema()
    columns = [
        pa.array([row.get(name) for row in rows], schema.field(name).type) for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def ledger_of(rows: Sequence[Row], rejects: Sequence[Reject] = ()) -> Ledger:
    """A ledger that balances: a header of 8 bytes and 50 a row."""
    cells = sum(reject.column is not None for reject in rejects)
    rejected = sum(reject.length for reject in rejects if reject.column is None)
    return Ledger(
        bytes=8 + 50 * len(rows) + rejected,
        header_bytes=8,
        row_bytes=50 * len(rows),
        rejected_bytes=rejected,
        records=len(rows) + len(rejects) - cells,
        rows=len(rows),
        rejected_records=len(rejects) - cells,
        rejected_cells=cells,
    )


def footer_of(
    rows: Sequence[Row], window: Window | None, rejects: Sequence[Reject] = (), **more: Any
) -> Footer:
    """The record of one body of these rows."""
    given = {
        "source": "report" if window else "file",
        "account_id": ACCOUNT,
        "time_zone": "UTC",
        "sha256": "ab" * 32,
        "ledger": ledger_of(rows, rejects),
        "window_start": window and window.start,
        "window_end": window and window.end,
        "proof": "chunked",
    }
    return Footer(**given | more)


def committed(
    layout: Layout,
    rows: Sequence[Row],
    window: Window | None,
    rejects: Sequence[Reject] = (),
    **more: Any,
) -> DataFile:
    """Commit the rows as one data file."""
    footer = footer_of(rows, window, rejects, **more)
    with DataFileWriter(layout, footer.account_id, calls_schema()) as writer:
        if rows:
            writer.write(batch_of(rows))
        writer.reject(rejects_of(rejects))
        return writer.commit(footer)


def reject(number: int, column: str | None = None) -> Reject:
    """A reject of its own place and length."""
    return Reject(
        100 * number, 3 + number, "wrong field count", b"x" * (3 + number), column, number
    )


def rejects_of(rejects: Sequence[Reject]) -> Any:
    """The rejects as a writer takes them."""
    return pa.RecordBatch.from_pylist([reject._asdict() for reject in rejects], REJECTS_SCHEMA)


def names_in(layout: Layout) -> set[str]:
    """Every file below the folder but the lock, by its path from there."""
    return {
        str(path.relative_to(layout.root))
        for path in layout.root.rglob("*")
        if path.is_file() and path != layout.lock
    }
