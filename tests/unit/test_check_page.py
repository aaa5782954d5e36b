"""The page of checks: quiet on models that are right, loud on those that are not."""

import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import nelder as nd
from nelder.diagnostics.check import FINE, LOOK, PROBLEM, SHOWN, SKIPPED, check
from nelder.inference.covariances.covariance import with_covariance

BETA = np.array([0.4, 0.5, -0.3, 0.2, -0.2])
RIGHT = {
    "gaussian": ("gaussian", None, BETA, 2.0),
    "gamma": ("gamma", "log", BETA, 0.5),
    "inverse gaussian": ("inverse_gaussian", "log", BETA, 0.1),
    "tweedie": (nd.Tweedie(1.5), "log", BETA, 1.0),
    "poisson": ("poisson", None, BETA, 1.0),
    "small counts": ("poisson", None, BETA - [1.0, 0, 0, 0, 0], 1.0),
    "negative binomial": (nd.NegativeBinomial(2.0), None, BETA + np.eye(5)[0], 1.0),
    "zeros and ones": ("binomial", None, BETA, 1.0),
    "probit": ("binomial", "probit", BETA, 1.0),
    "trials": ("binomial", None, BETA, 1.0),
}


def design(n, seed):
    random = np.random.default_rng([seed, n])
    group = random.integers(0, 3, n)
    X = np.column_stack([np.ones(n), random.normal(size=n), random.uniform(-1, 1, n), group == 1, group == 2])
    return X.astype(float), random


def verdicts(fit):
    return {line.check: line.verdict for line in check(fit).lines}


@pytest.mark.parametrize("name", RIGHT)
def test_right_models_are_fine_in_nearly_all_draws_at_a_strict_level(name):
    family, link, beta, phi = RIGHT[name]
    remarks = []
    for seed in range(6):
        X, random = design(220, seed)
        trials = random.integers(2, 12, len(X)) if name == "trials" else None
        y = nd.simulate(X, beta, family, link, nd.Draw(seed=1000 + seed, phi=phi, weights=trials))
        found = check(nd.glm_fit(X, y, family, link, weights=trials), level=0.01)
        remarks += [(seed, line.check, line.verdict) for line in found.lines if line.verdict not in (FINE, SHOWN)]
    assert len(remarks) <= 1 and all(verdict == LOOK for _, _, verdict in remarks), remarks


def overdispersion(X, eta, random):
    return nd.glm_fit(X, random.poisson(np.exp(eta) * random.gamma(1.5, 1 / 1.5, len(eta))), "poisson")


def overdispersed_trials(X, eta, random):
    trials, p = random.integers(3, 12, len(eta)), 1 / (1 + np.exp(-0.5 * X[:, 1]))
    yes = random.binomial(trials, random.beta(4 * p, 4 * (1 - p)))
    return nd.glm_fit(X, np.column_stack([yes, trials - yes]), "binomial")


def zeros(X, eta, random):
    return nd.glm_fit(X, np.where(random.random(len(eta)) < 0.25, 0, random.poisson(np.exp(eta))), "poisson")


def link(X, eta, random):
    return nd.glm_fit(X, random.poisson(np.maximum(6 + 3 * X[:, 1] - X[:, 2], 0.01)), "poisson")


def curve(X, eta, random):
    bent = -1 + X[:, 1] + 0.8 * X[:, 1] ** 2
    return nd.glm_fit(X, random.random(len(eta)) < 1 / (1 + np.exp(-bent)), "binomial")


def collinear(X, eta, random):
    close = X[:, 1] + 0.05 * random.normal(size=len(eta))
    return nd.glm_fit(np.column_stack([X, close]), random.poisson(np.exp(eta)), "poisson")


def outlier(X, eta, random):
    return nd.glm_fit(X, random.normal(eta) + 8.0 * (np.arange(len(eta)) == 7))


def spread(X, eta, random):
    return nd.glm_fit(X, random.normal(eta, np.exp(0.7 * eta)))


def distribution(X, eta, random):
    return nd.glm_fit(X, eta + random.exponential(size=len(eta)))


def influence(X, eta, random):
    X[3, 1] = 12.0
    return nd.glm_fit(X, random.normal(X @ [0.7, 0.5, -0.3]) - 8.0 * (np.arange(len(eta)) == 3))


def events(X, eta, random):
    more = random.normal(size=(len(eta), 4))
    return nd.glm_fit(np.column_stack([X, more]), np.arange(len(eta)) % 40 == 0, "binomial")


def rows(X, eta, random):
    return nd.glm_fit(X[:12], random.normal(eta[:12]))


def planted(make):
    """A fit with one thing wrong."""
    X, random = design(400, 1)
    X = X[:, :3].copy()
    return make(X, X @ [0.7, 0.5, -0.3], random)


@pytest.mark.parametrize(
    ("make", "found", "verdict"),
    [
        (overdispersion, "dispersion", PROBLEM),
        (overdispersed_trials, "dispersion", PROBLEM),
        (zeros, "zeros", PROBLEM),
        (link, "link", PROBLEM),
        (curve, "calibration", PROBLEM),
        (curve, "link", PROBLEM),
        (collinear, "collinearity", PROBLEM),
        (outlier, "outliers", PROBLEM),
        (spread, "spread", PROBLEM),
        (distribution, "distribution", PROBLEM),
        (influence, "influence", PROBLEM),
        (events, "data", PROBLEM),
        (rows, "data", LOOK),
    ],
)
def test_what_is_wrong_is_found(make, found, verdict):
    page = check(planted(make))
    line = next(line for line in page.lines if line.check == found)
    assert line.verdict == verdict, str(page)
    assert line.call and f"try {line.call}" in str(page)


def test_the_row_to_look_at_is_named():
    assert "row 7 has y" in str(check(planted(outlier)))
    assert "row 3 moves the coefficients" in str(check(planted(influence)))


def test_too_much_variance_alone_does_not_make_the_link_wrong():
    assert verdicts(planted(overdispersion))["link"] == FINE
    assert verdicts(planted(overdispersed_trials))["calibration"] == FINE


def test_the_worst_verdict_is_that_of_the_page():
    assert check(planted(collinear)).verdict == PROBLEM
    assert check(planted(rows)).verdict == LOOK
    X, random = design(200, 3)
    page = check(nd.glm_fit(X, random.normal(X @ BETA)))
    assert page.verdict == FINE and "; try" not in str(page)
    table = page.table()
    assert list(table) == ["check", "verdict", "value", "meaning", "call"] and table.rows == len(page.lines)
    assert "<table>" in page._repr_html_() and repr(page) == str(page)


def test_findings_of_the_fit_come_first():
    data = {"y": [1, 0, 1, 1, 0, 0, 1, 0, 1, 1], "a": np.arange(10.0), "b": 2 * np.arange(10.0)}
    with pytest.warns(nd.AliasedWarning):
        page = check(nd.glm("y ~ a + b", data, "binomial"))
    assert page.lines[0].check == "aliased" and page.lines[0].verdict == LOOK
    with pytest.warns(nd.NotConvergedWarning):
        fit = nd.glm("y ~ a", data, "binomial", solver=nd.GradientDescent(rate=1e-9, epochs=2))
    assert check(fit).lines[0].verdict == PROBLEM


def test_separated_and_penalised_fits_have_their_tests_skipped_with_a_word():
    data = {"y": np.array([1.0, 1, 1, 0, 0, 0, 0, 0, 1, 0]), "g": list("aabbccadbb"), "x": np.arange(10.0) % 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        separated = nd.glm("y ~ g + x", data, "binomial")
    found = verdicts(separated)
    assert found["separated"] == PROBLEM and found["tests"] == SKIPPED
    held = verdicts(nd.glm("y ~ g + x", data, "binomial", penalty=nd.Ridge(1.0)))
    assert held["tests"] == held["collinearity"] == SKIPPED


def test_every_call_that_the_page_names_is_there_to_make():
    source = Path(inspect.getfile(check)).read_text(encoding="utf-8")
    named = set(re.findall(r"fit\.(\w+)\(", source)) - {"rows_of_data"}
    assert {"vif", "influence", "link_test"} <= named
    assert not [name for name in sorted(named) if not hasattr(nd.Fit, name)]


def test_quasi_families_and_small_tables_have_what_they_can():
    X, random = design(100, 2)
    found = verdicts(nd.glm_fit(X, random.poisson(np.exp(X @ BETA)), "quasipoisson"))
    assert set(found) == {"convergence", "link", "spread", "influence", "collinearity", "data", "explained", "ranking"}
    tiny = verdicts(nd.glm("y ~ x", {"y": [1.0, 2, 4, 3], "x": [1.0, 2, 3, 4]}))
    assert tiny["distribution"] == SKIPPED and tiny["data"] == LOOK
    constant = verdicts(nd.glm("y ~ 1", {"y": [1.0, 2, 4, 3]}))
    assert constant["link"] == constant["collinearity"] == SKIPPED


def test_what_a_model_is_worth_is_shown_without_a_verdict():
    X, random = design(300, 4)
    yes = nd.glm_fit(X, random.random(300) < 1 / (1 + np.exp(-X @ BETA)), "binomial")
    lines = {line.check: line for line in check(yes).lines}
    assert lines["explained"].verdict == lines["ranking"].verdict == SHOWN
    assert lines["ranking"].value == f"AUC {yes.roc().auc:.3f}"
    assert float(lines["explained"].value[3:]) == pytest.approx(1 - yes.deviance / yes.null_deviance, rel=1e-2)
    counts = nd.glm_fit(X, random.poisson(np.exp(X @ BETA)), "poisson")
    assert {line.check: line.value for line in check(counts).lines}["ranking"] == f"{counts.lift().normalised:.3f}"
    assert "ranking" not in verdicts(nd.glm_fit(X, random.normal(size=300)))
    assert not {"explained", "ranking"} & set(verdicts(nd.glm_fit(X[:, :1], random.normal(size=300))))


def test_counts_that_agree_with_their_means_by_luck_are_no_finding():
    fit = nd.glm("y ~ x", {"y": [1, 1, 1, 1], "x": [1, 2, 3, 4]}, "poisson")
    assert verdicts(fit)["dispersion"] == FINE
    assert np.isnan(fit.dispersion_tests("less")["p"][1:3]).all()


def test_a_coefficient_for_each_row_leaves_nothing_to_check():
    data = {"dead": [1, 2, 3], "alive": [3, 2, 1], "g": ["a", "b", "c"]}
    fit = nd.glm("cbind(dead, alive) ~ g", data, "binomial")
    found = verdicts(fit)
    assert found["link"] == found["dispersion"] == found["influence"] == SKIPPED
    for test in (fit.link_test, fit.spread_test):
        with pytest.raises(nd.DataError, match="no degrees of freedom are left"):
            test()


def test_a_robust_covariance_is_said_to_play_no_part():
    page = check(with_covariance(planted(spread), "HC3"))
    assert any("HC3" in note for note in page.notes) and "HC3 covariance plays no part" in str(page)


def test_a_perfect_fit_is_no_reason_to_fail():
    with pytest.warns(nd.ResponseWarning, match="perfect"):
        fit = nd.glm("y ~ x", {"y": 1 + 2 * np.arange(30.0), "x": np.arange(30.0)})
    page = check(fit)
    assert page.lines[0].check == "perfect fit" and page.verdict != FINE


def test_a_saturated_fit_is_no_reason_to_fail():
    fit = nd.glm("y ~ g", {"y": [3, 5, 9, 4], "g": list("abcd")}, "poisson")
    found = verdicts(fit)
    assert found["dispersion"] == found["influence"] == SKIPPED


def test_a_loaded_fit_has_no_rows_to_check(tmp_path):
    planted(outlier).save(tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="a check of the model needs the rows"):
        check(nd.load(tmp_path / "fit.json"))
    with pytest.raises(nd.InputError, match="level"):
        check(planted(outlier), level=2)


def test_a_check_of_trials_that_are_not_whole_skips_what_counts_them_and_says_so():
    x, s, f = [0, 1, 2, 3, 4, 1.5, 2.5, 0.5], np.array([1, 5, 3, 8, 6, 2, 7, 4]), np.array([9, 5, 6, 2, 1, 7, 4, 3])
    weights = (s + f) * np.array([2, 0.5, 3, 1, 1.5, 2, 1, 4])
    with pytest.warns(nd.ResponseWarning, match="successes that is not whole"):
        fit = nd.glm("p ~ x", {"p": s / (s + f), "x": x}, "binomial", weights=weights)
    (line,) = (each for each in fit.check().lines if each.check == "outliers")
    assert line.verdict == SKIPPED
    assert "must be whole numbers to draw from or to count in" in line.meaning
