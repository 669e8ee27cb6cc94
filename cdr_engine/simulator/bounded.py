"""A cache whose memory has a limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Bounded"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """
    Values by key, the least recently used dropped once they weigh more than `limit_bytes`.

    Two threads that miss the same key at the same time both make the value; it is the same value,
    so nothing is locked while it is made.
    """

    def __init__(self, limit_bytes: int, weigh: Callable[[V], int]) -> None:
        self._limit = limit_bytes
        self._weigh = weigh
        self._held: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()
        self.held_bytes = 0

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of `key`, made by `make` when it is not held."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        value = make()
        with self._lock:
            if key not in self._held:
                self._held[key] = value
                self.held_bytes += self._weigh(value)
            while self.held_bytes > self._limit and len(self._held) > 1:
                _, dropped = self._held.popitem(last=False)
                self.held_bytes -= self._weigh(dropped)
        return value
