"""
An exported dataset, served back as the report it came from.

Only what the Parquet files hold is known: a profile or destination is an id and the name it last
had, and none has a group. A window is compared with enqueue_time, which has minutes, so windows
should begin and end on whole ones. Calls without an enqueue_time are not served.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from cdr_engine.simulator.centre import Account, Destination, Group, Profile
from cdr_engine.simulator.criteria import Report
from cdr_engine.simulator.rendering import COLUMN_NAMES
from cdr_engine.simulator.reports import framed
from cdr_engine.simulator.switches import Switches
from cdr_engine.simulator.zones import instant, zone_of

__all__ = ["Archive"]

_NO_GROUP = Group(None, None)
_DESTINATIONS = ("connected", "attempt_1", "attempt_2")
_BATCH_ROWS = 32_768
_NOTHING = pa.scalar("")


class Archive:
    """
    A dataset folder as a source of reports.

    Parameters
    ----------
    folder
        The dataset: data files are at `calls/account_id=*/*.parquet` below it.
    switches
        How the cells look.

    Raises
    ------
    FileNotFoundError
        There are no data files.
    """

    def __init__(self, folder: Path, switches: Switches) -> None:
        files: dict[str, list[str]] = {}
        for path in sorted(folder.glob("calls/account_id=*/*.parquet")):
            files.setdefault(path.parent.name.partition("=")[2], []).append(str(path))
        if not files:
            message = f"no data files at {folder}/calls/account_id=*/*.parquet"
            raise FileNotFoundError(message)
        self._switches = switches
        self._calls = {account: ds.dataset(found) for account, found in files.items()}
        self.accounts: tuple[Account, ...] = tuple(
            _account(index, account, calls)
            for index, (account, calls) in enumerate(self._calls.items())
        )

    def parts(self, report: Report) -> Iterator[bytes | memoryview]:
        """Yield a body part by part: the header line, then the lines of each account."""
        bodies = [self._lines(report, account.account_id) for account in report.accounts]
        return framed(report.delimiter, bodies, self._switches)

    def _lines(self, report: Report, account_id: str) -> Iterator[bytes | memoryview]:
        calls = self._calls[account_id]
        columns = [name for name in COLUMN_NAMES if name in calls.schema.names]
        scanner = calls.scanner(columns, filter=_wanted(report), batch_size=_BATCH_ROWS)
        for batch in scanner.to_batches():
            if batch.num_rows:
                cells = [self._cells(batch, name, report) for name in COLUMN_NAMES]
                cells[0] = pc.binary_join_element_wise(
                    pa.scalar(self._switches.line_end), cells[0], _NOTHING
                )
                lines = pc.binary_join_element_wise(*cells, pa.scalar(report.delimiter))
                yield "".join(lines.to_pylist()).encode()

    def _cells(self, batch: pa.RecordBatch, name: str, report: Report) -> pa.StringArray:
        if name not in batch.schema.names:
            return pa.array([""] * batch.num_rows)
        column = batch.column(name)
        if pa.types.is_timestamp(column.type):
            return self._times(column, report.zone_name)
        if pa.types.is_boolean(column.type):
            return pc.if_else(column, pa.scalar("Yes"), pa.scalar("No")).fill_null("")
        texts = column.cast(pa.string()).fill_null("0" if name == "media_length" else "")
        if name == "uii":
            return pc.binary_join_element_wise(pa.scalar("'"), texts, _NOTHING)
        if name in self._switches.padded:
            texts = pc.utf8_rpad(texts, self._switches.pad_width)
        return self._quoted(texts, report.delimiter)

    def _quoted(self, texts: pa.StringArray, delimiter: str) -> pa.StringArray:
        special = pc.match_substring_regex(texts, f'[{delimiter}"\r\n]')
        if not self._switches.quoted or not pc.any(special).as_py():
            return texts
        quote = pa.scalar('"')
        doubled = pc.replace_substring(texts, '"', '""')
        return pc.if_else(
            special, pc.binary_join_element_wise(quote, doubled, quote, _NOTHING), texts
        )

    def _times(self, column: pa.Array, zone_name: str) -> pa.StringArray:
        """Print each minute that occurs once, and look the others up."""
        seconds = pc.divide(column.cast(pa.timestamp("ms", "UTC")).cast(pa.int64()), 1000)
        encoded = seconds.dictionary_encode()
        zone = zone_of(zone_name)
        printed = [self._time(instant(s).astimezone(zone)) for s in encoded.dictionary.to_pylist()]
        return pa.array(printed, pa.string()).take(encoded.indices).fill_null("")

    def _time(self, local: datetime) -> str:
        space = "\u202f" if self._switches.narrow_space else " "
        date = f"{local.month}/{local.day}/{local:%y}"
        return f"{date} {local.hour % 12 or 12}:{local:%M}{space}{'AP'[local.hour >= 12]}M"


def _wanted(report: Report) -> pc.Expression:
    enqueued = pc.field("enqueue_time")
    wanted = (enqueued >= instant(report.first_s)) & (enqueued <= instant(report.last_s))
    if report.profile_ids is not None:
        wanted &= pc.field("cloud_profile_id").isin(sorted(report.profile_ids))
    if report.destination_ids is not None:
        ids = sorted(report.destination_ids)
        connected, first, second = (pc.field(f"{n}_id").isin(ids) for n in _DESTINATIONS)
        wanted &= connected | first | second
    return wanted


def _account(index: int, account_id: str, calls: ds.Dataset) -> Account:
    profiles = _names(calls, "cloud_profile_id", "profile_name")
    destinations: dict[int, str] = {}
    for prefix in _DESTINATIONS:
        destinations |= _names(calls, f"{prefix}_id", f"{prefix}_name")
    return Account(
        account_id=account_id,
        name=f"Account {account_id}",
        index=index,
        profiles=tuple(Profile(n, name, _NO_GROUP, ()) for n, name in profiles.items()),
        destinations=tuple(Destination(n, name, _NO_GROUP, ()) for n, name in destinations.items()),
        numbers=(),
    )


def _names(calls: ds.Dataset, id_column: str, name_column: str) -> dict[int, str]:
    table = calls.to_table(columns=[id_column, name_column])
    found = table.group_by([id_column, name_column]).aggregate([]).to_pylist()
    pairs = {(row[id_column], row[name_column] or "") for row in found if row[id_column]}
    return dict(sorted(pairs))
