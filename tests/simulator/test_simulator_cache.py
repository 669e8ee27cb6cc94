from __future__ import annotations

from cdr_engine.simulator.bounded import Bounded


def test_value_is_made_once() -> None:
    """A value that is held is not made again."""
    made: list[int] = []
    cache: Bounded[int, bytes] = Bounded(100, len)

    def make() -> bytes:
        made.append(1)
        return b"x" * 10

    assert [cache.get(1, make), cache.get(1, make)] == [b"x" * 10] * 2
    assert made == [1]


def test_limit_holds() -> None:
    """Past the limit the least recently used value goes, and the count of bytes follows."""
    cache: Bounded[str, bytes] = Bounded(25, len)
    for key in "ab":
        cache.get(key, lambda: b"x" * 10)
    cache.get("a", lambda: b"")
    cache.get("c", lambda: b"x" * 10)

    assert cache.held_bytes == 20
    assert cache.get("a", lambda: b"again") == b"x" * 10
    assert cache.get("b", lambda: b"again") == b"again"


def test_a_value_above_the_limit() -> None:
    """A single value heavier than the limit is held alone."""
    cache: Bounded[str, bytes] = Bounded(5, len)
    cache.get("small", lambda: b"x")
    cache.get("large", lambda: b"x" * 10)

    assert cache.held_bytes == 10
