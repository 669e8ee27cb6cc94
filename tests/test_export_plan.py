"""What an export asks for: parts of an account, plans without requests, and what a sync adds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from cdr_engine import ExportSummary, errors, export_plan, status, sync
from cdr_engine.dataset import AccountCoverage, Coverage, DataFile, Footer
from cdr_engine.export.bulk import SinceCoverage
from cdr_engine.export.plan import AIM_BYTES, Task, sized
from cdr_engine.ledger import Ledger
from cdr_engine.simulator import ACCOUNT_IDS, History, Simulator
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Row = dict[str, Any]
    Fetch = Callable[..., ExportSummary]

ONE, OTHER = ACCOUNT_IDS
START, END = "2024-11-01", "2024-11-05"


def asked_of(simulator: Simulator) -> dict[str, Any]:
    """The criteria of the only report that was asked for."""
    (seen,) = simulator.report_requests
    criteria: dict[str, Any] = seen.body["reportCriteria"]
    return criteria


# Parts of an account


def test_profile_by_id_or_name(
    simulator: Simulator, history: History, fetch: Fetch, tmp_path: Path
) -> None:
    """A profile is found by id, and by name whatever its case, with the group it is in."""
    profile = history.account(ONE).profiles[0]
    for named in (str(profile.profile_id), profile.name.upper()):
        simulator.requests.clear()
        options = {"accounts": [ONE], "profiles": [named], "dataset": tmp_path / named}
        summary = fetch(simulator, START, END, **options)

        criteria = asked_of(simulator)
        assert [profile.profile_id] == criteria["cloudProfileIds"]
        assert [profile.group.group_id] == criteria["cloudProfileGroupIds"]
        assert {"members": [profile.profile_id]} == summary.files[0].footer.request["selection"]


def test_group_without_id(simulator: Simulator, fetch: Fetch) -> None:
    """The group null is a group like any other."""
    fetch(simulator, START, END, accounts=[ONE], groups=["null"])

    assert [None] == asked_of(simulator)["cloudProfileGroupIds"]


def test_account_by_name(simulator: Simulator, fetch: Fetch, history: History) -> None:
    """An account may be named."""
    fetch(simulator, START, END, accounts=[history.account(OTHER).name])

    assert [OTHER] == asked_of(simulator)["accountIds"]


def test_name_that_is_nearly_right(simulator: Simulator, history: History, fetch: Fetch) -> None:
    """An unknown name is refused with those that are near, before a report is asked for."""
    name = history.account(ONE).profiles[0].name
    with pytest.raises(errors.UsageError, match=f"did you mean .*{name}"):
        fetch(simulator, START, END, accounts=[ONE], profiles=[name[:-1]])

    assert [] == simulator.report_requests


def test_part_and_whole_do_not_mix(
    simulator: Simulator, history: History, fetch: Fetch, tmp_path: Path
) -> None:
    """A part is no coverage of the whole: one dataset holds one of them, and says which."""
    profile = str(history.account(ONE).profiles[0].profile_id)
    fetch(simulator, START, END, accounts=[ONE], profiles=[profile])
    for options in ({}, {"group_by": "DESTINATION"}, {"profiles": [profile], "groups": ["null"]}):
        simulator.requests.clear()
        with pytest.raises(errors.UsageError):
            fetch(simulator, START, "2024-11-06", accounts=[ONE], **options)
        assert [] == simulator.report_requests
    with pytest.raises(errors.UsageError, match=f"holds profile ids {profile} of account {ONE}"):
        fetch(simulator, START, END, accounts=[ONE])
    again = fetch(simulator, START, "2024-11-06", accounts=[ONE], profiles=[profile])

    assert (1, 1) == (len(again.files), again.covered)


# Plans


def test_dry_run(simulator: Simulator, fetch: Fetch, tmp_path: Path) -> None:
    """A plan says what would be asked for, what is there, and how long the rate limit takes."""
    fetch(simulator, START, "2024-11-02", accounts=[ONE], window="1d")
    simulator.requests.clear()
    planned = export_plan(
        tmp_path / "dataset",
        base_url=simulator.base_url,
        token=simulator.token,
        start=START,
        end="2024-11-09",
        accounts=[ONE],
        window="1d",
        rate_limit="3/60s",
    )

    assert [] == simulator.report_requests
    assert (7, 1, 120) == (len(planned.tasks), planned.covered, planned.at_least_s)
    assert 7 == planned.describe()["requests"]
    (there,) = status(tmp_path / "dataset").of(ONE).files
    assert 7 * there.footer.ledger.bytes == planned.expected_bytes


def weighing(window: Window, weight: int, tmp_path: Path) -> DataFile:
    """A window that was fetched, of a weight."""
    footer = Footer(
        source="report",
        account_id=ONE,
        time_zone="UTC",
        sha256="",
        ledger=Ledger(bytes=weight),
        window_start=window.start,
        window_end=window.end,
    )
    return DataFile(tmp_path, msgspec.structs.replace(footer), 0)


@pytest.mark.parametrize(("weight", "days"), [(AIM_BYTES, 30), (10 * AIM_BYTES, 3)])
def test_window_sized_by_weight(weight: int, days: int, tmp_path: Path) -> None:
    """A window of auto is as long as the aim allows, by what the month before weighed."""
    month = [datetime(2024, month, 1, tzinfo=UTC) for month in (10, 11, 12)]
    before = weighing(Window(month[0], month[0] + timedelta(days=30)), weight, tmp_path)
    task = Task(ONE, Window(month[1], month[2]))
    first, *rest = sized(task, [before], "UTC")

    assert timedelta(days=days) == first.window.end - first.window.start
    assert [first.window.end for _ in rest] == [each.window.start for each in rest]
    assert [task] == sized(task, [], "UTC")


# Sync


def synced(simulator: Simulator, dataset: Path, **options: Any) -> ExportSummary:
    """Sync one account without a rate limit."""
    asked = {"rate_limit": "off", "accounts": [ONE], "window": "1d"} | options
    return sync(dataset, base_url=simulator.base_url, token=simulator.token, **asked)


def test_first_sync(simulator: Simulator, tmp_path: Path) -> None:
    """The first sync has to be told where to begin, and ends where calls have settled."""
    with pytest.raises(errors.UsageError, match="--start"):
        synced(simulator, tmp_path / "dataset")
    synced(simulator, tmp_path / "dataset", start="-3d")
    settled = datetime.now(UTC) - timedelta(minutes=15)
    windows = status(tmp_path / "dataset").of(ONE).windows

    assert timedelta(0) <= settled - windows[-1].end < timedelta(minutes=2)
    assert 3 * timedelta(days=1) <= settled + timedelta(minutes=15) - windows[0].start
    assert [] == status(tmp_path / "dataset").of(ONE).gaps


def test_sync_at_once(simulator: Simulator, tmp_path: Path) -> None:
    """A sync right after another has nothing to ask for but what has settled meanwhile."""
    synced(simulator, tmp_path / "dataset", start="-4d")
    before = status(tmp_path / "dataset").of(ONE).windows
    again = synced(simulator, tmp_path / "dataset")

    assert [] == [file for file in again.files if file.footer.window in before]
    assert len(before) == again.covered


DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def asked(held: Window, after: timedelta) -> Footer:
    """The record of a window that was asked for so long after its end."""
    return Footer(
        source="report", account_id=ONE, time_zone="UTC", sha256="", ledger=Ledger(),
        window_start=held.start, window_end=held.end, committed_at=held.end + after,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked_after", "age", "is_due"),
    [
        (HOUR, 2 * HOUR, True),
        (HOUR, 2 * HOUR - timedelta(minutes=1), False),
        (13 * HOUR, 23 * HOUR, False),
        (13 * HOUR, DAY, True),
        (HOUR, 400 * DAY, True),
        (DAY, 400 * DAY, False),
    ],
)
def test_late_rows(asked_after: timedelta, age: timedelta, is_due: bool) -> None:
    """A window is due again when it is twice as old, until it was asked for a day after its end."""
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    held = Coverage((AccountCoverage(ONE, ()),))
    (span,) = SinceCoverage(window.end + age, DAY, window.start).spans(held.of(ONE), held)

    assert is_due == span.is_due_again(asked(window, asked_after))


def test_hourly_syncs_ask_a_handful_of_times() -> None:
    """A sync an hour asks for a window's late rows five times, and last a day after its end."""
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC))
    held = Coverage((AccountCoverage(ONE, ()),))
    asked_after = [timedelta(minutes=15)]
    for hour in range(1, 100):
        age = timedelta(minutes=15) + hour * HOUR
        (span,) = SinceCoverage(window.end + age, DAY, window.start).spans(held.of(ONE), held)
        if span.is_due_again(asked(window, asked_after[-1])):
            asked_after.append(age)

    assert 5 == len(asked_after) - 1
    assert DAY <= asked_after[-1] < DAY + HOUR


def test_sync_closes_gaps(simulator: Simulator, fetch: Fetch, tmp_path: Path) -> None:
    """What an earlier run could not fetch is fetched."""
    ago = [f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (9, 8, 6, 5)]
    fetch(simulator, *ago[:2], accounts=[ONE])
    fetch(simulator, *ago[2:], accounts=[ONE])
    synced(simulator, tmp_path / "dataset")

    assert [] == status(tmp_path / "dataset").of(ONE).gaps
