"""Call detail reports of RingCentral Engage Voice: streamed into Parquet, answered in SQL."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
