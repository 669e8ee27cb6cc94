"""
Calls that the dataset already holds, so that a new file does not bring them again.

The key of a call is uii, cloud_profile_id and enqueue_time. Only files whose span of enqueue_time
meets that of the new rows are looked into, and of those only row groups that meet it: for windows
that is an edge or nothing, for overlapping archives what overlaps.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

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

    def without_known(self, batch: Any) -> Any:
        """Return the batch without calls that these files hold."""
        if not self._files or not batch.num_rows:
            return batch
        bounds = pc.min_max(batch.column("enqueue_time")).as_py()
        if bounds["min"] is None:
            return batch
        known = [
            keys
            for file in self._files
            if _meet(file, bounds["min"], bounds["max"])
            for keys in self._keys(file.path, bounds["min"], bounds["max"])
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

    def _keys(self, path: Path, first: datetime, last: datetime) -> Iterable[Any]:
        """Key columns of the row groups of a file that may hold times from first to last."""
        file = pq.ParquetFile(path)
        try:
            column = file.schema_arrow.names.index("enqueue_time")
            for group in range(file.num_row_groups):
                statistics = file.metadata.row_group(group).column(column).statistics
                is_known = statistics is not None and statistics.has_min_max
                if not is_known or (statistics.min <= last and first <= statistics.max):
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


def _meet(file: DataFile, first: datetime, last: datetime) -> bool:
    start, end = file.footer.first_enqueued, file.footer.last_enqueued
    return start is None or end is None or (start <= last and first <= end)


def _tuples(table: Any) -> Iterable[tuple[Any, ...]]:
    columns = [table.column(name).cast(_plain(name)).to_pylist() for name in KEY]
    return zip(*columns, strict=True)


def _plain(name: str) -> Any:
    return {"uii": pa.string(), "cloud_profile_id": pa.int64()}.get(name, pa.timestamp("ms", "UTC"))
