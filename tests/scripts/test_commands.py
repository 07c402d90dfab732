"""scripts/test and scripts/check: nothing is skipped without a word, and a failure is a status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from honcho.environ import parse_procfile

from scripts.tools import checking, chromium, debian, testing
from tests.forkserver import ForkServer

ROOT = Path(__file__).parents[2]


def test_arguments_go_to_pytest(chromium_path: Path) -> None:
    answer = subprocess.run(
        [ROOT / "scripts" / "test", "--collect-only", "-q", __file__, "-k", "arguments_go_to"],
        env={**os.environ, "CHROMIUM": str(chromium_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert answer.returncode == 0
    assert "test_commands.py::test_arguments_go_to_pytest" in answer.stdout
    assert "ruff" not in answer.stdout


def test_every_check_runs_also_after_one_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = [sys.executable, "-c"]
    commands = {"bad": [*python, "raise SystemExit(2)"], "absent": ["ghost"], "good": [*python, ""]}
    monkeypatch.setattr(checking, "checks", lambda: commands)
    assert checking.main() == 1
    said = capsys.readouterr().out
    assert "bad failed with status 2" in said
    assert "absent failed: ghost is not installed" in said
    assert "good passed" in said
    assert said.endswith("FAILED: bad, absent\n")
    del commands["bad"], commands["absent"]
    assert checking.main() == 0


def test_a_check_that_hangs_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert not checking.run("slow", ["sleep", "60"], seconds=0.2)
    assert "slow failed: not over after" in capsys.readouterr().out


def test_an_absent_node_fails_the_check_and_says_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert not checking.run("javascript", checking.checks()["javascript"])
    assert "node (20 or newer, needed for tests/js) is not installed" in capsys.readouterr().out


def test_without_a_chromium_no_test_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    monkeypatch.setattr(chromium, "_installers", lambda: [])
    assert testing.main(["--version"]) == 1
    assert "CHROMIUM is /nowhere/chromium" in capsys.readouterr().err


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH, on a machine that has no Chromium."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "_downloaded", lambda: tmp_path / "never")
    return tmp_path


def test_root_gets_chromium_from_the_distribution(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    _write(
        bare_machine / "apt-get",
        f'echo "$@" >> {bare_machine}/calls\n'
        f'case "$*" in *install*) echo "#!/bin/sh\necho Chromium 150" > {bare_machine}/chromium\n'
        f"/bin/chmod +x {bare_machine}/chromium;; esac",
    )
    assert chromium.install() == bare_machine / "chromium"
    updated, installed = (bare_machine / "calls").read_text().splitlines()
    assert updated.endswith("update")
    assert installed.endswith("-y --no-install-recommends chromium chromium-headless-shell")


def test_the_shell_is_taken_before_the_browser_with_its_window(bare_machine: Path) -> None:
    for name in ("chromium", "chromium-headless-shell"):
        _write(bare_machine / name, "echo Chromium 150")
    assert chromium.find() == bare_machine / "chromium-headless-shell"


def test_a_stub_that_only_asks_for_a_snap_does_not_count(bare_machine: Path) -> None:
    _write(bare_machine / "chromium-browser", "echo it requires the chromium snap; exit 1")
    assert chromium.find() is None
    _write(bare_machine / "google-chrome", "echo Google Chrome 150")
    assert chromium.find() == bare_machine / "google-chrome"


def test_an_ordinary_user_who_cannot_download_is_told_what_to_do(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(debian, "attempt", lambda command: None)
    with pytest.raises(chromium.NoChromium, match="install your system's package `chromium`"):
        chromium.install()


def test_the_platform_runs_what_the_procfile_names() -> None:
    procfile = parse_procfile((ROOT / "Procfile").read_text()).processes
    app = json.loads((ROOT / "app.json").read_text())
    assert set(app["formation"]) == set(procfile) - {"release"}
    assert app["env"]["PROXYFIX_X_FOR"]["value"] == "1"
    assert app["env"]["SECRET_KEY"]["generator"] == "secret"


def _write(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    "name", ["migrate", "restore", "router_check", "router_simulator", "lynk", "member"]
)
def test_asked_for_help_a_command_does_nothing_else(fork_server: ForkServer, name: str) -> None:
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    answer = fork_server.run("-m", f"scripts.{name}", "--help", env=env, timeout=20)
    assert answer.returncode == 0 and answer.stdout.startswith("usage:"), answer.stderr
