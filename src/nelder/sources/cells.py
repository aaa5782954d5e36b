"""What the cells of a CSV file are: whole numbers, truth values, numbers, times or text, as pyarrow tells them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any

from nelder.sources.arrow import Kind

MISSING = ("", "NA", "NaN", "nan", "null", "NULL", "None")
TRUE = ("1", "true", "TRUE", "True")
FALSE = ("0", "false", "FALSE", "False")
WHOLE = "^[+-]?[0-9]+$"
TIME = "time"  # dates, times of day, and both: no column of a model has them


class Guess:
    """What a column can be, from all of its cells: the first in the order of pyarrow that suits every one."""

    def __init__(self) -> None:
        self.open: tuple[Kind, ...] = ("i", "b", "f", TIME)
        self.seen = False
        self.times: str | None = None

    def see(self, cells: Any) -> None:
        """Take note of cells, an Arrow array of texts (n,)."""
        present = cells.drop_null() if cells.null_count else cells
        if not self.open or not len(present):
            return
        self.seen = True
        if "i" in self.open and is_number(present, "i"):
            # a whole number is a number and no date; written as 0x1F it is whole only
            suits = {
                "i": True,
                "b": "b" in self.open and is_logical(present),
                "f": not is_hexadecimal(present),
                TIME: False,
            }
        else:
            suits = {"i": False, "b": "b" in self.open and is_logical(present)}
            suits["f"] = "f" in self.open and is_number(present, "f")
            suits[TIME] = TIME in self.open and self._is_time(present)
        self.open = tuple(kind for kind in self.open if suits[kind])

    @property
    def kind(self) -> Kind:
        """What the column is, if there is nothing more to see."""
        if not self.seen:
            return "null"
        first = self.open[0] if self.open else "text"
        return str(self.times) if first == TIME else first

    def _is_time(self, present: Any) -> bool:
        found = time_of(present)
        pair = {found, self.times} - {None}
        self.times = found if self.times is None else max(found or "", self.times)  # timestamps take in dates
        return found is not None and (
            len(pair) == 1 or all(each.startswith(("date", "timestamp")) for each in pair if each)
        )


def number(cells: Any, kind: Kind) -> Any:
    """Texts as numbers of this kind, which may have blanks around them; raises ArrowInvalid where one is none.

    Whole numbers of which int64 cannot hold one are doubles: whoever makes a column of them refuses it.
    """
    import pyarrow as pa
    from pyarrow import compute

    typed_as = pa.int64() if kind == "i" else pa.float64()
    try:
        return cells.cast(typed_as)
    except pa.ArrowInvalid:
        trimmed = compute.utf8_trim(cells, characters=" \t")
        if kind == "i" and compute.all(compute.match_substring_regex(trimmed, WHOLE)).as_py():
            typed_as = pa.float64()
        return trimmed.cast(typed_as)


def is_number(cells: Any, kind: Kind) -> bool:
    """Whether all texts are numbers of this kind."""
    import pyarrow as pa

    try:
        number(cells, kind)
    except pa.ArrowInvalid:
        return False
    return True


def is_hexadecimal(cells: Any) -> bool:
    """Whether a text among whole numbers is one in base 16."""
    from pyarrow import compute

    return any(compute.any(compute.match_substring(cells, sign)).as_py() for sign in "xX")


def is_logical(cells: Any) -> bool:
    """Whether all texts are truth values."""
    import pyarrow as pa
    from pyarrow import compute

    return bool(compute.all(compute.is_in(cells, pa.array([*TRUE, *FALSE]))).as_py())


def time_of(cells: Any) -> str | None:
    """The Arrow type of dates and times that all texts have; None where they have none."""
    from pyarrow import compute
    from pyarrow import csv as arrow_csv

    lines = "".join('"' + cell.replace('"', '""') + '"\n' for cell in compute.unique(cells).to_pylist())
    options = arrow_csv.ReadOptions(column_names=["cell"], block_size=max(len(lines.encode()), 1) + 1)
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    found = str(arrow_csv.read_csv(io.BytesIO(lines.encode()), options, parse).schema.field(0).type)
    return found if found.startswith(("date", "time")) else None


def typed(table: Any, kinds: Mapping[str, Kind]) -> Any:
    """The columns of a table of texts as what they are; raises ArrowInvalid where a cell is not that."""
    import pyarrow as pa

    columns = {name: typed_column(table.column(name), kind) for name, kind in kinds.items()}
    return pa.table(columns)


def typed_column(cells: Any, kind: Kind) -> Any:
    """Texts (n,) as what they are."""
    import pyarrow as pa
    from pyarrow import compute

    if kind == "b":
        known = compute.is_in(cells, pa.array([*TRUE, *FALSE]))
        if not compute.all(compute.or_(known, compute.is_null(cells)), min_count=0).as_py():
            raise pa.ArrowInvalid("no truth value")
        return compute.if_else(compute.is_null(cells), None, compute.is_in(cells, pa.array(TRUE)))
    if kind in ("i", "f"):
        return number(cells, kind)
    return cells


def plain_whole(cell: str) -> int:
    """A text as a whole number; raises ValueError for another, also where Python would take it, as 1_000."""
    trimmed = cell.strip(" \t")
    if re.fullmatch("0[xX][0-9a-fA-F]+", trimmed):
        return int(trimmed, 16)
    if not re.fullmatch(WHOLE, trimmed):
        raise ValueError(cell)
    return int(trimmed)


def plain_logical(cell: str) -> bool:
    """A text as a truth value; raises ValueError for another."""
    return (*FALSE, *TRUE).index(cell) >= len(FALSE)


def plain_number(cell: str) -> float:
    """A text as a number; raises ValueError for another, also where Python would take it, as 1_000 or digits of other
    scripts.
    """
    if "_" in cell or not cell.isascii():
        raise ValueError(cell)
    return float(cell)


def plain_time(cell: str) -> datetime | time:
    """A text as a date or a time of day; raises ValueError for another."""
    if re.match("[0-9]{4}-[0-9]{2}-", cell):
        return datetime.fromisoformat(cell)
    if not re.match("[0-9]{2}:[0-9]{2}", cell):
        raise ValueError(cell)
    return time.fromisoformat(cell)


PLAIN: tuple[Callable[[str], Any], ...] = (plain_whole, plain_logical, plain_number, plain_time)  # without pyarrow
