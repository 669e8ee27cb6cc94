"""The command that tells whether a dataset is what it claims to be, and mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cdr_engine.cli.common import Common, Connection, amount, emit, errors, open_service, output
from cdr_engine.cli.transfer import Fetching, fetch

if TYPE_CHECKING:
    from pathlib import Path

    from cdr_engine.dataset import Finding, Repair

__all__ = ["verify"]

Switch = Annotated[bool, Parameter(negative="")]
_COMMON, _CONNECTION, _FETCHING = Common(), Connection(), Fetching()


def verify(
    *,
    repair: Switch = False,
    fetch_again: Annotated[bool, Parameter(name="--fetch", negative="")] = False,
    against_service: Switch = False,
    sample: int = 1,
    fetching: Fetching = _FETCHING,
    connection: Connection = _CONNECTION,
    common: Common = _COMMON,
) -> int:
    """
    Check every page, footer and ledger of the dataset; exit 6 if something is damaged.

    Parameters
    ----------
    repair
        Remove what interrupted writers left, and set damaged windows aside below `damaged/`, so
        that they count as missing; says what is to be fetched or ingested again.
    fetch_again
        With --repair: fetch those windows at once.
    against_service
        Ask the service for some stretches of the dataset again, each as one report, and compare:
        a report can be whole and yet wrong.
    sample
        How many stretches, of a month at most each; every one is a report call.
    """
    from cdr_engine.errors import UsageError

    if fetch_again and not repair:
        raise UsageError("--fetch goes with --repair: without it nothing is missing yet")
    if repair:
        return _repair(fetching, connection, common, fetch_again=fetch_again)
    _check_files(common, is_alone=not against_service)
    return _compare(sample, fetching, connection, common) if against_service else 0


def _check_files(common: Common, *, is_alone: bool) -> None:
    from cdr_engine.errors import DamagedDataset
    from cdr_engine.inspection import status
    from cdr_engine.inspection import verify as verify_dataset

    path = common.settings().dataset_path
    findings = list(verify_dataset(path))
    if common.json and (findings or is_alone):
        emit([_described(finding) for finding in findings])
    elif not common.json:
        _list(findings)
    if findings:
        raise DamagedDataset(
            f"{len(findings)} files of {path} are damaged: cdr verify --repair sets them aside"
        )
    if not common.json:
        files = status(path).files
        output().print(f"{amount(len(files))} data files, every page and ledger as it was written")


def _repair(
    fetching: Fetching, connection: Connection, common: Common, *, fetch_again: bool
) -> int:
    from cdr_engine.export import ByWindows
    from cdr_engine.inspection import repair as repair_dataset

    settings = fetching.settings(common, connection)
    path = settings.dataset_path
    done = repair_dataset(path)
    if common.json and not fetch_again:
        emit(_repaired(done))
    elif not common.json:
        _list(done.findings)
        _say(done, path)
    if not (fetch_again and done.to_fetch):
        return 0
    accounts = tuple(dict.fromkeys(account_id for account_id, _ in done.to_fetch))
    order = fetching.order(settings)._replace(accounts=accounts)
    return fetch(settings, order, ByWindows(done.to_fetch), fetching.log_format, common)


def _say(done: Repair, path: Path) -> None:
    console = errors()
    if done.removed:
        console.print(f"{amount(len(done.removed))} files of interrupted writers removed")
    if done.set_aside:
        console.print(f"{amount(len(done.set_aside))} files are below {path / 'damaged'} now")
    for account_id, window in done.to_fetch:
        console.print(f"to be exported again: account {account_id}, {window}", soft_wrap=True)
    for sha256 in done.to_ingest:
        console.print(f"to be ingested again: the file with SHA-256 {sha256}", soft_wrap=True)
    if not (done.removed or done.set_aside):
        console.print("nothing was to be repaired")


def _compare(sample: int, fetching: Fetching, connection: Connection, common: Common) -> int:
    from cdr_engine.cli.progress import export_progress
    from cdr_engine.cli.tables import listing
    from cdr_engine.errors import DamagedDataset
    from cdr_engine.export import compare_with_service

    settings = fetching.settings(common, connection)
    with (
        open_service(settings) as service,
        export_progress(fetching.log_format, is_silent=True) as progress,
    ):
        found = compare_with_service(
            service, settings.dataset_path, fetching.order(settings), sample, progress
        )
    if common.json:
        emit([one._asdict() | {"window": one.window._asdict()} for one in found])
    else:
        table = listing("account", "window", "held ", "reported ", "")
        for one in found:
            counts = amount(one.n_held), amount(one.n_reported)
            table.add_row(
                one.account_id, str(one.window), *counts, "same" if one.is_same else "differs"
            )
        output().print(table)
    different = [one for one in found if not one.is_same]
    if different:
        raise DamagedDataset(
            f"{len(different)} of {len(found)} stretches differ from what the service has now: "
            "export them again with --refresh"
        )
    return 0


def _list(findings: list[Finding] | tuple[Finding, ...]) -> None:
    for finding in findings:
        output().print(f"{finding.path}: {finding.problem}", soft_wrap=True)


def _described(finding: Finding) -> dict[str, str]:
    return {"path": str(finding.path), "problem": finding.problem}


def _repaired(done: Repair) -> dict[str, Any]:
    return {
        "findings": [_described(finding) for finding in done.findings],
        "removed": [str(path) for path in done.removed],
        "set_aside": [str(path) for path in done.set_aside],
        "to_fetch": [
            {"account_id": account_id, **window._asdict()} for account_id, window in done.to_fetch
        ],
        "to_ingest": done.to_ingest,
    }
