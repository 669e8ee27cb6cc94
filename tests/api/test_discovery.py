"""The supporting calls, their tolerance, tokens, and the rules of base_url."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from cdr_engine.api import Account, ApiToken, Group, GroupMember, ReportService, StaticToken, User
from cdr_engine.api.address import Address
from cdr_engine.errors import (
    ConfigError,
    IncompleteReport,
    NotAReport,
    RequestError,
    ServiceRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Http, RawServer

    Connect = Callable[..., ReportService]

ACCOUNTS = b"""[
 {"accountId":"99990001","accountName":"Example","mainAccountId":"99990000"},
 {"accountId":99990002,"accountName":null,"mainAccountId":7,"enableCloudRouting":true,"new":{}},
 {"accountId":"99990003"}]"""
USERS = b"""[
 {"userId":1,"userName":"a@x.com","fullName":"A B","enabled":false,"roles":["SUPER_USER"],
  "children":[{"userId":"2","firstName":"C","lastName":"D","enabled":true,
               "roles":[{"roleType":"USER"}],"children":[{"userId":3,"children":null}]}]},
 {"userId":4,"enabled":null,"firstName":"E"}]"""
GROUPS = b"""[
 {"accountId":13670001,"groupId":111,"groupName":"Sales","product":"CLOUD_PROFILE","filters":[],
  "children":[{"accountId":"13670001","groupId":111,"objId":1111,"objectName":"DTE"},
              {"objId":"2222","objectName":null}]},
 {"groupId":null,"groupName":null,"children":[{"groupId":null,"objId":3333}]},
 {"groupId":"7","children":null},
 {}]"""


def test_accounts(connect: Connect, servers: list[RawServer], http: type[Http]) -> None:
    """Accounts come with ids as text, whichever way they are spelled."""
    service = connect(http.json(200, ACCOUNTS))

    assert service.accounts() == (
        Account("99990001", "Example", "99990000", None),
        Account("99990002", "", "7", has_cloud_routing=True),
        Account("99990003", "", None, None),
    )
    assert servers[0].requests[0].startswith(b"GET /api/v1/admin/accounts HTTP/1.1\r\n")
    assert f"Authorization: Bearer {http.token}".encode() in servers[0].requests[0]


def test_users(connect: Connect, http: type[Http]) -> None:
    """A tree of users comes flat, parents first."""
    assert connect(http.json(200, USERS)).users() == (
        User(1, "a@x.com", "A B", is_enabled=False),
        User(2, "", "C D", is_enabled=True),
        User(3, "", "", is_enabled=True),
        User(4, "", "E", is_enabled=True),
    )


def test_user_id(connect: Connect, servers: list[RawServer], http: type[Http]) -> None:
    """The first user that is enabled is picked."""
    assert connect(http.json(200, USERS)).user_id() == 2
    assert servers[0].requests[0].startswith(b"GET /api/v1/admin/users HTTP/1.1\r\n")


def test_user_id_forbidden(connect: Connect, http: type[Http]) -> None:
    """Who may not list users is told to name one."""
    with pytest.raises(ServiceRefused, match="--user-id") as caught:
        connect(http.json(403, b'{"generalMessage":"No"}')).user_id()
    assert caught.value.status == 403


def test_user_id_other_refusal(connect: Connect, http: type[Http]) -> None:
    """Another refusal is handed on as it is."""
    with pytest.raises(ServiceRefused, match=r"answered 500$"):
        connect(http.json(500, b"")).user_id()


@pytest.mark.parametrize("body", [b"[]", b'[{"userId":1,"enabled":false}]'])
def test_nobody_enabled(connect: Connect, http: type[Http], body: bytes) -> None:
    """Without an enabled user there is nobody to pick."""
    with pytest.raises(ConfigError, match="--user-id"):
        connect(http.json(200, body)).user_id()


@pytest.mark.parametrize(
    ("method", "product"),
    [("profile_groups", b"CLOUD_PROFILE"), ("destination_groups", b"CLOUD_DESTINATION")],
)
def test_groups(
    connect: Connect, servers: list[RawServer], http: type[Http], method: str, product: bytes
) -> None:
    """Groups come with their members; a null group id is one like any other."""
    groups = getattr(connect(http.json(200, GROUPS)), method)("13670001", 987654)

    assert groups == (
        Group(111, "Sales", (GroupMember(1111, "DTE"), GroupMember(2222, ""))),
        Group(None, "", (GroupMember(3333, ""),)),
        Group(7, "", ()),
        Group(None, "", ()),
    )
    target = servers[0].requests[0].split(b" ")[1]
    path = b"/api/v1/admin/accounts/13670001/users/987654/reports/inputControls"
    assert target == path + b"?accountIds=13670001&products=" + product


def test_groups_of_no_account(connect: Connect, http: type[Http]) -> None:
    """An account id that is no digits never gets into a path."""
    with pytest.raises(RequestError):
        connect(http.json(200, b"[]")).profile_groups("../users", 1)


@pytest.mark.parametrize("framing", ["gzip", "unproven"])
def test_json_in_other_framing(connect: Connect, http: type[Http], framing: str) -> None:
    """JSON shows its own end, so it may come without a length, and it may come coded."""
    answers = {
        "gzip": http.json(200, gzip.compress(b"[]"), "Content-Encoding: gzip"),
        "unproven": http.head(200) + b"[]",
    }
    assert connect(answers[framing]).accounts() == ()


@pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "application/json"])
def test_wrong_prefix(connect: Connect, http: type[Http], media_type: str) -> None:
    """A web page instead of JSON hints at the missing /voice."""
    page = http.sized(200, b"\n<!doctype html>", f"Content-Type: {media_type}")
    with pytest.raises(NotAReport, match="base_url probably lacks /voice"):
        connect(page).accounts()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'[{"accountName":"secret"}]', "accountId"),
        (b'[{"accountId":["secret"]}]', r"\$\[0\]"),
        (b'{"accountId":"secret"}', "array"),
        (b"secret", "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_other_shape(connect: Connect, http: type[Http], body: bytes, place: str) -> None:
    """JSON that does not fit says where, and never quotes what it holds."""
    with pytest.raises(NotAReport, match=place) as caught:
        connect(http.json(200, body)).accounts()
    assert "secret" not in str(caught.value)


def test_bottomless_tree(connect: Connect, http: type[Http]) -> None:
    """A tree of users deeper than any is refused, not followed."""
    with pytest.raises(NotAReport, match="not JSON"):
        connect(http.json(200, b'[{"userId":1,"children":' * 100_000)).users()


def test_json_cut(connect: Connect, http: type[Http]) -> None:
    """A list that breaks off is not taken for a shorter one."""
    with pytest.raises(IncompleteReport):
        connect([http.head(200, "Content-Length: 10"), b"[]"]).accounts()


def test_json_too_long(connect: Connect, http: type[Http], monkeypatch: pytest.MonkeyPatch) -> None:
    """A list without end is given up at a limit."""
    monkeypatch.setattr("cdr_engine.api.service.MAX_JSON_BYTES", 1000)
    with pytest.raises(NotAReport, match="longer than 1000 bytes"):
        connect(http.json(200, b" " * 2000)).accounts()


def test_api_token(connect: Connect, servers: list[RawServer], http: type[Http]) -> None:
    """A legacy or permanent token has a header field of its own."""
    connect(http.json(200, b"[]"), token=ApiToken("aws80:c2353445")).accounts()

    assert b"X-Auth-Token: aws80:c2353445\r\n" in servers[0].requests[0]
    assert b"uthorization" not in servers[0].requests[0]


@pytest.mark.parametrize("source", [StaticToken, ApiToken])
def test_token_source(source: type[StaticToken]) -> None:
    """A ready token hides its value and cannot be renewed."""
    token = source(" canary\n")

    assert "canary" not in repr(token)
    assert token.renew(token.headers()) is False
    assert next(iter(token.headers().values())).endswith("canary")


@pytest.mark.parametrize("source", [StaticToken, ApiToken])
@pytest.mark.parametrize("value", ["", "  ", "can ary", "canary\r\nX: y", "canäry"])
def test_token_that_is_none(source: type[StaticToken], value: str) -> None:
    """A value that no header field can carry is refused without being quoted."""
    with pytest.raises(ConfigError, match="set it again") as caught:
        source(value)
    assert "can" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "base_url", "peer"),
    [
        ("https://h.example/voice", "https://h.example/voice", "h.example:443"),
        ("https://h.example/voice/", "https://h.example/voice", "h.example:443"),
        ("https://h.example/voice/api", "https://h.example/voice", "h.example:443"),
        (" https://h.example/voice/api/ ", "https://h.example/voice", "h.example:443"),
        ("https://portal.example/api", "https://portal.example", "portal.example:443"),
        ("https://h.example:8443", "https://h.example:8443", "h.example:8443"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://localhost", "http://localhost", "localhost:80"),
        ("http://[::1]:80/voice", "http://[::1]:80/voice", "[::1]:80"),
    ],
)
def test_base_url(given: str, base_url: str, peer: str) -> None:
    """A trailing slash or /api is forgiven; accounts are below the rest."""
    address = Address.parse(given)

    assert address == (base_url, peer)
    assert address.admin("accounts") == f"{base_url}/api/v1/admin/accounts"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "h.example/voice",
        "ftp://h.example",
        "https://",
        "https://h.example:x",
        "https://[::1",
        "https://user:canary@h.example",
        "https://h.example/?token=canary",
        "https://h.example/#canary",
        "http://h.example/voice",
        "http://10.0.0.1",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://0.0.0.0",
    ],
)
def test_base_url_refused(given: str) -> None:
    """No address, one with more than a path, or plain http to another machine is refused."""
    with pytest.raises(ConfigError, match=r"^base_url ") as caught:
        ReportService(given, StaticToken("t"))
    assert "canary" not in str(caught.value)
