"""Work side by side whose last steps come one after another, in the order in which it was given."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Stopped", "Turns"]


class Stopped(Exception):
    """Work before this one failed, or nobody waits for it any longer."""


class Turns:
    """
    Numbered turns, from 0.

    Every number below one that is waited for has to be under way or passed, or it waits for ever.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._next = 0
        self._is_stopped = False

    def check(self) -> None:
        """Raise Stopped if the work is to end."""
        if self._is_stopped:
            raise Stopped

    def stop(self) -> None:
        """End the work of all turns that have not begun."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    @contextmanager
    def turn(self, number: int) -> Iterator[None]:
        """Wait until all lower numbers have passed; no higher one begins inside."""
        with self._changed:
            self._changed.wait_for(lambda: self._next == number or self._is_stopped)
            self.check()
        yield

    def passed(self, number: int) -> None:
        """Let the next one begin, once it is this one's turn."""
        with self.turn(number), self._changed:
            self._next = number + 1
            self._changed.notify_all()
