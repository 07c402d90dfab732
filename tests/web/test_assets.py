"""Static files: their versions, the imports inside them, how they are packed, what is kept."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import brotli
import pytest

from tests.serving import Serving, serving
from web.assets import COMMENT, IMPORT, SHARED, read_assets
from web.pages import HERE, Pages, Scripts

STATIC = HERE / "static"
SCRIPTS = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))


@pytest.fixture
async def site(environment: dict[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment) as site:
        yield site


def folder_of(tmp_path: Path, **texts: str) -> Path:
    folder = tmp_path / "static"
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.js").write_text(text)
    return folder


async def test_whatever_a_script_imports_is_for_ever_too(site: Serving) -> None:
    browser = site.browser()
    page = (await browser.get("/login")).body.decode()
    named = re.findall(r'(?:href|src)="(/static/js/[^"]+)"', page)
    assert len(named) == len(set(named)) > 5
    for address in named:
        answer = await browser.get(address)
        assert "immutable" in answer.headers["cache-control"], address
        folder = address.rpartition("/")[0]
        for found in IMPORT.finditer(answer.body.decode()):
            target = Path(folder, found[2]).as_posix()
            while "/../" in target:
                target = re.sub(r"/[^/]+/\.\./", "/", target)
            # a browser finds out nothing one after the other: each is named in the page
            assert target in named


def test_no_script_loads_another_without_its_version() -> None:
    files = read_assets(STATIC)
    for name in SCRIPTS:
        text = files[name].body.decode()
        assert not re.search(r'^(?:import|export)\b[^"\';]*"\.{1,2}/[^"?]+"', text, re.MULTILINE)
        assert "import(" not in text or name in SHARED.values()


def test_a_change_renames_whatever_imports_it(tmp_path: Path) -> None:
    entry = 'import { a } from "./middle.js";\n'
    middle = 'import {\n  b,\n} from "./leaf.js";\nexport const a = b;\n'
    folder = folder_of(tmp_path, entry=entry, middle=middle, leaf="export const b = 1;\n")
    before = read_assets(folder)
    assert before["entry.js"].imports == ("leaf.js", "middle.js")
    (folder / "leaf.js").write_text("export const b = 2;\n")
    read_assets.cache_clear()
    after = read_assets(folder)
    assert all(before[name].hash != after[name].hash for name in before)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"a": 'import "./b.js";', "b": 'import "./a.js";'}, "circle: a.js b.js a.js"),
        ({"a": 'export { x } from "./gone.js";'}, "a.js imports gone.js, which is not there"),
    ],
)
def test_imports_that_lead_nowhere_stop_the_start(
    tmp_path: Path, texts: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_assets(folder_of(tmp_path, **texts))


def test_comments_stay_at_home_and_lines_where_they_were(tmp_path: Path) -> None:
    text = (
        "/**\n * What it is.\n */\n// why\nconst a = /** @type {A} */ (b); // kept\n"
        '  /** @type {C | null} */ #c = null;\nconst d = "/* no */ // no";\n'
    )
    served = read_assets(folder_of(tmp_path, a=text))["a.js"].body.decode()
    assert served == ('\n\n\n\nconst a = (b); // kept\n  #c = null;\nconst d = "/* no */ // no";\n')


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in SHARED.values()])
def test_no_line_of_a_text_looks_like_a_comment(name: str) -> None:
    """In a template literal a line could begin with `//`: there are none of several lines."""
    text = (STATIC / name).read_text()
    bare = re.sub(r" // .*$", "", COMMENT.sub("", text), flags=re.MULTILINE)
    assert [line for line in bare.splitlines() if line.count("`") % 2] == []
    assert text.count("\n") == read_assets(STATIC)[name].body.count(b"\n")


COMPILE = """
import { readFileSync } from "node:fs";
import { SourceTextModule } from "node:vm";
for (const [identifier, text] of Object.entries(JSON.parse(readFileSync(0, "utf8"))))
  new SourceTextModule(text, { identifier });
"""


def test_a_browser_can_read_what_is_left() -> None:
    texts = {name: read_assets(STATIC)[name].body.decode() for name in SCRIPTS}
    read = subprocess.run(
        [
            "node",
            "--experimental-vm-modules",
            "--no-warnings",
            "--input-type=module",
            "-e",
            COMPILE,
        ],
        input=json.dumps(texts).encode(),
        capture_output=True,
    )
    assert (read.returncode, read.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.5, gzip", "br"),
        ("GZIP", "gzip"),
        ("gzip, br;q=0", "gzip"),
        ("br; q=0.000, gzip ;q=1.0", "gzip"),
        ("identity", ""),
        ("", ""),
        ("*", ""),
        ("xbr, gzipped", ""),
        (",;,=;q", ""),
    ],
)
async def test_a_file_comes_as_the_browser_takes_it(
    site: Serving, accepted: str, coding: str
) -> None:
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, "": bytes}[coding]
    plain = await site.browser().get("/static/css/jaga.css")
    answer = await site.browser().get("/static/css/jaga.css", Accept_Encoding=accepted)
    assert answer.headers.get("content-encoding", "") == coding
    assert unpack(answer.body) == plain.body
    assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert not coding or len(answer.body) * 3 < len(plain.body)
    assert (answer.headers["etag"] == plain.headers["etag"]) is (coding == "")
    again = await site.browser().get(
        "/static/css/jaga.css", Accept_Encoding=accepted, If_None_Match=answer.headers["etag"]
    )
    assert (again.status, again.body) == (304, b"")


async def test_what_is_packed_already_is_left_as_it_is(site: Serving) -> None:
    answer = await site.browser().get("/static/img/icon-192.png", Accept_Encoding="gzip, br")
    assert "content-encoding" not in answer.headers and "vary" not in answer.headers


@pytest.mark.parametrize("path", ["/js/realtime.js", "/static/js/licence.js"])
async def test_other_sites_scripts_are_kept_for_minutes_and_can_be_read(
    site: Serving, path: str
) -> None:
    answer = await site.browser().get(path)
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert b"/**" in answer.body
    again = await site.browser().get(path, If_None_Match=answer.headers["etag"])
    assert again.status == 304


def test_each_script_is_named_once_a_page() -> None:
    pages = Pages()
    page = pages._templates.from_string(
        "{{ script('js/session/login.js') }}{{ script('js/qr/qr_login.js') }}"
    )
    text = page.render(script=Scripts(pages))
    named = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert len(named) == len(set(named))
    assert pages.static("js/lib/ask.js") in named and text.count("modulepreload") >= 5


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in SHARED.values()])
def test_a_script_has_one_idea(name: str) -> None:
    text = (STATIC / name).read_text()
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 250
    # what comes from the server as JSON is anything until somebody has said what it is
    assert name == "js/lib/ask.js" or not re.search(r"[{<|:(,]\s*any\b|\bany\[\]", text)
