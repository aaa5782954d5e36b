"""The tables of the page: nelder's own, the file that the lab was started with, and files that are dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from nelder import datasets
from nelder.errors import DataError, NelderError
from nelder.formula import parse_formula
from nelder.lab.choices import Choices, formula_from, in_formula, literal
from nelder.sources import Chunk, Column, Labels, Numbers, Source, concatenated, source_of
from nelder.sources.temporary import TemporaryFolder
from nelder.table import Table

LARGEST = 100_000_000  # bytes of a file that is dropped
MANY_LEVELS = 50  # of a column that is not suggested as a term
POLICIES = 20_000  # of the generator of insurance claims: enough to see, few enough to wait for


@dataclass(frozen=True)
class Loaded:
    """A table to fit: its title, the Python that gives it, its rows, the columns that can be used, what was wrong with
    the others, what is chosen at first, and the coefficients that made it, where they are known.
    """

    title: str
    named: str
    source: Source
    rows: int
    columns: Mapping[str, Column]
    refused: Mapping[str, str]
    choices: Choices
    response: str
    terms: tuple[str, ...]
    truth: Mapping[str, float] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What it holds, in a line."""
        refused = f"; {len(self.refused)} cannot be used" if self.refused else ""
        return f"{self.rows:,} rows, {len(self.columns)} columns{refused}"


@dataclass(frozen=True)
class Bundled:
    """A table of nelder's: its title, the function that makes it, the Python of that, and what is chosen at first."""

    title: str
    make: Callable[[], Table]
    named: str
    choices: Choices
    truth: str = ""


NINE = " + ".join(f"x{j}" for j in range(1, 10))
SHIPS = "incidents ~ type + C(built) + C(period) + offset(log(service))"
MOTOR = "claims ~ area + young + vehicle_age + offset(log(exposure))"
BUNDLED: dict[str, Bundled] = {
    "line": Bundled(
        "Textbook: a line",
        datasets.line,
        "nd.datasets.line()",
        Choices("y ~ x", solver="gradient_descent", rate="0.001", epochs="5000", start="10, -5"),
        "line",
    ),
    "yes_no": Bundled(
        "Textbook: yes or no",
        datasets.yes_no,
        "nd.datasets.yes_no()",
        Choices(f"yes ~ {NINE}", "binomial", solver="gradient_descent", rate="0.001", epochs="1000", start="0"),
        "yes_no",
    ),
    "counts": Bundled(
        "Textbook: counts",
        datasets.counts,
        "nd.datasets.counts()",
        Choices(f"count ~ {NINE}", "poisson", solver="gradient_descent", rate="0.0001", epochs="1000", start="0"),
        "counts",
    ),
    "horse_kicks": Bundled(
        "Deaths by horse kick",
        datasets.horse_kicks,
        "nd.datasets.horse_kicks()",
        Choices("deaths ~ corps", "poisson"),
    ),
    "ships": Bundled("Damage to cargo ships", datasets.ships, "nd.datasets.ships()", Choices(SHIPS, "poisson")),
    "motor": Bundled(
        f"Motor policies, {POLICIES:,} simulated",
        lambda: datasets.motor(POLICIES),
        f"nd.datasets.motor({POLICIES})",
        Choices(MOTOR, "poisson"),
    ),
}


def bundled(name: str) -> Loaded:
    """A table that comes with nelder."""
    chosen = BUNDLED[name]
    source = source_of(chosen.make())
    columns, refused = columns_of(source)
    parsed = parse_formula(chosen.choices.formula, source.names)
    response = parsed.response[0].columns[0]
    terms = tuple(dict.fromkeys(name for term in parsed.terms for factor in term.factors for name in factor.columns))
    truth = datasets.true_coefficients(chosen.truth) if chosen.truth else {}
    return Loaded(
        chosen.title, chosen.named, source, rows_of(columns), columns, refused, chosen.choices, response, terms, truth
    )


class Held(Source):
    """A table that was read once and is in memory, with what was said of the columns that cannot be used."""

    def __init__(self, data: Source) -> None:
        self.names_read = data.names
        self.columns, self.refused = columns_of(data)

    @classmethod
    def reads(cls, data: object) -> bool:
        return isinstance(data, Source)

    @property
    def names(self) -> tuple[str, ...]:
        return self.names_read

    def size(self, names: Sequence[str]) -> int:
        return 0

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        for name in names:
            if name not in self.columns:
                raise DataError(self.refused[name])
        yield {name: self.columns[name] for name in names}


def opened(path: str | Path) -> Loaded:
    """A CSV or Parquet file of this machine; raises a DataError for one that cannot be read or used."""
    return loaded(Held(source_of(path)), Path(path).name, literal(str(path)))


def dropped(name: str, contents: bytes) -> Loaded:
    """A file that was dropped on the page, read whole and kept nowhere; raises a DataError as `opened`."""
    plain = PurePosixPath(PureWindowsPath(name).name).name or "data"
    if len(contents) > LARGEST:
        raise DataError(
            f"{plain!r} has {len(contents) / 1e6:,.0f} MB; files of up to {LARGEST / 1e6:,.0f} MB can be dropped here: "
            "start the lab with it instead, as in nelder lab DATA"
        )
    with TemporaryFolder("lab") as folder:
        path = Path(folder) / f"data{PurePosixPath(plain).suffix}"
        path.write_bytes(contents)
        try:
            held = Held(source_of(path))
            held.refused = {column: said.replace(str(path), plain) for column, said in held.refused.items()}
            return loaded(held, plain, literal(plain))
        except NelderError as problem:
            raise DataError(str(problem).replace(repr(str(path)), repr(plain)).replace(str(path), plain)) from None


def loaded(source: Source, title: str, named: str) -> Loaded:
    """A table of which nothing is known: some column is its response and another a term, to begin with.

    Raises DataError where there is no column or no row to use.
    """
    columns, refused = columns_of(source)
    if not columns or not rows_of(columns):
        reason = next(iter(refused.values()), "it has a header at most")
        raise DataError(f"{title!r} has nothing to fit: {reason}")
    numeric = [name for name, column in columns.items() if isinstance(column, Numbers)]
    if not numeric:
        raise DataError(f"{title!r} has no numeric column, so that nothing in it can be a response")
    response = "y" if "y" in numeric else numeric[-1]
    others = [name for name in columns if name != response and usable(columns[name])]
    terms = tuple([name for name in others if name in numeric][:1] or others[:1])
    choices = Choices(formula_from(response, terms), family_like(columns[response]))
    return Loaded(title, named, source, rows_of(columns), columns, refused, choices, response, terms)


def columns_of(source: Source) -> tuple[dict[str, Column], dict[str, str]]:
    """The columns that nelder can use, and what it says of the others."""
    columns: dict[str, Column] = {}
    refused: dict[str, str] = {}
    try:
        columns = dict(concatenated(list(source.chunks(source.names))))
    except NelderError:
        for name in source.names:
            try:
                columns[name] = concatenated(list(source.chunks([name])))[name]
            except NelderError as problem:
                refused[name] = str(problem)
    for name in list(columns):
        try:
            in_formula(name)
        except NelderError as problem:
            refused[name] = str(problem)
            del columns[name]
    return columns, refused


def rows_of(columns: Mapping[str, Column]) -> int:
    """How many rows there are."""
    return len(next(iter(columns.values()))) if columns else 0


def usable(column: Column) -> bool:
    """Whether a column is worth suggesting as a term: it varies, and has not too many levels."""
    if isinstance(column, Labels):
        return 1 < len(column.levels) <= MANY_LEVELS
    known = column.values[np.isfinite(column.values)]
    return bool(len(known) and known.min() < known.max())


def family_like(column: Column) -> str:
    """The family to begin with for a response: binomial for zeros and ones, poisson for counts, gaussian for others."""
    if isinstance(column, Labels):
        return "gaussian"
    known = column.values[np.isfinite(column.values)]
    if not len(known) or known.min() < 0 or not np.array_equal(known, np.round(known)):
        return "gaussian"
    return "binomial" if known.max() <= 1 else "poisson"
