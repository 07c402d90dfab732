"""scripts/tools/environment.py and scripts/enter: .venv is made once; a failure says what to do."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import psutil
import pytest

from scripts.tools import environment
from scripts.tools.environment import NotPrepared, prepare

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return _project(tmp_path / "project")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is ready: to make it takes seconds. A test leaves it so."""
    root = _project(tmp_path_factory.mktemp("prepared") / "project")
    prepare(root)
    return root


def _project(root: Path) -> Path:
    """A project whose only requirement is a wheel beside it, so that nothing is fetched."""
    (root / "wheels").mkdir(parents=True)
    for version in ("1.0", "2.0"):
        _write_wheel(root / "wheels", "thing", version)
    for name in environment.REQUIREMENTS:
        (root / name).write_text("")
    _require(root, "thing==1.0")
    return root


@pytest.mark.timeout(120)
def test_it_is_made_once_and_again_when_the_requirements_change(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(project)
    assert _version(project) == "1.0"
    assert "Fetched 0 of 1 packages\nPrepared .venv in" in capsys.readouterr().out

    made = (project / ".venv" / "fits").stat().st_mtime_ns
    prepare(project)
    assert (project / ".venv" / "fits").stat().st_mtime_ns == made
    assert capsys.readouterr().out == ""

    _require(project, "thing==2.0")
    prepare(project)
    assert _version(project) == "2.0"


@pytest.mark.timeout(120)
def test_two_starts_at_once_make_it_together(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            prepare(project)
        except NotPrepared as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert not failures
    said = capsys.readouterr().out
    assert said.count("Waiting for another start") == said.count("Prepared .venv") == 1
    assert _version(project) == "1.0"


@pytest.mark.timeout(120)
def test_a_broken_one_is_made_anew(prepared: Path) -> None:
    python = prepared / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    prepare(prepared)
    assert _version(prepared) == "1.0"


@pytest.mark.timeout(120)
def test_pips_failure_shows_its_last_lines_and_what_to_do(project: Path) -> None:
    _require(project, "thing==3.0")
    with pytest.raises(NotPrepared) as failure:
        prepare(project)
    assert "No matching distribution found for thing==3.0" in str(failure.value)
    assert "PIP_INDEX_URL" in str(failure.value)
    assert not (project / ".venv" / "fits").exists()


def test_a_missing_venv_module_names_the_package(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotPrepared, match=r"apt install python3\.\d+-venv"):
        prepare(project)


@pytest.mark.timeout(120)
def test_a_stop_while_pip_waits_for_an_index_stops_pip(project: Path) -> None:
    shutil.copytree(ROOT / "scripts", project / "scripts")
    with socket.create_server(("127.0.0.1", 0)) as index:
        address = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        (project / "requirements-dev.txt").write_text(f"--index-url {address}\nthing==1.0\n")
        process = subprocess.Popen(
            [project / "scripts" / "run"],
            env={**os.environ, "PYTHON": sys.executable},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        index.settimeout(60)
        asking, _ = index.accept()
        with asking:
            (pip,) = psutil.Process(process.pid).children()
            process.terminate()
            assert process.wait(20) == 128 + signal.SIGTERM
            assert not pip.is_running()


def test_anothers_venv_is_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".venv").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # Root may write everywhere.
    with pytest.raises(NotPrepared, match=r"\.venv belongs to another user"):
        prepare(project)


def test_an_older_python_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    answer = subprocess.run(
        [ROOT / "scripts" / "run"],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answer.returncode == 1
    assert "needs Python 3.11 or newer" in answer.stderr and "Python 3.9.2" in answer.stderr


@pytest.mark.timeout(120)
def test_the_module_gets_the_arguments_and_the_same_process(prepared: Path) -> None:
    """So a signal to scripts/run reaches what it became. What it compiles is kept for the next."""
    shutil.copytree(ROOT / "scripts", prepared / "scripts", dirs_exist_ok=True)
    (prepared / "echo.py").write_text(
        "import os, sys; print(os.getpid(), sys.prefix, sys.argv[1:], sys.dont_write_bytecode)"
    )
    process = subprocess.Popen(
        [prepared / "scripts" / "enter", "echo", "-k", "two words"],
        env={**os.environ, "PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(timeout=30)
    assert said == f"{process.pid} {prepared / '.venv'} ['-k', 'two words'] False\n"


def _require(root: Path, requirement: str) -> None:
    wheels = root / "wheels"
    (root / "requirements-dev.txt").write_text(
        f"--no-index\n--find-links {wheels}\n{requirement}\n"
    )


def _version(root: Path) -> str:
    answer = subprocess.run(
        [root / ".venv" / "bin" / "python", "-c", "import thing; print(thing.version)"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return answer.stdout.strip()


def _write_wheel(folder: Path, name: str, version: str) -> None:
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_sha(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)


def _sha(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
