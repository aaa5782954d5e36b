"""What is chosen on the page, as texts; what it means, as a plan; and the code that repeats it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nelder.errors import InputError, a_count
from nelder.families import FAMILIES, Family
from nelder.fit import Fit
from nelder.formula import learn, quoted
from nelder.formula.expressions import lookup
from nelder.links import LINKS
from nelder.mean import Link
from nelder.model import glm
from nelder.model_frame import asked, model_frame
from nelder.names import resolve
from nelder.solvers import BY_RATE, SOLVERS, Solver
from nelder.sources import Source
from nelder.trace import Record

OWN = "the family's own"  # link
SOLVER_NAMES = ("auto", *SOLVERS)
MOST_EPOCHS = 1_000_000


@dataclass(frozen=True)
class Choices:
    """What stands in the fields of the page. `rate`, `epochs` and `start` are texts, and are for descents only: no rate
    means backtracking, a single start is that of every coefficient, and no start is nelder's own.
    """

    formula: str
    family: str = "gaussian"
    link: str = OWN
    solver: str = "auto"
    rate: str = ""
    epochs: str = ""
    start: str = ""

    def settled(self) -> Choices:
        """The same without what its solver does not use."""
        return self if self.solver in BY_RATE else replace(self, rate="", epochs="", start="")


@dataclass(frozen=True)
class Plan:
    """A fit that is ready to run: the data and the Python that names it, and what `glm` is given."""

    data: Source
    named: str
    formula: str
    family: str
    link: str | None
    solver: str | Solver
    written: str  # the solver in Python; nothing for the one that is taken without being named

    @property
    def call(self) -> str:
        """The call of `glm`, without its end."""
        link = [] if self.link is None else [f"link={literal(self.link)}"]
        given = [literal(self.formula), self.named, f"family={literal(self.family)}", *link]
        solver = [f"solver={self.written}"] if self.written else []
        return "nd.glm(\n" + "".join(f"    {each},\n" for each in (*given, *solver)) + ")"

    @property
    def code(self) -> str:
        """A program that makes the same fit."""
        return f"import nelder as nd\n\nfit = {self.call}\nprint(fit.summary())\nprint(fit.explain())\n"

    def run(self, watch: Callable[[Record], None] | None = None) -> Fit:
        """The fit."""
        return glm(self.formula, self.data, self.family, self.link, solver=self.solver, watch=watch)


def planned(choices: Choices, data: Source, named: str) -> Plan:
    """The plan that choices mean for a table, which the Python `named` gives.

    Raises an InputError naming the field that cannot be understood. A formula is read and its expressions are checked
    when the plan is run, as by every call of `glm`.
    """
    formula = " ".join(choices.formula.split())
    if "~" not in formula:
        raise InputError("the formula has no response: write it before ~, as in 'y ~ x'")
    solver, written = solver_of(choices, data, formula)
    link = None if choices.link == OWN else choices.link
    return Plan(data, named, formula, choices.family, link, solver, written)


def solver_of(choices: Choices, data: Source, formula: str) -> tuple[str | Solver, str]:
    """The solver and the Python that makes it."""
    if choices.solver not in BY_RATE:
        if choices.solver != "auto":
            resolve("solver", SOLVERS, choices.solver, Solver)
        return choices.solver, "" if choices.solver == "auto" else literal(choices.solver)
    kind = BY_RATE[choices.solver]
    rate = number_in(choices.rate, "rate")
    epochs = number_in(choices.epochs, "epochs")
    many = kind().epochs if epochs is None else a_count(epochs, "epochs")
    if many > MOST_EPOCHS:
        raise InputError(f"epochs={many:,}: the lab runs at most {MOST_EPOCHS:,}; use the code below for more")
    start, said = start_of(choices, data, formula)
    given = [] if rate is None else [f"rate={rate!r}"]
    given += [] if epochs is None else [f"epochs={many}"]
    given += [f"start={said}"] if said else []
    return kind(rate, many, start=start), f"nd.{kind.__name__}({', '.join(given)})"


def start_of(choices: Choices, data: Source, formula: str) -> tuple[list[float] | None, str]:
    """Where to start, and the Python of it; a single number stands for every coefficient."""
    given = [number_in(piece, "start") for piece in choices.start.replace(";", ",").split(",") if piece.strip()]
    numbers = [value for value in given if value is not None]
    if not numbers:
        return None, ""
    if len(numbers) > 1:
        return numbers, repr(numbers)
    frame = model_frame(asked(formula, data, None, "drop"))
    many = len(learn(frame.asked.formula, frame.chunk, frame.rows).names)
    return numbers * many, f"{numbers!r} * {many}" if many > 1 else repr(numbers)


def number_in(text: str, field: str) -> float | None:
    """The number in a field, or None where it is empty; raises InputError for anything else."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{field} {text.strip()[:40]!r} is not a number: write it as 0.001 or 1e-3, or leave it empty")
    return value


def literal(text: str) -> str:
    """A text in Python, between double quotes where these need no escapes."""
    plain = repr(text)
    return plain if '"' in text or "\\" in plain else f'"{plain[1:-1]}"'


def formula_from(response: str, terms: Sequence[str]) -> str:
    """The formula of a response and its terms; raises InputError for a name that no formula can hold."""
    return f"{in_formula(response)} ~ {' + '.join(in_formula(term) for term in terms) or '1'}"


def in_formula(name: str) -> str:
    """The name of a column as a formula holds it; raises InputError for one that no formula can hold."""
    if "`" in name or not name.strip():
        raise InputError(f"column {name!r} cannot be named in a formula: rename it")
    return quoted(lookup(name))


def family_names() -> tuple[str, ...]:
    """The families that can be named without more."""
    return tuple(name for name in FAMILIES if complete("family", FAMILIES, name, Family))


def link_names() -> tuple[str, ...]:
    """The links that can be named without more, after the family's own."""
    return (OWN, *(name for name in LINKS if complete("link", LINKS, name, Link)))


def complete(kind: str, known: Mapping[str, Callable[..., Any]], name: str, base: type[Any]) -> bool:
    """Whether a name needs no arguments."""
    try:
        return isinstance(resolve(kind, known, name, base), base)
    except InputError:
        return False
