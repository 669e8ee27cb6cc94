"""What to ask the service for: whose calls, and which local seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from cdr_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cdr_engine.api import Group, GroupBy, ReportRequest, ReportService
    from cdr_engine.dataset import DataFile
    from cdr_engine.export.observer import Job

__all__ = ["NothingToAsk", "Selection"]

SECOND = timedelta(seconds=1)
"""The end of a request is the last second it asks for."""


class NothingToAsk(UsageError):
    """An account has no profile, or no destination, to ask for."""


class Selection(NamedTuple):
    """
    Whose calls a report holds.

    Parameters
    ----------
    group_by
        By profile, which every call has, or by destination.
    groups, members
        Ids or names of groups, and of profiles or destinations; without any, all of them.
    """

    group_by: GroupBy = "PROFILE"
    groups: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """Profile or destination."""
        return self.group_by.lower()

    def criteria(self, service: ReportService, account_id: str, user_id: int) -> dict[str, Any]:
        """
        Ids to ask for, the null group included, looked up once an account.

        Raises
        ------
        NothingToAsk
            If the account has none.
        UsageError
            If it has none by the given ids or names.
        """
        is_profile = self.group_by == "PROFILE"
        find = service.profile_groups if is_profile else service.destination_groups
        found = find(account_id, user_id)
        if not any(group.children for group in found):
            raise NothingToAsk(
                f"account {account_id} has no cloud {self.what}s: choose others with --account"
            )
        chosen = self._chosen(found, account_id)
        return {
            f"cloud_{self.what}_group_ids": tuple(dict.fromkeys(group for group, _ in chosen)),
            f"cloud_{self.what}_ids": tuple(dict.fromkeys(member for _, member in chosen)),
        }

    def request(self, job: Job, time_zone: str, criteria: dict[str, Any]) -> ReportRequest:
        """Return the request for one window."""
        from cdr_engine.api import ReportRequest

        zone = ZoneInfo(time_zone)
        return ReportRequest(
            account_id=job.account_id,
            start=_local(job.window.start, zone, -1),
            end=_local(job.window.end - SECOND, zone, +1) + SECOND,
            time_zone=time_zone,
            group_by=self.group_by,
            **criteria,
        )

    def footnote(self) -> dict[str, Any]:
        """Return what a data file says of a selection that is not everything."""
        narrowed = {"groups": sorted(self.groups), f"{self.what}s": sorted(self.members)}
        return {"narrowed_to": narrowed} if self.groups or self.members else {}

    def check_same(self, files: Iterable[DataFile]) -> None:
        """
        Refuse to go on with windows that hold the calls of others.

        Raises
        ------
        UsageError
            If one of the files was exported with another selection.
        """
        for file in files:
            request = file.footer.request
            if file.footer.source != "report":
                continue
            theirs = request.get("group_by", self.group_by), request.get("narrowed_to", {})
            if theirs != (self.group_by, self.footnote().get("narrowed_to", {})):
                raise UsageError(
                    f"{file.path.name} of account {file.footer.account_id} was exported with "
                    f"another choice of {self.what}s or groups, so what is covered would not be "
                    "the same calls: use another --dataset for this one"
                )

    def _chosen(self, found: Sequence[Group], account_id: str) -> list[tuple[int | None, int]]:
        groups = [
            group
            for group in found
            if not self.groups or _is_named(self.groups, group.group_id, group.group_name)
        ]
        chosen = [
            (group.group_id, child.object_id)
            for group in groups
            for child in group.children
            if not self.members or _is_named(self.members, child.object_id, child.object_name)
        ]
        names = {"group": [(g.group_id, g.group_name) for g in found]}
        names[self.what] = [(c.object_id, c.object_name) for g in found for c in g.children]
        for kind, wanted in (("group", self.groups), (self.what, self.members)):
            for text in wanted:
                if not any(_is_named((text,), *known) for known in names[kind]):
                    raise UsageError(_unknown(kind, text, account_id, names[kind]))
        if not chosen:
            raise UsageError(f"account {account_id} has no such {self.what} in these groups")
        return chosen


def _is_named(wanted: Iterable[str], known_id: int | None, name: str | None) -> bool:
    number = "null" if known_id is None else str(known_id)
    return any(text == number or text.casefold() == (name or "").casefold() for text in wanted)


def _unknown(
    kind: str, text: str, account_id: str, known: Sequence[tuple[int | None, str | None]]
) -> str:
    near = get_close_matches(text, [name or "" for _, name in known], n=3)
    hint = f": did you mean {' or '.join(near)}?" if near else f": see `cdr {kind}s`"
    if kind == "group":
        hint = hint.replace("cdr groups", "cdr profiles")
    return f"account {account_id} has no {kind} {text!r}{hint}"


def _local(second: datetime, zone: ZoneInfo, outward: int) -> datetime:
    """
    Return the first or last second that is asked for as the wall shows it.

    In an hour that occurs twice the wall cannot say which is meant, and nobody knows which one the
    service takes: there the second moves out of it, as calls that two windows bring are found.
    """
    wall = second.astimezone(zone)
    earlier, later = (wall.replace(fold=fold).utcoffset() for fold in (0, 1))
    repeated = (earlier or timedelta()) - (later or timedelta())
    return wall.replace(tzinfo=None) + outward * repeated
