"""What the server keeps of the requests it has seen: for tests, and without secrets."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Journal", "SeenRequest"]

_LOGGER = logging.getLogger(__name__)

_BODY_LIMIT_BYTES = 2**20


@dataclass(slots=True)
class SeenRequest:
    """One request as the server saw it; tokens, passwords and forms are left out."""

    method: str
    path: str
    query: str
    body: dict[str, Any] | None
    """The JSON of a report request."""
    status: int = 0
    """Of the answer; 0 until it starts."""


class Journal:
    """
    Writes down each request, and the status of its answer.

    Parameters
    ----------
    app
        What answers the requests.
    seen
        Where they are written down.
    """

    def __init__(self, app: ASGIApp, seen: list[SeenRequest]) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and write down what may be known of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = SeenRequest(scope["method"], *_public_address(scope), None)
        self._seen.append(seen)
        body = bytearray()

        async def receive_and_keep() -> Message:
            message = await receive()
            body.extend(message.get("body", b"")[: _BODY_LIMIT_BYTES - len(body)])
            if message["type"] == "http.request" and not message.get("more_body"):
                seen.body = _report_body(seen.path, bytes(body))
            return message

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive_and_keep, send_and_note)
        except Exception:
            _LOGGER.exception("the simulator failed to answer %s", seen.path)
            raise


def _public_address(scope: Scope) -> tuple[str, str]:
    path = scope["path"]
    head, slash, _ = path.partition("/admin/token/")
    if slash:
        return f"{head}{slash}...", ""
    is_secret = "auth" in path or "/login" in path
    return path, "" if is_secret else scope["query_string"].decode("latin-1")


def _report_body(path: str, body: bytes) -> dict[str, Any] | None:
    if not path.endswith("/reportsStreaming"):
        return None
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) else None
