"""Commands that answer questions about the calls of a dataset."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter, validators

from cdr_engine.cli.common import Common, amount, emit, errors, output

if TYPE_CHECKING:
    from cdr_engine.analysis import OpenDataset
    from cdr_engine.views import View

__all__ = ["check", "query", "views"]

_COMMON = Common()
STDIN = "-"

Format = Literal["table", "csv", "excel", "json", "jsonl", "markdown", "parquet", "arrow"]
Moment = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Part:
    """Flags that choose the calls that count."""

    start: Moment = None
    """First moment of the period: 2026-11-01, yesterday, -30d, …; local time of the zone."""
    end: Moment = None
    """End of the period, which does not belong to it."""
    account: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """Only calls of this account; repeatable."""
    profile: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """Only calls of this cloud profile, by id or name; repeatable."""
    time_zone: str | None = None
    """Zone of local days and hours; by default the reports' own."""

    def open(self, common: Common, asked: str | None = None) -> OpenDataset:
        """Open this part of the dataset that the settings name for all questions, or for one."""
        from cdr_engine.analysis import open_dataset

        return open_dataset(
            common.settings().dataset_path,
            **common.meaning(),
            asked=asked,
            time_zone=self.time_zone,
            start=self.start,
            end=self.end,
            accounts=self.account,
            profiles=self.profile,
        )


_ALL = Part()


def _names(context: Any) -> list[tuple[str, str]]:  # noqa: ARG001  # cyclopts passes it
    """What a shell offers after `cdr query`."""
    return [
        ("calls", "one row per call, as in the report"),
        ("rejects", "one row per reject"),
        ("spots", "one row per airing of an advertisement"),
        *((view.name, view.grain) for view in _catalogue(_COMMON)),
    ]


def _catalogue(common: Common) -> tuple[View, ...]:
    """Every view by the settings, the user's own among them."""
    from cdr_engine.views import catalogue

    settings = common.settings()
    return catalogue(settings.definitions, settings.views_path)


def query(
    text: Annotated[str | None, Parameter(completer=_names, allow_leading_hyphen=True)] = None,
    *,
    file: Annotated[str | None, Parameter(name=["--file", "-f"], allow_leading_hyphen=True)] = None,
    format: Format | None = None,  # noqa: A002
    output_file: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    order_by: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    limit: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    explain: Annotated[bool, Parameter(negative="")] = False,
    part: Part = _ALL,
    common: Common = _COMMON,
) -> int:
    """
    Answer a question: the name of a view, or one SQL statement that reads.

    Parameters
    ----------
    text
        A view of `cdr views`, or SQL over the views and over calls, stg_calls and stg_attempts;
        - reads it from standard input.
    file
        File that holds the SQL.
    format
        table, csv, excel (csv that spreadsheets cannot take for formulas or numbers), json, jsonl,
        markdown, parquet or arrow; by default as the output file is called.
    output_file
        File to write; standard output without it.
    order_by
        Columns of the answer, commas between them: day, 'n_calls desc' or -n_calls.
    limit
        Most rows; by default all, or of a table as many as a screen shows.
    explain
        Show how DuckDB would answer instead.
    """
    sql = _sql(text, file)
    kind = format or ("json" if common.json else None)
    with part.open(common, sql) as dataset:
        if explain:
            plan = dataset.explain(sql, order_by=order_by)
            if common.json:
                emit({"plan": plan})
            else:
                sys.stdout.write(plan)
            return 0
        _hand_on(dataset.sql(sql, order_by=order_by), kind, output_file, limit)
    return 0


def _hand_on(answer: Any, kind: str | None, output_file: Path | None, limit: int | None) -> None:
    """Write an answer where it was asked for."""
    from cdr_engine.views import write, write_file

    if output_file is None:
        write(answer, sys.stdout.buffer, format=kind or "table", limit=limit)
        sys.stdout.buffer.flush()
        return
    try:
        write_file(answer, output_file, format=kind, limit=limit)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(output_file)) from error


def _sql(text: str | None, file: str | None) -> str:
    """The question, from where it was put."""
    from cdr_engine.errors import UsageError

    if (text is None) == (file is None):
        raise UsageError("ask one thing: cdr query VIEW, cdr query 'select …', or -f FILE")
    if text is not None and text != STDIN:
        return text
    try:
        if STDIN in (text, file):
            return sys.stdin.buffer.read().decode()
        return Path(file or "").read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{file or 'standard input'} is not UTF-8, so it is no SQL") from error


views = App(name="views")
"""The command `cdr views` and those below it."""


@views.default
def list_views(*, common: Common = _COMMON) -> int:
    """List the views: what one row of each is, and how it is worked out."""
    from cdr_engine.cli.tables import listing

    public = [view for view in _catalogue(common) if view.is_public]
    if common.json:
        names = ("name", "grain", "formula", "source", "caveat")
        emit([{name: getattr(view, name) for name in names} for view in public])
        return 0
    table = listing("view", "grain", "formula")
    for view in public:
        table.add_row(view.name, view.grain, view.formula)
    output().print(table)
    return 0


@views.command
def show(name: Annotated[str, Parameter(completer=_names)], *, common: Common = _COMMON) -> int:
    """
    Tell what a view means: its grain, formula and caveat, its columns, its SQL.

    Parameters
    ----------
    name
        A view of `cdr views`, yours too, or one of those below them such as stg_calls.
    """
    from cdr_engine.cli.tables import listing
    from cdr_engine.views import columns_of

    found = _catalogue(common)
    view = next((view for view in found if view.name == name.lower()), None)
    if view is None:
        raise _no_view(name, [view.name for view in found])
    columns = columns_of(view.name, found)
    if common.json:
        notes = ("name", "grain", "formula", "source", "caveat", "sql")
        emit({note: getattr(view, note) for note in notes} | {"columns": columns})
        return 0
    output().print(view.comment, markup=False)
    table = listing("column", "type")
    for column, kind in columns.items():
        table.add_row(column, kind)
    output().print(table)
    output().print(f"\n{view.sql}", markup=False, soft_wrap=True)
    return 0


def _no_view(name: str, names: list[str]) -> Exception:
    from difflib import get_close_matches

    from cdr_engine.errors import ViewError

    near = get_close_matches(name.lower(), names, n=3) or names
    return ViewError(f"there is no view {name!r}; there is {', '.join(near)}")


@views.command
def export(
    *,
    dialect: Literal["duckdb", "spark", "trino", "snowflake", "bigquery", "athena"] = "duckdb",
    table: str = "calls",
    time_zone: str = "UTC",
    common: Common = _COMMON,
) -> int:
    """
    Print the views as CREATE VIEW statements for another engine.

    What has no exact form there is not printed: a comment says what it lacks.

    Parameters
    ----------
    dialect
        Whose SQL; all but duckdb need the extra: pip install 'cdr-engine[elsewhere]'.
    table
        Table of the calls there: the report's columns and account_id.
    time_zone
        Zone of local days and hours.
    """
    from cdr_engine.views import view_statements

    statements = view_statements(
        dialect, table=table, time_zone=time_zone, views=_catalogue(common)
    )
    if common.json:
        emit([statement._asdict() for statement in statements])
        return 0
    for view, sql, reasons in statements:
        if sql:
            sys.stdout.write(f"{sql}\n\n")
            continue
        sys.stdout.write(f"-- {view} is not here: {dialect} has no exact form of its\n")
        sys.stdout.write(f"--   {', '.join(reasons)}\n")
        if view.startswith("stg_"):
            sys.stdout.write(f"-- make it a table instead: cdr query {view} -o {view}.parquet\n")
        sys.stdout.write("\n")
    return 0


@views.command
def write(*, time_zone: str | None = None, common: Common = _COMMON) -> int:
    """
    Write cdr.duckdb into the dataset: its views for the DuckDB shell and for BI tools.

    Export and ingest do so by themselves.

    Parameters
    ----------
    time_zone
        Zone of local days and hours; by default the reports' own.
    """
    from cdr_engine.analysis import write_views

    path = write_views(common.settings().dataset_path, time_zone=time_zone, **common.meaning())
    if common.json:
        emit({"path": str(path)})
    else:
        output().print(str(path), soft_wrap=True, markup=False)
    return 0


def check(
    *,
    at_most: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    part: Part = _ALL,
    common: Common = _COMMON,
) -> int:
    """
    Measure the calls by rules of data quality; exit 6 if one is broken.

    Parameters
    ----------
    at_most
        Share that a rule may be broken by, instead of its own: odd_days=0.1; repeatable.
    """
    from cdr_engine.views import RULES

    reads = " ".join(relation for rule in RULES for relation in rule.reads)
    with part.open(common, reads) as dataset:
        verdicts = dataset.check(dict(map(_share, at_most)))
    broken = [verdict for verdict in verdicts if verdict.is_broken]
    if common.json:
        emit(verdicts)
    else:
        _print_verdicts(verdicts)
    for verdict in broken:
        errors().print(f"{verdict.rule}: {verdict.message}", soft_wrap=True, markup=False)
    return 6 if broken else 0


def _share(text: str) -> tuple[str, float]:
    from cdr_engine.errors import UsageError

    name, _, number = text.partition("=")
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"--at-most {text}: write RULE=SHARE, a share from 0 to 1: odd_days=0.1")
    return name, share


def _print_verdicts(verdicts: list[Any]) -> None:
    from cdr_engine.cli.tables import listing

    table = listing("rule", "", "broken ", "checked ", "share ", "at most ")
    for verdict in verdicts:
        table.add_row(
            verdict.rule,
            "BROKEN" if verdict.is_broken else "ok",
            amount(verdict.n_broken),
            amount(verdict.n_checked),
            f"{verdict.share:.2%}",
            f"{verdict.at_most:.2%}",
            style="bold" if verdict.is_broken else "",
        )
    output().print(table)
