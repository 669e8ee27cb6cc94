from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from cdr_engine.columns import values
from cdr_engine.columns.clock import Clock


def cells(*texts: str | None) -> Any:
    """Cells as the decoder holds text that repeats; empty ones are NULL already."""
    array = pa.array([text or None for text in texts], pa.string()).dictionary_encode()
    return array.cast(pa.dictionary(pa.int32(), pa.string()))


def misfits(typed: values.Typed) -> list[int]:
    """Rows whose cells did not fit."""
    return [] if typed.misfits is None else typed.misfits.tolist()


@pytest.mark.parametrize(
    "word", ["Yes", "YES", "yes", "yEs", "Y", "y", "1", "true", "TRUE", " Yes "]
)
def test_yes(word: str) -> None:
    """Words for yes, in any case."""
    typed = values.flag(cells(word))

    assert ([True], []) == (typed.array.to_pylist(), misfits(typed))


@pytest.mark.parametrize("word", ["No", "NO", "no", "N", "n", "0", "false", "False", " No "])
def test_no(word: str) -> None:
    """Words for no, in any case."""
    typed = values.flag(cells(word))

    assert ([False], []) == (typed.array.to_pylist(), misfits(typed))


@pytest.mark.parametrize(
    "word", ["maybe", "2", "yes!", "ye s", "01", "t", "f", "on", "\u00a0Yes", "-"]
)
def test_neither(word: str) -> None:
    """Any other word is a misfit, in its own row only."""
    typed = values.flag(cells("Yes", word, None, "No", word))

    assert [True, None, None, False, None] == typed.array.to_pylist()
    assert [1, 4] == misfits(typed)


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64()], ids=str)
def test_whole_numbers(kind: Any) -> None:
    """Decimal digits with leading zeros, a minus and blanks around them are numbers."""
    low, high = -(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1
    given = {
        "0": 0,
        "7": 7,
        "007": 7,
        "-7": -7,
        "-0": 0,
        " 7": 7,
        "7  ": 7,
        "\t7\t": 7,
        str(low): low,
        str(high): high,
        "0" * 60 + "7": 7,
        "-" + "0" * 60 + "7": -7,
        "0" * 5000: 0,
    }
    typed = values.whole_number(cells(*given), kind)

    assert list(given.values()) == typed.array.to_pylist()
    assert (kind, []) == (typed.array.type, misfits(typed))


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64()], ids=str)
def test_no_whole_numbers(kind: Any) -> None:
    """Signs but one minus, points, exponents, other digits and what is too large are misfits."""
    beyond = 2 ** (kind.bit_width - 1)
    given = [
        *("+7", "--7", "- 7", "7-", "7.0", "7.", ".7", "1e3", "0x10", "1,000", "1 000", "seven"),
        *("\u0667", "\uff17", "\u00a07", "7\n", "1_000", "NaN", "-", "'7", "9" * 30, "1" * 5000),
        *(str(beyond), str(-beyond - 1)),
    ]
    typed = values.whole_number(cells(*given), kind)

    assert [None] * len(given) == typed.array.to_pylist()
    assert list(range(len(given))) == misfits(typed)


@pytest.mark.parametrize(
    "read", [values.flag, lambda words: values.whole_number(words, pa.int32())]
)
def test_nothing_in_a_cell(read: Any) -> None:
    """Empty cells, and cells of spaces, are NULL and no misfits."""
    typed = read(cells(None, " ", "    ", "1"))

    assert [True, True, True, False] == typed.array.is_null().to_pylist()
    assert [] == misfits(typed)


TEXTS = {
    " DTE ": "DTE",
    "COMPLETE            ": "COMPLETE",
    "IT TFN": "IT TFN",
    "\tDTE\t": "\tDTE\t",
    "\u00a0DTE\u00a0": "\u00a0DTE\u00a0",
    "\u2003DTE": "\u2003DTE",
    "\nDTE\n": "\nDTE\n",
    " \t ": "\t",
    "   ": None,
    "": None,
    " Zoë 😀 ": "Zoë 😀",
    "007": "007",
    "+15551234567": "+15551234567",
    "0": "0",
}


def test_text_that_repeats() -> None:
    """Only spaces proper are removed around text; nothing is left of a cell of spaces."""
    trimmed = values.repeating_text(cells(*TEXTS, *TEXTS))

    assert [*TEXTS.values()] * 2 == trimmed.to_pylist()


def test_equal_after_trimming() -> None:
    """Texts that differ in spaces around them only become one entry."""
    trimmed = values.repeating_text(cells("DTE", "DTE ", " DTE", "IT"))

    assert ["DTE", "IT"] == trimmed.dictionary.to_pylist()
    assert [0, 0, 0, 1] == trimmed.indices.to_pylist()


def test_text_held_plain() -> None:
    """The same rules hold for text that hardly repeats, with and without spaces in the column."""
    given = pa.array([text or None for text in TEXTS], pa.string())
    bare = pa.array(["a", None, "é"], pa.string())

    assert [*TEXTS.values()] == values.text(given).to_pylist()
    assert bare is values.text(bare)
    assert [] == values.text(pa.array([], pa.string())).to_pylist()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["'1", "'2"], ["1", "2"]),
        (["'12", "'345"], ["12", "345"]),
        (["1", "'2"], ["1", "2"]),
        (["''1", "'1'"], ["'1", "1'"]),
        ([" '1 ", "'2"], ["1", "2"]),
        (["'", "'1"], [None, "1"]),
        (["'", "'"], [None, None]),
        (["  ", None], [None, None]),
        (["'é", "'ab"], ["é", "ab"]),
        (["'é", "'ü"], ["é", "ü"]),
        ([], []),
    ],
)
def test_uii(given: list[str | None], expected: list[str | None]) -> None:
    """One apostrophe in front is taken off, whatever its neighbours look like."""
    assert expected == values.uii(pa.array(given, pa.string())).to_pylist()


def test_uii_of_a_slice() -> None:
    """A part of a longer column gives its own values."""
    whole = pa.array(["'11", "'22", "'33", "'44"], pa.string())

    assert ["22", "33"] == values.uii(whole.slice(1, 2)).to_pylist()


def test_instants_count_rows() -> None:
    """Ambiguous and missing times are counted by rows, not by distinct texts."""
    twice, never = "11/3/24 1:30 AM", "3/10/24 2:30 AM"
    typed = values.instant(
        cells(twice, never, twice, " 11/5/24 1:30 AM ", twice, None, "x"), Clock("US/Eastern")
    )

    assert (3, 1, [6]) == (typed.ambiguous, typed.missing, misfits(typed))
    assert datetime(2024, 11, 3, 5, 30, tzinfo=UTC) == typed.array.to_pylist()[0]
    assert datetime(2024, 3, 10, 7, 30, tzinfo=UTC) == typed.array.to_pylist()[1]
    assert datetime(2024, 11, 5, 6, 30, tzinfo=UTC) == typed.array.to_pylist()[3]


BLANKS = ["\t", " \t ", "\t\t", "\u00a0", "\u202f", "\u2003"]
"""Cells of blanks that are not spaces only."""


@pytest.mark.parametrize(
    "read",
    [
        values.flag,
        lambda words: values.whole_number(words, pa.int32()),
        lambda words: values.whole_number(words, pa.int64()),
        lambda words: values.instant(words, Clock("UTC")),
    ],
    ids=["flag", "int32", "int64", "instant"],
)
def test_blanks_other_than_spaces(read: Any) -> None:
    """Only spaces are nothing: a cell of other blanks fits no kind and is listed."""
    typed = read(cells("   ", *BLANKS, None))

    assert [None] * 8 == typed.array.to_pylist()
    assert [1, 2, 3, 4, 5, 6] == misfits(typed)
