"""
Stage 2: chunks of bytes in, blocks of whole records out.

No I/O and nothing but the standard library: whoever has bytes pushes them, whoever wants records
takes the blocks.
"""

from __future__ import annotations

from cdr_engine.blocks.block import Block
from cdr_engine.blocks.cutter import BLOCK_BYTES, MAX_RECORD_BYTES, BlockCutter
from cdr_engine.blocks.dialect import DELIMITERS
from cdr_engine.blocks.header import Header

__all__ = ["BLOCK_BYTES", "DELIMITERS", "MAX_RECORD_BYTES", "Block", "BlockCutter", "Header"]
