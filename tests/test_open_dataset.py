from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import cdr_engine
from cdr_engine import open_dataset
from cdr_engine.errors import UsageError

SAMPLE = Path(__file__).parents[1] / "sample_data" / "vendor_example.csv"


def loaded(dataset: Path, account: str = "13670001") -> Path:
    """The vendor's three calls of 20 April 2020, US/Arizona."""
    cdr_engine.ingest([SAMPLE], dataset, time_zone="US/Arizona", account_id=account)
    return dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those calls, twice: of two accounts."""
    path = tmp_path_factory.mktemp("open") / "dataset"
    return loaded(loaded(path), "15300001")


def test_listing(dataset: Path) -> None:
    """Views and tables are listed, and every one of them can be asked for."""
    with open_dataset(dataset) as opened:
        assert {"calls", "rejects", "stg_calls", "stg_attempts"} <= set(opened.tables)
        assert "connect_rate_by_profile" in opened.views
        assert not set(opened.views) & set(opened.tables)
        for name in (*opened.views, *opened.tables):
            assert opened.sql(name).schema.names


def test_stream_table_and_frame(dataset: Path) -> None:
    """The same answer comes as a stream, as a table, and as a data frame of who reads Arrow."""
    with open_dataset(dataset, accounts=["13670001"]) as opened:
        text, values = "select uii from calls where queue_time >= ? order by uii", [5]
        table = opened.arrow(text, values)
        assert opened.sql(text, values).read_all().equals(table)
        assert table["uii"].to_pylist() == pl.DataFrame(opened.sql(text, values))["uii"].to_list()
        assert 3 == table.num_rows


@pytest.mark.parametrize(
    ("start", "end", "n_calls"),
    [
        ("2020-04-20", "2020-04-21", 3),
        ("2020-04-20 06:12", "2020-04-20 06:13", 1),
        ("2020-04-20 06:13", None, 2),
        (None, "2020-04-20 06:12", 0),
        (datetime(2020, 4, 20, 13, 12, tzinfo=UTC), datetime(2020, 4, 20, 13, 13, tzinfo=UTC), 1),
        ("-30d", "now", 0),
    ],
)
def test_period(
    dataset: Path, start: str | datetime | None, end: str | datetime | None, n_calls: int
) -> None:
    """A period in the reports' own local time narrows views and calls alike."""
    with open_dataset(dataset, start=start, end=end, accounts=["15300001"]) as opened:
        offered = opened.arrow("select sum(n_offered)::int as n from connect_rate_by_profile")
        assert n_calls == (offered["n"][0].as_py() or 0)
        assert n_calls == opened.arrow("calls").num_rows


def test_time_zone_of_a_period(dataset: Path) -> None:
    """Another zone means other instants by the same words."""
    with open_dataset(dataset, start="2020-04-20 13:12", time_zone="UTC") as opened:
        assert 6 == opened.arrow("calls").num_rows
    with open_dataset(dataset, start="2020-04-20 13:12") as opened:
        assert 0 == opened.arrow("calls").num_rows


def test_profiles(dataset: Path) -> None:
    """Profiles are chosen by id, as a number or as text."""
    for profile in (3333, "3333"):
        with open_dataset(dataset, profiles=[profile]) as opened:
            assert {3333} == set(opened.arrow("calls")["cloud_profile_id"].to_pylist())


def test_first_files_of_an_empty_dataset(tmp_path: Path) -> None:
    """A connection to an empty dataset sees its first call and its first reject come."""
    (tmp_path / "dataset").mkdir()
    with open_dataset(tmp_path / "dataset", time_zone="US/Arizona", start="2020-01-01") as opened:
        before = opened.sql("calls")
        assert 0 == opened.arrow("calls").num_rows
        loaded(tmp_path / "dataset")
        assert 3 == opened.arrow("calls").num_rows
        broken = tmp_path / "broken.csv"
        broken.write_bytes(SAMPLE.read_bytes() + b"\nonly,three,fields\n")
        cdr_engine.ingest([broken], opened.path, time_zone="US/Arizona", account_id="2")
        assert (6, 1) == (opened.arrow("calls").num_rows, opened.arrow("rejects").num_rows)
        assert 0 == before.read_all().num_rows


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"accounts": ["13670002"]}, "account 13670002 is not in .*13670001, 15300001"),
        ({"start": "2020-04-21", "end": "2020-04-20"}, "is empty"),
        ({"start": "soon"}, "'soon' is no date"),
        ({"time_zone": "Mars/Olympus"}, "no time zone"),
    ],
)
def test_part_that_cannot_be(dataset: Path, part: dict[str, str], said: str) -> None:
    """A part that cannot be chosen is wrong use, not an empty answer."""
    with pytest.raises(UsageError, match=said):
        open_dataset(dataset, **part)


def test_check(dataset: Path) -> None:
    """Rules are measured over the part, with thresholds of one's own."""
    with open_dataset(dataset, accounts=["13670001"]) as opened:
        verdicts = {verdict.rule: verdict for verdict in opened.check({"clocks": 1.0})}
        assert (3, 3) == (verdicts["duplicates"].n_checked, verdicts["clocks"].n_broken)
        assert not verdicts["clocks"].is_broken
        assert {"clocks"} <= {verdict.rule for verdict in opened.check() if verdict.is_broken}
        with pytest.raises(UsageError, match=r"no rule 'colour'.*duplicates"):
            opened.check({"colour": 0.5})
