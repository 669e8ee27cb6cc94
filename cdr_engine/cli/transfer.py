"""Commands that bring calls into a dataset."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from cdr_engine.cli.common import Common, Connection, emit, errors, open_service, output

if TYPE_CHECKING:
    from cdr_engine.dataset import DataFile

__all__ = ["export", "ingest"]

Moment = Annotated[str, Parameter(allow_leading_hyphen=True)]
_COMMON, _CONNECTION = Common(), Connection()


def export(
    *,
    start: Moment,
    end: Moment,
    time_zone: str | None = None,
    window: str | None = None,
    rate_limit: str | None = None,
    refresh: Annotated[bool, Parameter(negative="")] = False,
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
    time_zone
        Zone of the report and of start and end; CDR_TIME_ZONE, default UTC.
    window
        Largest period of one request: auto (a calendar month), 12h, 1d, 2w; CDR_WINDOW.
    rate_limit
        Report calls, as 3/60s,9/15min, or off; CDR_RATE_LIMIT.
    refresh
        Fetch windows again that are there already.
    """
    from cdr_engine.cli.progress import LoadProgress
    from cdr_engine.cli.tables import ledger_table
    from cdr_engine.export import export_windows
    from cdr_engine.settings import rate_limits
    from cdr_engine.windows import Window, moment, size_of

    settings = common.settings(
        time_zone=time_zone, window=window, rate_limit=rate_limit, **connection.flags()
    )
    zone = settings.time_zone or "UTC"
    now = datetime.now(UTC)
    period = Window(moment(start, time_zone=zone, now=now), moment(end, time_zone=zone, now=now))
    with open_service(settings) as service, LoadProgress("windows") as progress:
        summary = export_windows(
            service,
            settings.dataset_path,
            period,
            accounts=settings.accounts,
            user_id=settings.user_id,
            time_zone=zone,
            size=size_of(settings.window),
            group_by="PROFILE",
            limits=rate_limits(settings.rate_limit),
            refresh=refresh,
            observer=progress,
        )
    if common.json:
        emit({"files": [_described(file) for file in summary.files], "covered": summary.covered})
    elif summary.files:
        output().print(ledger_table(summary.files))
    else:
        errors().print("nothing was missing")
    return 0


def ingest(
    *paths: Annotated[str, Parameter(allow_leading_hyphen=True)],
    time_zone: str | None = None,
    account: str | None = None,
    delimiter: Literal["COMMA", "PIPE", "TAB"] | None = None,
    schema: Literal["evolve", "freeze", "discard"] = "evolve",
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
            observer=progress,
        )
    for name in summary.known:
        errors().print(f"{name}: its content is in the dataset already", soft_wrap=True)
    for file in summary.files:
        _say_columns(file)
    if common.json:
        emit({"files": [_described(file) for file in summary.files], "known": summary.known})
    elif summary.files:
        output().print(ledger_table(summary.files))
    return 0


def _say_columns(file: DataFile) -> None:
    """Name missing and unknown columns of a data file once."""
    footer = file.footer
    for what, names in (("lacks", footer.missing_columns), ("adds", footer.unknown_columns)):
        if names:
            errors().print(f"{file.path.name} {what}: {', '.join(names)}", soft_wrap=True)


def _described(file: Any) -> dict[str, Any]:
    described: dict[str, Any] = file.footer.describe()
    return {"path": str(Path(file.path)), "size": file.size} | described
