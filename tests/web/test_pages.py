"""Pages and static files: headers, caching, and nothing but what is meant to be served."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, Template
from jinja2.exceptions import UndefinedError

from tests.serving import Serving, serving
from web import pages
from web.pages import Pages


@pytest.fixture
async def site(environment: dict[str, str]) -> AsyncIterator[Serving]:
    async with serving(environment) as site:
        yield site


async def test_static_files_by_their_hash_are_for_ever(site: Serving) -> None:
    page = (await site.browser().get("/login")).body.decode()
    named = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    assert named and all("?v=" in address for address in named)
    for address in named:
        answer = await site.browser().get(address)
        assert answer.status == 200 and "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        bare = await site.browser().get(address.partition("?")[0])
        assert "immutable" not in bare.headers["cache-control"]
        assert bare.body == answer.body and "must-revalidate" in bare.headers["cache-control"]
        etag = answer.headers["etag"]
        again = await site.browser().get(address, If_None_Match=etag)
        assert (again.status, again.body) == (304, b"")


async def test_scripts_are_scripts_none_is_inline_and_no_page_is_indexed(site: Serving) -> None:
    answer = await site.browser().get("/js/realtime.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    for path in ("/login", "/akun-diblokir", "/nowhere"):
        page = (await site.browser().get(path, Accept="text/html")).body.decode()
        assert '<meta charset="utf-8">' in page and '<meta name="robots" content="noindex">' in page
        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", page) == []
        assert re.findall(r"\son\w+=|\sstyle=|javascript:", page) == []


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/../handler.py",
        "/static/%2e%2e/handler.py",
        "/static/..%2f..%2fstore/settings.py",
        "/static//etc/passwd",
        "/static/css",
        "/static/css/jaga.css%00",
        "/static/templates/login.html",
        "/templates/login.html",
        "/static/.gitignore",
    ],
)
async def test_nothing_else_is_served(site: Serving, path: str) -> None:
    answer = await site.browser().get(path)
    assert answer.status == 404 and answer.json["type"] == "NOT_FOUND"


async def test_static_answers_only_to_reading(site: Serving) -> None:
    head = await site.browser().send("HEAD", "/static/css/jaga.css", b"")
    assert head.status == 200 and int(head.headers["content-length"]) > 0
    assert (await site.browser().post("/static/css/jaga.css", {})).status == 405


def test_every_template_is_compiled_before_anybody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    class Noting(Environment):
        def get_template(self, name: Any, *args: Any, **kwargs: Any) -> Template:
            loaded.append(name)
            return super().get_template(name, *args, **kwargs)

    monkeypatch.setattr(pages, "Environment", Noting)
    Pages()
    there = {path.name for path in (Path(pages.__file__).parent / "templates").iterdir()}
    assert set(loaded) == there and len(there) > 30


def test_what_a_template_lacks_is_an_error_and_markup_is_escaped() -> None:
    pages = Pages(heartbeat_seconds=20, ping_seconds=600)
    with pytest.raises(UndefinedError):
        pages.render("login.html")
    with pytest.raises(KeyError):
        pages.static("css/nowhere.css")


async def test_what_a_member_is_called_is_text(site: Serving) -> None:
    evil = "<img src=x onerror=alert(1)>\"'&"
    member = await site.member("budi", name=evil)
    page = (await (await site.logged_in(member)).get("/dashboard")).body.decode()
    assert "<img src=x" not in page and "&lt;img src=x" in page
    assert (await site.browser().get("/login?reason=<script>")).body.count(b"<script>") == 0
