from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from campaigns.year import WAYS, Way, Year, way_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def year() -> Iterator[Year]:
    """A year of few calls."""
    with Year(calls_per_day=8) as year:
        yield year


@pytest.mark.parametrize(
    "way",
    [
        Way(0, 1, 1, ("503-retry", "json-tail")),
        Way(0, 12, 8, ("hang-up", "cut-in-last", "short-length", "gzip-cut")),
        Way(0, 12, 1, ()),
    ],
    ids=["whole", "side by side", "plain"],
)
def test_a_year_however_it_is_fetched(year: Year, way: Way) -> None:
    """A year is the same calls to the byte, in however many windows, jobs and through faults."""
    assert year.run(way)


def test_the_campaign_goes_every_way() -> None:
    """Twelve consecutive seeds are every number of windows and jobs, with and without faults."""
    drawn = {(way.windows, way.jobs, bool(way.faults)) for way in map(way_of, range(7, 19))}

    assert set(WAYS) == drawn
