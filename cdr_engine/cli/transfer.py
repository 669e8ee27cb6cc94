"""Commands that bring calls into a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

from cyclopts import Parameter, validators

from cdr_engine.cli.common import (
    Common,
    Connection,
    described,
    emit,
    errors,
    open_service,
    output,
    size,
)
from cdr_engine.cli.counting import renew_counts

if TYPE_CHECKING:
    from cdr_engine.dataset import DataFile
    from cdr_engine.export import ExportSummary, When
    from cdr_engine.export.bulk import Order
    from cdr_engine.settings import Settings

__all__ = ["Fetching", "export", "fetch", "ingest", "renew_views", "sync"]

Moment = Annotated[str, Parameter(allow_leading_hyphen=True)]
_COMMON, _CONNECTION = Common(), Connection()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Fetching:
    """Flags of the commands that ask for reports."""

    time_zone: str | None = None
    """Zone of the report and of the period; CDR_TIME_ZONE, default UTC."""
    profile: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """Profile by id or name, repeatable; default all. With --group-by DESTINATION: destination."""
    group: Annotated[tuple[str, ...], Parameter(negative="")] = ()
    """Group of them by id or name, repeatable, null for the one without id; default all."""
    group_by: Literal["PROFILE", "DESTINATION"] = "PROFILE"
    """Whose calls the report is made of."""
    window: str | None = None
    """Largest request: auto (by weight, a calendar month at most), 12h, 1d, 2w; CDR_WINDOW."""
    jobs: int | None = None
    """Windows under way at once; CDR_JOBS, default 4."""
    rate_limit: str | None = None
    """Report calls, as 3/60s,9/15min, or off; CDR_RATE_LIMIT."""
    max_attempts: int | None = None
    """How often a window is asked for; CDR_MAX_ATTEMPTS, default 6."""
    deadline: str | None = None
    """How long a window is tried for, as 2h; CDR_DEADLINE, default no limit."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """On standard error: bars on a terminal and JSON lines elsewhere, or one of the two."""

    def settings(self, common: Common, connection: Connection) -> Settings:
        """Lay these flags over environment, files and defaults."""
        names = ("time_zone", "window", "jobs", "rate_limit", "max_attempts", "deadline")
        flags = {name: getattr(self, name) for name in names}
        return common.settings(**flags, **connection.flags())

    def order(self, settings: Settings) -> Order:
        """Read what is asked for."""
        from cdr_engine.export import order_of

        return order_of(
            accounts=settings.accounts,
            user_id=settings.user_id,
            profiles=self.profile,
            groups=self.group,
            group_by=self.group_by,
            time_zone=settings.time_zone or "UTC",
            window=settings.window,
            rate_limit=settings.rate_limit,
            jobs=settings.jobs,
            max_attempts=settings.max_attempts,
            deadline=settings.deadline,
        )


_FETCHING = Fetching()


def export(
    *,
    start: Moment,
    end: Moment,
    refresh: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    fetching: Fetching = _FETCHING,
    connection: Connection = _CONNECTION,
    common: Common = _COMMON,
) -> int:
    """
    Fetch what a period lacks from the service into the dataset.

    Parameters
    ----------
    start
        Beginning of the period: 2026-11-01, '2026-11-01 06:30', yesterday, -30d.
    end
        Its end, which does not belong to it.
    refresh
        Fetch windows again that are there already.
    dry_run
        Print what would be asked for, and ask for nothing.
    """
    from cdr_engine.export import ByPeriod, period_of

    settings = fetching.settings(common, connection)
    order = fetching.order(settings)
    when = ByPeriod(period_of(start, end, order.manner.time_zone), refresh)
    if dry_run:
        return _show_plan(settings, order, when, common)
    return fetch(settings, order, when, fetching.log_format, common)


def sync(
    *,
    start: Moment | None = None,
    lookback: str = "1d",
    fetching: Fetching = _FETCHING,
    connection: Connection = _CONNECTION,
    common: Common = _COMMON,
) -> int:
    """
    Fetch what is new since the last time, up to 15 minutes ago; made for cron.

    Windows that are missing in between are fetched too. With nothing to do it says nothing.

    Parameters
    ----------
    start
        Where the first sync begins; needed while the dataset is empty.
    lookback
        How late rows come: windows that were asked for sooner after their end are asked for again,
        when they are twice as old, and last when they are as old as this.
    """
    from cdr_engine.export import since_coverage

    settings = fetching.settings(common, connection)
    order = fetching.order(settings)
    when = since_coverage(start, lookback, order.manner.time_zone)
    return fetch(settings, order, when, fetching.log_format, common, is_silent=True)


def fetch(
    settings: Settings,
    order: Order,
    when: When,
    log_format: str,
    common: Common,
    *,
    is_silent: bool = False,
) -> int:
    """Fetch what is due, show how it goes and what came of it."""
    from cdr_engine.cli.progress import export_progress
    from cdr_engine.cli.resume import resuming
    from cdr_engine.cli.tables import ledger_table
    from cdr_engine.errors import PartialExport
    from cdr_engine.export import run_export

    partial: PartialExport | None = None
    with (
        open_service(settings) as service,
        export_progress(log_format, is_silent=is_silent) as progress,
        resuming(when),
    ):
        try:
            summary = run_export(service, settings.dataset_path, order, when, progress)
        except PartialExport as error:
            partial, summary = error, cast("ExportSummary", error.summary)
    renew_views(common, is_changed=bool(summary.files))
    if summary.files:
        renew_counts(settings)
    if common.json and (summary.files or not is_silent):
        emit(
            {
                "files": [described(file) for file in summary.files],
                "covered": summary.covered,
                "splits": len(summary.splits),
                "retries": summary.retries,
                "failures": [
                    {
                        "account_id": failure.account_id,
                        "start": failure.window.start,
                        "end": failure.window.end,
                        "reason": failure.reason,
                    }
                    for failure in summary.failures
                ],
            }
        )
    elif summary.files:
        output().print(ledger_table(summary.files))
    elif not is_silent and not common.json:
        errors().print("nothing was missing")
    if partial is not None:
        raise partial
    return 0


def _show_plan(settings: Settings, order: Order, when: When, common: Common) -> int:
    from cdr_engine.cli.tables import listing, span
    from cdr_engine.export import plan_export

    with open_service(settings) as service:
        planned = plan_export(service, settings.dataset_path, order, when)
    if common.json:
        emit(planned.describe())
        return 0
    table = listing("account", "window", "")
    for task in planned.tasks:
        what = "again" if task.is_there else ""
        table.add_row(task.account_id, span(task.window, order.manner.time_zone), what)
    output().print(table)
    weight = "" if planned.expected_bytes is None else f", about {size(planned.expected_bytes)}"
    output().print(
        f"{len(planned.tasks)} requests{weight}, at least {planned.at_least_s:.0f} s at the rate "
        f"limit; {planned.covered} windows of the period are there already"
    )
    return 0


def ingest(
    *paths: Annotated[str, Parameter(allow_leading_hyphen=True)],
    time_zone: str | None = None,
    account: str | None = None,
    delimiter: Literal["COMMA", "PIPE", "TAB"] | None = None,
    schema: Literal["evolve", "freeze", "discard"] = "evolve",
    jobs: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=64))] = 1,
    common: Common = _COMMON,
) -> int:
    """
    Load archived reports into the dataset; one that is there already is left alone.

    Parameters
    ----------
    paths
        Files, plain or compressed (gzip, bzip2, zstd), zip archives, folders, patterns, or - for
        standard input.
    time_zone
        Zone the files were made in; without it the request beside each file, NAME.request.json,
        has to tell, and where there is none CDR_TIME_ZONE.
    account
        Account the calls belong to.
    delimiter
        What stands between cells; recognised from each header line by default.
    schema
        Columns the report does not know: evolve keeps them as text, freeze makes them an error,
        discard leaves them out.
    jobs
        Files read side by side, for machines with more than two cores.
    """
    from cdr_engine import ingest as ingesting
    from cdr_engine.blocks import DELIMITERS
    from cdr_engine.cli.progress import LoadProgress
    from cdr_engine.cli.tables import ledger_table
    from cdr_engine.errors import UsageError

    if not paths:
        raise UsageError("name the files to ingest: cdr ingest calls.csv")
    settings = common.settings()
    with LoadProgress("files") as progress:
        summary = ingesting(
            paths,
            settings.dataset_path,
            time_zone=time_zone,
            default_time_zone=settings.time_zone,
            account_id=account,
            delimiter=DELIMITERS[delimiter] if delimiter else None,
            contract=schema,
            jobs=jobs,
            observer=progress,
        )
    for name in summary.known:
        errors().print(f"{name}: its content is in the dataset already", soft_wrap=True)
    for file in summary.files:
        _say_columns(file)
    renew_views(common, is_changed=bool(summary.files))
    if common.json:
        emit({"files": [described(file) for file in summary.files], "known": summary.known})
    elif summary.files:
        output().print(ledger_table(summary.files))
    return 0


def renew_views(common: Common, *, is_changed: bool) -> None:
    """Keep `cdr.duckdb` in step with the files; it is a cache, so that it fails is no error."""
    from cdr_engine.analysis import write_views
    from cdr_engine.errors import CdrError
    from cdr_engine.views import DATABASE

    dataset = common.settings().dataset_path
    if not is_changed and (dataset / DATABASE).exists():
        return
    try:
        write_views(dataset, **common.meaning())
    except CdrError as error:
        errors().print(f"the views for other tools are old: {error}", soft_wrap=True, markup=False)


def _say_columns(file: DataFile) -> None:
    """Name missing and unknown columns of a data file once."""
    footer = file.footer
    for what, names in (("lacks", footer.missing_columns), ("adds", footer.unknown_columns)):
        if names:
            errors().print(f"{file.path.name} {what}: {', '.join(names)}", soft_wrap=True)
