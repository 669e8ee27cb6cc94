"""An export with nobody there: tokens that end while it runs, and secrets that stay unsaid."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from cdr_engine.simulator import Switches

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cdr_engine.simulator import Simulator

SECRETS = {
    "CDR_RC_CLIENT_ID": "canary-id-71c5",
    "CDR_RC_CLIENT_SECRET": "canary-secret-90fe",
    "CDR_RC_JWT": "canary.jwt-5d2a.x",
}


def cdr(
    folder: Path, simulator: Simulator, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with a JWT, and make sure that it says nothing of what is secret."""
    addresses = {"CDR_BASE_URL": simulator.base_url, "CDR_RC_SERVER_URL": simulator.origin}
    done = subprocess.run(
        [sys.executable, "-m", "cdr_engine", *arguments],
        cwd=folder,
        env=os.environ | {"XDG_CONFIG_HOME": str(folder)} | addresses | SECRETS | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "canary" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_export_outlives_its_tokens(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """Tokens that end every few windows fail none, and nothing secret is in the dataset."""
    switches = Switches(token_lifetime_s=0.2, exchange_limit="1/10min")
    simulator = serve(switches)
    period = ("--start", "2024-11-01", "--end", "2024-11-13")
    done = cdr(tmp_path, simulator, "export", *period, "--window", "1d", "--rate-limit", "off")

    assert 0 == done.returncode, done.stderr
    assert 401 in [seen.status for seen in simulator.report_requests]
    files = [path for path in (tmp_path / "cdr-dataset").rglob("*") if path.is_file()]
    assert len(list((tmp_path / "cdr-dataset").glob("calls/*/*.parquet"))) == 24
    assert not [path for path in files if b"canary" in path.read_bytes()]


def test_jwt_that_is_not_accepted(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """A JWT that the login refuses is a matter of settings; the message says what to check."""
    done = cdr(tmp_path, serve(Switches(jwt_refused=True)), "accounts")

    assert 3 == done.returncode
    assert "check CDR_RC_CLIENT_ID, CDR_RC_CLIENT_SECRET, CDR_RC_JWT" in done.stderr


def test_half_of_the_credentials(serve: Callable[..., Simulator], tmp_path: Path) -> None:
    """A client without its JWT is refused before anything is sent."""
    simulator = serve()
    done = cdr(tmp_path, simulator, "accounts", CDR_RC_JWT="")

    assert 3 == done.returncode
    assert "belong together" in done.stderr
    assert [] == simulator.requests
