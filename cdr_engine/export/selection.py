"""What is asked for besides the period: accounts, and profiles or destinations, by id or name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from cdr_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdr_engine.api import Group, GroupBy, ReportService
    from cdr_engine.dataset import AccountCoverage

__all__ = ["Choice", "Selection", "account_ids", "check_mixing", "choose"]

SELECTION_KEY = "selection"
"""In the request of a footer: what narrowed it. Absent where everything was asked for."""


class Selection(NamedTuple):
    """What of each account is asked for; without names and ids: everything."""

    group_by: GroupBy = "PROFILE"
    members: tuple[str, ...] = ()
    """Profiles (or destinations, as `group_by` says), each by id or name."""
    groups: tuple[str, ...] = ()
    """Their groups, each by id or name; `null` is the group without id."""

    @property
    def what(self) -> str:
        """The word for one member."""
        return self.group_by.lower()


class Choice(NamedTuple):
    """A selection as one account has it."""

    group_by: GroupBy
    criteria: dict[str, Any]
    """Fields of the request."""
    narrowed: dict[str, Any]
    """What narrowed it, for the footer; empty for everything."""


def account_ids(service: ReportService, asked: Sequence[str]) -> list[str]:
    """
    Ids of the accounts that are asked for by id or name; of all where none is.

    Raises
    ------
    UsageError
        If a name is unknown.
    """
    if asked and all(text.isascii() and text.isdigit() for text in asked):
        return list(dict.fromkeys(asked))
    found = {account.account_id: account.account_name for account in service.accounts()}
    if not asked:
        return list(found)
    return list(dict.fromkeys(one for text in asked for one in _matching(text, found, "account")))


def choose(
    service: ReportService, account_id: str, user_id: int, selection: Selection
) -> Choice | None:
    """
    Look up what an account has of a selection; None where everything is asked for and nothing is.

    Raises
    ------
    UsageError
        If a name or an id is unknown; the message suggests near ones.
    """
    is_profile = selection.group_by == "PROFILE"
    find = service.profile_groups if is_profile else service.destination_groups
    groups = [group for group in find(account_id, user_id) if group.children]
    if not groups and not (selection.members or selection.groups):
        return None
    kept = _kept(groups, selection, account_id)
    narrowed: dict[str, Any] = {}
    if selection.groups:
        ids = {group.group_id for group, _ in kept}
        narrowed["groups"] = sorted(ids, key=lambda value: (value is None, value or 0))
    if selection.members:
        narrowed["members"] = sorted({child for _, children in kept for child in children})
    prefix = f"cloud_{selection.what}"
    criteria = {
        f"{prefix}_group_ids": tuple(dict.fromkeys(group.group_id for group, _ in kept)),
        f"{prefix}_ids": tuple(dict.fromkeys(child for _, children in kept for child in children)),
    }
    return Choice(selection.group_by, criteria, narrowed)


def check_mixing(held: AccountCoverage, choice: Choice) -> None:
    """
    Refuse to mix a part of an account's calls with all of them: coverage could not tell them apart.

    Raises
    ------
    UsageError
        If the dataset holds windows of this account that were asked for otherwise.
    """
    for file in held.files:
        if file.footer.window is None:
            continue
        request = file.footer.request
        there = _described(request.get("group_by", "PROFILE"), request.get(SELECTION_KEY) or {})
        now = _described(choice.group_by, choice.narrowed)
        if there != now:
            raise UsageError(
                f"the dataset holds {there} of account {held.account_id}, this asks for {now}: "
                "give another --dataset, as coverage cannot tell them apart"
            )


def _described(group_by: str, narrowed: dict[str, Any]) -> str:
    what = group_by.lower()
    parts = [
        f"{what} {name} {', '.join('null' if one is None else str(one) for one in narrowed[key])}"
        for key, name in (("groups", "groups"), ("members", "ids"))
        if key in narrowed
    ]
    return " and ".join(parts) or f"all calls by {what}"


def _kept(
    groups: Sequence[Group], selection: Selection, account_id: str
) -> list[tuple[Group, list[int]]]:
    """Groups and, of each, the ids of its members that are asked for."""
    what = selection.what
    in_account = f" of account {account_id}"
    if selection.groups:
        names = {
            str(g.group_id) if g.group_id is not None else "null": g.group_name for g in groups
        }
        asked = {
            one
            for text in selection.groups
            for one in _matching(text, names, f"{what} group", in_account)
        }
        groups = [g for g in groups if ("null" if g.group_id is None else str(g.group_id)) in asked]
    names = {str(child.object_id): child.object_name for g in groups for child in g.children}
    members = {
        int(one)
        for text in selection.members or names
        for one in _matching(text, names, what, in_account)
    }
    kept = [
        (group, [child.object_id for child in group.children if child.object_id in members])
        for group in groups
    ]
    return [(group, children) for group, children in kept if children]


def _matching(text: str, names: dict[str, str], what: str, where: str = "") -> list[str]:
    """Ids that a text names: the id itself, or every id with that name, whatever its case."""
    if text in names:
        return [text]
    found = [one for one, name in names.items() if name.casefold() == text.casefold()]
    if found:
        return found
    known = [*names, *filter(None, names.values())]
    near = get_close_matches(text, known, n=3, cutoff=0.5)
    folded = {name.casefold(): name for name in known}
    near = near or [folded[one] for one in get_close_matches(text.casefold(), folded, n=3)]
    command = what.split(maxsplit=1)[0]
    hint = f"did you mean {' or '.join(near)}?" if near else f"see `cdr {command}s`"
    raise UsageError(f"no {what}{where} is called {text!r}: {hint}")
