"""
The simulator as a server: in a thread for tests, in the foreground for the command line.

The socket is bound here and not by uvicorn, so that the port is known before anything runs and
an address in use is an OSError of the caller, not an exit inside of a thread.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdr_engine.simulator.authentication import AuthService
from cdr_engine.simulator.faults import PAGE, FaultSchedule, problem
from cdr_engine.simulator.history import History
from cdr_engine.simulator.service import ReportService, as_response
from cdr_engine.simulator.switches import Switches
from cdr_engine.simulator.tokens import TokenBook

__all__ = ["TOKEN", "SeenRequest", "Simulator", "serve"]

TOKEN = "simulator-token"  # noqa: S105
"""The Engage token that is accepted unless another is configured."""

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_LOGGED_BODY_BYTES = 2**20


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


class Simulator:
    """
    The report service on this machine, running in a thread while the context is entered.

    Parameters
    ----------
    history
        The calls to report; by default those of `History()`.
    switches
        Answers to what the vendor leaves open.
    token
        An Engage token that never expires.
    host, port
        Where to listen; port 0 takes a free one.
    fault
        What goes wrong with the first report requests, such as "429x2,cut"; see `FAULTS`.
    replay
        A recorded body that answers every report request.

    Raises
    ------
    OSError
        On entering: the address cannot be bound, or the recorded body cannot be read.
    ValueError
        The fault is unknown.

    Examples
    --------
    >>> with Simulator(History(seed=7), fault="429") as simulator:
    ...     simulator.base_url.endswith("/voice")
    True
    """

    def __init__(
        self,
        history: History | None = None,
        switches: Switches | None = None,
        *,
        token: str = TOKEN,
        host: str = "127.0.0.1",
        port: int = 0,
        fault: str = "",
        replay: str | PathLike[str] | None = None,
    ) -> None:
        self.history = history or History()
        self.switches = switches or Switches()
        self.token = token
        self.host = host
        self.port = port
        self.requests: list[SeenRequest] = []
        self._fault = FaultSchedule(fault)
        self._replay = None if replay is None else Path(replay)
        self._server: uvicorn.Server | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def origin(self) -> str:
        """The address without a path: OAuth and other logins are below it."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}"

    @property
    def base_url(self) -> str:
        """The BASE_URL of the vendor's reference page."""
        return f"{self.origin}/voice"

    @property
    def report_requests(self) -> list[SeenRequest]:
        """The requests for reports, in the order in which they came."""
        return [seen for seen in self.requests if seen.path.endswith("/reportsStreaming")]

    def __enter__(self) -> Self:
        server, listener = self._bind()
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def run(self) -> None:
        """Serve in the foreground until the process is interrupted."""
        server, listener = self._bind()
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        listener.close()

    def stop(self) -> None:
        """Close every connection and the port."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        if self._socket is not None:
            self._socket.close()

    def bind(self) -> None:
        """Take the port without serving yet, so that `base_url` is final."""
        if self._socket is None:
            self._socket = _listen(self.host, self.port)
            self.port = self._socket.getsockname()[1]

    def _bind(self) -> tuple[uvicorn.Server, socket.socket]:
        if self._replay is not None:
            self._replay.open("rb").close()
        self.bind()
        assert self._socket is not None
        config = uvicorn.Config(
            _Recorder(self._application(), self.requests),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=0,
        )
        self._server = uvicorn.Server(config)
        return self._server, self._socket

    def _application(self) -> Starlette:
        tokens = TokenBook(self.token, self.switches.token_lifetime_s)
        reports = ReportService(self.history, self.switches, tokens, self._fault, self._replay)
        routes = [
            *AuthService(tokens, self.history.accounts).routes(),
            *reports.routes(),
            Route("/voice/api/{path:path}", _nothing_here, methods=_METHODS),
            Route("/{path:path}", _web_page, methods=_METHODS),
        ]
        return Starlette(routes=routes)


def serve(
    history: History | None = None,
    switches: Switches | None = None,
    *,
    token: str = TOKEN,
    host: str = "127.0.0.1",
    port: int = 0,
    fault: str = "",
    replay: str | PathLike[str] | None = None,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """
    Serve until interrupted; `on_ready` is called with the base URL once the port is taken.

    The other parameters are those of `Simulator`.

    Raises
    ------
    OSError
        The address cannot be bound, or the recorded body cannot be read.
    ValueError
        The fault is unknown.
    """
    simulator = Simulator(
        history, switches, token=token, host=host, port=port, fault=fault, replay=replay
    )
    simulator.bind()
    if on_ready is not None:
        on_ready(simulator.base_url)
    simulator.run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise OSError(error.errno, message) from error
    return listener


async def _nothing_here(request: Request) -> Response:
    message = "The resource you have requested does not exist"
    return as_response(problem(404, message, f"{request.url.path} - {request.method}"))


async def _web_page(request: Request) -> Response:  # noqa: ARG001
    return Response(PAGE, media_type="text/html")


class _Recorder:
    """Writes down each request, and the status of its answer."""

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
            body.extend(message.get("body", b"")[:_LOGGED_BODY_BYTES])
            if message["type"] == "http.request" and not message.get("more_body"):
                seen.body = _report_body(seen.path, bytes(body))
            return message

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            await send(message)

        await self._app(scope, receive_and_keep, send_and_note)


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
