"""What an export does when the service fails: pauses, retries, splits, and what it gives up."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cdr_engine import ExportObserver, ExportSummary, errors, status
from cdr_engine.api import ReportService, StaticToken
from cdr_engine.export import ByPeriod, order_of, run_export
from cdr_engine.export.limiter import Limiter, Stopped
from cdr_engine.export.retry import Patience
from cdr_engine.settings import rate_limits
from cdr_engine.simulator import ACCOUNT_IDS, Simulator, Switches
from cdr_engine.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Row = dict[str, Any]

ONE, OTHER = ACCOUNT_IDS
DAYS = Window(datetime(2024, 11, 1, tzinfo=UTC), datetime(2024, 11, 3, tzinfo=UTC))


class Heard(ExportObserver):
    """Keeps what it hears of trouble."""

    def __init__(self) -> None:
        self.retries: list[tuple[str, float]] = []
        self.splits: list[Any] = []
        self.summary: ExportSummary | None = None

    def retrying(
        self,
        account_id: str,  # noqa: ARG002
        window: Window,  # noqa: ARG002
        attempt: int,  # noqa: ARG002
        reason: str,
        seconds: float,
    ) -> None:
        """Keep why and for how long."""
        self.retries.append((reason, seconds))

    def split(self, split: Any) -> None:
        """Keep it."""
        self.splits.append(split)

    def finished(self, summary: ExportSummary) -> None:
        """Keep it."""
        self.summary = summary


def run(
    simulator: Simulator, dataset: Path, observer: ExportObserver, **options: Any
) -> ExportSummary:
    """Two days of one account, with short pauses."""
    asked = {"window": "1d", "rate_limit": "off", "first_pause_s": 0.01, "accounts": [ONE]}
    order = order_of(**asked | options)
    token = StaticToken(simulator.token)
    with ReportService(simulator.base_url, token, read_timeout_s=0.3) as service:
        return run_export(service, dataset, order, ByPeriod(DAYS), observer)


@pytest.mark.parametrize(
    "fault", ["429", "429-silent", "500", "503", "503-retry", "cut", "cut-between", "stall"]
)
def test_failure_that_passes(
    fault: str,
    serve: Callable[..., Simulator],
    rows_of: Callable[[Path], list[Row]],
    truth_of: Callable[..., list[Row]],
    tmp_path: Path,
) -> None:
    """Failures that pass are retried until the window is whole, and the reason is told."""
    simulator = serve(Switches(stall_s=3), fault=f"{fault},ok,{fault}")
    heard = Heard()
    summary = run(simulator, tmp_path / "dataset", heard, jobs=1)

    assert truth_of("2024-11-01", "2024-11-03", accounts=[ONE]) == rows_of(tmp_path / "dataset")
    assert 2 == len(heard.retries) == summary.retries
    assert all(reason for reason, _ in heard.retries)
    assert 4 == len(simulator.report_requests)


@pytest.mark.parametrize("fault", ["400", "403", "404"])
def test_refusal_that_stays(fault: str, serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """What the service refuses for good is asked for once."""
    simulator = serve(fault=f"{fault}*")
    with pytest.raises(errors.ServiceRefused):
        run(simulator, tmp_path / "dataset", Heard(), jobs=1)

    assert (2 if fault == "400" else 1) == len(simulator.report_requests)


def test_token_that_is_refused(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """A refused token ends the whole run at once."""
    simulator = serve(fault="401*")
    with pytest.raises(errors.AuthError):
        run(simulator, tmp_path / "dataset", Heard(), jobs=1)

    assert 1 == len(simulator.report_requests)


def test_retry_after_is_obeyed(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """Nobody asks again before the time that the service names, whichever job was refused."""
    simulator = serve(fault="429")
    began = time.monotonic()
    heard = Heard()
    run(simulator, tmp_path / "dataset", heard, jobs=1)

    assert time.monotonic() - began >= 1
    assert heard.retries[0][1] >= 1


def test_window_that_is_split(
    serve: Callable[..., Simulator],
    rows_of: Callable[[Path], list[Row]],
    truth_of: Callable[..., list[Row]],
    tmp_path: Path,
) -> None:
    """A window whose body keeps breaking off is asked for in two halves, and is whole."""
    simulator = serve(fault="cutx2")
    heard = Heard()
    summary = run(simulator, tmp_path / "dataset", heard, jobs=1, max_attempts=2)

    assert truth_of("2024-11-01", "2024-11-03", accounts=[ONE]) == rows_of(tmp_path / "dataset")
    assert 1 == len(heard.splits) == len(summary.splits)
    assert 3 == len(summary.files)
    assert [] == status(tmp_path / "dataset").of(ONE).gaps


def test_window_that_cannot_be_had(
    serve: Callable[..., Simulator],
    rows_of: Callable[[Path], list[Row]],
    truth_of: Callable[..., list[Row]],
    tmp_path: Path,
) -> None:
    """A window that fails does not stop the others, and the summary says why."""
    simulator = serve(fault="400")
    with pytest.raises(errors.PartialExport, match="400") as caught:
        run(simulator, tmp_path / "dataset", Heard(), jobs=1)

    assert isinstance(caught.value.summary, ExportSummary)
    ((account_id, window, reason),) = caught.value.summary.failures
    assert (ONE, DAYS.start) == (account_id, window.start)
    assert "400" in reason
    assert truth_of("2024-11-02", "2024-11-03", accounts=[ONE]) == rows_of(tmp_path / "dataset")


def test_service_that_always_cuts(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """Splitting ends where it does not help: a service that always fails is not asked for ever."""
    simulator = serve(fault="cut*")
    with pytest.raises(errors.IncompleteReport):
        run(simulator, tmp_path / "dataset", Heard(), jobs=1, max_attempts=2)

    assert len(simulator.report_requests) <= 2 * 2 * 10


def test_retry_after_beyond_patience() -> None:
    """A pause is what the service asks for, unless that is longer than a window may take."""
    patience = Patience()
    soon, never = (
        errors.ServiceRefused("429", status=429, retry_after_s=seconds) for seconds in (7, 90_000)
    )

    assert 7 <= (patience.pause_s(1, soon) or 0) < 8
    assert patience.pause_s(1, never) is None


def test_pauses_have_full_jitter() -> None:
    """Without a word of the service a pause is anything up to a bound that doubles and ends."""
    patience = Patience(first_pause_s=2)
    error = errors.ServiceUnreachable("gone")
    for attempt, bound in ((1, 2), (2, 4), (3, 8), (20, 300)):
        drawn = [patience.pause_s(attempt, error) or 0 for _ in range(300)]

        assert 0 <= min(drawn) < bound / 4
        assert bound / 2 < max(drawn) <= bound


def test_limiter_holds_back_all_jobs() -> None:
    """Threads together keep the limit, also while no answer has come yet."""
    limiter = Limiter(rate_limits("2/1s"), ExportObserver())
    asked: list[float] = []

    def work() -> None:
        limiter.wait()
        asked.append(time.monotonic())
        time.sleep(0.05)
        limiter.count()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked.sort()

    assert all(later - earlier >= 1 for earlier, later in zip(asked, asked[2:], strict=False))


def test_limiter_that_is_stopped() -> None:
    """Who waits for the limiter ends when the run is broken off."""
    stop = threading.Event()
    limiter = Limiter(rate_limits("1/1h"), ExportObserver(), stop)
    limiter.wait()
    limiter.count()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        limiter.wait()

    assert time.monotonic() - began < 2


def test_deadline(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """A window has its time over all attempts, pauses included."""
    simulator = serve(fault="500*")
    order = {"deadline": "1s", "max_attempts": 1000, "first_pause_s": 0.3}
    began = time.monotonic()
    with pytest.raises(errors.ServiceRefused):
        run(simulator, tmp_path / "dataset", Heard(), jobs=2, **order)

    assert timedelta(seconds=time.monotonic() - began) < timedelta(seconds=5)
