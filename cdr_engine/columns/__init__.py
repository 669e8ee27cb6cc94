"""Stage 3: blocks of whole records in, Arrow RecordBatches and rejects out."""

from __future__ import annotations

from cdr_engine.columns.arrow import calls_schema, plain, working_schema
from cdr_engine.columns.clock import Clock
from cdr_engine.columns.decoder import Contract, Decoded, Decoder

__all__ = ["Clock", "Contract", "Decoded", "Decoder", "calls_schema", "plain", "working_schema"]
