"""The command that brings archived files into a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cdr_engine.cli.common import Common, described, emit, errors, output

if TYPE_CHECKING:
    from cdr_engine.dataset import DataFile

__all__ = ["ingest"]

_COMMON = Common()


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
        emit({"files": [described(file) for file in summary.files], "known": summary.known})
    elif summary.files:
        output().print(ledger_table(summary.files))
    return 0


def _say_columns(file: DataFile) -> None:
    """Name missing and unknown columns of a data file once."""
    footer = file.footer
    for what, names in (("lacks", footer.missing_columns), ("adds", footer.unknown_columns)):
        if names:
            errors().print(f"{file.path.name} {what}: {', '.join(names)}", soft_wrap=True)
