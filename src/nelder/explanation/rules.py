"""Every rule, by name. To add one: a function of a `Case` in a page beside this one, a line here, and a test.

A rule looks at a fit and says what happened, with numbers and the call to try, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nelder.explanation import endings, rates, reading, responses, rows
from nelder.explanation.case import Case
from nelder.explanation.reasons import Gravity, Said


@dataclass(frozen=True)
class Rule:
    """What a rule finds, in a `title`, how much that matters, and the function that looks for it."""

    title: str
    gravity: Gravity
    look: Callable[[Case], Said | None]


GRAVE, SERIOUS, NOTE, FINE = Gravity.GRAVE, Gravity.SERIOUS, Gravity.NOTE, Gravity.FINE

# what is equally grave is told in this order
RULES: dict[str, Rule] = {
    "interrupted": Rule("The fit was interrupted", GRAVE, endings.interrupted),
    "diverged": Rule("The rate is too large", GRAVE, rates.diverged),
    "not_converged": Rule("The solver did not arrive", GRAVE, endings.not_converged),
    "separated": Rule("There is no finite maximum", GRAVE, endings.separated),
    "perfect": Rule("The fit is perfect", SERIOUS, endings.perfect),
    "boundary": Rule("Means lie at the edge of what the link allows", SERIOUS, endings.boundary),
    "several_minima": Rule("There are several minima", SERIOUS, endings.several_minima),
    "shape": Rule("The shape of the family is in doubt", SERIOUS, endings.shape),
    "precision": Rule("Digits are lost", SERIOUS, endings.precision),
    "slow": Rule("Descent is slow here", SERIOUS, rates.slow),
    "column_scales": Rule("The columns are on very different scales", SERIOUS, rates.column_scales),
    "odd_response": Rule("The response does not look like the family", SERIOUS, responses.odd_response),
    "yes_or_no": Rule("The response is a yes or no", SERIOUS, responses.yes_or_no),
    "counted": Rule("The response is a count", SERIOUS, responses.counted),
    "influential": Rule("A few rows decide", SERIOUS, rows.influential),
    "outlying": Rule("A response is out of the ordinary", SERIOUS, rows.outlying),
    "dispersion": Rule("The variance is not what the family says", SERIOUS, responses.dispersion),
    "zeros": Rule("The number of zeros is not what the family says", SERIOUS, responses.zeros),
    "few_data": Rule("There are few data for so many coefficients", SERIOUS, rows.few_data),
    "bent": Rule("The mean bends", SERIOUS, rows.bent),
    "miscalibrated": Rule("The probabilities are off", SERIOUS, rows.miscalibrated),
    "spread": Rule("The residuals do not spread evenly", SERIOUS, responses.spread),
    "aliased": Rule("Columns cannot be told apart", NOTE, endings.aliased),
    "collinear": Rule("Terms can hardly be told apart", NOTE, rows.collinear),
    "distribution": Rule("The responses are not distributed like the family", NOTE, responses.distribution),
    "said": Rule("What the fit says of itself", SERIOUS, reading.said),
    "well": Rule("How the answer was had", FINE, reading.well),
}
