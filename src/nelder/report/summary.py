"""The summary page, as text and as HTML."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass

import numpy as np

from nelder.fit import Fit
from nelder.inference.wald import coefficient_table, statistic_name
from nelder.table import COEFFICIENTS, UNSEEN, Table, count, latex, number

WITH_ERRORS = "standard errors are those of the information at the estimate"
WITHOUT_ERRORS = "no standard errors, which would not mean what they seem to"
DISPERSION = {
    "pearson": "Pearson's X² / residual df",
    "deviance": "deviance / residual df",
    "ml": "maximum likelihood",
}


@dataclass(frozen=True)
class Summary:
    """What R's summary() of a glm shows, and what went wrong if anything did. `str()` is text; notebooks show HTML."""

    fit: Fit
    level: float = 0.95

    def __str__(self) -> str:
        fit = self.fit
        lines = [self.title(), ""]
        wide = max(len(label) for label, _ in self.facts())
        lines += [f"{label:<{wide}}  {value.translate(UNSEEN)}" for label, value in self.facts()]
        lines += ["", str(self.coefficients()), ""]
        wide = max(len(label) for label, _ in self.measures())
        lines += [f"{label:<{wide}}  {value}" for label, value in self.measures()]
        lines += [f"Note: {note}".translate(UNSEEN) for note in self.notes()]
        lines += [f"Warning: {finding.sentence}".translate(UNSEEN) for finding in fit.warnings]
        return "\n".join(lines)

    __repr__ = __str__

    def title(self) -> str:
        """What kind of model it is."""
        return f"Generalized linear model: {self.fit.family.label()} with link {self.fit.link.label()}"

    def facts(self) -> list[tuple[str, str]]:
        """Formula, observations and how the solver ended."""
        fit, solved = self.fit, self.fit.solved
        schema = fit.terms.schema
        model = schema.formula.text if schema is not None else f"{fit.terms.response} on {len(fit.names)} columns"
        ended = fit.reason if solved.converged else f"NOT CONVERGED: {fit.reason}"
        steps = f"{solved.steps} step{'' if solved.steps == 1 else 's'}"
        facts = [
            ("Model", model),
            ("Observations", f"{count(fit.statistics.n)}, residual df {count(fit.df_resid)}"),
            ("Solver", f"{solved.solver}, {steps}, {solved.form.lower()}: {ended}"),
        ]
        if fit.uncertainty is not None:
            facts.append(("Standard errors", fit.uncertainty.name))
        if solved.penalty != "unpenalised":
            known = np.isfinite(fit.se).any()
            facts.append(("Penalty", f"{solved.penalty}: {WITH_ERRORS if known else WITHOUT_ERRORS}"))
        if fit.shape is not None and fit.shape.estimated:
            shape = fit.shape
            facts.append(
                ("Shape", f"{shape.name} = {number(shape.value)}, se {number(shape.se)}, by maximum likelihood")
            )
        return facts

    def coefficients(self) -> Table:
        """The coefficient table as it is printed."""
        table = coefficient_table(self.fit, self.level)
        name = statistic_name(self.fit)
        low, high = f"{100 * (1 - self.level) / 2:g}%", f"{100 * (1 + self.level) / 2:g}%"
        names = {"": "term", "estimate": "estimate", "se": "se", name: name, "p": "p", low: "lower", high: "upper"}
        return Table({shown: table[column] for shown, column in names.items()}).showing(COEFFICIENTS)

    def measures(self) -> list[tuple[str, str]]:
        """Dispersion, deviances and criteria."""
        fit = self.fit
        how = "fixed" if fit.family.dispersion_known else DISPERSION.get(fit.dispersion_by, fit.dispersion_by)
        measures = [
            ("Dispersion", f"{count(fit.dispersion)} ({how})"),
            ("Null deviance", f"{number(fit.null_deviance, 6)} on {count(fit.df_null)} df"),
            ("Residual deviance", f"{number(fit.deviance, 6)} on {count(fit.df_resid)} df"),
        ]
        if fit.family.has_likelihood and not math.isnan(fit.loglik):
            likelihood = f"{number(fit.loglik, 7)}, AIC {number(fit.aic, 7)}, BIC {number(fit.bic, 7)}"
            return [*measures, ("Log-likelihood", likelihood)]
        if fit.family.has_likelihood:
            return [*measures, ("Log-likelihood", "none: a sample has a pseudo-likelihood only, so no AIC")]
        return [*measures, ("Log-likelihood", "none: a quasi family has no likelihood, so no AIC")]

    def notes(self) -> tuple[str, ...]:
        """Rows left out, and where standard errors come from."""
        return self.fit.notes

    def to_latex(self) -> str:
        """The page in LaTeX, for the package booktabs: facts, coefficients, measures, notes and warnings."""
        title, words = latex(self.title()), [f"Note: {note}" for note in self.notes()]
        words += [f"Warning: {finding.sentence}" for finding in self.fit.warnings]
        facts, measures = (
            [
                r"\begin{tabular}{ll}",
                *(rf"{latex(label)} & {latex(value)} \\" for label, value in pairs),
                r"\end{tabular}",
            ]
            for pairs in (self.facts(), self.measures())
        )
        table = self.coefficients().to_latex()
        blocks = [rf"\textbf{{{title}}}", "\n".join(facts), table, "\n".join(measures), *map(latex, words)]
        return "\n\n".join(rf"\noindent {block}" for block in blocks)

    def _repr_html_(self) -> str:
        left = " style='text-align:left'"
        rows = "".join(
            f"<tr><th{left}>{html.escape(label)}</th><td{left}>{html.escape(value)}</td></tr>"
            for label, value in [*self.facts(), *self.measures()]
        )
        words = [f"<p>Note: {html.escape(note)}</p>" for note in self.notes()]
        words += [f"<p><strong>Warning:</strong> {html.escape(finding.sentence)}</p>" for finding in self.fit.warnings]
        return (
            f"<div class='nelder-summary'><h4>{html.escape(self.title())}</h4><table>{rows}</table>"
            f"{self.coefficients()._repr_html_()}{''.join(words)}</div>"
        )
