"""From the text of a formula to its response, terms and offsets. The grammar and the term algebra are formulaic's."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from nelder.errors import FormulaError, InputTypeError
from nelder.formula.elsewhere import first_of_elsewhere
from nelder.formula.expressions import Expression, lookup, parse

# what may hold a dot that is part of a name or text, then the dot that stands for the terms there are
DOT = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|(?<![\w.)\]])\.(?![\w.])")
LONGEST = 50_000
REMEMBERED = 64  # formulas that were read last: many fits of one read it once
HIGHEST_POWER = 5  # of (a + b + c)**5: interactions of more factors cannot be read, and soon not be counted


@dataclass(frozen=True)
class Term:
    """A product of factors, each an expression, times a constant; no factors is the intercept."""

    factors: tuple[Expression, ...]
    scale: float = 1.0

    @property
    def name(self) -> str:
        """As it is written."""
        return ":".join(factor.text for factor in self.factors) or "Intercept"

    @property
    def written(self) -> str:
        """As it can be written into any formula."""
        scale = [] if self.scale == 1.0 else [f"{self.scale:.17g}"]
        return ":".join([*scale, *(quoted(factor) for factor in self.factors)])


@dataclass(frozen=True)
class Formula:
    """A formula taken apart. `response` has two expressions for cbind(successes, failures), one otherwise, none in `~
    x`.

    `available` are the columns of the table, which give `.` its meaning.
    """

    text: str
    available: tuple[str, ...]
    response: tuple[Expression, ...]
    terms: tuple[Term, ...]
    offsets: tuple[Expression, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column the formula reads, in order."""
        factors = [factor for term in self.terms for factor in term.factors]
        used = [name for part in (*self.response, *factors, *self.offsets) for name in part.columns]
        return tuple(dict.fromkeys(used))

    def spelled_out(self, right: str) -> str:
        """A right-hand side in which `.` stands for the terms of this formula."""
        there = " + ".join(":".join(map(quoted, term.factors)) for term in self.terms if term.factors)
        return DOT.sub(lambda found: f"({there or 1})" if found[0] == "." else found[0], right)

    def updated(self, text: str) -> str:
        """Another formula in which `.` stands for what this one has on that side, as in R's update(): the response,
        which may be left out; or the terms, with the offsets, and without an intercept if there is none.
        """
        refuse_no_text(text)
        left, tilde, right = text.partition("~")
        if not tilde:
            return text
        response = self.text.partition("~")[0].strip() if left.strip() in ("", ".") else left.strip()
        written = self.spelled_out(right).strip()
        if written != right.strip():
            none = "0 + " if all(term.factors for term in self.terms) else ""
            written = " + ".join([none + written, *(f"offset({offset.text})" for offset in self.offsets)])
        return f"{response} ~ {written}"

    def with_terms(self, terms: Sequence[Term]) -> Formula:
        """The formula of the same response and offsets with other terms."""
        constant = "1" if any(not term.factors for term in terms) else "0"
        written = [constant, *(term.written for term in terms if term.factors)]
        written += [f"offset({offset.text})" for offset in self.offsets]
        text = f"{self.text.partition('~')[0].strip()} ~ {' + '.join(written)}"
        return replace(self, text=text, terms=tuple(terms))


def quoted(factor: Expression) -> str:
    """A factor as it can be written into any formula."""
    if factor.text.isidentifier():
        return factor.text
    return f"`{factor.text}`" if factor.columns == (factor.text,) else f"{{{factor.text}}}"


def parse_formula(text: str, available: Sequence[str]) -> Formula:
    """Read a formula such as "y ~ a*b + bs(x, df=5) + offset(log(n))"; `.` stands for the columns not otherwise used.

    Raises FormulaError saying what could not be read.
    """
    refuse_no_text(text)
    if len(text) > LONGEST:
        raise FormulaError(f"a formula of {len(text)} characters is too long: at most {LONGEST} are read")
    return _parsed(text, tuple(available))


def refuse_no_text(formula: object) -> None:
    """Raise InputTypeError for what is no text."""
    if not isinstance(formula, str):
        raise InputTypeError(f"a formula is a text such as 'y ~ x', not {type(formula).__name__}")


@lru_cache(maxsize=REMEMBERED)
def _parsed(text: str, available: tuple[str, ...]) -> Formula:
    structure = _by_formulaic(text, available)
    left, right = (structure.lhs, structure.rhs) if hasattr(structure, "lhs") else ((), structure)
    if (isinstance(left, tuple) and left) or isinstance(right, tuple):
        raise FormulaError(f"{text!r}: a formula has one part on each side of ~, without |")
    response = _response(text, list(left))
    terms, offsets = [], []
    for term in sorted(right, key=lambda term: term.degree):
        offset = _offset_of(term)
        if offset is not None:
            offsets.append(offset)
        else:
            terms.append(_term(term))
    _refuse_response(text, response, [*offsets, *(factor for term in terms for factor in term.factors)])
    return Formula(text, available, response, tuple(terms), tuple(offsets))


def _by_formulaic(text: str, available: Sequence[str]) -> Any:
    from formulaic.parser import DefaultFormulaParser

    left = text.partition("~")[0]
    response = [name for name in available if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", left)]
    context = {
        "__formulaic_variables_available__": list(available),
        "__formulaic_variables_used_lhs__": response,
    }
    parser = DefaultFormulaParser()
    try:
        _check_tokens(text, list(parser.get_tokens(text)))
        return parser.get_terms(text, context=context)
    except FormulaError:
        raise
    except Exception as problem:  # the parser has errors of its own, and stumbles over some texts with others
        said = re.sub(r"⧛?\x1b?\[[0-9;]*m⧚?|[⧛⧚]", "", str(problem)).strip().splitlines()
        reason = re.sub(r"\[\d+(;\d+)?m", "", said[0]) if said else "it is not understood"
        raise FormulaError(f"cannot read the formula {text!r:.200}: {first_of_elsewhere(text) or reason}") from None


def _check_tokens(text: str, tokens: Sequence[Any]) -> None:
    """Refuse what the parser would read in a way that nobody means, or not within anybody's patience."""
    if re.search(r"\{\s*\}|``", text):
        raise FormulaError(f"{text!r}: there is nothing between a pair of quotes or braces")
    kinds = [(token.kind.value, str(token)) for token in tokens]
    side = [name for kind, name in kinds if kind == "operator"]
    if text.strip() != "~" and text.rstrip().endswith("~"):
        raise FormulaError(
            f"{text!r} has nothing on the right of ~: write the terms there, or 1 for an intercept alone"
        )
    if "~" in side and side.index("~") > 0:
        raise FormulaError(
            f"{text!r}: the response is one column or expression; put arithmetic into braces, as in {{a + b}} ~ x"
        )
    for (_, operator), (_, power) in itertools.pairwise(kinds):
        if operator in ("**", "^") and power.isdigit() and int(power) > HIGHEST_POWER:
            raise FormulaError(
                f"{text!r}: interactions of {power} factors, allowed are {HIGHEST_POWER}; "
                f"for a power of a column write I(x**{power})"
            )


def _expression(factor: Any) -> Expression:
    return lookup(factor.expr) if factor.eval_method.value == "lookup" else parse(factor.expr)


def _inside(expression: str, function: str) -> str | None:
    match = re.fullmatch(rf"{function}\((.*)\)", expression, re.DOTALL)
    return match[1] if match else None


def _offset_of(term: Any) -> Expression | None:
    inner = [_inside(factor.expr, "offset") for factor in term.factors]
    if not any(text is not None for text in inner):
        return None
    if len(inner) > 1 or inner[0] is None:
        raise FormulaError(f"offset() cannot be part of an interaction: {':'.join(f.expr for f in term.factors)!r}")
    return parse(inner[0])


def _term(term: Any) -> Term:
    scale, factors = 1.0, []
    for factor in term.factors:
        if factor.eval_method.value == "literal":
            try:
                scale *= float(factor.expr)
            except ValueError:
                raise FormulaError(
                    f"the text {factor.expr} stands alone in a formula; columns are written without quotes"
                ) from None
        else:
            factors.append(_expression(factor))
    return Term(tuple(factors), scale)


def _response(text: str, left: list[Any]) -> tuple[Expression, ...]:
    if not left:
        return ()
    if len(left) != 1 or len(left[0].factors) != 1:
        raise FormulaError(
            f"{text!r}: the response is one column or expression; put arithmetic into braces, as in {{a + b}} ~ x"
        )
    factor = left[0].factors[0]
    if factor.eval_method.value == "literal":
        raise FormulaError(f"{text!r}: the response is a column or an expression, not a number")
    pair = _inside(factor.expr, "cbind")
    if pair is None:
        return (_expression(factor),)
    both = parse(f"[{pair}]")
    parts = [piece.strip() for piece in _split_commas(pair)]
    if len(parts) != 2 or not both.columns:
        raise FormulaError(f"{factor.expr!r}: cbind takes two expressions, successes and failures")
    return parse(parts[0]), parse(parts[1])


def _refuse_response(text: str, response: Sequence[Expression], others: Sequence[Expression]) -> None:
    """Refuse a response that is explained by itself; R leaves the term out, with a warning."""
    written = {part.text for part in response}
    both = next((part.text for part in others if part.text in written), None)
    if both is not None:
        raise FormulaError(f"{text!r}: the response {both} is on the right of ~ too, where it would explain itself")


def _split_commas(text: str) -> list[str]:
    """Split at commas that are not inside brackets."""
    depth, pieces = 0, [""]
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += character
    return pieces
