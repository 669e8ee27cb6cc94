"""Benchmarks need pytest-benchmark's fixture; where the plugin is switched off, so are they."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out of a run without the plugin."""
    has_fixture = config.pluginmanager.hasplugin("benchmark")
    return None if has_fixture else collection_path.suffix == ".py"
