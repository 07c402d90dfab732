"""The stylesheets: layers, one place for each colour and size, nothing written twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.assets import PART, read_assets
from web.pages import HERE

CSS = HERE / "static" / "css"
TOKENS = CSS / "foundation" / "tokens.css"
LAYERS = "@layer reset, tokens, base, components, pages, utilities;"
SHEETS = sorted(path.name for path in CSS.glob("*.css"))
PARTS = sorted(path.relative_to(CSS).as_posix() for path in CSS.glob("*/*.css"))

COLOUR = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|lab|lch|oklch|hwb)a?\("
    r"|:\s*(?:white|black|red|green|blue|gr[ae]y|orange|yellow)\b",
    re.IGNORECASE,
)

Rule = tuple[str, str, str]
"""Its at-rule ("" for none), its selectors, and what it says."""


def text_of(part: str) -> str:
    """A part without its comments."""
    return re.sub(r"/\*.*?\*/", "", (CSS / part).read_text(), flags=re.DOTALL)


def rules_of(text: str, within: str = "") -> Iterator[Rule]:
    """The rules of a stylesheet, those inside of an at-rule with its name."""
    for head, body in blocks(text):
        if head.startswith("@"):
            yield from rules_of(body, head)
        else:
            yield within, head, " ".join(body.split())


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """What stands before each outermost brace, and what in it."""
    begin = depth = 0
    head = ""
    for brace in re.finditer(r"[{}]", text):
        depth += 1 if brace[0] == "{" else -1
        if brace[0] == "{" and depth == 1:
            head, begin = text[begin : brace.start()].strip(), brace.end()
        elif depth == 0:
            yield head, text[begin : brace.start()]
            begin = brace.end()


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_sheet_is_a_list_of_parts_in_their_layers(sheet: str) -> None:
    text = re.sub(r"^/\*.*\*/$", "", (CSS / sheet).read_text(), flags=re.MULTILINE)
    lines = [line for line in text.splitlines() if line]
    assert lines[0] == LAYERS
    for line in lines[1:]:
        found = PART.fullmatch(line)
        assert found, line
        folder, _, name = found[1].partition("/")
        layer = Path(name).stem if folder == "foundation" else folder
        assert found[2] == layer and layer in LAYERS


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_page_asks_for_one_file(sheet: str) -> None:
    served = read_assets(HERE / "static")[f"css/{sheet}"].body.decode()
    assert "@import" not in served and served.count("{") == served.count("}")
    assert served.lstrip().startswith(LAYERS)


def test_every_part_is_in_a_sheet() -> None:
    named = {found[1] for sheet in SHEETS for found in PART.finditer((CSS / sheet).read_text())}
    assert named == set(PARTS)


@pytest.mark.parametrize("part", [part for part in PARTS if CSS / part != TOKENS])
def test_colours_and_sizes_are_those_of_the_tokens(part: str) -> None:
    text = text_of(part)
    assert COLOUR.findall(text) == []
    sizes = set(re.findall(r"font-size:\s*([^;]+);", text))
    # a part of the size around it, or units of a picture's own
    free = {size for size in sizes if re.fullmatch(r"0\.\d+em|[\d.]+px", size)}
    assert all(re.fullmatch(r"var\(--text-\w+\)", size) for size in sizes - free), sizes
    for declared in re.findall(r"(?:^|\s)(?:gap|padding|margin)[a-z-]*:\s*([^;]+);", text):
        for rem in re.findall(r"(?<![\w.(-])-?([\d.]+)rem\b", declared):
            assert "clamp" in declared or float(rem) > 2, f"{declared}: a step of --space-…"


def test_every_token_is_used_and_every_one_used_is_there() -> None:
    declared = set(re.findall(r"^\s*(--[\w-]+):", TOKENS.read_text(), re.MULTILINE))
    everything = "".join((CSS / part).read_text() for part in PARTS)
    used = set(re.findall(r"var\((--[\w-]+)", everything))
    own = set(re.findall(r"^\s*(--[\w-]+):", everything, re.MULTILINE)) - declared
    assert used <= declared | own, used - declared - own
    assert declared <= used, declared - used


def test_there_are_few_sizes_of_letters() -> None:
    text = TOKENS.read_text()
    assert len(set(re.findall(r"--text-[\w-]+:", text))) <= 10
    assert len(set(re.findall(r"--space-[\w-]+:", text))) <= 9


def test_nothing_is_written_twice() -> None:
    """No two parts give the same longer rule to two things, or to the same thing."""
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for part in PARTS:
        for within, _, body in rules_of(text_of(part)):
            if body.count(";") > 4:
                said[within, body].add(part)
    assert {body: parts for (_, body), parts in said.items() if len(parts) > 1} == {}
