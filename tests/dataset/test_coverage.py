from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_given import ACCOUNT, call, committed, day, reject

from cdr_engine.dataset import Coverage, Layout, coverage
from cdr_engine.dataset.footer import FOOTER_KEY
from cdr_engine.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_there(tmp_path: Path) -> None:
    """A dataset that is not there yet is empty, and is not made by looking."""
    layout = Layout(tmp_path / "dataset")

    assert Coverage(()) == coverage(layout)
    assert not layout.root.exists()
    assert ([], []) == (coverage(layout).of("1").windows, coverage(layout).of("1").gaps)


def test_gaps(tmp_path: Path) -> None:
    """Gaps are what is missing between the first window and the last, by account."""
    layout = Layout(tmp_path)
    for number in (0, 1, 4, 6):
        committed(layout, [], day(number))
    committed(layout, [], day(9), account_id="2")
    here = coverage(layout)

    assert [day(0), day(1), day(4), day(6)] == here.of(ACCOUNT).windows
    assert [day(2, 2), day(5)] == here.of(ACCOUNT).gaps
    assert ([day(9)], []) == (here.of("2").windows, here.of("2").gaps)


def test_order_of_accounts(tmp_path: Path) -> None:
    """Accounts ascend; archives that nobody named an account for come last."""
    layout = Layout(tmp_path)
    committed(layout, [call(1)], None, account_id=None)
    committed(layout, [call(1)], day(0), account_id="2")
    committed(layout, [call(1)], day(0), account_id="1")

    assert ["1", "2", None] == [account.account_id for account in coverage(layout).accounts]
    assert [] == coverage(layout).of(None).windows


def test_time_zones(tmp_path: Path) -> None:
    """The zone that most rows were printed in comes first; equal ones by name."""
    layout = Layout(tmp_path)
    committed(layout, [call(1)], day(0), time_zone="UTC")
    committed(layout, [call(2), call(3)], day(1), time_zone="US/Arizona")
    committed(layout, [call(4), call(5), call(6)], day(2), time_zone="UTC")
    committed(layout, [], day(3), time_zone="Asia/Kathmandu")
    committed(layout, [], day(4), time_zone="Africa/Casablanca")

    assert ["UTC", "US/Arizona", "Africa/Casablanca", "Asia/Kathmandu"] == (
        coverage(layout).time_zones
    )


def test_sum_of_ledgers(tmp_path: Path) -> None:
    """The ledger of an account, and of all, is the sum of its files' in every count."""
    layout = Layout(tmp_path)
    files = [
        committed(layout, [call(1)], day(0), [reject(1)]),
        committed(layout, [call(2), call(3)], day(1), [reject(1), reject(2, "ani")]),
        committed(layout, [call(2)], day(0), account_id="2"),
    ]
    parts = [asdict(file.footer.ledger) for file in files]
    here = coverage(layout)

    assert {name: sum(part[name] for part in parts) for name in parts[0]} == asdict(here.ledger)
    assert {name: parts[0][name] + parts[1][name] for name in parts[0]} == asdict(
        here.of(ACCOUNT).ledger
    )
    assert here.of(ACCOUNT).size == sum(file.path.stat().st_size for file in files[:2])


def test_known_content(tmp_path: Path) -> None:
    """An ingested file is known by its digest, for its own account; a report's body is not one."""
    layout = Layout(tmp_path)
    committed(layout, [call(1)], None, sha256="aa" * 32)
    committed(layout, [call(2)], day(0), sha256="bb" * 32)
    here = coverage(layout)

    assert here.holds("aa" * 32, ACCOUNT)
    assert not here.holds("aa" * 32, "2")
    assert not here.holds("bb" * 32, ACCOUNT)


def parquet_of_others(record: bytes | None) -> bytes:
    """A Parquet file that another program wrote, with this record if any."""
    table = pa.table({"x": [1]})
    if record is not None:
        table = table.replace_schema_metadata({FOOTER_KEY: record})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"uii,ani\n",
        parquet_of_others(None),
        parquet_of_others(b""),
        parquet_of_others(b"{}"),
        parquet_of_others(b"\xff"),
        parquet_of_others(b'{"source":"\xff"}'),
    ],
    ids=["empty", "magic", "csv", "no record", "empty record", "{}", "not JSON", "not UTF-8"],
)
def test_unreadable_file(tmp_path: Path, content: bytes) -> None:
    """A file that is not this engine's is an error that names it, in one line."""
    layout = Layout(tmp_path)
    committed(layout, [call(1)], day(0))
    stranger = layout.place(ACCOUNT, day(1).name).calls
    stranger.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        coverage(layout)

    assert str(caught.value).startswith(f"{stranger} is not a data file of this engine: ")
    assert 1 == len(str(caught.value).splitlines())
