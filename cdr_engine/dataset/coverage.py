"""What a dataset holds, read from the footers of its data files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from cdr_engine.dataset.footer import DataFile, read_footer
from cdr_engine.dataset.footer_cache import MANY, FooterCache, identity
from cdr_engine.errors import DatasetError
from cdr_engine.ledger import Ledger
from cdr_engine.windows import Window, subtract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cdr_engine.dataset.layout import Layout

__all__ = ["AccountCoverage", "Coverage", "coverage"]

LISTINGS = 5
"""How often files are listed anew; an account is folded once in a long time."""


@dataclass(frozen=True)
class AccountCoverage:
    """One account of a dataset."""

    account_id: str | None
    files: tuple[DataFile, ...]
    """By path."""

    @cached_property
    def windows(self) -> list[Window]:
        """Windows that were fetched, ascending."""
        return sorted(window for file in self.files if (window := file.footer.window))

    @cached_property
    def gaps(self) -> list[Window]:
        """Windows that are missing between the first and the last that are there."""
        windows = self.windows
        if not windows:
            return []
        whole = Window(windows[0].start, max(window.end for window in windows))
        return subtract(whole, windows)

    @cached_property
    def ledger(self) -> Ledger:
        """Sum of the ledgers."""
        return Ledger.total(file.footer.ledger for file in self.files)

    @property
    def size(self) -> int:
        """Bytes on disk, without rejects."""
        return sum(file.size for file in self.files)


class Coverage(NamedTuple):
    """All accounts of a dataset, ascending; archives without account last."""

    accounts: tuple[AccountCoverage, ...]

    @property
    def files(self) -> list[DataFile]:
        """Every data file."""
        return [file for account in self.accounts for file in account.files]

    @property
    def ledger(self) -> Ledger:
        """Sum of all ledgers."""
        return Ledger.total(file.footer.ledger for file in self.files)

    @property
    def time_zones(self) -> list[str]:
        """Zones the reports were made in, the one of most rows first."""
        rows: dict[str, int] = {}
        for file in self.files:
            zone = file.footer.time_zone
            rows[zone] = rows.get(zone, 0) + file.footer.ledger.rows
        return sorted(rows, key=lambda zone: (-rows[zone], zone))

    def of(self, account_id: str | None) -> AccountCoverage:
        """One account; without files if it is not there."""
        for account in self.accounts:
            if account.account_id == account_id:
                return account
        return AccountCoverage(account_id, ())

    def holds(self, sha256: str, account_id: str | None) -> bool:
        """Tell whether a file with this content was ingested for this account."""
        return any(
            file.footer.sha256 == sha256
            for file in self.of(account_id).files
            if file.footer.source == "file"
        )


def coverage(layout: Layout) -> Coverage:
    """
    Read the footers of all data files; a dataset that is not there yet is empty.

    Raises
    ------
    DatasetError
        If a data file cannot be read: `verify` names them all.
    """
    by_account: dict[str | None, list[DataFile]] = {}
    for file in _listed(layout):
        by_account.setdefault(file.footer.account_id, []).append(file)
    order = sorted(by_account, key=lambda account: (account is None, account or ""))
    return Coverage(tuple(AccountCoverage(key, tuple(by_account[key])) for key in order))


def _listed(layout: Layout) -> list[DataFile]:
    """Every data file; listed anew where one is gone before it is read, as others folded it."""
    for _ in range(LISTINGS):
        paths = layout.data_files()
        try:
            return _read(layout, paths)
        except (DatasetError, FileNotFoundError):
            if all(path.exists() for path in paths):
                raise
    return _read(layout, layout.data_files())


def _read(layout: Layout, paths: list[Path]) -> list[DataFile]:
    """The footers of these files, of many from the cache where it has them."""
    if len(paths) < MANY:
        return list(_footers(paths))
    cache = FooterCache(layout)
    identities = [identity(path) for path in paths]
    found = [cache.find(path, its) for path, its in zip(paths, identities, strict=True)]
    unknown = [path for path, file in zip(paths, found, strict=True) if file is None]
    read = iter(_footers(unknown))
    files = [file or next(read) for file in found]
    if unknown:
        cache.keep(list(zip(identities, files, strict=True)))
    return files


def _footers(paths: list[Path]) -> Iterable[DataFile]:
    with ThreadPoolExecutor(4) as pool:
        yield from pool.map(read_footer, paths)
