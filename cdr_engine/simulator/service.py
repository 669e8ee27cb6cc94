"""
The endpoints behind a token: accounts, users, input controls and the report itself.

Shapes are those of the vendor's guides and of its OpenAPI file; where neither shows one (input
controls), that of the two schemas whose names match.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdr_engine.simulator.centre import Account, Group
from cdr_engine.simulator.criteria import BadReport, read_report
from cdr_engine.simulator.faults import (
    BODY_FAULTS,
    DENIED,
    Answer,
    FaultSchedule,
    fault_answer,
    problem,
    spoil,
)
from cdr_engine.simulator.reports import Source, gzipped
from cdr_engine.simulator.streaming import PartedResponse
from cdr_engine.simulator.switches import Switches
from cdr_engine.simulator.tokens import RateLimiter, TokenBook

__all__ = ["ADMIN_ID", "ReportService", "as_json", "as_response"]

ADMIN_ID = 987654
"""The user at the root of the tree."""

_ADMIN = "/voice/api/v1/admin"
_PRODUCTS = ("CLOUD_PROFILE", "CLOUD_DESTINATION")
_REPLAY_BYTES = 4 * 2**20


class ReportService:
    """
    The reporting part of the service.

    Parameters
    ----------
    source, switches
        What is reported, and how.
    tokens
        Who may ask.
    faults
        What goes wrong with the next report requests.
    replay
        A recorded body that answers every report request, in place of the source.
    """

    def __init__(
        self,
        source: Source,
        switches: Switches,
        tokens: TokenBook,
        faults: FaultSchedule,
        replay: Path | None,
    ) -> None:
        self._source = source
        self._switches = switches
        self._tokens = tokens
        self._faults = faults
        self._replay = replay
        self._limiter = RateLimiter(switches.limits)

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        account = _ADMIN + "/accounts/{account_id}"
        controls = account + "/users/{user_id}/reports/inputControls"
        return [
            Route(_ADMIN + "/accounts", self.accounts),
            Route(_ADMIN + "/users", self.users),
            Route(controls, self.input_controls),
            Route(account + "/reportsStreaming", self.stream_report, methods=["POST"]),
        ]

    async def accounts(self, request: Request) -> Response:
        """List the accounts."""
        main = self._source.accounts[0].account_id[:-4] + "0000"
        return self._refusal(request) or as_json(
            [
                {"accountId": a.account_id, "accountName": a.name, "mainAccountId": main,
                 "enableCloudRouting": True}
                for a in self._source.accounts
            ]
        )  # fmt: skip

    async def users(self, request: Request) -> Response:
        """List the users, as a tree unless `flatten=true`."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self._switches.users_forbidden:
            return as_response(problem(403, DENIED, _uri(request)))
        flat = request.query_params.get("flatten", "false").lower() == "true"
        children = [_user(ADMIN_ID + 1 + n, f"Agent{n}", ADMIN_ID, []) for n in range(3)]
        root = _user(ADMIN_ID, "Admin", None, [] if flat else children)
        return as_json([root, *children] if flat else [root])

    async def input_controls(self, request: Request) -> Response:
        """List the profiles or the destinations of an account by group."""
        refusal = self._refusal(request) or self._unknown_account(request)
        if refusal is not None:
            return refusal
        product = request.query_params.get("products", "")
        if product not in _PRODUCTS:
            error = {"attributeName": "products", "message": "not a product", "value": product}
            return as_response(
                problem(400, "The supplied data is not valid", _uri(request), (error,))
            )
        account_id = request.path_params["account_id"]
        account = next(a for a in self._source.accounts if a.account_id == account_id)
        return as_json(_controls(account, product))

    async def stream_report(self, request: Request) -> Response:
        """Answer with the report, with the fault whose turn it is, or with a refusal."""
        body = await request.body()
        refusal = self._refusal(request) or self._limited()
        if refusal is not None:
            return refusal
        fault = self._faults.next()
        instead = fault_answer(fault or "", _uri(request))
        if instead is not None:
            return as_response(instead)
        refusal = self._unknown_account(request)
        if refusal is not None:
            return refusal
        try:
            report = read_report(body, self._source.accounts, self._switches)
        except BadReport as error:
            message = "The supplied data is not valid"
            return as_response(problem(400, message, _uri(request), (error.error,)))
        parts = _recorded(self._replay) if self._replay else self._source.parts(report)
        return self._streamed(request, parts, fault)

    def _streamed(
        self, request: Request, parts: Iterator[bytes | memoryview], fault: str | None
    ) -> Response:
        headers = {"Content-Type": self._switches.content_type}
        if fault in BODY_FAULTS:
            parts = spoil(fault or "", parts)
        if self._switches.gzip and "gzip" in request.headers.get("accept-encoding", ""):
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            parts = gzipped(parts)
        return PartedResponse(parts, headers, stall_s=self._switches.stall_s)

    def _refusal(self, request: Request) -> Response | None:
        if self._tokens.admits(request.headers):
            return None
        return as_response(Answer(401, "text/plain", b"Jwt is expired"))

    def _unknown_account(self, request: Request) -> Response | None:
        account_id = request.path_params["account_id"]
        if any(account.account_id == account_id for account in self._source.accounts):
            return None
        message = "The resource you have requested does not exist"
        return as_response(problem(404, message, _uri(request)))

    def _limited(self) -> Response | None:
        wait_s = self._limiter.wait_s()
        answer = fault_answer("429", "")
        if wait_s == 0 or answer is None:
            return None
        calls, period_s = self._limiter.limits[0]
        headers = {
            "Retry-After": str(math.ceil(wait_s)),
            "X-Rate-Limit-Group": "heavy",
            "X-Rate-Limit-Limit": str(calls),
            "X-Rate-Limit-Remaining": "0",
            "X-Rate-Limit-Window": f"{period_s:g}",
        }
        return Response(answer.body, 429, headers, media_type=answer.content_type)


def as_json(value: Any) -> Response:
    """Return a value as a JSON answer."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def as_response(answer: Answer) -> Response:
    """Return an answer that is not a report."""
    headers = {"Content-Type": answer.content_type, **answer.headers}
    return Response(answer.body, answer.status, headers)


def _uri(request: Request) -> str:
    return f"{request.url.path} - {request.method}"


def _user(user_id: int, name: str, parent: int | None, children: list[Any]) -> dict[str, Any]:
    return {
        "userId": user_id,
        "userName": f"{name.lower()}@centre.example",
        "firstName": name,
        "lastName": "Example",
        "fullName": f"{name} Example",
        "enabled": True,
        "roles": [{"roleType": "USER" if parent else "SUPER_USER", "description": ""}],
        "children": children,
        "rootUser": parent is None,
        "parentPath": f"{parent}" if parent else "",
        "rcUserId": user_id + 1_000_000,
        "userManagedByRC": True,
        "regionalSettings": {"timezoneName": "America/New_York"},
    }


def _controls(account: Account, product: str) -> list[dict[str, Any]]:
    members: list[tuple[int, str, Group]]
    if product == "CLOUD_PROFILE":
        members = [(p.profile_id, p.name, p.group) for p in account.profiles]
    else:
        members = [(d.destination_id, d.name, d.group) for d in account.destinations]
    shared: dict[Group, dict[str, Any]] = {
        group: {
            "accountId": int(account.account_id),
            "groupId": group.group_id,
            "groupName": group.name,
        }
        for _, _, group in members
    }
    return [
        {
            **common,
            "product": product,
            "filters": [],
            "objectTimestamp": None,
            "children": [
                {**common, "objId": member_id, "objectName": name, "objectTimestamp": None}
                for member_id, name, member_group in members
                if member_group == group
            ],
        }
        for group, common in shared.items()
    ]


def _recorded(path: Path) -> Iterator[bytes | memoryview]:
    with path.open("rb") as file:
        while chunk := file.read(_REPLAY_BYTES):
            yield chunk
