from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdr_engine import export
from cdr_engine.dataset import Layout, writer_lock
from cdr_engine.simulator import ACCOUNT_IDS, Simulator, Switches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Row = dict[str, Any]
    Run = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = (
    "accounts",
    "check",
    "compact",
    "demo",
    "destinations",
    "export",
    "ingest",
    "profiles",
    "query",
    "rollup",
    "simulate",
    "status",
    "sync",
    "verify",
    "views",
)
TOKEN = "canary-4f9d2b-token"
PERIOD = ("--start", "2024-11-01", "--end", "2024-11-04")
FETCH = ("--window", "1d", "--rate-limit", "off", "--log-format", "text", "--jobs", "1")
EXPORT = ("export", *PERIOD, *FETCH)
ONE = ACCOUNT_IDS[0]
SAMPLE = Path(__file__).parents[1] / "sample_data" / "vendor_example.csv"


def environment(home: Path, **variables: str) -> dict[str, str]:
    """Nothing of the developer's own: no settings, no token, no terminal."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **variables}


def arguments(*command: str) -> list[str]:
    """A command as a process of its own."""
    return [sys.executable, "-m", "cdr_engine", *command]


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A service whose token is easy to find in an output."""
    with Simulator(request.getfixturevalue("history"), token=TOKEN) as simulator:
        yield simulator


@pytest.fixture
def online(service: Simulator) -> dict[str, str]:
    """Variables that lead to the service."""
    return {"CDR_BASE_URL": service.base_url, "CDR_ENGAGE_TOKEN": TOKEN}


@pytest.fixture
def cdr(tmp_path: Path) -> Run:
    """Run a command to its end; no output ever holds a traceback or the token."""

    def run(*command: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            arguments(*command),
            cwd=tmp_path,
            env=environment(tmp_path, **variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert code == done.returncode, done.stderr
        assert "Traceback" not in done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def refused(cdr: Run) -> Callable[..., str]:
    """Run a command that fails; one line says why, and standard output is empty."""

    def run(*command: str, code: int, **variables: str) -> str:
        done = cdr(*command, code=code, **variables)
        assert "" == done.stdout
        assert done.stderr.startswith("cdr: ")
        assert 1 == done.stderr.count("\n")
        return done.stderr

    return run


@pytest.fixture(scope="module")
def exported(service: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of three days and two accounts, to read from."""
    path = tmp_path_factory.mktemp("exported") / "dataset"
    export(
        path,
        base_url=service.base_url,
        token=TOKEN,
        start="2024-11-01",
        end="2024-11-04",
        window="1d",
        rate_limit="off",
    )
    return path


@pytest.fixture
def own(exported: Path, tmp_path: Path) -> Path:
    """A copy of it, to write to."""
    return Path(shutil.copytree(exported, tmp_path / "cdr-dataset"))


# Help


def test_help_of_every_command(tmp_path: Path) -> None:
    """Each command says what it does, in the words of the overview."""
    started = {
        name: subprocess.Popen(
            arguments(*name.split(), "--help"),
            cwd=tmp_path,
            env=environment(tmp_path, COLUMNS="500"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("", *COMMANDS)
    }
    said = {name: process.communicate(timeout=60) for name, process in started.items()}

    assert dict.fromkeys(started, 0) == {name: p.returncode for name, p in started.items()}
    assert {""} == {errors for _, errors in said.values()}
    overview = said[""][0]
    for name in COMMANDS:
        usage, _, rest = said[name][0].partition("\n")
        promise = rest.strip().partition("\n")[0].rstrip()
        assert usage.startswith(f"Usage: cdr {name}")
        assert promise.endswith(".")
        assert promise in overview


def test_version(cdr: Run) -> None:
    """The version is one word on standard output."""
    assert "0.1.0\n" == cdr("--version").stdout


# From the service to an answer


def test_from_discovery_to_an_answer(
    cdr: Run, online: dict[str, str], service: Simulator, truth_of: Callable[..., list[Row]]
) -> None:
    """What a user does on the first day works, and with --json each answer is one document."""
    accounts = json.loads(cdr("accounts", "--json", **online).stdout)
    assert list(ACCOUNT_IDS) == [account["account_id"] for account in accounts]

    profiles = json.loads(cdr("profiles", "--json", **online).stdout)
    known = {profile.profile_id for profile in service.history.account(ONE).profiles}
    found = [child["object_id"] for group in profiles[ONE] for child in group["children"]]
    assert sorted(known) == sorted(found)

    destinations = json.loads(cdr("destinations", "--json", "--account", ONE, **online).stdout)
    assert {ONE} == set(destinations)

    done = cdr(*EXPORT, "--json", **online)
    files = json.loads(done.stdout)["files"]
    expected = truth_of("2024-11-01", "2024-11-04")
    assert len(expected) == sum(file["ledger"]["rows"] for file in files)
    assert 6 == done.stderr.count("committed ") == len(files)

    again = cdr(*EXPORT, **online)
    assert "" == again.stdout
    assert again.stderr.endswith("nothing was missing\n")

    status = json.loads(cdr("status", "--json").stdout)
    assert [3, 3] == [account["files"] for account in status]
    assert {"start": "2024-11-01T00:00:00Z", "end": "2024-11-02T00:00:00Z"} == status[0]["windows"][
        0
    ]

    counted = json.loads(cdr("query", "select count(*) as n from calls", "--json").stdout)
    assert [{"n": len(expected)}] == counted


@pytest.mark.parametrize("command", ["accounts", "profiles", "destinations"])
def test_tables_of_the_service(command: str, cdr: Run, online: dict[str, str]) -> None:
    """Without --json a table names the accounts."""
    done = cdr(command, **online)

    assert ONE in done.stdout
    assert "" == done.stderr


def test_export_in_a_table(cdr: Run, online: dict[str, str]) -> None:
    """Standard output shows what was fetched, standard error how it went."""
    done = cdr(*EXPORT, "--account", ONE, "--time-zone", "America/New_York", **online)

    assert done.stdout.startswith("account")
    assert 3 == done.stdout.count(ONE)
    assert "all       3 files" in done.stdout
    assert 3 == done.stderr.count("\n") == done.stderr.count("committed ")


def test_refresh(cdr: Run, online: dict[str, str], own: Path, service: Simulator) -> None:
    """Windows that are there are fetched again on request."""
    service.requests.clear()
    cdr(*EXPORT, "--refresh", "--account", ONE, **online)

    assert 3 == len(service.report_requests)


def test_demo_twice(cdr: Run) -> None:
    """The demonstration needs nothing, and its second run finds everything there."""
    first, second = cdr("demo"), cdr("demo")

    assert "all in demo/cdr-dataset" in first.stdout
    assert "nothing was missing" in second.stdout
    answers = first.stdout[first.stdout.index("Connect rate") :]
    assert second.stdout.endswith(answers)


def test_simulate(cdr: Run, tmp_path: Path) -> None:
    """The simulator says how to reach it, serves, and ends when it is told to."""
    process = subprocess.Popen(
        arguments("simulate", "--port", "0", "--calls-per-day", "20", "--seed", "3"),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        words = process.stderr.readline().split()
        exported = process.stderr.readline().split()
        variables = dict(word.split("=") for word in exported[1:])
        assert words[2].rstrip(";") == variables["CDR_BASE_URL"]
        cdr(*EXPORT, "--account", ONE, **variables)
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)

    assert "" == out
    assert "Traceback" not in err
    assert process.returncode in {0, 130}


# Reading


def test_status_and_verify(cdr: Run, own: Path) -> None:
    """A whole dataset is shown with its days, and is what it claims."""
    shown = cdr("status").stdout
    verified = cdr("verify").stdout

    assert 2 == shown.count("2024-11  ███·")
    assert "6 data files, every page and ledger as it was written\n" == verified
    assert [] == json.loads(cdr("verify", "--json").stdout)


def test_gap(cdr: Run, own: Path) -> None:
    """A day that is missing between others is named."""
    next(own.glob(f"calls/account_id={ONE}/20241102*")).unlink()
    shown = cdr("status").stdout

    assert "2024-11  █·█·" in shown
    assert "gap: 2024-11-02 00:00 to 2024-11-03 00:00 UTC" in shown
    gaps = json.loads(cdr("status", "--json").stdout)[0]["gaps"]
    assert [{"start": "2024-11-02T00:00:00Z", "end": "2024-11-03T00:00:00Z"}] == gaps


def test_views(cdr: Run) -> None:
    """Every view is listed with the meaning of a row, and can be told from its JSON."""
    listed = json.loads(cdr("views", "--json").stdout)
    table = cdr("views").stdout

    assert {"name", "grain", "formula", "source", "caveat"} == set(listed[0])
    assert all(view["name"] in table and view["grain"] for view in listed)


def test_formats_of_an_answer(
    cdr: Run, own: Path, tmp_path: Path, truth_of: Callable[..., list[Row]]
) -> None:
    """An answer is the same calls as CSV, as JSON lines and as a Parquet file of the owner's."""
    expected = [call["uii"] for call in truth_of("2024-11-01", "2024-11-04", accounts=[ONE])]
    question = f"select uii, queue_time from calls where account_id = '{ONE}' order by uii"
    in_csv = cdr("query", question, "--format", "csv").stdout
    in_lines = cdr("query", question, "--format", "jsonl").stdout
    written = cdr("query", question, "--output", "answer.parquet")

    assert sorted(expected) == [row["uii"] for row in csv.DictReader(io.StringIO(in_csv))]
    assert sorted(expected) == [json.loads(line)["uii"] for line in in_lines.splitlines()]
    assert ("", "") == (written.stdout, written.stderr)
    answer = tmp_path / "answer.parquet"
    assert sorted(expected) == pq.ParquetFile(answer).read()["uii"].to_pylist()
    assert 0o600 == answer.stat().st_mode & 0o777


def test_arrow_on_standard_output(own: Path, tmp_path: Path) -> None:
    """Binary formats come out of standard output unharmed."""
    done = subprocess.run(
        arguments("query", "calls", "--format", "arrow", "--limit", "5"),
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert 5 == pa.ipc.open_stream(done.stdout).read_all().num_rows
    assert b"" == done.stderr


# Settings


def test_layers_of_settings(cdr: Run, own: Path, refused: Callable[..., str]) -> None:
    """A flag is believed before the environment, that before cdr.toml, that before the default."""
    (own.parent / "cdr.toml").write_text('dataset = "from-file"\n')

    assert "from-file" in refused("status", code=1)
    assert "from-env" in refused("status", code=1, CDR_DATASET="from-env")
    assert 2 == len(
        json.loads(cdr("status", "--json", "--dataset", str(own), CDR_DATASET="from-env").stdout)
    )


def test_ingest_and_its_zone(cdr: Run, refused: Callable[..., str], tmp_path: Path) -> None:
    """The zone of a file comes from a flag, the request beside it, or last the environment."""
    shutil.copy(SAMPLE, tmp_path / "calls.csv")
    asked = ("query", "select min(enqueue_time)::varchar as first from calls", "--json")

    def first(dataset: str) -> str:
        found = cdr(*asked, "--time-zone", "UTC", "--dataset", dataset).stdout
        return str(json.loads(found)[0]["first"])

    assert "--time-zone" in refused("ingest", "calls.csv", code=2)
    cdr("ingest", "calls.csv", "--dataset", "a", CDR_TIME_ZONE="Asia/Tokyo")
    assert "2020-04-19 21:12:00+00" == first("a")
    (tmp_path / "calls.request.json").write_text(
        json.dumps({"reportCriteria": {"timezoneName": "US/Arizona"}})
    )
    cdr("ingest", "calls.csv", "--dataset", "b", CDR_TIME_ZONE="Asia/Tokyo")
    assert "2020-04-20 13:12:00+00" == first("b")
    done = cdr("ingest", "calls.csv", "--dataset", "c", "--time-zone", "UTC", "--json")
    assert "2020-04-20 06:12:00+00" == first("c")
    assert 3 == json.loads(done.stdout)["files"][0]["ledger"]["rows"]
    again = cdr("ingest", "calls.csv", "--dataset", "c", "--time-zone", "UTC", "--json")
    assert {"files": [], "known": ["calls.csv"]} == json.loads(again.stdout)


# Exit codes


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["frobnicate"], "Unknown command"),
        (["export"], "--start"),
        (["export", *PERIOD, "--frob"], "--frob"),
        (["export", "--start", "2024-11-04", "--end", "2024-11-01"], "--start must lie before"),
        (["export", "--start", "soon", "--end", "2024-11-01"], "'soon' is no date"),
        (["export", *PERIOD, "--window", "3x"], "write auto"),
        (["ingest"], "name the files"),
        (["ingest", "gone.csv"], "gone.csv: there is no such file"),
        (["query", "nothing_of_that_name"], "there is no view"),
        (["query", "drop table calls"], "only reads"),
        (["query", "calls", "--limit", "-1"], "--limit"),
        (["query", "calls", "--format", "xls"], 'Invalid value "xls" for --format'),
        (["query", "calls", "--output", "calls.xls"], "'.xls'"),
        (["query", "calls", "--time-zone", "Mars"], "no time zone 'Mars'"),
        (["simulate", "--fault", "bogus"], "'bogus' is none of"),
    ],
    ids=lambda value: "_".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_use(
    command: list[str],
    said: str,
    refused: Callable[..., str],
    online: dict[str, str],
    own: Path,
) -> None:
    """What is asked for wrongly ends with 2, and says what was wrong."""
    assert said in refused(*command, code=2, **online)


def test_port_that_is_taken(refused: Callable[..., str], service: Simulator) -> None:
    """An address that is in use is wrong use, told without an error number."""
    said = refused("simulate", "--port", str(service.port), code=2)

    assert f"cdr: cannot listen on 127.0.0.1 port {service.port}: Address already in use\n" == said


def test_no_token(refused: Callable[..., str], online: dict[str, str]) -> None:
    """Without a token the message names the variable to set."""
    said = refused("accounts", code=3, CDR_BASE_URL=online["CDR_BASE_URL"])

    assert "CDR_ENGAGE_TOKEN" in said


def test_wrong_token(refused: Callable[..., str], online: dict[str, str]) -> None:
    """A token that is not accepted is a matter of settings, and is not shown."""
    said = refused(*EXPORT, code=3, **online | {"CDR_ENGAGE_TOKEN": "another-canary-token"})

    assert "not accepted" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    "content", ["dataset = [", "frob = 1", 'dataset = "\udcff"', 'engage_token = "canary-secret"']
)
def test_broken_settings_file(content: str, refused: Callable[..., str], tmp_path: Path) -> None:
    """A cdr.toml that does not fit is named, its values are not shown."""
    (tmp_path / "cdr.toml").write_text(content, errors="surrogateescape")
    said = refused("status", code=3)

    assert "cdr.toml" in said
    assert "canary" not in said


def test_nobody_listens(refused: Callable[..., str]) -> None:
    """A service that cannot be reached is named with its address."""
    away = {"CDR_BASE_URL": "http://127.0.0.1:9/voice", "CDR_ENGAGE_TOKEN": TOKEN}

    assert "127.0.0.1:9" in refused(*EXPORT, code=4, **away)


@pytest.mark.parametrize("fault", ["500", "400", "html"])
def test_report_that_fails(
    fault: str, serve: Callable[..., Simulator], cdr: Run, tmp_path: Path
) -> None:
    """A window that fails ends with 5; the same command then fetches what is missing."""
    simulator = serve(fault=f"ok,{fault}", token=TOKEN)
    there = {"CDR_BASE_URL": simulator.base_url, "CDR_ENGAGE_TOKEN": TOKEN}
    failed = cdr(*EXPORT, "--account", ONE, "--max-attempts", "1", code=5, **there)
    again = cdr(*EXPORT, "--account", ONE, "--json", **there)

    words = [line.split()[0] for line in failed.stderr.splitlines()]
    assert ["committed", "failed", "committed", "2", "cdr:"] == words
    assert 1 == len(json.loads(again.stdout)["files"])


@pytest.mark.parametrize("command", ["status", "verify", "query calls"])
def test_dataset_that_is_not_there(command: str, refused: Callable[..., str]) -> None:
    """A folder that does not exist is named, and is not made."""
    assert "there is no dataset at cdr-dataset" in refused(*command.split(), code=1)


def test_damaged_file(cdr: Run, own: Path) -> None:
    """One flipped bit is found, and named on standard output."""
    path = max(own.glob("calls/*/*.parquet"), key=lambda path: path.stat().st_size)
    body = bytearray(path.read_bytes())
    body[200] ^= 1
    path.write_bytes(body)
    done = cdr("verify", "--json", code=6)

    assert [path.name] == [Path(finding["path"]).name for finding in json.loads(done.stdout)]
    assert done.stderr.startswith("cdr: 1 ")
    assert path.name in cdr("verify", code=6).stdout


def test_locked_dataset(refused: Callable[..., str], online: dict[str, str], own: Path) -> None:
    """While another process writes, an export ends at once with 7; readers are not kept out."""
    with writer_lock(Layout(own)):
        said = refused(*EXPORT, code=7, **online)

    assert "another process is writing" in said


def test_output_into_a_folder_that_is_not_there(refused: Callable[..., str], own: Path) -> None:
    """What the disk refuses is one line with its path."""
    said = refused("query", "calls", "--output", "nowhere/calls.csv", code=1)

    assert "cdr: nowhere/calls.csv: No such file or directory\n" == said


# Interruptions


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
    ids=["interrupt", "terminate", "kill"],
)
def test_signal_during_an_export(
    number: signal.Signals,
    code: int,
    serve: Callable[..., Simulator],
    cdr: Run,
    tmp_path: Path,
    rows_of: Callable[[Path], list[Row]],
    truth_of: Callable[..., list[Row]],
) -> None:
    """An export that is stopped keeps what it committed and nothing else, and can be resumed."""
    simulator = serve(Switches(stall_s=30), fault="okx2,stall", token=TOKEN)
    there = {"CDR_BASE_URL": simulator.base_url, "CDR_ENGAGE_TOKEN": TOKEN}
    process = subprocess.Popen(
        arguments(*EXPORT, "--account", ONE),
        cwd=tmp_path,
        env=environment(tmp_path, **there),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for _ in range(2):
            assert process.stderr.readline().startswith("committed")
        while len(simulator.report_requests) < 3 or not simulator.report_requests[-1].status:
            time.sleep(0.02)
        time.sleep(0.2)
        stopped = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=5)
    finally:
        process.kill()

    assert code == process.returncode
    assert time.monotonic() - stopped < 5
    assert "" == out
    if number != signal.SIGKILL:
        assert err.startswith("cdr: ")
        assert f"resume with: cdr {EXPORT[0]} --start" in err
        assert 1 == err.count("\n")
    dataset = tmp_path / "cdr-dataset"
    names = sorted(path.name for path in dataset.rglob("*") if path.is_file())
    assert [
        ".lock",
        "20241101T000000Z--20241102T000000Z.parquet",
        "20241102T000000Z--20241103T000000Z.parquet",
    ] == names
    assert truth_of("2024-11-01", "2024-11-03", accounts=[ONE]) == rows_of(dataset)
    cdr(*EXPORT, "--account", ONE, **there)
    assert truth_of("2024-11-01", "2024-11-04", accounts=[ONE]) == rows_of(dataset)


# Pipes and disks


@pytest.mark.parametrize(
    "command", ["query calls --format csv", "query calls --json", "views", "status", "views --json"]
)
def test_reader_that_leaves(command: str, own: Path, tmp_path: Path) -> None:
    """Whoever closes standard output early ends the command quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        arguments(*command.split()),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)

    assert (0, "") == (done.returncode, done.stderr)


def test_nobody_reads_standard_error(
    online: dict[str, str], tmp_path: Path, rows_of: Callable[[Path], list[Row]]
) -> None:
    """An export goes on when nobody reads of its progress."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        arguments(*EXPORT, "--json"),
        cwd=tmp_path,
        env=environment(tmp_path, **online),
        stdout=subprocess.PIPE,
        stderr=writing,
        timeout=60,
        check=False,
    )
    os.close(writing)

    assert 0 == done.returncode
    assert 6 == len(json.loads(done.stdout)["files"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", ["query calls --format csv", "status", "views --json"])
def test_standard_output_on_a_full_disk(command: str, own: Path, tmp_path: Path) -> None:
    """An answer that cannot be written is an error of one line, not a success."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            arguments(*command.split()),
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    assert (1, "cdr: standard output: No space left on device\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("command", ["export", "ingest", "query"])
def test_files_that_may_not_grow(
    command: str, online: dict[str, str], own: Path, tmp_path: Path
) -> None:
    """A disk that takes no more ends with 1 and one line; nothing is left of the attempt."""
    commands = {
        "export": (*EXPORT, "--refresh", "--dataset", str(own)),
        "ingest": ("ingest", str(SAMPLE.with_name("generated_month.csv"))),
        "query": ("query", "calls", "--output", "calls.csv"),
    }
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 4; exec "$0" "$@"', *arguments(*commands[command])],
        cwd=tmp_path,
        env=environment(tmp_path, PYTHONDONTWRITEBYTECODE="1", **online),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert 1 == done.returncode
    assert "" == done.stdout
    assert done.stderr.startswith("cdr: ")
    assert done.stderr.endswith("\n")
    assert 1 == done.stderr.count("\n")
    assert "File too large" in done.stderr
    assert "standard output" not in done.stderr
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert before == after


def test_relative_dates(cdr: Run, online: dict[str, str]) -> None:
    """A period may be told from today, with a hyphen in front."""
    window = ("--start", "-2d", "--end", "yesterday", "--rate-limit", "off", "--json")
    done = cdr("export", *window, "--account", ONE, **online)

    (file,) = json.loads(done.stdout)["files"]
    bounds = [datetime.fromisoformat(file[f"window_{side}"]) for side in ("start", "end")]
    assert 1 == (bounds[1] - bounds[0]).days
    assert 0 <= (datetime.now(UTC) - bounds[1]).days <= 1
