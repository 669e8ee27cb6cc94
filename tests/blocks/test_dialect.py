from __future__ import annotations

import re

import pytest

from cdr_engine.blocks.dialect import dialect, enough, misshapen, shapely

PATTERNS = [
    *dialect(b",")[1:],
    *(make(b",", fields) for make in (shapely, misshapen, enough) for fields in (1, 2, 34)),
]

POSSESSIVE = re.compile(rb"(?:[*+?]|\{\d*,?\d*\})\+")


def groups(pattern: bytes) -> list[tuple[bytes, bytes]]:
    """How each group of a pattern begins, and what follows its end."""
    found, opened, at = [], [], 0
    plain = re.compile(rb"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^()]", re.DOTALL)
    while at < len(pattern):
        if pattern[at : at + 1] == b"(":
            opened.append(at)
            at += 1
        elif pattern[at : at + 1] == b")":
            found.append((pattern[opened.pop() :][:3], pattern[at + 1 :]))
            at += 1
        else:
            at = plain.match(pattern, at).end()
    assert not opened
    return found


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
def test_possessive_groups_are_atomic(pattern: re.Pattern[bytes]) -> None:
    """No pattern repeats a plain group possessively, which Python before 3.11.5 gets wrong."""
    assert [] == [
        head
        for head, behind in groups(pattern.pattern)
        if POSSESSIVE.match(behind) and head != b"(?>"
    ]
    assert groups(pattern.pattern)
