"""Commands that ask the service what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdr_engine.cli.common import Common, Connection, emit, open_service, output

if TYPE_CHECKING:
    from cdr_engine.api import Group

__all__ = ["accounts", "destinations", "profiles"]

_COMMON, _CONNECTION = Common(), Connection()


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
