"""Files loaded again and again, by the engine and by every peer that is installed, in turns."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import msgspec

from cdr_engine.bench.peers import DISTRIBUTIONS, PEERS
from cdr_engine.bench.process import ProcessFailed, Usage, measured
from cdr_engine.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cdr_engine.archives import Member
    from cdr_engine.bench.stages import Pass

__all__ = ["Benchmark", "Comparison", "Machine", "ReaderTime", "StageTime", "bench"]

OURS = "cdr_engine"


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    cores: int
    """That this process may use."""
    processor: str
    memory_bytes: int
    system: str
    python: str


class StageTime(msgspec.Struct, frozen=True):
    """One stage by itself, on one thread: medians over the rounds."""

    stage: str
    wall_s: float
    cpu_s: float
    bytes_per_s: float
    """Of CSV text."""
    rows_per_s: float


class ReaderTime(msgspec.Struct, frozen=True):
    """One library from file to Parquet in a process of its own: medians over the rounds."""

    reader: str
    version: str
    ratio: float
    """Its wall time in that of the engine's."""
    wall_s: float
    fastest_s: float
    slowest_s: float
    cpu_s: float
    bytes_per_s: float
    """Of CSV text."""
    rows_per_s: float
    peak_bytes: int
    """Largest resident set of the process."""
    rows: int
    parquet_bytes: int


class Benchmark(msgspec.Struct, frozen=True):
    """What was measured, on what."""

    machine: Machine
    rounds: int
    body_bytes: int
    """CSV text in the files, decompressed."""
    rows: int
    rejects: int
    stages: list[StageTime]
    readers: list[ReaderTime]
    """The fastest first."""
    left_out: dict[str, str]
    """Libraries that have no line, and why."""


class Comparison:
    """
    Runs readers over the same plain files in turns; files they write go to a folder.

    Parameters
    ----------
    sources
        Plain CSV files.
    readers
        Of `PEERS`.
    said
        Told of every run.
    """

    def __init__(
        self,
        sources: Sequence[Path],
        time_zone: str,
        folder: Path,
        *,
        readers: Iterable[str],
        said: Callable[[str], None],
    ) -> None:
        self._sources = [str(source) for source in sources]
        self._time_zone = time_zone
        self._folder = folder
        self._said = said
        self.runs: dict[str, list[Usage]] = {}
        self.left_out: dict[str, str] = {}
        for reader in readers:
            try:
                version(DISTRIBUTIONS[reader])
            except PackageNotFoundError:
                self.left_out[reader] = "not installed"
            else:
                self.runs[reader] = []

    def target(self, reader: str) -> Path:
        """Where a reader writes the first file."""
        return self._folder / f"{reader}.parquet"

    def run(self, *, is_counted: bool = True) -> None:
        """
        Let every reader load all files once.

        Raises
        ------
        DataError
            If the engine cannot load them; a peer that cannot is left out.
        """
        for reader in list(self.runs):
            for path in self._targets(reader):
                path.unlink()
            script = [sys.executable, "-m", "cdr_engine.bench.peers", reader, self._time_zone]
            try:
                usage = measured([*script, str(self.target(reader)), *self._sources])
            except ProcessFailed as error:
                if reader == OURS:
                    raise _refused(error) from error
                self.left_out[reader] = str(error)
                del self.runs[reader]
                continue
            self._said(f"{reader}: {usage.wall_s:.2f} s")
            if is_counted:
                self.runs[reader].append(usage)

    def times(self) -> list[ReaderTime]:
        """Medians, the fastest reader first."""
        import pyarrow.parquet as pq

        body_bytes = sum(Path(source).stat().st_size for source in self._sources)
        ours = statistics.median(one.wall_s for one in self.runs[OURS])
        times = []
        for reader, runs in self.runs.items():
            walls = [one.wall_s for one in runs]
            wall_s = statistics.median(walls)
            written = self._targets(reader)
            rows = sum(pq.read_metadata(path).num_rows for path in written)
            times.append(
                ReaderTime(
                    reader=reader,
                    version=version(DISTRIBUTIONS[reader]),
                    ratio=wall_s / ours,
                    wall_s=wall_s,
                    fastest_s=min(walls),
                    slowest_s=max(walls),
                    cpu_s=statistics.median(one.cpu_s for one in runs),
                    bytes_per_s=body_bytes / wall_s,
                    rows_per_s=rows / wall_s,
                    peak_bytes=int(statistics.median(one.peak_bytes for one in runs)),
                    rows=rows,
                    parquet_bytes=sum(path.stat().st_size for path in written),
                )
            )
        return sorted(times, key=lambda time: time.wall_s)

    def _targets(self, reader: str) -> list[Path]:
        return sorted(self._folder.glob(f"{reader}*.parquet"))


def bench(
    paths: Sequence[str | Path],
    *,
    time_zone: str,
    rounds: int = 3,
    readers: Iterable[str] = tuple(PEERS),
    work_dir: str | Path | None = None,
    said: Callable[[str], None] = lambda _: None,
) -> Benchmark:
    """
    Measure loading files, stage by stage and beside each library that is installed.

    What is written goes to a temporary folder, which is removed; no dataset is touched.

    Parameters
    ----------
    paths
        Files as `ingest` takes them. Where one is compressed, the readers are compared on its
        text, as not all of them read archives; the stage `read` shows what unpacking takes.
    time_zone
        TZ database name of the zone the files were made in.
    readers
        Of `PEERS`; `cdr_engine` is always one.
    work_dir
        Where the temporary folder is made; it takes about the size of what is decompressed.
    said
        Told of every run.

    Raises
    ------
    UsageError
        If a file is missing, or there is no such zone.
    DataError
        If one is not the report.
    """
    files = [Path(path) for path in paths]
    for path in files:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file; cdr bench takes files by their names")
    if time_zone not in available_timezones():
        raise UsageError(f"time zone {time_zone!r} is not in the TZ database: give US/Arizona, say")
    with tempfile.TemporaryDirectory(prefix=".cdr-bench-", dir=work_dir) as name:
        folder = Path(name)
        sources = _plain(files, folder)
        names = dict.fromkeys((OURS, *readers))
        comparison = Comparison(sources, time_zone, folder, readers=names, said=said)
        passes = []
        for number in range(rounds):
            said(f"round {number + 1} of {rounds}")
            passes.append(_pass(files, time_zone, folder / "stages"))
            comparison.run()
        return Benchmark(
            machine=machine(),
            rounds=rounds,
            body_bytes=passes[0].body_bytes,
            rows=passes[0].rows,
            rejects=passes[0].rejects,
            stages=_stages(passes),
            readers=comparison.times(),
            left_out=comparison.left_out,
        )


def machine() -> Machine:
    """Say where this runs."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        processor = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or a processor without a name: the architecture has to do
    return Machine(
        cores=_cores(),
        processor=processor,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def _cores() -> int:
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _plain(files: Iterable[Path], folder: Path) -> list[Path]:
    """Every report as a plain file, read once, so that all find it where the system keeps it."""
    from cdr_engine.archives import members

    return [
        _unpacked(path, member, folder / f"source-{number}-{at}.csv")
        for number, path in enumerate(files)
        for at, member in enumerate(members(path))
    ]


def _unpacked(path: Path, member: Member, target: Path) -> Path:
    with member.open() as body:
        if member.name == str(path) and member.size is not None:
            for _ in body:
                pass
            return path.resolve()
        with target.open("wb") as out:
            out.writelines(body)
    return target


def _pass(files: Iterable[Path], time_zone: str, folder: Path) -> Pass:
    """One pass through the stages in a process of its own."""
    from cdr_engine.bench.stages import Pass

    script = [sys.executable, "-m", "cdr_engine.bench.stages", time_zone, str(folder)]
    try:
        usage = measured([*script, *map(str, files)])
    except ProcessFailed as error:
        raise _refused(error) from error
    rmtree(folder)
    return msgspec.json.decode(usage.output, type=Pass)


def _refused(error: ProcessFailed) -> DataError:
    """Say what the engine said, without the name of the exception."""
    return DataError(str(error).rpartition("Error: ")[2])


def _stages(passes: Sequence[Pass]) -> list[StageTime]:
    one = passes[0]
    times = []
    for stage in one.wall_s:
        wall_s = statistics.median(found.wall_s[stage] for found in passes)
        cpu_s = statistics.median(found.cpu_s[stage] for found in passes)
        shortest = max(wall_s, 1e-9)
        times.append(
            StageTime(stage, wall_s, cpu_s, one.body_bytes / shortest, one.rows / shortest)
        )
    return times
