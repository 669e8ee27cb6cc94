from __future__ import annotations

import pytest
from campaigns.fuzz import check
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import assert_invariants, pieces, read
from strategies import bodies, spoilt_bodies

from cdr_engine.schema import HEADER


@pytest.mark.parametrize("start", range(0, 300, 50))
def test_fixed_cases(start: int) -> None:
    """For bytes of every kind the books balance, and nothing depends on how they are fed."""
    for seed in range(start, start + 50):
        check(seed)


FOUND = [
    b"uii,ani\n,\ruii,ani\n\n",
    b"uii,ani\n'1,2\ruii,ani\n\n'3,4\n",
    b"uii,ani\n'1,2\nani,uii\n\xff,9\nuii\nuii,ani\r\n'3,4\r",
    HEADER.encode() + b"\n,a_b\nuii\n" + HEADER.encode() + b"\n",
]
"""Bodies that were read differently from one way of feeding to another."""


@pytest.mark.parametrize("body", FOUND)
@pytest.mark.parametrize("block_bytes", [1, 5, 16, 600])
def test_bodies_that_were_misread(body: bytes, block_bytes: int) -> None:
    """A CR before a header, and a line with a name in it, mean the same in every block."""
    assert_invariants(body, chunk=3, block_bytes=block_bytes)


@given(spoilt_bodies, st.integers(1, 300), st.integers(1, 3000))
@settings(max_examples=40, deadline=None)
def test_spoilt_reports_are_accounted_for(body: bytes, chunk: int, block_bytes: int) -> None:
    """Anything between the lines of a report is accounted for, however it is fed."""
    assert_invariants(body, chunk=chunk, block_bytes=block_bytes)


@given(bodies, st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_valid_reports_have_no_rejects(body: bytes, chunk: int) -> None:
    """A valid report gives rows only."""
    outcome = read(pieces(body, chunk))

    assert [] == outcome.rejects
    assert outcome.ledger.records == len(outcome.rows)
