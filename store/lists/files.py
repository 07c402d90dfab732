"""What a file of a list holds: the bytes as tables of text cells, refused where that is unsure.

Takes CSV, TSV and the like in UTF-8, UTF-16, Windows-1252 or Macintosh letters, and spreadsheets
(.xlsx, .xls, .ods). Blocking: for a thread.
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

from store.errors import UnreadableList
from store.lists import workbook

Table = list[list[str]]

DELIMITERS = ",;\t|"

MOST_UNPACKED = 64 * 1024 * 1024
"""Of a spreadsheet's parts together: a list of 256 KiB unpacks to a tenth of it."""

READ_SECONDS = 20.0
"""For the process that reads a spreadsheet; a large list takes half a second."""

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SEP = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")

_WORKBOOKS = {
    "password": "Berkas ini dilindungi sandi. Simpan ulang tanpa sandi, lalu unggah lagi.",
    "large": "Berkas ini terlalu luas. Salin daftarnya saja ke lembar baru, lalu unggah itu.",
    "broken": "Berkas ini tidak dapat dibaca. Simpan ulang sebagai .xlsx atau CSV UTF-8.",
}


def is_workbook(data: bytes) -> bool:
    """Whether these bytes are a spreadsheet, by how they begin."""
    return data.startswith((_ZIP, _OLE))


def tables_of_workbook(data: bytes) -> list[Table]:
    """Return the visible sheets of a spreadsheet. Raises UnreadableList."""
    if data.startswith(_ZIP) and _unpacked_size(data) > MOST_UNPACKED:
        raise UnreadableList(_WORKBOOKS["large"])
    try:
        # our own program with no words of a stranger; the file goes to its input
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", str(Path(workbook.__file__))],
            input=data,
            capture_output=True,
            timeout=READ_SECONDS,
            env={},
        )
        # ended by the system: it wanted more than a list may cost
        failed = {"problem": "large" if done.returncode < 0 else "broken"}
        found = json.loads(done.stdout) if done.returncode == 0 else failed
    except (subprocess.TimeoutExpired, ValueError):
        found = {"problem": "large"}
    if problem := found.get("problem"):
        raise UnreadableList(_WORKBOOKS[problem])
    return list(found["sheets"])


def _unpacked_size(data: bytes) -> int:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            return sum(part.file_size for part in packed.infolist())
    except (zipfile.BadZipFile, ValueError, OSError):
        raise UnreadableList(_WORKBOOKS["broken"]) from None


def tables_of_text(text: str) -> list[Table]:
    """Return a text as a table, once for each way of dividing it that can be meant."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff\n")
    if said := _SEP.match(lines):
        return [_divided(lines[said.end() :], said[1])]
    found, failed = [], None
    for delimiter in DELIMITERS:
        try:
            found.append(_divided(lines, delimiter))
        except UnreadableList as error:
            # a quote that is odd under one delimiter may be plain under the right one
            failed = failed or (error if delimiter in lines.partition("\n")[0] else None)
    if failed is not None:
        raise failed
    return found


def _divided(lines: str, delimiter: str) -> Table:
    source = io.StringIO(lines, newline="\n")
    try:
        rows = list(csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        raise UnreadableList(
            "Ada tanda kutip yang tidak ditutup. Simpan ulang dari Excel sebagai .xlsx "
            "atau CSV UTF-8, lalu unggah lagi."
        ) from None
    if any("\n" in cell and delimiter in cell for row in rows for cell in row):
        raise UnreadableList(
            "Beberapa baris menyatu di antara dua tanda kutip. Hapus tanda kutip yang berlebih, "
            "atau unggah sebagai .xlsx."
        )
    return rows


def decoded(data: bytes) -> str:
    """Return the text of a file. Raises UnreadableList where its letters would be guessed."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return _sound(_as(data, encoding))
    if encoding := _wide(data):
        return _sound(_as(data, encoding))
    return _sound(_as(data, "utf-8") or _eight_bit(data))


def _wide(data: bytes) -> str:
    """UTF-16 without its mark: every other byte of a heading is zero."""
    begin = data[:64]
    if len(data) % 2 or len(begin) < 4:
        return ""
    if not any(begin[::2]) and all(begin[1::2]):
        return "utf-16-be"
    return "utf-16-le" if all(begin[::2]) and not any(begin[1::2]) else ""


def _eight_bit(data: bytes) -> str | None:
    """Windows' letters or a Macintosh's: whichever gives words. Where line ends are those of an old
    Macintosh both may be meant, so only one of them may give words."""
    sound = [
        text
        for text in (_as(data, "cp1252"), _as(data, "mac_roman"))
        if text is not None and _is_words(text)
    ]
    if len(sound) == 2 and sound[0] != sound[1] and b"\n" not in data:
        return None
    return sound[0] if sound else None


def _is_words(text: str) -> bool:
    """Whether a text reads like names: letters and the signs that names have, capitals at the
    beginning of a word or all through it."""
    for sign in set(text):
        if sign > "~" and not (sign.isalpha() or sign in "\u00a0‘’–—´·"):
            return False
    # a no-break space before a small letter, and letters that no name has: other letters once
    if any(text[at + 1 : at + 2].islower() for at in _places(text, "\u00a0")):
        return False
    if set(text) & set("ªºµƒ"):
        return False
    return all(_is_word(word) for word in set(_WORD.findall(text)))


def _places(text: str, sign: str) -> list[int]:
    return [at for at, one in enumerate(text) if one == sign]


def _is_word(word: str) -> bool:
    odd = [at for at, sign in enumerate(word) if at and sign > "~" and sign.isupper()]
    return not odd or word.isupper()


def _as(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _sound(text: str | None) -> str:
    """A text whose letters are what was meant. Raises UnreadableList."""
    if text is None or any(_is_broken(sign) for sign in set(text)) or _is_twice_encoded(text):
        raise UnreadableList(
            "Huruf di berkas ini tidak dapat dibaca dengan pasti. Simpan ulang sebagai "
            "'CSV UTF-8' atau .xlsx, lalu unggah lagi."
        )
    return text


def _is_broken(sign: str) -> bool:
    return sign == "\ufffd" or (unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\t\r\n")


def _is_twice_encoded(text: str) -> bool:
    """Whether "é" has become "Ã©": UTF-8 that was taken for Windows' letters and saved again."""
    odd = [word for word in set(re.findall(r"\S*[^\x00-\x7f]\S*", text)) if _again(word)]
    return bool(odd)


def _again(word: str) -> bool:
    try:
        return word.encode("cp1252").decode("utf-8") != word
    except UnicodeError:
        return False
