"""Expressions inside formulas: read through the allow-list and computed by us, never by Python's eval."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nelder.errors import DataError, FormulaError, refuse_unknown, some_rows, unknown_name
from nelder.formula.allowed import FUNCTIONS, IN_WORDS, OPERATORS, Gate, called, is_contrast
from nelder.formula.digests import Digest
from nelder.formula.questions import Question
from nelder.formula.transforms import TRANSFORMS, Contrast, OutsideError, State, learned, number_labels, question_of
from nelder.linalg import Array
from nelder.sources import Chunk, Labels, Numbers

Rows = NDArray[np.integer]
Digests: TypeAlias = Mapping[str, Digest]  # by the text of the transform
NO_ROWS: Rows = np.zeros(0, dtype=np.intp)
LONGEST = 2_000  # characters of an expression; nothing a person writes comes near


@dataclass(frozen=True)
class Expression:
    """An expression that has passed the allow-list; `columns` are the names it reads."""

    text: str
    columns: tuple[str, ...]
    tree: ast.expr = field(repr=False, compare=False)
    quoted: dict[str, str] = field(repr=False, compare=False)

    @property
    def is_column(self) -> bool:
        """Whether it is a column as it is."""
        return isinstance(self.tree, ast.Name)

    @property
    def may_be_categorical(self) -> bool:
        """Whether it can give levels: a column as it is, or C() of one."""
        tree = self.tree
        return self.is_column or (isinstance(tree, ast.Call) and called(tree.func) in ("C", "I"))

    @property
    def remembers(self) -> bool:
        """Whether it holds a transform whose state is learned from the rows, such as the knots of a spline."""
        return bool(remembering(self.tree))

    @property
    def needs_whole(self) -> bool:
        """Whether one of them needs a whole column, and not only sums or extremes of what it is called with."""
        return any(not learns_in_parts(node) or len(remembering(node)) > 1 for node in remembering(self.tree))

    @property
    def needs_order(self) -> bool:
        """Whether one of them learns order statistics, which are the values of single rows."""
        return any(learns_from_order(node) for node in remembering(self.tree))

    @property
    def texts(self) -> set[str]:
        """How these transforms are written."""
        reader = Reader(self, {}, {}, None, NO_ROWS)
        return {reader.written(node) for node in remembering(self.tree)}

    def learned_from(self, chunk: Chunk, rows: Rows) -> dict[str, Array]:
        """What those are called with that do not need a whole column, in some rows."""
        reader = Reader(self, chunk, {}, None, rows)
        with np.errstate(all="ignore"):
            found = {reader.written(node): reader.visit(node.args[0]) for node in remembering(self.tree) if node.args}
        # what is no column of numbers is refused by the transform itself
        return {text: values for text, values in found.items() if isinstance(values, np.ndarray)}

    def digests(self, chunk: Chunk, rows: Rows) -> dict[str, Digest]:
        """The sums and extremes that these learn from, in some rows."""
        return {text: Digest.of(values) for text, values in self.learned_from(chunk, rows).items()}

    def questions(self, digests: Digests) -> dict[str, Question]:
        """What these ask beside sums and extremes."""
        reader, found = Reader(self, {}, {}, None, NO_ROWS), {}
        for node in remembering(self.tree):
            text = reader.written(node)
            known = text in digests and not reads_columns(node)
            asked = question_of(called(node.func), digests[text], *reader.arguments(node)) if known else None
            if asked is not None:
                found[text] = asked
        return found

    def check_levels(self, chunk: Chunk) -> None:
        """Raise UnknownNameError where a column is compared with a level that it does not have."""
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            for left, right in itertools.pairwise(sides):
                column = chunk.get(self.quoted.get(left.id, left.id)) if isinstance(left, ast.Name) else None
                level = right.value if isinstance(right, ast.Constant) else None
                if isinstance(column, Labels) and isinstance(level, str) and level not in column.levels:
                    known = [str(each) for each in column.levels]
                    raise unknown_name(f"level in {self.text!r}", level, known)

    def evaluate(self, chunk: Chunk, states: dict[str, State], rows: Rows, learn: bool | Digests = False) -> Any:
        """The value on these rows: an array (n,) or a Basis (n, k), Labels or Coded, or a number.

        `rows` (n,) are their numbers in the table, for errors. With `learn`, transforms learn their state and put it
        into `states`, from the digests of all rows where these are only some; without, they replay it.
        """
        reader = Reader(self, chunk, states, None if learn is not False else states, rows)
        reader.digests = learn if isinstance(learn, Mapping) else {}
        with np.errstate(all="ignore"):
            return reader.visit(self.tree)


def parse(text: str) -> Expression:
    """Read an expression; raises FormulaError where it holds anything that is not on the allow-list."""
    quoted: dict[str, str] = {}
    stem = "quoted"
    while stem in text:  # a name that is nobody's
        stem += "q"

    def unquote(match: re.Match[str]) -> str:
        stand_in = f"{stem}{len(quoted)}name"
        quoted[stand_in] = match[1]
        return stand_in

    if len(text) > LONGEST:
        raise FormulaError(f"an expression of {len(text)} characters is too long: at most {LONGEST} are read")
    gate = Gate(text)
    try:
        tree = ast.parse(re.sub(r"`([^`]*)`", unquote, text.strip()), mode="eval").body
        gate.visit(tree)
    except FormulaError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FormulaError(f"cannot read {text[:80]!r} in a formula; allowed are {IN_WORDS}") from None
    return Expression(text, tuple(quoted.get(name, name) for name in gate.columns), tree, quoted)


def remembering(tree: ast.expr) -> list[ast.Call]:
    """The transforms with a memory in a part of an expression."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [node for node in calls if (name := called(node.func)) in TRANSFORMS and name != "C"]


def reads_columns(node: ast.Call) -> bool:
    """Whether a transform is called with more than one column, which none can be."""
    beside = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
    return any(isinstance(part, ast.Name) for argument in beside for part in ast.walk(argument))


def learns_from_sums(node: ast.Call) -> bool:
    """Whether sums or extremes tell a transform all: the mean and the deviation, orthogonal polynomials, or where a
    spline with given knots ends.
    """
    name, named = called(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
    if name in ("scale", "center", "poly"):
        return True
    return len(node.args) == 1 and not {"df", "constraints"} & named.keys()


def learns_from_order(node: ast.Call) -> bool:
    """Whether order statistics tell a transform the rest: a B-spline with knots at quantiles of all values."""
    plain = {"df", "degree", "include_intercept", "extrapolation"}.issuperset(each.arg or "" for each in node.keywords)
    return called(node.func) == "bs" and plain and not learns_from_sums(node)


def learns_in_parts(node: ast.Call) -> bool:
    """Whether a transform need not see a whole column."""
    return learns_from_sums(node) or learns_from_order(node)


def lookup(name: str) -> Expression:
    """The expression that is one column, whatever characters are in its name."""
    return Expression(name, (name,), ast.Name("quoted"), {"quoted": name})


class Reader(ast.NodeVisitor):
    """One evaluation of an expression that has passed the gate."""

    def __init__(
        self,
        expression: Expression,
        chunk: Chunk,
        learned: dict[str, State],
        known: dict[str, State] | None,
        rows: Rows,
    ) -> None:
        self.expression = expression
        self.chunk = chunk
        self.learned = learned
        self.known = known
        self.rows = rows
        self.digests: Digests = {}

    def numeric(self, node: ast.expr) -> Any:
        """The value of a part that must be numbers."""
        value = self.visit(node)
        if not isinstance(value, np.ndarray | np.generic | float | int):
            part = ast.unparse(node)
            raise FormulaError(f"{part!r} in {self.expression.text!r} is not one column of numbers")
        return value

    def visit_Constant(self, node: ast.Constant) -> Any:
        """Numbers are floats here, so that no power of whole numbers can fill the memory."""
        return float(node.value) if type(node.value) is int else node.value

    def visit_List(self, node: ast.List | ast.Tuple) -> list[Any]:
        """A list of numbers or texts, as an argument."""
        return [self.visit(item) for item in node.elts]

    visit_Tuple = visit_List

    def visit_Name(self, node: ast.Name) -> Array | Labels:
        """A column."""
        column = self._column(node)
        return column.values if isinstance(column, Numbers) else column

    def visit_Attribute(self, node: ast.Attribute) -> Contrast:
        """A contrast without arguments."""
        return Contrast(node.attr)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """−x, +x, not x."""
        return np.multiply(OPERATORS[type(node.op)](self.numeric(node.operand)), 1.0)

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """x + y and its kind."""
        left, right = self.numeric(node.left), self.numeric(node.right)
        try:
            return np.multiply(OPERATORS[type(node.op)](left, right), 1.0)
        except (ZeroDivisionError, OverflowError, TypeError):
            raise FormulaError(f"{ast.unparse(node)} cannot be computed in {self.expression.text!r}") from None

    def visit_Compare(self, node: ast.Compare) -> Any:
        """1 where all comparisons of the chain hold, else 0."""
        result: Any = 1.0
        left = self.visit(node.left)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.visit(right_node)
            result = result * self._compared(op, left, right)
            left = right
        return result

    def _compared(self, op: ast.cmpop, left: Any, right: Any) -> Any:
        """1 or 0 a row; a categorical column equals one of its levels or does not."""
        text = self.expression.text
        if isinstance(left, Labels) and isinstance(right, str):
            if not isinstance(op, ast.Eq | ast.NotEq):
                raise FormulaError(f"{text!r}: levels have no order to compare by; use == or !=, or a numeric column")
            place = left.levels.index(right) if right in left.levels else -2
            return np.multiply(OPERATORS[type(op)](left.codes, place), 1.0)
        numbers = np.ndarray | np.generic | float | int
        if not (isinstance(left, numbers) and isinstance(right, numbers)):
            raise FormulaError(
                f"{text!r}: a categorical column is compared with one of its levels, written to its right"
            )
        return np.multiply(OPERATORS[type(op)](left, right), 1.0)

    def visit_Call(self, node: ast.Call) -> Any:
        """A function, a transform or a contrast with arguments."""
        name = called(node.func) or ""
        if is_contrast(name):
            named = tuple((keyword.arg or "", self.visit(keyword.value)) for keyword in node.keywords)
            return Contrast(name.removeprefix("contr."), tuple(self.visit(a) for a in node.args), named)
        if name in TRANSFORMS:
            return self._transform(name, node)
        plain = name.removeprefix("np.")
        arguments = [self.visit(a) if plain == "I" else self.numeric(a) for a in node.args]
        try:
            result = FUNCTIONS[plain](*arguments)
        except (TypeError, ValueError) as problem:
            raise FormulaError(f"{ast.unparse(node)} cannot be computed: {problem}") from None
        return np.multiply(result, 1.0) if isinstance(result, np.ndarray | np.generic) else result

    def _column(self, node: ast.Name) -> Numbers | Labels:
        name = self.expression.quoted.get(node.id, node.id)
        refuse_unknown("column", name, self.chunk)
        return self.chunk[name]

    def written(self, node: ast.expr) -> str:
        """A part of the expression as text, with the columns' own names."""
        text = ast.unparse(node)
        for stand_in, name in self.expression.quoted.items():
            text = text.replace(stand_in, f"`{name}`")
        return text

    def _first(self, name: str, node: ast.expr) -> Any:
        """The first argument of a transform; a numeric column in C() becomes levels of the type that it had."""
        if name == "C" and isinstance(node, ast.Name):
            column = self._column(node)
            return number_labels(column.values, column.kind) if isinstance(column, Numbers) else column
        return self.visit(node)

    def arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        """What a transform is called with beside a column."""
        named = {keyword.arg or "": self.visit(keyword.value) for keyword in node.keywords}
        return [self.visit(argument) for argument in node.args[1:]], named

    def _transform(self, name: str, node: ast.Call) -> Any:
        text = self.written(node)
        if not node.args:
            raise FormulaError(f"{text} needs a column as its first argument")
        values = self._first(name, node.args[0])
        arguments, named = self.arguments(node)
        if self.known is not None and text not in self.known:
            raise FormulaError(f"{text} was not learned when the model was fitted")
        state: State = {} if self.known is None else self.known[text]
        try:
            if self.known is None and text in self.digests:
                state = learned(name, self.digests[text], arguments, named)
                values = np.full(len(self.rows), self.digests[text].low)  # for the rows that there are: one in range
            result = TRANSFORMS[name](values, arguments, named, state)
        except OutsideError as outside:
            raise DataError(f"{text} {outside.finding} at {some_rows(self.rows[outside.places].tolist())}") from None
        except (FormulaError, DataError):
            raise
        except (TypeError, ValueError, KeyError, IndexError, ZeroDivisionError) as problem:
            raise FormulaError(f"{text} cannot be computed: {problem}") from None
        self.learned[text] = state
        return result
