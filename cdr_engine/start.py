"""What a command has no use for is not started: pandas, and threads for linear algebra."""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["spare"]


def spare() -> None:
    """
    Keep pyarrow from importing pandas, and numpy from starting threads; before either is imported.

    Where pandas is installed, pyarrow imports it with the first array it makes: 40 MB and a third
    of a second.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if not any(isinstance(finder, _NoPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NoPandas())


class _NoPandas(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("a command has no use for pandas", name=fullname)
