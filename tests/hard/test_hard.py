"""Problems built to break solvers: every answer is certified in extended precision, or says what is wrong with it."""

import pytest
from collection import GROUPS
from problem import Verdict, outcome

CASES = [pytest.param(group, problem, id=f"{group}: {problem.name}") for group in GROUPS for problem in GROUPS[group]]


@pytest.mark.parametrize(("group", "problem"), CASES)
def test_a_hard_problem_is_solved_or_says_why_not(group, problem, tally):
    result = outcome(problem)
    right = result.verdict in (Verdict.SOLVED, problem.expected)
    tally[group].update([result.verdict.value] if right else [result.verdict.value, "missed"])
    assert right, f"{result.verdict.value}: {result.reason}"
