"""What strangers write into mails, by the thousand: our headers, one recipient, no defect."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.mail import mime
from jobs.mail.mime import shown_name
from tests.jobs.mime_check import faults_of

EXAMPLES = 300
MANY = 10_000
"""For whoever has time; a mail is read back in some milliseconds."""

PIECES = [
    *("=?utf-8?q?a=2C_b=40c.d?=", "=?utf-8?b?QUBi?=", "=?", "?=", "=20", "=?x?q?", "_"),
    *("\r\nBcc: x@example.com", "\r\n\r\n", "\n.\n", "\x00", "\x85", "\u2028", "\v", "\ud800"),
    *("<b@x>", "a@b.com, c@d.com", '"', "'", "\\", "(", ")", ",", ";", ":", "\u200b", "\u202e"),
    *("Dr. Hj.", "S.Pd., M.Pd.", "ꦩꦸꦥꦶ", "بودي", "🙂", "Ma’ruf", "\u0301", "\ufdfa", "ﬃ", "x" * 200),
    *("http://jahat.example/a", "www.jahat.id", "menang.xyz", "undisclosed-recipients:;", "　"),
]  # fmt: skip

NAMES = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=20)), max_size=12)


@given(NAMES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_a_name_is_the_mail_is_ours(pieces: list[str]) -> None:
    assert faults_of(mime, "".join(pieces)) == []


def others() -> list[Path]:
    """Every other Python of this machine that we may be run with."""
    found = (Path.home() / ".pyenv" / "versions").glob("3.*/bin/python")
    fits = {path.parents[1].name: path for path in found}
    mine = ".".join(map(str, sys.version_info[:3]))
    return [
        path for name, path in sorted(fits.items()) if name != mine and int(name.split(".")[1]) > 10
    ]


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("python", "count"),
    [
        *((python, EXAMPLES) for python in (Path(sys.executable), *others())),
        *(
            pytest.param(python, MANY, marks=pytest.mark.slow)
            for python in (Path(sys.executable), *others()[-1:])
        ),
    ],
    ids=str,
)
def test_every_python_reads_it_alike(python: Path, count: int) -> None:
    chance = random.Random(13)  # noqa: S311
    names = [
        "".join(
            chance.choice([chance.choice(PIECES), chr(chance.randrange(0x3000)), "a", " "])
            for _ in range(chance.randrange(12))
        )
        for _ in range(count)
    ]
    command = [str(python), str(Path(__file__).with_name("mime_check.py")), str(mime.__file__)]
    done = subprocess.run(command, input=json.dumps(names), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('Budi "B" Santoso <b@x>', 'Budi "B" Santoso'),
        ("Dr. Hj. Siti Nurhaliza, S.Pd., M.Pd.", "Dr. Hj. Siti Nurhaliza, S.Pd., M.Pd."),
        ("ꦩꦸꦥꦶ بودي 🙂", "ꦩꦸꦥꦶ بودي 🙂"),
        ("Budi\r\nBcc: x@example.com", "Budi Bcc"),
        ("a@example.com, b@example.com", ""),
        ("=?utf-8?q?Budi?=", "=?utf-8?q?Budi?="),
        ("x" * 200, "x" * 59 + "…"),
        ("Klik http://jahat.example/a sekarang", "Klik sekarang"),
        ("Menang di ｍｅｎａｎｇ．ｘｙｚ/hadiah ya", "Menang di ya"),
        ("Ma’ruf bin Ma'ruf", "Ma’ruf bin Ma'ruf"),
        ("  ", ""),
    ],
)
def test_a_name_is_shown_as_text(name: str, shown: str) -> None:
    assert shown_name(name) == shown
