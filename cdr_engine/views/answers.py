"""
Views whose whole answers are kept, as what they count does not add up over files.

Callers come back in another file, a median is not that of medians, and a call may be under way at
midnight: such views read every call whenever they are asked. So `cdr rollup` asks once and keeps
the answer, and a question about all calls, or about a part that is whole rows of it, reads that.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.errors import ViewError
from cdr_engine.views.catalogue import meaning
from cdr_engine.views.connection import replace_view
from cdr_engine.views.quoting import name as _name
from cdr_engine.views.quoting import text as _text
from cdr_engine.views.selection import all_of, fits, narrowed, period_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from cdr_engine.views.selection import Selection
    from cdr_engine.views.view import View

__all__ = ["ANSWERED", "answer_keys", "use_answers"]


class Answered(NamedTuple):
    """What parts of a view's answer are answers about parts of the calls."""

    time: str | None = None
    """Column by which the rows of a period are those of its calls alone."""
    is_by_account: bool = True
    """Whether the rows of an account are of its calls alone."""


ANSWERED: dict[str, Answered] = {
    "abandon_recovery": Answered(),
    "concurrency": Answered(),
    "cost_per_call": Answered(is_by_account=False),
    "data_quality": Answered(time="day"),
    "first_touch": Answered(),
    "media_bursts": Answered(),
    "media_market": Answered(),
    "media_performance": Answered(time="day"),
    "repeat_callers": Answered(),
    "spot_response": Answered(is_by_account=False),
    "talk_time": Answered(time="day"),
}
"""Views that are kept whole."""


def answer_keys(
    names: Iterable[str], views: Sequence[View], time_zone: str, content: str
) -> dict[str, str]:
    """
    Digests of all that answers follow from: SQL, definitions, zone, DuckDB, and the calls.

    Parameters
    ----------
    names
        Views of `ANSWERED`.
    content
        Digest of which calls and airings there are.
    """
    return {
        name: hashlib.sha256(f"{meaning(views, name, time_zone)} {content}".encode()).hexdigest()
        for name in names
    }


def use_answers(
    con: DuckDBPyConnection, kept: Mapping[str, Path], selection: Selection, time_zone: str
) -> list[str]:
    """
    Let views that are there read the answers that are kept of them, if these fit the selection.

    Returns
    -------
    list of str
        The views that do.

    Raises
    ------
    ViewError
        DuckDB refuses.
    """
    import duckdb

    used = [name for name in kept if _fits(ANSWERED[name], selection, time_zone)]
    try:
        for name in used:
            conditions = narrowed(selection, period_by(selection, ANSWERED[name].time, time_zone))
            _read_instead(con, name, kept[name], all_of(conditions))
    except duckdb.Error as error:
        line = str(error).splitlines()[0]
        raise ViewError(f"cannot read what was kept, `cdr repair` removes it: {line}") from error
    return used


def _read_instead(con: DuckDBPyConnection, name: str, path: Path, where: str) -> None:
    """Let a view read a file; its columns and its comment stay."""
    columns = con.execute(f"describe {_name(name)}").fetchall()
    cells = ", ".join(f"{_name(row[0])}::{row[1]} as {_name(row[0])}" for row in columns)
    sql = f"select {cells} from read_parquet({_text(str(path))}) where {where}"  # noqa: S608  # quoted
    replace_view(con, name, sql)


def _fits(answered: Answered, selection: Selection, time_zone: str) -> bool:
    """Tell whether the rows of a selection are rows of the whole answer."""
    if selection.profiles or (selection.accounts and not answered.is_by_account):
        return False
    return fits(selection, answered.time, time_zone)
