"""What the lines of a CSV file show before they are decoded: what is wrong with it, and where."""

from __future__ import annotations

import csv
import itertools
import re
from functools import partial

from nelder.errors import DataError
from nelder.sources.arrow import first_line

BLOCK = 1 << 23  # bytes of a file that are looked at at once
BEGINNING = 1 << 20  # bytes in which the header ends
SEPARATORS, ENOUGH = ",;\t", 1 << 16  # and characters of a header in which they show
FOREIGN = {  # how files begin that are no CSV in UTF-8, and what to do with them
    b"\xff\xfe": "it is UTF-16: save it as UTF-8",
    b"\xfe\xff": "it is UTF-16: save it as UTF-8",
    b"\x1f\x8b": "it is compressed by gzip: unpack it",
    b"PK\x03\x04": "it is a spreadsheet or a zip archive: save it as CSV, or unpack it",
}


def separator_of(path: str) -> str:
    """What separates the cells of a file: a comma, where the header has one outside quotes, or else the semicolon or
    the tab that it has.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as lines:
            bare = re.sub('"[^"]*("|$)', "", lines.read(ENOUGH)).lstrip("\r\n")
    except OSError:
        return SEPARATORS[0]  # whoever reads it says so
    named = re.split("[\r\n]", bare, maxsplit=1)[0]
    return next((separator for separator in SEPARATORS if separator in named), SEPARATORS[0])


def unreadable(path: str, problem: BaseException) -> DataError:
    """The error for a file that is no CSV, with the line where that shows."""
    place = wrong_line(path)
    return DataError(f"{path!r} cannot be read as CSV: {place or first_line(problem)}")


def wrong_line(path: str) -> str | None:
    """The first line that does not fit the header or is not UTF-8, in words; None where the lines are not to blame."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            rows = csv.reader(lines, delimiter=separator_of(path))
            first = next(rows, [])
            width = len(first)
            for row in itertools.chain([first], rows):
                if any("\udc80" <= character <= "\udcff" for cell in row for character in cell if not cell.isascii()):
                    return f"line {rows.line_num} is not UTF-8"
                if row and len(row) != width:
                    return f"line {rows.line_num} has {len(row)} cells and the header {width}"
    except (OSError, csv.Error):
        return None
    return None


def refuse_foreign(path: str) -> None:
    """Raise DataError for a file that begins as those of another kind do."""
    try:
        with open(path, "rb") as file:
            begin = file.read(4)
    except OSError as problem:
        raise unreadable(path, problem) from None
    said = next((words for sign, words in FOREIGN.items() if begin.startswith(sign)), None)
    if said is not None:
        raise DataError(f"{path!r} cannot be read as CSV: {said}")


def refuse_open_quote(path: str) -> None:
    """Raise DataError for a file with a quote that is never closed, which makes one cell of all that follows it."""
    line = open_quote(path)
    if line is not None:
        raise DataError(f"{path!r} cannot be read as CSV: the quote that opens in line {line} is not closed: close it")


def open_quote(path: str) -> int | None:
    """The line of a quote that is never closed; None where there is none, as where the file has an even number."""
    begin = 0
    try:
        with open(path, "rb") as file:
            if sum(block.count(b'"') for block in iter(partial(file.read, BLOCK), b"")) % 2 == 0:
                return None
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as lines:
            # a row of its own, unless a quote takes it in
            rows = csv.reader(itertools.chain(lines, ["\n", "end"]), delimiter=separator_of(path))
            for row in rows:
                if row and row[-1].endswith("\nend"):
                    return begin + 1 + sum(cell.count("\n") for cell in row[:-1])
                begin = rows.line_num
    except OSError:
        return None
    except csv.Error:  # a cell of more characters than the standard library reads
        return begin + 1
    return None


def line_of(path: str, row: int) -> int | None:
    """The line in which a row begins, the first being 1; None where it cannot be found."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines, delimiter=separator_of(path))
            seen, begin = -2, 0  # the header is no row
            for cells in rows:
                seen += bool(cells)  # empty lines are none
                if cells and seen == row:
                    return begin + 1
                begin = rows.line_num
    except (OSError, UnicodeDecodeError, csv.Error):
        pass
    return None
