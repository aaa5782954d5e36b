"""What a formula learned from a table, frozen: the same value encodes the rows of the fit, new rows, and rows after a
save.

Learning takes one look at the complete rows: levels that occur, states of transforms, coding of factors. Encoding turns
rows into a `Block`: dense columns, and category codes that never become columns of zeros and ones.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.errors import WITHOUT_COMMAS, DataError, FormulaError, LevelError, some_rows
from nelder.formula.contrasts import FactorCoding, Scoped, full_coding, reduced_coding, scope
from nelder.formula.expressions import Digests, Expression
from nelder.formula.grammar import Formula, quoted
from nelder.formula.transforms import Basis, Coded, State
from nelder.linalg import Array
from nelder.parts import Coded as CodedPart
from nelder.parts import Coding, Dense, Part
from nelder.sources import Chunk, Labels, Level
from nelder.sources.cells import plain_number

MANY, FEW = 30, 3  # levels that are numbers, and others beside them, which look like slips
WITH_COMMA = re.compile(r"[+-]?(\d*,\d+([eE][+-]?\d+)?|\d{1,3}(,\d{3})+(\.\d*)?)")  # 2,5 and 1,234.5
Slips = tuple[tuple[str, ...], bool]  # a few texts that make a factor of numbers, and whether many have a comma


@dataclass(frozen=True)
class NumericFactor:
    """A factor that gives numbers; `names` are those of its columns, `truth` whether it is a column of truth values."""

    expression: Expression
    names: tuple[str, ...]
    truth: bool = False


@dataclass(frozen=True)
class CategoricalFactor:
    """A factor that gives levels, with its coding in full and reduced."""

    expression: Expression
    levels: tuple[Level, ...]
    full: FactorCoding
    reduced: FactorCoding

    def coding(self, reduced: bool) -> FactorCoding:
        """One of the two."""
        return self.reduced if reduced else self.full

    @property
    def slips(self) -> Slips:
        """The few texts among many numbers that alone make a factor of a column, or the first of those that are numbers
        but for a comma; none where C() does.
        """
        if not self.expression.is_column or len(self.levels) < MANY:
            return (), False
        others = (level for level in self.levels if isinstance(level, str) and not is_number(level))
        found = tuple(itertools.islice(others, FEW + 1))  # texts that are meant need not all be read
        if len(found) <= FEW:
            return found, False
        commas = all(map(WITH_COMMA.fullmatch, itertools.chain(found, others)))
        return (found[:FEW], True) if commas else ((), False)


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        plain_number(text)
    except ValueError:
        return False
    return True


Factor = NumericFactor | CategoricalFactor
Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Piece:
    """Some columns of the design: a product of scoped factors times a constant, starting at column `first`."""

    factors: Scoped
    scale: float
    first: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Schema:
    """Terms, factors and what they learned; `spans` gives each term's name and columns, `states` what transforms
    remember.
    """

    formula: Formula
    factors: dict[str, Factor]
    pieces: tuple[Piece, ...]
    spans: tuple[tuple[str, tuple[int, ...]], ...]
    states: dict[str, State]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the p columns."""
        return tuple(name for piece in self.pieces for name in piece.names)

    @property
    def predictors(self) -> tuple[str, ...]:
        """The columns that new data must have for the design and the offset."""
        used = [f.expression for f in self.factors.values()] + list(self.formula.offsets)
        return tuple(dict.fromkeys(name for expression in used for name in expression.columns))

    @property
    def slips(self) -> list[tuple[str, int, Slips]]:
        """The columns that are factors for texts among numbers, how many levels they have, and these texts."""
        found = [(n, len(f.levels), f.slips) for n, f in self.factors.items() if isinstance(f, CategoricalFactor)]
        return [each for each in found if each[2][0]]

    def parts(self, chunk: Chunk, rows: NDArray[np.integer]) -> tuple[Part, ...]:
        """The design of these rows; `rows` (n,) are their numbers in the table, for errors.

        Raises LevelError for a level that the fit did not see, DataError for a value that is not finite.
        """
        return self.design(self.values(chunk, rows), len(rows))

    def values(self, chunk: Chunk, rows: NDArray[np.integer]) -> dict[str, Any]:
        """What each factor is in these rows: numbers (n, k), or codes (n,) of its levels. Raises as `parts`."""
        return {name: self._values(name, factor, chunk, rows) for name, factor in self.factors.items()}

    def design(self, values: dict[str, Any], n: int) -> tuple[Part, ...]:
        """The design of n rows from the values of their factors."""
        dense: list[Array] = []
        places: list[int] = []
        coded: list[Part] = []
        for piece in self.pieces:
            numbers = _product(piece, self.factors, values, n)
            codings = [(f, self.factors[f], reduced) for f, reduced in piece.factors]
            categories = [(values[f], c.coding(r).coding) for f, c, r in codings if isinstance(c, CategoricalFactor)]
            if categories:
                coded += _coded_parts(piece, self.factors, categories, numbers)
            else:
                dense += list(numbers.T)
                places += range(piece.first, piece.first + numbers.shape[1])
        if dense:  # column by column, as the table has them
            coded.insert(0, Dense(np.array(places, dtype=np.intp), np.array(dense).T))
        return tuple(coded)

    def offset(self, chunk: Chunk, rows: NDArray[np.integer]) -> Array:
        """The sum of the formula's offsets (n,)."""
        total = np.zeros(len(rows))
        for expression in self.formula.offsets:
            total = total + numeric_column(expression, chunk, rows, self.states, "offset")
        return total

    def _values(self, name: str, factor: Factor, chunk: Chunk, rows: NDArray[np.integer]) -> Any:
        if not len(rows):  # a column without any value, of which no row is complete, has no type of its own
            return np.zeros((0, len(factor.names))) if isinstance(factor, NumericFactor) else np.zeros(0, np.int32)
        value = factor.expression.evaluate(chunk, self.states, rows)
        if isinstance(factor, CategoricalFactor):
            labels = value.labels if isinstance(value, Coded) else value
            if not isinstance(labels, Labels):
                raise DataError(f"column {name!r} was categorical when the model was fitted and is numeric now")
            return _codes(name, factor.levels, labels, rows)
        if isinstance(value, Labels | Coded):
            raise DataError(f"column {name!r} was numeric when the model was fitted and is categorical now")
        matrix = _finite(name, _matrix(value, len(rows)), rows)
        return _true_or_false(name, matrix, rows) if factor.truth else matrix


def learn(
    formula: Formula,
    chunk: Chunk,
    rows: Rows,
    whole: tuple[Chunk, Rows] | None = None,
    digests: Digests | None = None,
) -> Schema:
    """Look once at the complete rows of a table and remember what encoding needs. `rows` (n,) are their numbers, for
    errors.

    Of a table that is read in parts, these are some rows that have every level; `whole` has all rows of the columns
    that transforms read which need them, and their numbers, and `digests` what is enough for others.
    """
    states: dict[str, State] = {}
    factors: dict[str, Factor] = {}
    for expression in (factor for term in formula.terms for factor in term.factors):
        if expression.text not in factors:
            value, n = learned_value(expression, states, (chunk, rows), whole, digests)
            truth = expression.is_column and getattr(chunk[expression.columns[0]], "kind", "") == "b"
            factors[expression.text] = _learned(expression, value, n, truth)
    for expression in formula.offsets:
        learned_value(expression, states, (chunk, rows), whole, digests)
    schema = assemble(formula, factors, states)
    for name, reduced in (factor for piece in schema.pieces for factor in piece.factors):
        single = factors[name]
        if reduced and isinstance(single, CategoricalFactor) and len(single.levels) < 2:
            raise DataError(
                f"column {name!r} has only the level {single.levels[0]!r} in the rows of the fit, so that it cannot be "
                "told from the intercept: leave it out"
            )
    return schema


def learned_value(
    expression: Expression,
    states: dict[str, State],
    few: tuple[Chunk, Rows],
    whole: tuple[Chunk, Rows] | None,
    digests: Digests | None,
) -> tuple[Any, int]:
    """The value of an expression on the rows that it has to be learned from, and their number; see `learn`."""
    chunk, rows = whole if whole is not None and expression.needs_whole else few
    expression.check_levels(chunk)
    return expression.evaluate(chunk, states, rows, learn=True if digests is None else digests), len(rows)


def assemble(formula: Formula, factors: dict[str, Factor], states: dict[str, State]) -> Schema:
    """The schema of a formula whose factors are known: which columns each term has, and in which order."""
    scoped = scope(
        [[(f.text, isinstance(factors[f.text], CategoricalFactor)) for f in term.factors] for term in formula.terms]
    )
    pieces: list[Piece] = []
    spans = []
    width = 0
    for term, products in zip(formula.terms, scoped, strict=True):
        begin = width
        for product in products:
            pieces.append(Piece(product, term.scale, width, _names(product, factors)))
            width += len(pieces[-1].names)
        spans.append((term.name, tuple(range(begin, width))))
    schema = Schema(formula, factors, tuple(pieces), tuple(spans), states)
    if len(set(schema.names)) < len(schema.names):
        twice = next(name for name in schema.names if schema.names.count(name) > 1)
        raise FormulaError(f"two columns of the design would both be called {twice!r}: rename a column of the table")
    return schema


def restricted(schema: Schema, names: Sequence[str]) -> Schema:
    """The schema with only some of its terms, by name, which keep what they learned; factors are coded anew."""
    formula = schema.formula.with_terms([term for term in schema.formula.terms if term.name in names])
    used = {factor.text for term in formula.terms for factor in term.factors}
    return assemble(formula, {name: factor for name, factor in schema.factors.items() if name in used}, schema.states)


def numeric_column(
    expression: Expression, chunk: Chunk, rows: NDArray[np.integer], states: dict[str, State], role: str
) -> Array:
    """An expression that must give one finite number a row: a response, weight or offset."""
    if not len(rows):
        return np.zeros(0)
    value = expression.evaluate(chunk, states, rows)
    if isinstance(value, Labels | Coded):
        levels = value.levels if isinstance(value, Labels) else value.labels.levels
        written = quoted(expression) if expression.columns == (expression.text,) else expression.text
        example = f"{{{written} == {levels[-1]!r}}}" if levels else "a comparison in braces"
        way = f"it must be numeric; a comparison makes it so, such as {example} in place of {written}"
        if levels and all(isinstance(level, str) and WITH_COMMA.fullmatch(level) for level in levels):
            way = WITHOUT_COMMAS
        raise DataError(
            f"the {role} {expression.text!r} is categorical, with levels {', '.join(map(repr, levels[:5]))}: {way}"
        )
    matrix = _matrix(value, len(rows))
    if matrix.shape[1] != 1:
        raise DataError(f"the {role} {expression.text!r} has {matrix.shape[1]} columns; it must have one")
    return _finite(f"{role} {expression.text}", matrix, rows)[:, 0]


def _matrix(value: Any, n: int) -> Array:
    if isinstance(value, Basis):
        return value.values
    if not isinstance(value, np.ndarray | float | int | np.generic):
        raise FormulaError(f"an expression gave {type(value).__name__} where numbers were expected")
    array = np.asarray(value, dtype=float)
    return np.broadcast_to(array, (n,))[:, None] if array.ndim == 0 else array[:, None] if array.ndim == 1 else array


def _finite(name: str, matrix: Array, rows: NDArray[np.integer]) -> Array:
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        shown = matrix[bad[0]][~np.isfinite(matrix[bad[0]])][0]
        raise DataError(
            f"{name!r} is not finite ({shown:g}) at {some_rows(rows[bad].tolist())}: "
            "remove or correct these rows, or use a transform that is defined there"
        )
    return matrix


def _true_or_false(name: str, matrix: Array, rows: NDArray[np.integer]) -> Array:
    """The numbers (n, 1) of a column that held truth values when the model was fitted."""
    bad = np.flatnonzero((matrix != 0).ravel() & (matrix != 1).ravel())
    if len(bad):
        raise DataError(
            f"column {name!r} was true or false when the model was fitted and is {matrix[bad[0], 0]:g} at "
            f"{some_rows(rows[bad].tolist())}: give True and False, or 1 and 0"
        )
    return matrix


def _learned(expression: Expression, value: Any, n: int, truth: bool) -> Factor:
    name = expression.text
    if isinstance(value, Labels):
        value = Coded(value)
    if isinstance(value, Coded):
        present = np.bincount(value.labels.codes, minlength=len(value.labels.levels)) > 0
        levels = tuple(level for level, seen in zip(value.labels.levels, present, strict=True) if seen)
        return CategoricalFactor(
            expression, levels, full_coding(name, levels), reduced_coding(name, levels, value.contrast)
        )
    if isinstance(value, Basis):
        return NumericFactor(expression, tuple(f"{name}[{field}]" for field in value.fields))
    width = _matrix(value, n).shape[1]
    return NumericFactor(expression, (name,) if width == 1 else tuple(f"{name}[{k + 1}]" for k in range(width)), truth)


def _codes(name: str, levels: tuple[Level, ...], labels: Labels, rows: NDArray[np.integer]) -> NDArray[np.integer]:
    """The codes of these labels among the levels of the fit."""
    place = {level: code for code, level in enumerate(levels)}
    moved = np.array([place.get(level, -1) for level in labels.levels], dtype=np.int32)
    codes = moved[labels.codes]
    unseen = np.flatnonzero(codes < 0)
    if len(unseen):
        level = labels.levels[labels.codes[unseen[0]]]
        known = ", ".join(repr(level) for level in levels[:20]) + (", …" if len(levels) > 20 else "")
        raise LevelError(
            f"column {name!r} has level {level!r} at row {int(rows[unseen[0]])}, which was not there when the model "
            f"was fitted (levels: {known}): recode it or leave these rows out"
        )
    return codes


def _names(product: Scoped, factors: dict[str, Factor]) -> tuple[str, ...]:
    """Names of a product's columns; the first factor varies fastest, as in R."""
    if not product:
        return ("Intercept",)
    lists = [_factor_names(factors[name], reduced) for name, reduced in product]
    return tuple(":".join(reversed(combination)) for combination in itertools.product(*reversed(lists)))


def _factor_names(factor: Factor, reduced: bool) -> tuple[str, ...]:
    return factor.coding(reduced).names if isinstance(factor, CategoricalFactor) else factor.names


def _product(piece: Piece, factors: dict[str, Factor], values: dict[str, Any], n: int) -> Array:
    """The product of the numeric factors of a piece (n, k), the first varying fastest; a single one as it is."""
    numeric: list[Array] = [values[name] for name, _ in piece.factors if isinstance(factors[name], NumericFactor)]
    if len(numeric) == 1 and piece.scale == 1.0:
        return numeric[0]
    result = np.full((n, 1), piece.scale)
    for factor in numeric:
        product = factor[:, :, None] * result[:, None, :]
        result = product.reshape(n, product.shape[1] * product.shape[2])
    return result


def _coded_parts(
    piece: Piece, factors: dict[str, Factor], categories: list[tuple[Any, Coding]], numbers: Array
) -> list[Part]:
    """One coded part for each numeric column of the product; their columns interleave in the order of R."""
    codes, coding = functools.reduce(_combined, categories)
    widths = [len(_factor_names(factors[name], reduced)) for name, reduced in piece.factors]
    kinds = [isinstance(factors[name], CategoricalFactor) for name, _ in piece.factors]
    # place[i, j, …] is the column of level i of the first factor, level j of the second, …
    place = piece.first + np.arange(len(piece.names)).reshape(widths[::-1]).T
    numeric = [axis for axis, categorical in enumerate(kinds) if not categorical]
    coded = [axis for axis, categorical in enumerate(kinds) if categorical]
    place = np.transpose(place, [*numeric[::-1], *coded[::-1]]).reshape(numbers.shape[1], -1)
    alone = numbers.shape[1] == 1 and not numeric and piece.scale == 1.0
    return [
        CodedPart(columns, codes, coding, None if alone else np.ascontiguousarray(multiplier))
        for columns, multiplier in zip(place, numbers.T, strict=True)
    ]


def _combined(a: tuple[Any, Coding], b: tuple[Any, Coding]) -> tuple[Any, Coding]:
    """Two factors as one, with the code of the first varying fastest."""
    (codes_a, coding_a), (codes_b, coding_b) = a, b
    levels = coding_a.levels * coding_b.levels
    codes = codes_a + coding_a.levels * codes_b.astype(np.int64)
    if coding_a.kept is not None and coding_b.kept is not None:
        kept = (coding_a.kept + coding_a.levels * coding_b.kept[:, None]).ravel()
        return codes, Coding(levels, kept)
    return codes, Coding(levels, matrix=np.asarray(np.kron(coding_b.full(), coding_a.full()), dtype=float))


def complete_rows(chunk: Chunk, names: Sequence[str]) -> NDArray[np.bool_]:
    """Which rows have a value in every one of these columns (n,)."""
    n = len(next(iter(chunk.values())))
    complete = np.ones(n, dtype=bool)
    for name in names:
        complete &= ~chunk[name].missing
    return complete
