"""Commands that need no service: the simulator, and a demonstration against it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cdr_engine.cli.common import amount, errors, output

if TYPE_CHECKING:
    from cdr_engine.analysis import OpenDataset
    from cdr_engine.api import ReportService

__all__ = ["demo", "simulate"]

DEMO_DATASET = Path("demo/cdr-dataset")
DEMO_ZONE = "America/New_York"
DEMO_START, DEMO_END = "2026-09-01", "2026-10-01"
DEMO_WINDOW = "10d"

QUESTIONS = (
    (
        "Connect rate per profile, with its 95 % interval",
        """
        select latest_name(profile_name, day) as profile_name, cloud_profile_id,
            sum(n_offered)::bigint as n_calls,
            sum(n_connected) / sum(n_offered) as connect_rate,
            wilson_low(sum(n_connected), sum(n_offered)) as rate_low,
            wilson_high(sum(n_connected), sum(n_offered)) as rate_high
        from connect_rate_by_profile
        group by account_id, cloud_profile_id
        order by n_calls desc
        limit 10
        """,
    ),
    (
        "How attempts to reach a destination ended",
        """
        select attempt_number, disposition_word, sum(n_attempts)::bigint as n_attempts,
            sum(n_attempts) / sum(sum(n_attempts)) over (partition by attempt_number)
                as attempt_rate
        from attempt_dispositions
        group by attempt_number, disposition_word
        order by attempt_number, n_attempts desc
        """,
    ),
    (
        "Busiest hours of the day",
        """
        select hour(slot_local) as hour_local, sum(n_offered)::bigint as n_offered,
            sum(n_connected)::bigint as n_connected,
            sum(n_connected) / sum(n_offered) as connect_rate
        from interval_volume
        where slot_local is not null
        group by hour_local
        order by n_offered desc
        limit 6
        """,
    ),
)


def simulate(
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    seed: int = 1,
    calls_per_day: int | None = None,
    token: str | None = None,
    rate_limit: str | None = None,
    fault: str = "",
    replay: Path | None = None,
) -> int:
    """
    Serve the report service on this machine, for a synthetic contact centre.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on; 0 takes a free one.
    seed
        Of the history: the same seed, the same calls.
    calls_per_day
        Of each account, on average.
    token
        The Engage token it accepts.
    rate_limit
        Report calls it allows, as 3/60s,9/15min; none by default.
    fault
        What goes wrong with the first report requests, such as 429x2,cut.
    replay
        A recorded CSV body that answers every report request.
    """
    from cdr_engine.errors import UsageError
    from cdr_engine.simulator import CALLS_PER_DAY, TOKEN, History, Switches, serve

    accepted = token or TOKEN

    def ready(base_url: str) -> None:
        console = errors()
        console.print(f"serving on {base_url}; in another shell:", soft_wrap=True)
        console.print(f"  export CDR_BASE_URL={base_url} CDR_ENGAGE_TOKEN={accepted}")
        console.print("  cdr export --start 2026-09-01 --end 2026-10-01 --rate-limit off")

    try:
        serve(
            History(seed=seed, calls_per_day=calls_per_day or CALLS_PER_DAY),
            Switches(rate_limit=rate_limit),
            token=accepted,
            host=host,
            port=port,
            fault=fault,
            replay=replay,
            on_ready=ready,
        )
    except OSError as error:
        raise UsageError(error.strerror or str(error)) from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    return 0


def demo(*, dataset: Path = DEMO_DATASET) -> int:
    """
    Export a month of two accounts from a simulator on a free port, and ask three questions.

    Parameters
    ----------
    dataset
        The folder it goes to; a second run finds nothing missing there.
    """
    from cdr_engine.analysis import open_dataset
    from cdr_engine.api import ReportService, StaticToken
    from cdr_engine.simulator import Simulator

    with Simulator() as simulator:
        errors().print(f"simulator: {simulator.base_url}")
        with ReportService(simulator.base_url, StaticToken(simulator.token)) as service:
            _discover(service)
            _fetch(service, dataset)
    with open_dataset(dataset) as opened:
        for title, question in QUESTIONS:
            _answer(opened, title, question)
    output().print("\nTry next:")
    flag = f"--dataset {dataset}"
    for command in (f"status {flag}", "views", f"query answer_speed --limit 10 {flag}"):
        output().print(f"  {_program()} {command}", soft_wrap=True)
    return 0


def _program() -> str:
    """How this shell can start the command again."""
    if shutil.which("cdr"):
        return "cdr"
    started = Path(sys.argv[0])
    here = Path.cwd()
    return str(started.relative_to(here) if started.is_relative_to(here) else started)


def _discover(service: ReportService) -> None:
    user_id = service.user_id()
    for account in service.accounts():
        profiles = service.profile_groups(account.account_id, user_id)
        destinations = service.destination_groups(account.account_id, user_id)
        counts = [sum(len(group.children) for group in found) for found in (profiles, destinations)]
        output().print(
            f"account {account.account_id} ({account.account_name}): {counts[0]} cloud profiles "
            f"in {len(profiles)} groups, {counts[1]} destinations in {len(destinations)} groups"
        )


def _fetch(service: ReportService, dataset: Path) -> None:
    from datetime import UTC, datetime

    from cdr_engine.cli.progress import LoadProgress
    from cdr_engine.cli.tables import ledger_table
    from cdr_engine.export import export_windows
    from cdr_engine.inspection import status
    from cdr_engine.windows import Window, moment, size_of

    now = datetime.now(UTC)
    start, end = (moment(text, time_zone=DEMO_ZONE, now=now) for text in (DEMO_START, DEMO_END))
    with LoadProgress("windows") as progress:
        summary = export_windows(
            service,
            dataset,
            Window(start, end),
            accounts=(),
            user_id=None,
            time_zone=DEMO_ZONE,
            size=size_of(DEMO_WINDOW),
            group_by="PROFILE",
            limits=(),
            refresh=False,
            observer=progress,
        )
    if summary.files:
        output().print()
        output().print(ledger_table(summary.files))
        rows = amount(summary.ledger.rows)
        output().print(f"{rows} calls in {summary.seconds:.1f} s, all in {dataset}")
    else:
        rows = amount(status(dataset).ledger.rows)
        output().print(f"nothing was missing: {rows} calls are in {dataset} already")


def _answer(dataset: OpenDataset, title: str, question: str) -> None:
    from cdr_engine.views import write

    output().print(f"\n{title}")
    write(dataset.sql(question), sys.stdout.buffer)
    sys.stdout.buffer.flush()
