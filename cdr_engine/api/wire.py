"""
The JSON of the supporting calls, and what the engine makes of it.

Tolerant where the vendor's pages, samples and schemas disagree: ids are numbers here and strings
there, groupId may be null, fields may be absent, and unknown ones are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Account", "Group", "GroupMember", "User", "decode_accounts", "decode_error"]
__all__ += ["decode_groups", "decode_users"]

Id = int | str
T = TypeVar("T")


class Account(NamedTuple):
    """An account the token has access to; one row of `GET accounts`."""

    account_id: str
    account_name: str
    main_account_id: str | None
    has_cloud_routing: bool | None
    """None where the service does not say."""


class User(NamedTuple):
    """A user of the system; one node of `GET users`."""

    user_id: int
    user_name: str
    full_name: str
    is_enabled: bool


class GroupMember(NamedTuple):
    """A cloud profile or a cloud destination: one of the ids a report can be asked for."""

    object_id: int
    object_name: str


class Group(NamedTuple):
    """A group of cloud profiles or destinations; `group_id` None is an id like any other."""

    group_id: int | None
    group_name: str
    children: tuple[GroupMember, ...]


class WireAccount(msgspec.Struct, rename="camel"):
    account_id: Id
    account_name: str | None = None
    main_account_id: Id | None = None
    enable_cloud_routing: bool | None = None


class WireUser(msgspec.Struct, rename="camel"):
    user_id: int
    user_name: str | None = None
    full_name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    enabled: bool | None = None
    children: list[WireUser] | None = None


class WireMember(msgspec.Struct, rename="camel"):
    obj_id: int
    object_name: str | None = None


class WireGroup(msgspec.Struct, rename="camel"):
    group_id: int | None = None
    group_name: str | None = None
    children: list[WireMember] | None = None


class WirePlatformError(msgspec.Struct, rename="camel"):
    error_code: str | None = None
    message: str | None = None


class WireError(msgspec.Struct, rename="camel"):
    general_message: str | None = None
    message: str | None = None
    errors: list[WirePlatformError] | None = None


def decode_accounts(body: bytes) -> tuple[Account, ...]:
    """Decode `GET accounts`; raise ValueError naming the place that does not fit."""
    return tuple(
        Account(
            account_id=str(account.account_id),
            account_name=account.account_name or "",
            main_account_id=None
            if account.main_account_id is None
            else str(account.main_account_id),
            has_cloud_routing=account.enable_cloud_routing,
        )
        for account in decode(body, list[WireAccount])
    )


def decode_users(body: bytes) -> tuple[User, ...]:
    """Decode `GET users`, tree or flat, parents first; raise ValueError naming the place."""
    return tuple(
        User(
            user_id=user.user_id,
            user_name=user.user_name or "",
            full_name=user.full_name or f"{user.first_name or ''} {user.last_name or ''}".strip(),
            is_enabled=user.enabled is not False,
        )
        for user in walk(decode(body, list[WireUser]))
    )


def decode_groups(body: bytes) -> tuple[Group, ...]:
    """Decode `GET inputControls` of one product; raise ValueError naming the place."""
    return tuple(
        Group(
            group_id=group.group_id,
            group_name=group.group_name or "",
            children=tuple(
                GroupMember(member.obj_id, member.object_name or "")
                for member in group.children or ()
            ),
        )
        for group in decode(body, list[WireGroup])
    )


def decode_error(body: bytes) -> str:
    """Take the message out of either JSON error shape; empty if it is none."""
    try:
        error = decode(body, WireError)
    except ValueError:
        return ""
    nested = [item.message or item.error_code or "" for item in error.errors or ()]
    return error.general_message or error.message or "; ".join(filter(None, nested))


def walk(users: list[WireUser]) -> Iterator[WireUser]:
    """Every user of a tree once, parents before children, in the order of the answer."""
    pending = users[::-1]
    while pending:
        user = pending.pop()
        yield user
        pending += (user.children or [])[::-1]


def decode(body: bytes, kind: type[T]) -> T:
    """Decode JSON leniently; a ValueError says where it does not fit, without the value."""
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is not JSON") from None
