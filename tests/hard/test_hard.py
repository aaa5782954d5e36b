"""Problems built to break solvers: every answer is certified in extended precision, or says what is wrong with it."""

import warnings

import numpy as np
import pytest
from collection import GROUPS
from problem import Verdict, outcome

import nelder as nd
from nelder.diagnosis import Separated

CASES = [pytest.param(group, problem, id=f"{group}: {problem.name}") for group in GROUPS for problem in GROUPS[group]]


@pytest.mark.parametrize(("group", "problem"), CASES)
def test_a_hard_problem_is_solved_or_says_why_not(group, problem, tally):
    result = outcome(problem)
    right = result.verdict in (Verdict.SOLVED, problem.expected)
    tally[group].update([result.verdict.value] if right else [result.verdict.value, "missed"])
    assert right, f"{result.verdict.value}: {result.reason}"


@pytest.mark.parametrize("problem", GROUPS["separation"], ids=lambda problem: problem.name)
def test_what_is_advised_against_separation_can_be_done(problem):
    """It is not refused, and its estimates are finite or said not to have converged."""
    with warnings.catch_warnings(action="ignore", category=nd.NelderWarning):
        fit = problem.fit()
        for finding in fit.warnings:
            if isinstance(finding, Separated):
                held = eval(f"fit.update({finding.instead})", {"fit": fit})
                assert np.isfinite(np.asarray(held.coef)[~held.aliased]).all()
                assert held.converged or any(each.category is nd.NotConvergedWarning for each in held.warnings)
