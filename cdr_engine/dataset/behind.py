"""A thread that writes one row group while the next one is put together."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Behind"]


class Behind:
    """One call at a time in a thread of its own; the next call waits for the last one's end."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[Any] | None = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Begin a call; raises what the call before it raised."""
        self.settle()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "write")
        self._last = self._pool.submit(function, *arguments)

    def settle(self) -> None:
        """Wait for the last call; raises what it raised, once."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def close(self) -> None:
        """Wait for the last call, whatever became of it, and end the thread."""
        self._last = None
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
