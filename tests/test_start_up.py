from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[1] / "sample_data" / "vendor_example.csv"
HEAVY = "{'pyarrow', 'numpy', 'duckdb', 'httpx', 'starlette', 'uvicorn'}"


def loaded_by(code: str, watched: str = HEAVY) -> str:
    """Which of the watched modules a new interpreter has loaded after this code."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sorted({watched} & set(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("code", ["import cdr_engine", "import cdr_engine.cli"])
def test_import_loads_nothing_heavy(code: str) -> None:
    """Neither the package nor its command line waits for Arrow before there is work for it."""
    assert "" == loaded_by(code)


def test_help_loads_nothing_heavy() -> None:
    """A page of help is printed without Arrow."""
    code = """
from cdr_engine.cli import main
try:
    main(["ingest", "--help"])
except SystemExit:
    pass
"""
    assert "" == loaded_by(code)


def test_ingest_loads_no_client_and_no_server(tmp_path: Path) -> None:
    """Loading a file needs neither an HTTP client nor a web server."""
    code = f"""
from cdr_engine.cli import main
try:
    main(["ingest", {str(SAMPLE)!r}, "--dataset", {str(tmp_path)!r}])
except SystemExit:
    pass
"""
    watched = "{'httpx', 'starlette', 'cdr_engine.api', 'numpy'}"

    assert "numpy" == loaded_by(code, watched)


@pytest.mark.parametrize("name", ["bench", "export", "ingest"])
@pytest.mark.parametrize("first", ["import cdr_engine.{}", "from cdr_engine.{} import __name__"])
def test_function_before_the_module_of_its_name(name: str, first: str) -> None:
    """`cdr_engine.ingest` is the function, also where its module was imported before."""
    code = f"{first.format(name)}\nimport cdr_engine\nprint(callable(cdr_engine.{name}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "True\n" == done.stdout


def test_name_that_is_not_there() -> None:
    """A name that the front door does not list is an AttributeError that names it."""
    import cdr_engine

    with pytest.raises(AttributeError, match="'cdr_engine' has no attribute 'exports'"):
        _ = cdr_engine.exports  # type: ignore[attr-defined]


def test_command_starts_neither_pandas_nor_threads(tmp_path: Path) -> None:
    """Loading a file with the command imports no pandas, and the process has no thread of BLAS."""
    code = f"""
import os
from cdr_engine.cli import main
try:
    main(["ingest", {str(SAMPLE)!r}, "--dataset", {str(tmp_path)!r}])
except SystemExit:
    pass
try:
    import pandas
except ModuleNotFoundError:
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
else:
    raise AssertionError("pandas was imported")
"""
    assert "" == loaded_by(code, "{'pandas'}")
