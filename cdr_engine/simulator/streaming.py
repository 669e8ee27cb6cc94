"""
A streamed answer whose sender can also fail.

Starlette's own streaming response always ends a body well. Here the parts may end with
`BodyEnds` or `BodyStalls`, and then the connection is closed without the last chunk. The next part
is made in a thread while the current one is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cdr_engine.simulator.faults import BodyEnds, BodyStalls

__all__ = ["CHUNK_BYTES", "PartedResponse"]

CHUNK_BYTES = 256 * 1024
"""Largest piece handed to the socket: large enough to be cheap, small against its buffers."""


class PartedResponse(Response):
    """
    A chunked body made of parts.

    Parameters
    ----------
    parts
        Byte strings of any size; may raise `BodyEnds` or `BodyStalls`.
    headers
        Of the answer; no length may be among them.
    stall_s
        How long the connection stays open after `BodyStalls`, in seconds.
    """

    def __init__(
        self, parts: Iterator[bytes | memoryview], headers: dict[str, str], *, stall_s: float
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(headers)
        self._parts = parts
        self._stall_s = stall_s

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; returns early when the client leaves or the body is to break."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        gone = asyncio.create_task(_left(receive))
        try:
            await self._send_parts(send, gone)
        except BodyEnds:
            return
        except BodyStalls:
            await asyncio.wait([gone], timeout=self._stall_s)
            return
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_parts(self, send: Send, gone: asyncio.Task[None]) -> None:
        coming = asyncio.create_task(asyncio.to_thread(next, self._parts, None))
        while (part := await coming) is not None:
            coming = asyncio.create_task(asyncio.to_thread(next, self._parts, None))
            for start in range(0, len(part), CHUNK_BYTES):
                if gone.done():
                    await asyncio.gather(coming, return_exceptions=True)
                    raise BodyEnds
                piece = bytes(part[start : start + CHUNK_BYTES])
                await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
