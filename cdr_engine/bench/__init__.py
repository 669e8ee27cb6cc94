"""
How fast this machine loads these files: stage by stage, and beside other libraries.

Nothing here measures itself: each pass is a process of its own, and they take turns.
"""

from __future__ import annotations

from cdr_engine.bench.comparison import Benchmark, ReaderTime, StageTime, bench

__all__ = ["Benchmark", "ReaderTime", "StageTime", "bench"]
