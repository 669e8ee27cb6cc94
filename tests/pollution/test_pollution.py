from __future__ import annotations

import os

import pytest
from matrix import PLACES, Case, assert_invariant, full, run, sample
from pollute import CLASSES, NAMES

SEED = int(os.environ.get("CDR_POLLUTION_SEED", "20200425"))
IS_FULL = "CDR_POLLUTION_FULL" in os.environ
CASES = list(full(SEED)) if IS_FULL else sample(SEED, len(CLASSES) * len(PLACES))


@pytest.mark.parametrize("name", CLASSES)
def test_no_silent_difference(name: str) -> None:
    """What is spoilt is kept as it came or is a reject with its bytes; all else is as it was."""
    for case in CASES:
        if case.name == name:
            run(case)


@pytest.mark.parametrize("name", CLASSES)
def test_any_way_of_feeding(name: str) -> None:
    """A spoilt report gives the same in chunks of 1, 7 and 65,536 bytes and in any blocks."""
    assert_invariant(Case(name, "edge", 4, SEED))


@pytest.mark.parametrize(
    "name", ["U+202F", "U+202F before AM", "BOM before a row", "NUL", "padded"]
)
def test_every_column(name: str) -> None:
    """What spoils a single cell is told in every one of the 34 columns."""
    for column in range(len(NAMES)):
        run(Case(name, "middle", column, SEED))
