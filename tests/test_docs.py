from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_generated_pages() -> None:
    """The pages under docs/ say what the code says."""
    run = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (run.returncode, run.stderr)


def test_readme_names_every_command_that_it_shows() -> None:
    """Every command in the README's shell sessions exists."""
    from cdr_engine.cli import app

    text = (ROOT / "README.md").read_text("utf-8")
    shown = set(re.findall(r"^\$ cdr ([a-z]+)", text, re.MULTILINE))

    assert shown
    assert set() == shown - set(app)


def test_readme_example(tmp_path: Path) -> None:
    """The README's Python example runs as it stands, given the demo's dataset."""
    text = (ROOT / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    ingest = "import cdr_engine; cdr_engine.ingest(['sample_data/vendor_example.csv'], {!r})"
    dataset = tmp_path / "cdr-dataset"
    for code in (ingest.format(str(dataset)), example.replace("demo/cdr-dataset", str(dataset))):
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (0, "") == (run.returncode, run.stderr)

    assert "202004250912250132110000003150" in run.stdout
    assert "mean_answer_s" in run.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The package as it is installed elsewhere."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_holds_what_is_not_python(wheel: zipfile.ZipFile) -> None:
    """Every .sql file and the typing marker are in the wheel, and no test is."""
    there = set(wheel.namelist())
    sql = {str(path.relative_to(ROOT)) for path in (ROOT / "cdr_engine").rglob("*.sql")}

    assert sql
    assert sql | {"cdr_engine/py.typed"} <= there
    assert not [name for name in there if name.startswith("tests")]


def test_wheel_alone(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """The wheel works with the source folder out of reach."""
    wheel.extractall(tmp_path)
    run = subprocess.run(
        [sys.executable, "-m", "cdr_engine", "views", "--json"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (run.returncode, run.stderr)
    assert "connect_rate_by_profile" in run.stdout
