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
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdr_engine.simulator.authentication import AuthService
from cdr_engine.simulator.faults import PAGE, FaultSchedule, problem
from cdr_engine.simulator.history import History
from cdr_engine.simulator.journal import Journal, SeenRequest
from cdr_engine.simulator.reports import Reporter, Source
from cdr_engine.simulator.service import ReportService, as_response
from cdr_engine.simulator.switches import Switches
from cdr_engine.simulator.tokens import TokenBook

__all__ = ["TOKEN", "Simulator", "serve"]

TOKEN = "simulator-token"  # noqa: S105
"""The Engage token that is accepted unless another is configured."""

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


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
    dataset
        An exported dataset whose calls are reported in place of the history.

    Raises
    ------
    OSError
        On entering: the address cannot be bound, or what is to be sent cannot be read.
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
        dataset: str | PathLike[str] | None = None,
    ) -> None:
        self.history = history or History()
        self.switches = switches or Switches()
        self.token = token
        self.host = host
        self.port = port
        self.requests: list[SeenRequest] = []
        self._fault = FaultSchedule(fault)
        self._replay = None if replay is None else Path(replay)
        self._dataset = None if dataset is None else Path(dataset)
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

    def set_fault(self, fault: str) -> None:
        """Let the next report requests meet other faults; "" for none. ValueError if unknown."""
        self._fault.replace(fault)

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
        self.stop()

    def stop(self) -> None:
        """Close every connection and the port."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None

    def bind(self) -> None:
        """Take the port without serving yet, so that `base_url` is final."""
        if self._socket is None:
            if self._replay is not None:
                self._replay.open("rb").close()
            self._app = self._application()
            self._socket = _listen(self.host, self.port)
            self.port = self._socket.getsockname()[1]

    def _bind(self) -> tuple[uvicorn.Server, socket.socket]:
        self.bind()
        assert self._socket is not None
        config = uvicorn.Config(
            Journal(self._app, self.requests),
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
        source = self._source()
        reports = ReportService(source, self.switches, tokens, self._fault, self._replay)
        routes = [
            *AuthService(tokens, source.accounts, self.switches).routes(),
            *reports.routes(),
            Route("/voice/api/{path:path}", _nothing_here, methods=_METHODS),
            Route("/{path:path}", _web_page, methods=_METHODS),
        ]
        return Starlette(routes=routes)

    def _source(self) -> Source:
        if self._dataset is None:
            return Reporter(self.history, self.switches)
        from cdr_engine.simulator.archive import Archive

        return Archive(self._dataset, self.switches)


def serve(
    history: History | None = None,
    switches: Switches | None = None,
    *,
    token: str = TOKEN,
    host: str = "127.0.0.1",
    port: int = 0,
    fault: str = "",
    replay: str | PathLike[str] | None = None,
    dataset: str | PathLike[str] | None = None,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """
    Serve until interrupted; `on_ready` is called with the base URL once the port is taken.

    The other parameters are those of `Simulator`.

    Raises
    ------
    OSError
        The address cannot be bound, or what is to be sent cannot be read.
    ValueError
        The fault is unknown.
    """
    simulator = Simulator(
        history,
        switches,
        token=token,
        host=host,
        port=port,
        fault=fault,
        replay=replay,
        dataset=dataset,
    )
    simulator.bind()
    if on_ready is not None:
        on_ready(simulator.base_url)
    simulator.run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only for sockets that name their protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
