"""The calls that explanations end in: Python that can be run as it is."""

from __future__ import annotations

from nelder.families import FAMILIES
from nelder.fit import Fit
from nelder.formula.schema import NumericFactor, Schema
from nelder.links import LINKS

MOST_EPOCHS = 20_000  # of a descent that is worth a try


def rounded(rate: float) -> str:
    """A rate to two digits."""
    return f"{rate:.2g}"


def whole(epochs: float) -> str:
    """A number of epochs to two digits, upwards, so that it is enough."""
    size = 10 ** max(len(str(int(epochs))) - 2, 0)
    return str(-(-int(epochs) // size) * size)


def by_newton(fit: Fit) -> str:
    """The same by Newton's method, with more steps where that is what was used."""
    if fit.solved.solver in ("newton", "sampled_newton"):
        return f"fit.update(solver=nd.Newton(max_steps={max(10 * fit.steps, 100)}))"
    return 'fit.update(solver="newton")'


def by_descent(rate: float, epochs: float) -> str:
    """The same by gradient descent, with twice the epochs that it should take; by Newton's method if they are many."""
    if epochs > MOST_EPOCHS:
        return 'fit.update(solver="newton")'
    return f"fit.update(solver=nd.GradientDescent(rate={rounded(rate)}, epochs={whole(max(2 * epochs, 100))}))"


def with_family(fit: Fit, family: str, link: bool = True) -> str:
    """The same with another family, and the link of the fit if `link` and if that is not the new family's own."""
    own = FAMILIES[family]().default_link.label()
    keeps = link and fit.link.label() != own and fit.link.name in LINKS
    return f'fit.update(family="{family}"' + (f', link="{fit.link.label()}")' if keeps else ")")


def with_own_link(fit: Fit) -> str:
    """The same with the family's own link, or with 'log' or 'logit' where it has that already."""
    own, unit = fit.family.default_link.label(), fit.family.mean_interval == (0.0, 1.0)
    other = "logit" if unit else "log"
    return f'fit.update(link="{other if own == fit.link.label() else own}")'


def formula_of(fit: Fit) -> str | None:
    """The formula of a fit as Python text; None for a fit by arrays."""
    return repr(fit.terms.schema.formula.text) if fit.terms.schema is not None else None


def anew(fit: Fit) -> str:
    """The fit of a formula to its data again, for one that was loaded without them; its summary otherwise."""
    formula = formula_of(fit)
    if fit.objective is not None or formula is None or fit.family.name not in FAMILIES or fit.link.name not in LINKS:
        return "fit.summary()"
    return f'nd.glm({formula}, data, family="{fit.family.label()}", link="{fit.link.label()}")'


def scaled(schema: Schema) -> str | None:
    """The formula with scale() around each numeric column that stands alone; None without an intercept, where that
    would be another model, or without such a column.
    """
    formula, terms, changed = schema.formula, [], False
    if all(term.factors for term in formula.terms):
        return None
    for term in formula.terms:
        if not term.factors:
            continue
        alone = term.factors[0] if len(term.factors) == 1 else None
        plain = alone is not None and alone.columns == (alone.text,) and alone.text.isidentifier()
        numeric = alone is not None and isinstance(schema.factors.get(alone.text), NumericFactor)
        changed |= plain and numeric
        terms.append(f"scale({term.written})" if plain and numeric else term.written)
    terms += [f"offset({offset.text})" for offset in formula.offsets]
    return f"{formula.text.partition('~')[0].strip()} ~ {' + '.join(terms)}" if changed else None
