"""Small tables and named vectors: what results are handed out in. They show well in a terminal and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, Self
from unicodedata import combining, east_asian_width

import numpy as np
from numpy.typing import NDArray

from nelder.errors import MissingExtraError, refuse_unknown

P_VALUES = ("p", "p_adjusted", "p.value")
STATISTICS = ("z", "t", "F", "chi2", "statistic")
DASH = "-"
SHOWN, COEFFICIENTS = 60, 1_000  # rows that are shown: levels of factors are looked for one by one
UNSEEN = dict.fromkeys([*range(32), *range(127, 160)], "?")  # controls, which a terminal would obey


def number(value: float, digits: int = 5) -> str:
    """A number to so many significant digits, as R prints one: plain where that is short, else with an exponent."""
    if not np.isfinite(value):
        return {True: "nan", False: "inf" if value > 0 else "-inf"}[bool(np.isnan(value))]
    if value == 0:
        return "0"
    size = int(np.floor(np.log10(abs(value))))
    if -5 < size < max(digits, 7):
        return f"{value:.{max(digits - 1 - size, 0)}f}"
    return f"{value:.{digits - 1}e}"


def count(value: float) -> str:
    """A number of rows or degrees of freedom: whole where it is whole, as long as a float can tell that."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else number(value)


def numbers(values: NDArray[Any], digits: int = 5) -> list[str]:
    """A column of numbers with the same decimals, so that sizes can be seen; each to its own digits where sizes are far
    apart.
    """
    # a small number is never taken for rounding: its unit may be a small one, as of a slope on milliseconds
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    apart = len(sizes) == 0 or sizes.max() > 1e4 * sizes.min() or not 1e-4 < sizes.max() < 1e7
    kept = 0 if apart else 2 - int(np.floor(np.log10(sizes.min())))  # the smallest keeps three digits of its own
    if apart or kept > 7:
        return [number(float(value), digits) for value in values]
    decimals = max(min(digits - 1 - int(np.floor(np.log10(sizes.max()))), 7), kept, 0)
    values = values + 0.0  # which makes 0 of −0
    return [f"{value:.{decimals}f}" if np.isfinite(value) else number(float(value)) for value in values]


def width(text: str) -> int:
    """How many places a text takes on a terminal: wide characters of East Asia two, accents on others none."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(each) in "WF" else not combining(each) for each in text)


def padded(texts: Sequence[str], left: bool = True) -> list[str]:
    """Texts with blanks to the same width, without characters that a terminal would obey."""
    shown = [text.translate(UNSEEN) for text in texts]
    wide = max(map(width, shown), default=0)
    blanks = [" " * (wide - width(text)) for text in shown]
    return [text + blank if left else blank + text for text, blank in zip(shown, blanks, strict=True)]


class Named(np.ndarray[Any, Any]):
    """A vector whose entries have names: index it by name or use it as any NumPy array."""

    names: tuple[str, ...]

    def __new__(cls, values: object, names: Sequence[str]) -> Self:
        made = np.array(values, dtype=float).view(cls)
        made.names = tuple(names)
        return made

    def __array_finalize__(self, source: Any) -> None:
        self.names = getattr(source, "names", ())

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            refuse_unknown("name", key, self.names)
            return float(np.asarray(self)[self.names.index(key)])
        return np.asarray(self)[key]

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)

    def to_dict(self) -> dict[str, float]:
        """{name: value}."""
        return dict(zip(self.names, np.asarray(self).tolist(), strict=True))

    def __repr__(self) -> str:
        values = np.asarray(self)
        if values.shape != (len(self.names),):
            return repr(values)
        shown = padded([number(float(value), 6) for value in values], left=False)
        return "\n".join(f"{name}  {text}" for name, text in zip(padded(self.names), shown, strict=True))

    __str__ = __repr__


class Table(Mapping[str, NDArray[Any]]):
    """Columns of one length, by name. `str(table)` is plain text; `to_pandas()`, `to_polars()` and `to_arrow()`
    convert. `notes` are sentences below the table. `bases` are rows that others are compared with: a number that such
    a row cannot have is nan, and shows as a dash. `own` are columns under names of the user: their numbers are printed
    as numbers, though they be called p or z. Of more than `most` rows the first and the last are shown.
    """

    most = SHOWN

    def __init__(
        self,
        columns: Mapping[str, object],
        title: str = "",
        notes: Sequence[str] = (),
        bases: Sequence[int] = (),
        own: Iterable[str] = (),
    ) -> None:
        self._columns = {name: np.asarray(values) for name, values in columns.items()}
        self.title = title
        self.notes = tuple(notes)
        self.bases = frozenset(bases)
        self.own = frozenset(own)
        assert len({len(values) for values in self._columns.values()}) <= 1

    def __getitem__(self, name: str) -> NDArray[Any]:
        refuse_unknown("column of the table", name, self._columns)
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self._columns.values()), ()))

    def showing(self, most: int) -> Self:
        """The same table, of which so many rows are shown."""
        made = copy(self)
        made.most = most
        return made

    def texts(self, most: int) -> list[list[str]]:
        """Each column as it is printed, its name first; of more than `most` rows the first and last, parted by …"""
        n = self.rows
        shown = list(range(n)) if n <= most else [*range(most // 2), *range(n - most // 2, n)]
        dashed = [row in self.bases for row in shown]
        printed = {name: _cells("" if name in self.own else name, values[shown]) for name, values in self.items()}
        texts = [
            [name, *(DASH if dash and cell == "nan" else cell for dash, cell in zip(dashed, cells, strict=True))]
            for name, cells in printed.items()
        ]
        if n > most:
            for column in texts:
                column.insert(1 + most // 2, "…")
        return texts

    def __str__(self) -> str:
        kinds = [values.dtype.kind for values in self._columns.values()]
        columns = [padded(cells, kind in "OU") for cells, kind in zip(self.texts(self.most), kinds, strict=True)]
        lines = ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
        return "\n".join([*([self.title] if self.title else []), *lines, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        texts = self.texts(self.most)
        sides = ["left" if values.dtype.kind in "OU" else "right" for values in self._columns.values()]

        def row(tag: str, cells: Sequence[str]) -> str:
            made = (
                f"<{tag} style='text-align:{side}'>{html.escape(cell)}</{tag}>"
                for cell, side in zip(cells, sides, strict=True)
            )
            return f"<tr>{''.join(made)}</tr>"

        head, *body = zip(*texts, strict=True)
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        rows = "".join(row("td", cells) for cells in body)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table>{caption}<thead>{row('th', head)}</thead><tbody>{rows}</tbody></table>{notes}"

    def to_latex(self) -> str:
        """A LaTeX tabular for the package booktabs, as the table is printed."""
        texts = self.texts(max(self.rows, 1))
        sides = "".join("l" if values.dtype.kind in "OU" else "r" for values in self.values())
        head, *body = (" & ".join(latex(cell) for cell in row) + r" \\" for row in zip(*texts, strict=True))
        lines = [
            rf"\begin{{tabular}}{{{sides}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
        return "\n".join([*lines, *(f"\\par {latex(note)}" for note in self.notes)])

    def to_dict(self) -> dict[str, list[Any]]:
        """{name: list of values}."""
        return {name: values.tolist() for name, values in self._columns.items()}

    def to_pandas(self) -> Any:
        """A pandas DataFrame."""
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("pandas", "all", "to_pandas()") from None
        return pd.DataFrame(self._columns)

    def to_polars(self) -> Any:
        """A Polars DataFrame."""
        try:
            import polars as pl
        except ImportError:
            raise MissingExtraError("polars", "all", "to_polars()") from None
        return pl.DataFrame(self.to_dict())

    def to_arrow(self) -> Any:
        """A pyarrow Table."""
        try:
            import pyarrow as pa
        except ImportError:
            raise MissingExtraError("pyarrow", "files", "to_arrow()") from None
        return pa.table(self.to_dict())


SYMBOLS = {"φ": r"\phi", "χ": r"\chi", "θ": r"\theta", "μ": r"\mu", "η": r"\eta", "β": r"\beta", "λ": r"\lambda"}
SYMBOLS |= {"²": "^2", "−": "-", "±": r"\pm", "<": "<", ">": ">", "∞": r"\infty", "→": r"\to", "≥": r"\ge", "≤": r"\le"}
LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {symbol: f"${written}$" for symbol, written in SYMBOLS.items()}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "…": r"\dots{}"}
)


def latex(text: str) -> str:
    """A text with LaTeX's special characters, and the symbols of our sentences, in its own spelling."""
    return text.translate(LATEX)


def _cells(name: str, values: NDArray[Any]) -> list[str]:
    if values.dtype.kind == "f":
        if name in STATISTICS:
            return [f"{value:.3f}" if abs(value) < 1e6 else number(float(value)) for value in values]
        return [p_value(float(value)) for value in values] if name in P_VALUES else numbers(values)
    return [str(value) for value in values.tolist()]


def p_value(p: float) -> str:
    """A p-value: never a bare 0."""
    if np.isnan(p):
        return "nan"
    return "< 1e-300" if p < 1e-300 else number(p, 3)
