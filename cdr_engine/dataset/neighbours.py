"""
Calls that the dataset already holds, so that a new file does not bring them again.

The key of a call is uii, cloud_profile_id and enqueue_time. Only files whose span of enqueue_time
meets that of the new rows are looked into, and of those only row groups that meet it: for windows
that is an edge or nothing, for overlapping archives what overlaps.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cdr_engine.schema import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from cdr_engine.dataset.footer import DataFile

__all__ = ["Neighbours"]

KEPT_GROUPS = 16
"""Row groups whose keys are kept; consecutive batches meet the same ones."""


class _Span(NamedTuple):
    """The first and the last time of a batch, and whether it has calls without one."""

    first: datetime | None
    last: datetime | None
    has_null: bool

    @classmethod
    def of(cls, times: Any) -> _Span:
        bounds = pc.min_max(times).as_py()
        return cls(bounds["min"], bounds["max"], times.null_count > 0)

    def meets(self, first: datetime | None, last: datetime | None) -> bool:
        """Tell whether another span has an instant in common with it; None is no span at all."""
        if self.first is None or self.last is None or first is None or last is None:
            return False
        return self.first <= last and first <= self.last

    def may_be_in(self, statistics: Any) -> bool:
        """Tell whether a row group may hold such times, by the bounds in its metadata."""
        if statistics is None or (self.has_null and statistics.null_count != 0):
            return True
        return statistics.has_min_max and self.meets(statistics.min, statistics.max)


class Neighbours:
    """
    Files of one account that a new file must not repeat.

    Parameters
    ----------
    files
        Committed data files of the same account, without the one that is being replaced.
    """

    def __init__(self, files: Iterable[DataFile]) -> None:
        self._files = [file for file in files if file.footer.ledger.rows]
        self._groups: OrderedDict[tuple[Path, int], Any] = OrderedDict()

    def may_hold(self, rows: tuple[datetime | None, datetime | None, bool]) -> bool:
        """Tell whether these files can hold calls of a span; the last says if some have no time."""
        span = _Span(*rows)
        return any(
            span.has_null or span.meets(file.footer.first_enqueued, file.footer.last_enqueued)
            for file in self._files
        )

    def without_known(self, batch: Any) -> Any:
        """Return the batch without calls that these files hold."""
        if not self._files or not batch.num_rows:
            return batch
        span = _Span.of(batch.column("enqueue_time"))
        known = [
            keys
            for file in self._files
            if span.has_null or span.meets(file.footer.first_enqueued, file.footer.last_enqueued)
            for keys in self._keys(file.path, span)
        ]
        if not known:
            return batch
        keys = pa.concat_tables(known)
        seen = pc.is_in(batch.column("uii"), keys.column("uii").combine_chunks())
        if not pc.any(seen).as_py():
            return batch
        candidates = seen.to_numpy(zero_copy_only=False)
        held = set(_tuples(keys.filter(pc.is_in(keys.column("uii"), batch.column("uii")))))
        rows = np.flatnonzero(candidates)
        is_known = [key in held for key in _tuples(batch.take(pa.array(rows)))]
        candidates[rows] = is_known
        return batch.filter(pa.array(~candidates))

    def _keys(self, path: Path, span: _Span) -> Iterable[Any]:
        """Key columns of the row groups of a file that may hold times of a span."""
        file = pq.ParquetFile(path)
        try:
            column = file.schema_arrow.names.index("enqueue_time")
            for group in range(file.num_row_groups):
                statistics = file.metadata.row_group(group).column(column).statistics
                if span.may_be_in(statistics):
                    yield self._group(file, path, group)
        finally:
            file.close()

    def _group(self, file: Any, path: Path, group: int) -> Any:
        key = path, group
        if key not in self._groups:
            self._groups[key] = file.read_row_group(group, columns=list(KEY))
            while len(self._groups) > KEPT_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key]


def _tuples(table: Any) -> Iterable[tuple[Any, ...]]:
    columns = [table.column(name).cast(_plain(name)).to_pylist() for name in KEY]
    return zip(*columns, strict=True)


def _plain(name: str) -> Any:
    return {"uii": pa.string(), "cloud_profile_id": pa.int64()}.get(name, pa.timestamp("ms", "UTC"))
