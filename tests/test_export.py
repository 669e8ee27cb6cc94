from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow.parquet as pq
import pytest

from cdr_engine import CdrError, ExportObserver, ExportSummary, errors, status, verify
from cdr_engine.api import ReportService, StaticToken
from cdr_engine.dataset import Layout, writer_lock
from cdr_engine.export import Patience, export_windows
from cdr_engine.simulator import ACCOUNT_IDS, FAULTS, History, Simulator, Switches
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Row = dict[str, Any]
    Fetch = Callable[..., ExportSummary]
    Rows = Callable[[Path], list[Row]]
    Truth = Callable[..., list[Row]]

# Clocks of New York go back on 3 November 2024; Arizona's never change.
START, END = "2024-11-01", "2024-11-05"
NEW_YORK, ARIZONA = "America/New_York", "US/Arizona"
ONE, OTHER = ACCOUNT_IDS

OUTCOMES: dict[str, type[CdrError] | None] = {
    "401": errors.AuthError,
    "401-new": errors.AuthError,
    "429": errors.ServiceRefused,
    "429-silent": errors.ServiceRefused,
    "503": errors.ServiceRefused,
    "503-retry": errors.ServiceRefused,
    "html": errors.NotAReport,
    "empty": errors.EmptyReport,
    "204": errors.EmptyReport,
    "403": errors.ServiceRefused,
    "400": errors.ServiceRefused,
    "403-spec": errors.ServiceRefused,
    "404": errors.ServiceRefused,
    "500": errors.ServiceRefused,
    "header-only": None,
    "wrong-header": errors.NotAReport,
    "json-tail": errors.IncompleteReport,
    "cut": errors.IncompleteReport,
    "cut-between": errors.IncompleteReport,
    "stall": errors.IncompleteReport,
}
"""What becomes of the export that meets each fault; None: it is a whole report, if an odd one."""


def by_call(rows: list[Row]) -> list[Row]:
    """Rows in an order that does not depend on files."""
    return sorted(rows, key=lambda row: (row["account_id"], row["uii"]))


def files_in(dataset: Path) -> list[str]:
    """Every file a reader of the folder could see, and every other, but for the lock."""
    paths = (path for path in dataset.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(dataset)) for path in paths if path.name != ".lock")


class Witness(ExportObserver):
    """Writes down what an export tells."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def planned(self, windows: Any, covered: int) -> None:
        """Keep how much there is to do, and how much there is."""
        self.told.append(("planned", (len(windows), covered)))

    def waiting(self, seconds: float) -> None:
        """Keep for how long."""
        self.told.append(("waiting", seconds))

    def started(self, account_id: str, window: Window) -> None:
        """Keep which."""
        self.told.append(("started", (account_id, window.name)))

    def committed(self, file: Any) -> None:
        """Keep which."""
        self.told.append(("committed", (file.footer.account_id, file.footer.window.name)))

    def of(self, kind: str) -> list[Any]:
        """What was told of one kind."""
        return [what for told, what in self.told if told == kind]


# What arrives


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, ARIZONA])
def test_every_column_of_two_accounts(
    zone: str, simulator: Simulator, fetch: Fetch, rows_of: Rows, truth_of: Truth, tmp_path: Path
) -> None:
    """The rows are the simulator's own calls, value by value, whatever zone the report is in."""
    expected = truth_of(START, END, zone)
    summary = fetch(simulator, START, END, time_zone=zone)

    assert expected == rows_of(tmp_path / "dataset")
    assert len(expected) == summary.ledger.rows == summary.ledger.records
    assert [] == list(verify(tmp_path / "dataset"))


@pytest.mark.parametrize("window", ["1d", "3d", "auto", "5h"])
def test_windows_of_any_size(
    window: str, simulator: Simulator, fetch: Fetch, rows_of: Rows, truth_of: Truth, tmp_path: Path
) -> None:
    """One window or many give the same rows in the same order, through a change of the clocks."""
    fetch(simulator, START, END, time_zone=NEW_YORK, window=window)

    assert truth_of(START, END, NEW_YORK) == rows_of(tmp_path / "dataset")
    windows = status(tmp_path / "dataset").of(ONE).windows
    assert windows[0].start == datetime(2024, 11, 1, 4, tzinfo=UTC)
    assert windows[-1].end == datetime(2024, 11, 5, 5, tzinfo=UTC)
    assert [] == status(tmp_path / "dataset").of(ONE).gaps


@pytest.mark.parametrize("window", ["1h", "2h", "3h"])
def test_window_bounds_in_the_hour_that_occurs_twice(
    window: str, serve: Callable[..., Simulator], fetch: Fetch, rows_of: Rows, tmp_path: Path
) -> None:
    """Windows whose bounds local time cannot tell apart lose no call and bring none twice."""
    busy = History(3, calls_per_day=2000, account_ids=(ONE,))
    day = datetime(2024, 11, 3, 4, tzinfo=UTC), datetime(2024, 11, 4, 5, tzinfo=UTC)
    expected = [call["uii"] for call in busy.calls(ONE, *day)]
    fetch(serve(calls=busy), "2024-11-03", "2024-11-04", time_zone=NEW_YORK, window=window)

    assert sorted(expected) == sorted(row["uii"] for row in rows_of(tmp_path / "dataset"))


def test_clocks_that_go_forward(
    simulator: Simulator, fetch: Fetch, rows_of: Rows, truth_of: Truth, tmp_path: Path
) -> None:
    """A day of 23 hours, asked for hour by hour, is whole."""
    fetch(simulator, "2024-03-10", "2024-03-11", time_zone=NEW_YORK, window="1h")

    assert truth_of("2024-03-10", "2024-03-11", NEW_YORK) == rows_of(tmp_path / "dataset")


@pytest.mark.parametrize(
    "switches",
    [
        {"bom": True},
        {"line_end": "\r\n"},
        {"line_end": "\r\n", "bom": True, "narrow_space": True, "final_newline": False},
        {"narrow_space": True},
        {"final_newline": False},
        {
            "padded": ("call_state", "profile_name", "call_result", "connected_name"),
            "pad_width": 40,
        },
        {"content_type": "application/octet-stream"},
        {"header_per_account": True},
    ],
    ids="-".join,
)
def test_spellings_of_the_same_report(
    switches: dict[str, Any],
    serve: Callable[..., Simulator],
    fetch: Fetch,
    rows_of: Rows,
    truth_of: Truth,
    tmp_path: Path,
) -> None:
    """What the vendor leaves open about bytes changes nothing about the calls."""
    fetch(serve(Switches(**switches)), START, END, time_zone=NEW_YORK)

    assert truth_of(START, END, NEW_YORK) == rows_of(tmp_path / "dataset")


def test_names_with_commas(truth_of: Truth) -> None:
    """The calls that the tests above compare hold names that have to be quoted."""
    names = {call["connected_name"] for call in truth_of(START, END)} - {None}

    assert any("," in name for name in names)


def test_commas_without_quotes(
    serve: Callable[..., Simulator], fetch: Fetch, rows_of: Rows, truth_of: Truth, tmp_path: Path
) -> None:
    """A record with too many fields is set aside with its text; every other call is there."""
    expected = {call["uii"]: call for call in truth_of(START, END)}
    broken = {
        uii
        for uii, call in expected.items()
        if any("," in value for value in call.values() if isinstance(value, str))
    }
    summary = fetch(serve(Switches(quoted=False)), START, END)

    rows = rows_of(tmp_path / "dataset")
    assert [call for uii, call in expected.items() if uii not in broken] == rows
    assert 0 < len(broken) == summary.ledger.rejected_records
    rejects = (tmp_path / "dataset" / "rejects").glob("*/*.parquet")
    raw = [raw for path in rejects for raw in pq.ParquetFile(path).read()["raw"].to_pylist()]
    assert sorted(broken) == sorted(text.split(b",'")[1][:30].decode() for text in raw)


def test_numbers_in_e164(
    serve: Callable[..., Simulator], fetch: Fetch, rows_of: Rows, truth_of: Truth, tmp_path: Path
) -> None:
    """Phone numbers stay the text that the service prints."""
    expected = truth_of(START, END)
    numbers = ("ani", "dnis", "connected_route", "attempt_1_route", "attempt_2_route")
    for call in expected:
        call |= {
            column: f"+1{call[column]}"
            for column in numbers
            if call[column] and call[column].isdecimal()
        }
    fetch(serve(Switches(e164=True)), START, END)

    assert expected == rows_of(tmp_path / "dataset")


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
def test_rows_in_another_order(
    order: str,
    serve: Callable[..., Simulator],
    fetch: Fetch,
    rows_of: Rows,
    truth_of: Truth,
    tmp_path: Path,
) -> None:
    """The order of the rows decides nothing but their order."""
    fetch(serve(Switches(row_order=order)), START, END, window="1d")

    rows = rows_of(tmp_path / "dataset")
    assert by_call(truth_of(START, END)) == by_call(rows)
    assert truth_of(START, END) != rows


def test_service_that_sends_more_than_the_window(
    serve: Callable[..., Simulator], fetch: Fetch, rows_of: Rows, truth_of: Truth, tmp_path: Path
) -> None:
    """Calls that two windows bring are there once and counted; those past the end are kept."""
    repeated = [
        call
        for day in ("2024-11-02", "2024-11-03", "2024-11-04")
        for call in truth_of(day, f"{day} 06:00")
    ]
    summary = fetch(serve(Switches(overlap_s=6 * 3600)), START, END, window="1d")

    assert by_call(truth_of(START, "2024-11-05 06:00")) == by_call(rows_of(tmp_path / "dataset"))
    assert 0 < len(repeated) == summary.ledger.duplicates
    assert 0 < summary.ledger.outside_window
    assert [] == list(verify(tmp_path / "dataset"))


def test_grouped_by_destination(
    simulator: Simulator, fetch: Fetch, rows_of: Rows, history: History, tmp_path: Path
) -> None:
    """A report by destination holds the calls that tried or reached one."""
    every = [d.destination_id for d in history.account(ONE).destinations]
    days = datetime(2024, 11, 1, tzinfo=UTC), datetime(2024, 11, 5, tzinfo=UTC)
    expected = [call["uii"] for call in history.calls(ONE, *days, destination_ids=every)]
    fetch(simulator, START, END, accounts=[ONE], group_by="DESTINATION")

    assert expected == [row["uii"] for row in rows_of(tmp_path / "dataset")]
    assert "DESTINATION" == simulator.report_requests[0].body["reportCriteria"]["groupBy"]


# What is asked for


def test_one_account(simulator: Simulator, fetch: Fetch, rows_of: Rows, tmp_path: Path) -> None:
    """Only the accounts that are named are asked for, and each once."""
    fetch(simulator, START, END, accounts=[OTHER, OTHER])

    assert {OTHER} == {row["account_id"] for row in rows_of(tmp_path / "dataset")}
    assert 1 == len(simulator.report_requests)


def test_rerun(simulator: Simulator, fetch: Fetch, tmp_path: Path) -> None:
    """What is there is not asked for again."""
    first = fetch(simulator, START, END, window="1d")
    before = files_in(tmp_path / "dataset")
    simulator.requests.clear()
    again = fetch(simulator, START, END, window="3d")

    assert (8, 0) == (len(first.files), first.covered)
    assert (0, 8) == (len(again.files), again.covered)
    assert [] == simulator.report_requests
    assert before == files_in(tmp_path / "dataset")


def test_longer_period(
    simulator: Simulator, fetch: Fetch, rows_of: Rows, truth_of: Truth, tmp_path: Path
) -> None:
    """Only what is missing on either side, and in between, is asked for."""
    fetch(simulator, "2024-11-01", "2024-11-02", accounts=[ONE])
    fetch(simulator, "2024-11-03", "2024-11-04", accounts=[ONE])
    simulator.requests.clear()
    fetch(simulator, "2024-10-31 12:00", "2024-11-05", accounts=[ONE], window="7d", jobs=1)

    asked = [seen.body["reportCriteria"] for seen in simulator.report_requests]
    assert [
        ("2024-10-31 12:00:00", "2024-10-31 23:59:59"),
        ("2024-11-02 00:00:00", "2024-11-02 23:59:59"),
        ("2024-11-04 00:00:00", "2024-11-04 23:59:59"),
    ] == [(criteria["startTimestamp"], criteria["endTimestamp"]) for criteria in asked]
    expected = truth_of("2024-10-31 12:00", "2024-11-05", accounts=[ONE])
    assert expected == rows_of(tmp_path / "dataset")


def test_refresh(
    simulator: Simulator,
    serve: Callable[..., Simulator],
    fetch: Fetch,
    rows_of: Rows,
    truth_of: Truth,
    tmp_path: Path,
) -> None:
    """Windows that are there are replaced by their own bounds, the others are left alone."""
    corrected = History(8, calls_per_day=40)
    fetch(simulator, START, END, window="2d")
    before = files_in(tmp_path / "dataset")
    fetch(serve(calls=corrected), "2024-11-03", "2024-11-04", window="1d", refresh=True)

    first, second = ((START, "2024-11-03"), ("2024-11-03", END))
    kept, new = truth_of(*first), truth_of(*second, calls=corrected)
    assert by_call(kept + new) == by_call(rows_of(tmp_path / "dataset"))
    assert before == files_in(tmp_path / "dataset")


def test_period_that_is_not_over(
    simulator: Simulator, fetch: Fetch, rows_of: Rows, tmp_path: Path
) -> None:
    """A window fetched before its end is asked for again by the next run, not taken as done."""
    yesterday, tomorrow = (f"{datetime.now(UTC) + timedelta(days=n):%Y-%m-%d}" for n in (-1, 2))
    fetch(simulator, "2024-11-01", "2024-11-02", accounts=[ONE])
    fetch(simulator, yesterday, tomorrow, accounts=[ONE], window="52w")
    simulator.requests.clear()
    again = fetch(simulator, yesterday, tomorrow, accounts=[ONE], window="52w")

    assert len(again.files) == len(simulator.report_requests) >= 1
    assert 0 == again.ledger.duplicates
    simulator.requests.clear()
    fetch(simulator, "2024-11-01", "2024-11-02", accounts=[ONE])
    assert [] == simulator.report_requests


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"end": START}, errors.UsageError),
        ({"start": "2024-11-01 00:00:30"}, errors.UsageError),
        ({"start": "the other day"}, errors.UsageError),
        ({"window": "3 moons"}, errors.UsageError),
        ({"time_zone": "Mars/Olympus"}, errors.UsageError),
        ({"rate_limit": "many"}, errors.ConfigError),
        ({"accounts": ["../13670001"]}, errors.UsageError),
        ({"accounts": ["99"]}, errors.ApiError),
        ({"base_url": "http://example.com/voice"}, errors.ConfigError),
        ({"token": "wrong"}, errors.AuthError),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value.__name__,
)
def test_what_cannot_be_done(
    options: dict[str, Any], expected: type[CdrError], simulator: Simulator, tmp_path: Path
) -> None:
    """What is asked for wrongly is refused by a named error before a report is asked for."""
    from cdr_engine import export

    asked = {
        "base_url": simulator.base_url,
        "token": simulator.token,
        "start": START,
        "end": END,
        **options,
    }
    with pytest.raises(expected):
        export(tmp_path / "dataset", **asked)

    assert [] == simulator.report_requests
    assert [] == files_in(tmp_path / "dataset")


def test_locked_dataset(simulator: Simulator, fetch: Fetch, tmp_path: Path) -> None:
    """While another writer holds the folder nothing is asked for."""
    with writer_lock(Layout(tmp_path / "dataset")), pytest.raises(errors.DatasetLocked):
        fetch(simulator, START, END)

    assert [] == simulator.requests


# What can go wrong


def test_faults_are_all_named() -> None:
    """The table of outcomes above names every fault that the simulator knows."""
    assert sorted(FAULTS) == sorted(OUTCOMES)


@pytest.mark.parametrize("fault", sorted(set(OUTCOMES) - {"header-only"}))
def test_fault(
    fault: str,
    serve: Callable[..., Simulator],
    rows_of: Rows,
    truth_of: Truth,
    tmp_path: Path,
) -> None:
    """A report that fails for good commits nothing, says why, and a rerun makes it whole."""
    simulator = serve(fault=f"ok,{fault}*", switches=Switches(stall_s=5))
    dataset = tmp_path / "dataset"
    days = Window(*(datetime(2024, 11, day, tzinfo=UTC) for day in (1, 3)))

    def run(max_attempts: int, period: Window = days) -> ExportSummary:
        token = StaticToken(simulator.token)
        with ReportService(simulator.base_url, token, read_timeout_s=0.3) as service:
            return export_windows(
                service,
                dataset,
                period,
                accounts=[ONE],
                user_id=None,
                time_zone="UTC",
                size=timedelta(days=1),
                group_by="PROFILE",
                limits=(),
                refresh=False,
                observer=ExportObserver(),
                jobs=1,
                patience=Patience(max_attempts, first_pause_s=0.01),
            )

    run(1, Window(days.start, days.start + timedelta(days=1)))
    with pytest.raises(OUTCOMES[fault] or CdrError) as caught:
        run(1)

    assert OUTCOMES[fault] is type(caught.value)
    assert "\n" not in str(caught.value)
    assert simulator.token not in str(caught.value)
    assert [f"calls/account_id={ONE}/20241101T000000Z--20241102T000000Z.parquet"] == files_in(
        dataset
    )
    assert truth_of("2024-11-01", "2024-11-02", accounts=[ONE]) == rows_of(dataset)
    simulator.set_fault("")
    run(1)
    assert truth_of("2024-11-01", "2024-11-03", accounts=[ONE]) == rows_of(dataset)


def test_report_of_a_header_alone(
    serve: Callable[..., Simulator], fetch: Fetch, rows_of: Rows, tmp_path: Path
) -> None:
    """A whole report without calls is an empty window that is done."""
    simulator = serve(fault="header-only")
    summary = fetch(simulator, START, END, accounts=[ONE])

    assert (1, 0) == (len(summary.files), summary.ledger.rows)
    assert [] == rows_of(tmp_path / "dataset")
    assert 0 == len(fetch(simulator, START, END, accounts=[ONE]).files)


def test_nobody_listens(simulator: Simulator, fetch: Fetch, tmp_path: Path) -> None:
    """A service that is not there is a named error, and leaves no data."""
    from cdr_engine import export

    with pytest.raises(errors.ServiceUnreachable):
        export(tmp_path / "dataset", base_url="http://127.0.0.1:9", token="x", start=START, end=END)

    assert [] == files_in(tmp_path / "dataset")


def test_damaged_file_in_the_dataset(simulator: Simulator, fetch: Fetch, tmp_path: Path) -> None:
    """A data file that cannot be read stops the export with its name, before a request."""
    fetch(simulator, START, END, accounts=[ONE])
    (path,) = (tmp_path / "dataset").glob("calls/*/*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    simulator.requests.clear()
    with pytest.raises(errors.DatasetError, match=path.name):
        fetch(simulator, START, END, accounts=[ONE])

    assert [] == simulator.report_requests


def test_secrets_in_a_dataset(simulator: Simulator, fetch: Fetch, tmp_path: Path) -> None:
    """No file of a dataset holds the token, and only the owner may read it."""
    fetch(simulator, START, END)

    for path in (path for path in (tmp_path / "dataset").rglob("*") if path.is_file()):
        assert simulator.token.encode() not in path.read_bytes()
        assert 0o600 == path.stat().st_mode & 0o777


# Manners


def test_rate_limit(simulator: Simulator, fetch: Fetch) -> None:
    """More reports than the limit allows are not asked for at once, and the observer is told."""
    witness = Witness()
    began = time.monotonic()
    fetch(
        simulator,
        START,
        END,
        accounts=[ONE],
        window="1d",
        rate_limit="2/1s,3/2s",
        observer=witness,
        jobs=1,
    )

    assert 2 <= time.monotonic() - began < 6
    assert 2 == len(witness.of("waiting"))
    assert all(0 < seconds <= 1 for seconds in witness.of("waiting"))
    assert 4 == len(simulator.report_requests)


def test_rate_limit_that_the_service_enforces(
    serve: Callable[..., Simulator], fetch: Fetch
) -> None:
    """Whoever keeps the very limit of the service is never refused, however long the way takes."""
    simulator = serve(Switches(rate_limit="2/1s"))
    fetch(simulator, START, "2024-11-08", accounts=[ONE], window="1d", rate_limit="2/1s")

    assert [httpx.codes.OK] * 7 == [seen.status for seen in simulator.report_requests]


def test_observer(simulator: Simulator, fetch: Fetch) -> None:
    """An observer hears of the plan once, and of each window when it starts and when it is done."""
    witness = Witness()
    fetch(simulator, START, "2024-11-02", observer=witness, jobs=1)
    fetch(simulator, START, "2024-11-03", accounts=[ONE], observer=witness, jobs=1)

    day, next_day = "20241101T000000Z--20241102T000000Z", "20241102T000000Z--20241103T000000Z"
    assert [
        ("planned", (2, 0)),
        ("started", (ONE, day)),
        ("committed", (ONE, day)),
        ("started", (OTHER, day)),
        ("committed", (OTHER, day)),
        ("planned", (1, 1)),
        ("started", (ONE, next_day)),
        ("committed", (ONE, next_day)),
    ] == witness.told


def test_reader_during_an_export(
    serve: Callable[..., Simulator], fetch: Fetch, rows_of: Rows, truth_of: Truth, tmp_path: Path
) -> None:
    """Whoever reads the files while an export runs sees whole windows, each once."""
    seen: list[list[Row]] = []

    class Reader(ExportObserver):
        def advanced(self, body_bytes: int, rows: int) -> None:  # noqa: ARG002
            seen.append(rows_of(tmp_path / "dataset"))

    fetch(serve(), START, END, accounts=[ONE], window="1d", observer=Reader(), jobs=1)

    days = [f"2024-11-0{day}" for day in range(1, 6)]
    whole = [truth_of(START, day, accounts=[ONE]) for day in days]
    assert whole[:-1] == seen


def test_simulator_is_asked_as_the_reference_page_says(simulator: Simulator, fetch: Fetch) -> None:
    """The request names every profile group, null too, and ends in the last second it wants."""
    fetch(simulator, START, END, accounts=[ONE], time_zone=ARIZONA)

    (seen,) = simulator.report_requests
    assert httpx.codes.OK == seen.status
    criteria = seen.body["reportCriteria"]
    assert ("2024-11-01 00:00:00", "2024-11-04 23:59:59", ARIZONA) == (
        criteria["startTimestamp"],
        criteria["endTimestamp"],
        criteria["timezoneName"],
    )
    assert {111, 112, None} == set(criteria["cloudProfileGroupIds"])
    assert [ONE] == criteria["accountIds"]
