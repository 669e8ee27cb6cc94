"""
A part of the calls, chosen before any view counts them.

Plan. The base relation is put aside under another name and two views take its place.

- `calls` keeps the calls whose enqueue_time lies in the period.
- `stg_calls`, and so every mart, keeps those whose started_at does, as the marts' days go by it. It
  reads a little more than the period, because the two clocks of one call may differ.
- `spots` and `stg_spots` keep the airings of the period. What these brought, `stg_spot_responses`,
  is worked out with the calls and airings around it: of weeks before, and of the minutes behind.

All narrow by enqueue_time, cloud_profile_id and account_id, which the files have statistics and
folders for: row groups of other months and files of other accounts are not read.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from cdr_engine.errors import ViewError
from cdr_engine.views.catalogue import catalogue
from cdr_engine.views.quoting import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from cdr_engine.views.view import View

__all__ = ["Selection", "all_of", "fits", "narrowed", "period_by", "reach_of", "restrict"]

SLOT = timedelta(minutes=15)
READ = "_calls_of_selection"
"""What stg_calls reads instead of `calls`."""

AROUND = ("to_days(64)", "to_days(8)")
"""
How much before and behind a period responses look at: the eight weeks of their baseline, and on
either side a week more, in which there are calls unless the dataset begins or ends there.
"""


class Selection(NamedTuple):
    """Which calls count; what is empty or None leaves all in."""

    start: datetime | None = None
    """The first instant that belongs to the period."""
    end: datetime | None = None
    """The first instant behind it."""
    accounts: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    """Ids of cloud profiles, or their names in any case."""


def restrict(
    con: DuckDBPyConnection, selection: Selection, views: Sequence[View] | None = None
) -> None:
    """
    Narrow all views of an open dataset to a part of its calls, for as long as it is open.

    Rejects have an account only: a period or a profile leaves them as they are. Airings of spots go
    by their time, and by their account if they name one. Calls without any time are in no period.
    The views are those that the dataset was opened with.

    Raises
    ------
    ViewError
        DuckDB refuses, or the catalogue no longer reads `main.calls` in one place.
    """
    import duckdb

    if selection == Selection():
        return
    try:
        _restrict(con, selection, views or catalogue())
    except duckdb.Error as error:
        raise ViewError(f"cannot narrow the views: {str(error).splitlines()[0]}") from error


def narrowed(selection: Selection, period: Sequence[str] = ()) -> list[str]:
    """Conditions on rows with account_id, cloud_profile_id and profile_name."""
    chosen = [*_one_of("account_id", selection.accounts), *_profiles(selection.profiles)]
    return [*period, *chosen]


def all_of(conditions: Iterable[str]) -> str:
    """SQL of all of these conditions as one."""
    return " and ".join(f"({condition})" for condition in conditions) or "true"


def reach_of(con: DuckDBPyConnection, selection: Selection) -> tuple[list[str], list[str]]:
    """Conditions on calls that may be of a selection, and those that stg_calls adds to these."""
    rows = con.execute("select clock_tolerance_s from params").fetchall()
    # Clocks are compared by their minutes, so two that agree differ by up to a minute more.
    apart = f"to_seconds({int(rows[0][0])} + 60)"
    near = narrowed(selection, _period("enqueue_time", selection, apart))
    return near, _period("started_at", selection)


def fits(selection: Selection, time: str | None, time_zone: str) -> bool:
    """
    Tell whether rows that are kept by day or by slot are in the period or out of it, each whole.

    `time` is the column that says which day or slot, None where there is none.
    """
    bounds = [bound for bound in (selection.start, selection.end) if bound is not None]
    if time is None:
        return not bounds
    if time == "day":
        return all(_begins_day(bound, time_zone) for bound in bounds)
    return all(bound.timestamp() % SLOT.total_seconds() == 0 for bound in bounds)


def period_by(selection: Selection, time: str | None, time_zone: str) -> list[str]:
    """Conditions on the day or slot of rows that are kept; see `fits`."""
    found = []
    for compare, bound in ((">=", selection.start), ("<", selection.end)):
        if bound is not None and time == "day":
            day = bound.astimezone(ZoneInfo(time_zone)).date()
            found.append(f"day {compare} date {text(day.isoformat())}")
        elif bound is not None:
            found.append(f"{time} {compare} timestamptz {text(bound.isoformat())}")
    return found


def _restrict(con: DuckDBPyConnection, selection: Selection, views: Sequence[View]) -> None:
    (staging,) = (view for view in views if view.name == "stg_calls")
    if staging.sql.count("main.calls") != 1:
        raise ViewError("stg_calls must read main.calls, once, to be narrowed")
    near, started = reach_of(con, selection)
    for relation in ("calls", "rejects", "spots"):
        con.execute(f"alter view {relation} rename to _all_{relation}")
    chosen = narrowed(selection)
    exact = [*_period("enqueue_time", selection), *chosen]
    _create(con, READ, "_all_calls", near)
    _create(con, "calls", "_all_calls", exact)
    _create(con, "rejects", "_all_rejects", _one_of("account_id", selection.accounts))
    sql = staging.sql.replace("main.calls", f"main.{READ}")
    _create(con, "stg_calls", f"({sql})", started)
    con.execute(f"comment on view stg_calls is {text(staging.comment)}")
    _restrict_spots(con, selection, chosen, {view.name: view for view in views})


def _restrict_spots(
    con: DuckDBPyConnection, selection: Selection, chosen: list[str], views: dict[str, View]
) -> None:
    """Narrow airings; those around the period stay in reach of the responses."""
    accounts = _one_of("account_id", selection.accounts)
    ours = [f"{condition} or account_id is null" for condition in accounts]
    _create(con, "spots", "_all_spots", [*_period("aired_at", selection), *ours])
    _create(con, "_spots_around", "_all_spots", ours)
    around = [*_period("enqueue_time", selection, *AROUND), *chosen]
    _create(con, "_calls_around", "_all_calls", around)
    sources = {name: f"_{name}_around" for name in ("stg_calls", "stg_spots")}
    for name, view in sources.items():
        base = name.removeprefix("stg_")
        _create(con, view, f"({views[name].sql.replace(f'main.{base}', f'main._{base}_around')})")
    responses = views["stg_spot_responses"]
    sql = responses.sql
    for name, view in sources.items():
        sql = sql.replace(f"from {name}", f"from {view}")
    _create(con, responses.name, f"({sql})", _period("aired_at", selection))
    con.execute(f"comment on view {responses.name} is {text(responses.comment)}")


def _begins_day(moment: datetime, time_zone: str) -> bool:
    """Tell whether a moment is the first of its local day."""
    zone = ZoneInfo(time_zone)
    before = moment - timedelta(microseconds=1)
    return before.astimezone(zone).date() < moment.astimezone(zone).date()


def _create(
    con: DuckDBPyConnection, name: str, source: str, conditions: Sequence[str] = ()
) -> None:
    where = all_of(conditions)
    con.execute(f"create or replace view {name} as select * from {source} where {where}")  # noqa: S608  # quoted parts


def _period(
    column: str, selection: Selection, before: str = "to_seconds(0)", behind: str = ""
) -> list[str]:
    """Half-open, with so much room before it and behind it, by default the same."""
    bounds = ((">=", selection.start, f"- {before}"), ("<", selection.end, f"+ {behind or before}"))
    return [
        f"{column} {compare} timestamptz {text(bound.isoformat())} {room}"
        for compare, bound, room in bounds
        if bound is not None
    ]


def _one_of(column: str, values: tuple[str, ...]) -> list[str]:
    if not values:
        return []
    return [f"{column} in ({', '.join(map(text, values))})"]


def _profiles(profiles: tuple[str, ...]) -> list[str]:
    """Digits are an id, anything else is a name."""
    ids = [profile for profile in profiles if profile.isdecimal() and profile.isascii()]
    names = tuple(profile.lower() for profile in profiles if profile not in ids)
    conditions = _one_of("lower(profile_name)", names)
    if ids:
        conditions.append(f"cloud_profile_id in ({', '.join(ids)})")
    return [" or ".join(conditions)] if conditions else []
