"""The documents keep their word: citations and links lead somewhere, pictures are true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.tools import architecture, settings_page
from store.settings import SETTING_NAMES, declarations
from tests.sources import PACKAGES, ROOT, imports_of, sources

DOCS = ROOT / "docs"

CITED = {"CONTRACT": "contract.md", "DESIGN": "design.md"}

CITATION = re.compile(r"\b(CONTRACT|DESIGN)((?:,? (?:and )?§\d+)+)")
REFERENCE = re.compile(r"\breference/([a-z-]+\.md)(?: §([\d.]+)| ([FW]\d+(?:-\d+)?\b))?")

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

CODE = (".py", ".lua", ".sql", ".js", ".css", ".html", ".md", ".toml")


def texts() -> Iterator[tuple[str, str]]:
    """Every text of ours in which a document may be cited."""
    for top in (*PACKAGES, "tests", "docs"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in CODE and path != Path(__file__):
                yield path.relative_to(ROOT).as_posix(), path.read_text()


def sections(document: Path) -> set[str]:
    return set(re.findall(r"^#{2,3} ([\d.]*\d)\.? ", document.read_text(), re.MULTILINE))


def test_every_section_that_is_cited_is_there() -> None:
    known = {name: sections(DOCS / file) for name, file in CITED.items()}
    dangling = [
        f"{place}: {found[0]}"
        for place, text in texts()
        for found in CITATION.finditer(text)
        for number in re.findall(r"\d+", found[2])
        if number not in known[found[1]]
    ]
    assert dangling == []


def test_every_reference_that_is_cited_is_there() -> None:
    dangling = []
    for place, text in texts():
        for found in REFERENCE.finditer(text):
            document = DOCS / "reference" / found[1]
            if not document.exists():
                dangling.append(f"{place}: {found[0]}")
            elif found[2] and found[2].rstrip(".") not in sections(document):
                dangling.append(f"{place}: {found[0]}")
            elif found[3] and f"| {found[3]} |" not in document.read_text():
                dangling.append(f"{place}: {found[0]}")
    assert dangling == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


FILE = re.compile(
    r"\b(?:store|web|realtime|jobs|scripts|tests)/[\w/]+\.(?:py|lua|sql|js|css|html)\b"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_are_there(page: Path) -> None:
    text = page.read_text()
    named = [ROOT / name for name in FILE.findall(text)]
    named += [ROOT / "store" / "lua" / name for name in re.findall(r"`(\w+\.lua)`", text)]
    assert [str(file) for file in named if not file.exists()] == []


def test_files_that_commands_name_are_there() -> None:
    commands = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix]
    named = [ROOT / name for path in commands for name in FILE.findall(path.read_text())]
    assert named and [str(file) for file in named if not file.exists()] == []


def test_the_readme_is_read_to_its_end() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 130


def test_the_settings_are_written_from_their_declarations() -> None:
    page = (DOCS / "settings.md").read_text()
    assert page == settings_page.write()
    named = re.findall(r"^\| `([A-Z0-9_]+)` \|", page, re.MULTILINE)
    # what scripts/run sets, and nobody else
    assert {*named} == {*SETTING_NAMES} - {"JAGA_ENV", "JAGA_HOME"}
    assert len(named) == len({*named})
    assert settings_page.HEADINGS.keys() <= {name for name, _ in declarations()}


def test_the_picture_is_what_is_imported() -> None:
    drawn = architecture.read()["imports"]
    real = {
        package: {
            imported.partition(".")[0]
            for _, tree in sources(package)
            for imported in imports_of(tree)
            if imported.partition(".")[0] in PACKAGES
        }
        - {package}
        for package in PACKAGES
    }
    assert {package: set(targets) for package, targets in drawn.items()} == {
        package: targets for package, targets in real.items() if targets
    }


@pytest.mark.parametrize("picture", architecture.PICTURES)
def test_the_picture_is_drawn_from_its_source(picture: str) -> None:
    assert (DOCS / f"{picture}.svg").read_text() == architecture.draw(picture)
