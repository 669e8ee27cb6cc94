from __future__ import annotations

import pytest
from three_readers import compare


@pytest.mark.parametrize("seed", range(8))
def test_three_readers_agree(seed: int) -> None:
    """The engine, the csv module and DuckDB's strict reader see the same cells."""
    compared = compare(2500, seed)

    assert 2500 * 34 == compared.cells
