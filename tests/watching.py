"""A reader that never stops: what tools see of a dataset while it is written to."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Self

import duckdb
import pyarrow.parquet as pq
from exported import data_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Watch"]

COUNT = """
select regexp_extract(filename, '[^/]+$'), count(*), count(distinct uii)
from read_parquet(?, filename = true, hive_partitioning = false) group by 1
"""
PAUSE_S = 0.02


class Watch:
    """
    Reads every data file again and again in a thread, with pyarrow and with DuckDB by turns.

    DuckDB opens a file twice, for its footer and for its rows. A query that meets the very moment
    in which a file is replaced fails for that; it may fail, but never count anything else.

    Parameters
    ----------
    dataset
        The folder.
    allowed
        By name of a window: the ids of its calls, in their order, in each of its versions.
    must_stay
        Whether every window has to be there at any time.
    """

    def __init__(
        self, dataset: Path, allowed: Mapping[str, Sequence[tuple[str, ...]]], *, must_stay: bool
    ) -> None:
        self._dataset = dataset
        self._allowed = allowed
        self._must_stay = must_stay
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._problem: BaseException | None = None
        self.looks = 0
        """How often the folder was read."""
        self.refused = 0
        """How often DuckDB met a file that was replaced under its hands."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join()
        if self._problem is not None and error[0] is None:
            raise AssertionError("a reader met something else than windows") from self._problem

    def _watch(self) -> None:
        try:
            with duckdb.connect() as connection:
                while not self._ending.is_set():
                    seen = self._by_arrow() if self.looks % 2 else self._by_duckdb(connection)
                    if self._must_stay:
                        assert self._allowed.keys() == seen, f"{len(seen)} windows are there"
                    self.looks += 1
                    self._ending.wait(PAUSE_S)
        except Exception as error:  # noqa: BLE001 - raised again where the watch ends
            self._problem = error

    def _by_arrow(self) -> set[str]:
        seen: Counter[str] = Counter()
        files = data_files(self._dataset)
        for path in files:
            with pq.ParquetFile(path) as file:
                found = tuple(file.read(["uii"])["uii"].to_pylist())
            assert found in self._allowed[path.stem], f"{path.name} has {len(found)} rows"
            seen.update(found)
        assert not seen or 1 == max(seen.values())
        return {path.stem for path in files}

    def _by_duckdb(self, connection: duckdb.DuckDBPyConnection) -> set[str]:
        if not data_files(self._dataset):
            return set()
        pattern = str(self._dataset / "calls" / "**" / "*.parquet")
        seen = set()
        try:
            counts = connection.execute(COUNT, [pattern]).fetchall()
        except duckdb.Error:
            assert self._must_stay, "no file is replaced here"
            self.refused += 1
            return set(self._allowed)
        for name, count, different in counts:
            window = name.removesuffix(".parquet")
            sizes = [len(ids) for ids in self._allowed[window]]
            assert count == different, f"{name} has calls twice"
            assert count in sizes, f"{name} has {count} rows, not one of {sizes}"
            seen.add(window)
        return seen | {name for name, versions in self._allowed.items() if () in versions}
