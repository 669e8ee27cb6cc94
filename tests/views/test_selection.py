from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from calls_given import at, call, given

from cdr_engine.errors import ViewError
from cdr_engine.views import Selection, catalogue, connect, explain, query, restrict


def opened(
    dataset: Path, selection: Selection, *, zone: str = "UTC", asked: str = "stg_attempts"
) -> Any:
    """A part of a dataset, for questions about one view and the calls."""
    con = connect(dataset, time_zone=zone, asked=f"{asked} stg_calls")
    restrict(con, selection)
    return con


def rows(con: Any, text: str) -> list[dict[str, Any]]:
    """All rows of an answer."""
    return query(con, text).read_all().to_pylist()


# Its uii's clock, US Eastern, is 04:59:40 UTC, 20 s before the minute of its enqueue_time.
LATE_CLOCK = "20250102235940" + "0" * 16

CALLS = (
    call("2025-01-01 23:59", uii="a"),
    call("2025-01-02 00:00", uii="b", cloud_profile_id=2, profile_name="Claims"),
    call("2025-01-02 23:59", uii="c", cloud_profile_id=2, profile_name="Claims"),
    call("2025-01-03 00:00", uii="d"),
    call("2025-01-03 05:00", uii=LATE_CLOCK),
    call(None, uii="timeless"),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls about two midnights, two of them of another account."""
    path = given(tmp_path_factory.mktemp("dataset"), *CALLS, account="1")
    return given(path, call("2025-01-02 10:00", uii="e"), call(uii="f"), account="2")


@pytest.mark.parametrize("name", [view.name for view in catalogue() if view.is_public])
def test_no_selection_is_the_whole(dataset: Path, name: str) -> None:
    """A selection of everything changes no answer."""
    whole = query(connect(dataset, asked=name), name).read_all().to_pylist()
    part = rows(opened(dataset, Selection(), asked=name), name)

    assert Counter(map(str, whole)) == Counter(map(str, part))


def test_period_is_half_open(dataset: Path) -> None:
    """The first instant belongs to a period, the end does not, whatever relation is asked."""
    second = Selection(at("2025-01-02 00:00"), at("2025-01-03 00:00"), ("1",))
    con = opened(dataset, second, asked="answer_speed")

    for relation in ("calls", "stg_calls"):
        assert ["b", "c"] == [row["uii"] for row in rows(con, f"from {relation} order by uii")]
    (day,) = rows(con, "select day, sum(n_offered) as n from answer_speed group by day")
    assert ("2025-01-02", 2) == (str(day["day"]), day["n"])


def test_views_go_by_the_second(dataset: Path) -> None:
    """A call is counted in the period of its start, as in its day, and in exactly one of two."""
    middle = at("2025-01-03 05:00")
    before = opened(dataset, Selection(None, middle))
    after = opened(dataset, Selection(middle, None))
    found = [[row["uii"] for row in rows(con, "stg_calls")] for con in (before, after)]

    assert LATE_CLOCK in found[0]
    assert [] == found[1]
    timed = [
        row["uii"]
        for row in rows(connect(dataset), "from stg_calls where started_at > '-infinity'")
    ]
    assert sorted(timed) == sorted(found[0])


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(accounts=("2",)), "ef"),
        (Selection(accounts=("1", "2"), profiles=("2",)), "bc"),
        (Selection(profiles=("claims",)), "bc"),
        (Selection(profiles=("CLAIMS", "1"), accounts=("2",)), "ef"),
        (Selection(profiles=("it's ' or 1=1 --",)), ""),
        (Selection(accounts=("') or ('1'='1",)), ""),
    ],
)
def test_accounts_and_profiles(dataset: Path, selection: Selection, expected: str) -> None:
    """Accounts are chosen by id, profiles by id or name; what is no name chooses nothing."""
    assert expected == "".join(
        row["uii"] for row in rows(opened(dataset, selection), "from calls order by uii")
    )


def test_rejects_of_an_account(tmp_path: Path) -> None:
    """Rejects follow the account, and no period."""
    import pyarrow as pa

    for account in ("1", "2"):
        folder = tmp_path / f"rejects/account_id={account}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"record": [int(account)]}), folder / "w.parquet")
    con = opened(tmp_path, Selection(datetime(2030, 1, 1, tzinfo=UTC), None, ("2",)))

    assert [2] == [row["record"] for row in rows(con, "rejects")]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_selection_is_of_instants(dataset: Path, zone: str) -> None:
    """The same instants choose the same calls, whatever the zone of the session."""
    selection = Selection(at("2025-01-02 00:00"), at("2025-01-03 00:00"), ("1",))
    found = rows(opened(dataset, selection, zone=zone), "from stg_calls order by uii")

    assert ["b", "c"] == [row["uii"] for row in found]


def spoil_pages(path: Path) -> None:
    """Overwrite every page of a data file; its footer stays whole."""
    metadata = pq.read_metadata(path)
    columns = [
        metadata.row_group(group).column(index)
        for group in range(metadata.num_row_groups)
        for index in range(metadata.num_columns)
    ]
    content = bytearray(path.read_bytes())
    for column in columns:
        start = column.dictionary_page_offset or column.data_page_offset
        content[start : start + column.total_compressed_size] = (
            b"\xff" * column.total_compressed_size
        )
    path.write_bytes(content)


COMPARED_WITH_WEEKS_BEFORE = {"cost_per_call", "spot_response"}


@pytest.mark.parametrize("view", [view.name for view in catalogue() if view.is_public])
def test_other_months_are_not_read(tmp_path: Path, view: str) -> None:
    """A view of one month reads no page of another month's file, but for weeks of a baseline."""
    before = "2024-11" if view in COMPARED_WITH_WEEKS_BEFORE else "2025-01"
    for month in (before, "2025-02", "2025-03"):
        given(tmp_path, call(f"{month}-15 12:00"), window=month)
    for month in (before, "2025-03"):
        spoil_pages(tmp_path / f"calls/account_id=13670001/{month}.parquet")

    february = opened(tmp_path, Selection(at("2025-02-01"), at("2025-03-01")), asked=view)
    assert rows(february, view) is not None
    assert 1 == rows(february, "select count(*) as n from stg_calls where uii > ''")[0]["n"]
    with pytest.raises(ViewError):
        rows(connect(tmp_path, asked="stg_calls"), "select max(uii) from stg_calls")


@pytest.mark.skipif(duckdb.__version__ < "2", reason="before 2.0 a filter on names skips nothing")
def test_other_accounts_are_not_opened(tmp_path: Path) -> None:
    """Files of accounts that are not chosen may be broken."""
    for account in "123":
        given(tmp_path, call(uii=account), account=account)
    con = opened(tmp_path, Selection(accounts=("1", "2")))
    (tmp_path / "calls/account_id=3/w.parquet").write_bytes(b"broken")

    assert ["1", "2"] == [row["uii"] for row in rows(con, "from calls order by uii")]


def test_order(dataset: Path) -> None:
    """Answers are ordered by columns, NULL last, in either spelling of descending."""
    con = connect(dataset)
    text = "select uii, enqueue_time from calls where uii in ('a', 'd', 'timeless')"

    def order(by: str) -> list[str]:
        return [row["uii"] for row in query(con, text, order_by=by).read_all().to_pylist()]

    assert ["a", "d", "timeless"] == order("enqueue_time")
    assert ["d", "a", "timeless"] == order("-Enqueue_Time") == order("enqueue_time desc, uii asc")


@pytest.mark.parametrize("by", ["uij", "uii; drop view calls", "1", "uii sideways", ""])
def test_order_by_what_is_no_column(dataset: Path, by: str) -> None:
    """An order that is no list of columns is refused, and near ones are named."""
    with pytest.raises(ViewError, match=r"there is no column .*; there is .*uii"):
        query(connect(dataset), "calls", order_by=by)


def test_wrong_column_suggests(dataset: Path) -> None:
    """A mistyped column gets the near names, on one line."""
    with pytest.raises(ViewError, match=r"queue_tim.*Candidate bindings: .*queue_time") as error:
        query(connect(dataset), "select queue_tim from calls")
    assert "\n" not in str(error.value)


def test_explain(dataset: Path) -> None:
    """A plan names the scan and reads no row; what does not read has none."""
    con = connect(dataset)

    assert "READ_PARQUET" in explain(con, "calls", order_by="uii").upper().replace(" ", "_")
    with pytest.raises(ViewError, match="DROP is refused"):
        explain(con, "drop view calls")
