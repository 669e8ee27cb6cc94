"""Commands that bring calls into a dataset, and those that ask the service what there is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from cdr_engine.cli.common import Common, Connection, emit, errors, open_service, output
from cdr_engine.columns import Contract

if TYPE_CHECKING:
    from cdr_engine.api import Group
    from cdr_engine.dataset import DataFile

__all__ = ["accounts", "destinations", "export", "ingest", "profiles"]

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
    _renew_views(settings.dataset_path, is_changed=bool(summary.files))
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
    schema: Contract = "evolve",
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
    _renew_views(settings.dataset_path, is_changed=bool(summary.files))
    if common.json:
        emit({"files": [_described(file) for file in summary.files], "known": summary.known})
    elif summary.files:
        output().print(ledger_table(summary.files))
    return 0


def accounts(*, connection: Connection = _CONNECTION, common: Common = _COMMON) -> int:
    """List the accounts that the token has access to."""
    from cdr_engine.cli.tables import listing

    with open_service(common.settings(**connection.flags())) as service:
        found = service.accounts()
    if common.json:
        emit([account._asdict() for account in found])
        return 0
    table = listing("account", "name")
    for account in found:
        table.add_row(account.account_id, account.account_name or "")
    output().print(table)
    return 0


def profiles(*, connection: Connection = _CONNECTION, common: Common = _COMMON) -> int:
    """List cloud profiles with their groups."""
    return _groups("profile", connection, common)


def destinations(*, connection: Connection = _CONNECTION, common: Common = _COMMON) -> int:
    """List cloud destinations with their groups."""
    return _groups("destination", connection, common)


def _groups(what: str, connection: Connection, common: Common) -> int:
    from cdr_engine.cli.tables import listing

    settings = common.settings(**connection.flags())
    found: dict[str, tuple[Group, ...]] = {}
    with open_service(settings) as service:
        user_id = service.user_id() if settings.user_id is None else settings.user_id
        find = service.profile_groups if what == "profile" else service.destination_groups
        ids = settings.accounts or [account.account_id for account in service.accounts()]
        for account_id in ids:
            found[account_id] = find(account_id, user_id)
    if common.json:
        emit({key: [_group(group) for group in groups] for key, groups in found.items()})
        return 0
    table = listing("account", "group ", "group name", f"{what} ", f"{what} name")
    for account_id, groups in found.items():
        for group in groups:
            group_id = "null" if group.group_id is None else str(group.group_id)
            for child in group.children:
                name = child.object_name or ""
                table.add_row(
                    account_id, group_id, group.group_name or "", str(child.object_id), name
                )
    output().print(table)
    return 0


def _group(group: Group) -> dict[str, Any]:
    return group._asdict() | {"children": [child._asdict() for child in group.children]}


def _renew_views(dataset: Path, *, is_changed: bool) -> None:
    """Keep `cdr.duckdb` in step with the files; it is a cache, so that it fails is no error."""
    from cdr_engine.analysis import write_views
    from cdr_engine.errors import CdrError
    from cdr_engine.views import DATABASE

    if not is_changed and (dataset / DATABASE).exists():
        return
    try:
        write_views(dataset)
    except CdrError as error:
        errors().print(f"the views for other tools are old: {error}", soft_wrap=True, markup=False)


def _say_columns(file: DataFile) -> None:
    """Name missing and unknown columns of a data file once."""
    footer = file.footer
    for what, names in (("lacks", footer.missing_columns), ("adds", footer.unknown_columns)):
        if names:
            errors().print(f"{file.path.name} {what}: {', '.join(names)}", soft_wrap=True)


def _described(file: Any) -> dict[str, Any]:
    described: dict[str, Any] = file.footer.describe()
    return {"path": str(Path(file.path)), "size": file.size} | described
