from __future__ import annotations

import pytest
from hostile_streams import ORDINARY, Cost, is_costly, measure

MB = 1_000_000


@pytest.fixture(scope="module")
def ordinary() -> Cost:
    """What an ordinary stream of 200 MB takes."""
    return measure(ORDINARY, 200 * MB)


@pytest.mark.parametrize(
    ("name", "megabytes"),
    [
        ("one quoted field", 100),
        ("no line end", 200),
        ("only LF", 100),
        ("only quotes", 200),
        ("uii, without end", 200),
        ("long run of one byte in rows", 100),
        ("one byte a line", 10),
        ("an open quote a line", 10),
        ("calls with a line break each", 20),
        ("calls of another table", 50),
        ("calls with an open quote each", 50),
        ("calls that are not UTF-8", 20),
    ],
)
def test_a_hostile_stream(name: str, megabytes: int, ordinary: Cost) -> None:
    """A hostile stream takes at most 64 MiB more than calls do."""
    assert not is_costly(measure(name, megabytes * MB), ordinary)
