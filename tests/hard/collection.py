"""All hard problems, by group."""

from __future__ import annotations

import problems_aliasing
import problems_bad_input
import problems_columns
import problems_condition
import problems_edges
import problems_nonconcave
import problems_perfect
import problems_scale
import problems_separation
import problems_tails
from problem import Problem

GROUPS: dict[str, list[Problem]] = {
    "separation": list(problems_separation.problems()),
    "aliasing": list(problems_aliasing.problems()),
    "edges of the domain": list(problems_edges.problems()),
    "several minima": list(problems_nonconcave.problems()),
    "scale of responses": list(problems_scale.problems()),
    "scale of columns": list(problems_columns.problems()),
    "ill-conditioning": list(problems_condition.problems()),
    "perfect and saturated": list(problems_perfect.problems()),
    "tails": list(problems_tails.problems()),
    "bad input": list(problems_bad_input.problems()),
}
