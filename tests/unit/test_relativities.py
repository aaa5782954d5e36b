"""exp(β) by term and level, with its name."""

from dataclasses import replace

import numpy as np
import pytest

import nelder as nd
from nelder.fit import Uncertainty
from nelder.inference.effects.relativities import exponentiated, relativities

RANDOM = np.random.default_rng(2)
N = 80
DATA = {
    "x": RANDOM.normal(size=N),
    "g": RANDOM.choice(list("pqr"), N),
    "h": RANDOM.choice(list("uv"), N),
    "count": RANDOM.poisson(3.0, N),
    "cost": RANDOM.gamma(2.0, 3.0, N),
    "yes": RANDOM.integers(0, 2, N),
}

NAMED = [
    ("count", "poisson", None, "rate_ratio"),
    ("count", nd.NegativeBinomial(2.0), None, "rate_ratio"),
    ("cost", "gamma", "log", "ratio"),
    ("cost", nd.Tweedie(1.5), "log", "ratio"),
    ("cost", "gaussian", "log", "ratio"),
    ("yes", "binomial", None, "odds_ratio"),
    ("yes", "binomial", "cloglog", "hazard_ratio"),
    ("yes", "quasibinomial", None, "odds_ratio"),
]


@pytest.mark.parametrize(("y", "family", "link", "name"), NAMED)
def test_the_column_is_called_what_it_is(y, family, link, name):
    fit = nd.glm(f"{y} ~ x + g", DATA, family, link)
    table = relativities(fit)
    assert list(table)[:3] == ["term", "level", name]
    assert table["term"].tolist() == ["Intercept", "x", "g", "g", "g"]
    assert table["level"].tolist() == ["", "", "p", "q", "r"]
    assert table[name][[0, 1, 3, 4]] == pytest.approx(np.exp(np.asarray(fit.coef)), rel=1e-12)


def test_a_risk_ratio_is_that_of_a_binomial_with_log_link():
    fit = nd.glm("yes ~ h", DATA, "binomial", "log")
    risk = {level: np.mean(np.array(DATA["yes"])[DATA["h"] == level]) for level in "uv"}
    assert relativities(fit)["risk_ratio"] == pytest.approx([risk["u"], 1.0, risk["v"] / risk["u"]], rel=1e-9)


def test_a_base_level_is_one_and_has_no_error():
    fit = nd.glm("count ~ x + g", DATA, "poisson")
    table = relativities(fit)
    assert table["rate_ratio"][2] == 1
    assert all(np.isnan(table[column][2]) for column in ("se", "z", "p", "lower", "upper"))
    assert "Intercept: the mean" in table.notes[0]
    other = relativities(nd.glm("count ~ x + C(g, contr.treatment('q'))", DATA, "poisson"))
    assert other["rate_ratio"][[2, 3, 4]] == pytest.approx(
        [1 / table["rate_ratio"][3], 1, table["rate_ratio"][4] / table["rate_ratio"][3]], rel=1e-9
    )


def test_intervals_are_those_of_the_coefficients():
    fit = nd.glm("count ~ x + g", DATA, "poisson")
    table, interval = exponentiated(fit).table(0.9), fit.confint(0.9)
    assert table["lower"] == pytest.approx(np.exp(interval["lower"]), rel=1e-12)
    assert table["upper"] == pytest.approx(np.exp(interval["upper"]), rel=1e-12)
    assert table["se"] == pytest.approx(np.exp(np.asarray(fit.coef)) * np.asarray(fit.se), rel=1e-12)
    assert table["p"] == pytest.approx(fit.table()["p"], rel=1e-12)
    assert table["term"].tolist() == list(fit.names)


def test_other_codings_and_products_have_no_base_row():
    fit = nd.glm("count ~ 0 + g + C(h, contr.sum) + x:g", DATA, "poisson")
    table = relativities(fit)
    assert len(table["term"]) == len(fit.names)
    assert table["rate_ratio"] == pytest.approx(np.exp(np.asarray(fit.coef)))
    assert table["level"].tolist()[:4] == ["p", "q", "r", "C(h, contr.sum)[S.u]"]
    assert table.notes == ()
    arrays = relativities(nd.glm_fit(np.column_stack([np.ones(N), DATA["x"]]), DATA["count"], "poisson"))
    assert arrays["term"].tolist() == ["x1", "x2"]


@pytest.mark.parametrize("link", ["identity", "sqrt"])
def test_a_link_without_ratios_is_refused(link):
    fit = nd.glm("count ~ g", DATA, "poisson", link)
    with pytest.raises(nd.CapabilityError, match=f"means nothing under the link {link}.*comparisons"):
        relativities(fit)


def test_what_is_missing_is_said():
    doubled = {**DATA, "z": 2 * DATA["x"]}
    with pytest.warns(nd.AliasedWarning):
        aliased = relativities(nd.glm("count ~ x + z", doubled, "poisson"))
    assert np.isnan(aliased["rate_ratio"]).tolist() == [False, False, True]
    assert "nan: z cannot be told from the others" in " ".join(aliased.notes)
    ridge = relativities(nd.glm("count ~ x", DATA, "poisson", penalty=nd.Ridge(1.0)))
    assert np.isnan(ridge["se"]).all() and "penalised" in " ".join(ridge.notes)
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ g", {"g": list("aaabbb"), "y": [1, 2, 5, 0, 0, 0]}, "poisson")
    limit = relativities(fit)
    assert limit["rate_ratio"].tolist()[1:] == [1, 0] and np.isnan(limit["se"][2])
    assert "the data separate" in " ".join(limit.notes)


def test_another_covariance_is_used_and_named():
    fit = nd.glm("count ~ x", DATA, "poisson")
    twice = replace(fit, uncertainty=Uncertainty("HC3", 4 * fit.point_covariance, 9.0))
    assert relativities(twice)["se"] == pytest.approx(2 * relativities(fit)["se"])
    assert "t" in relativities(twice)
    assert "standard errors by the covariance HC3" in relativities(twice).notes


def test_a_base_level_shows_dashes_and_a_note_says_why():
    fit = nd.glm("y ~ g", {"y": [1, 2, 3, 4, 2, 2], "g": list("aabbcc")}, "poisson")
    made = relativities(fit)
    assert str(made).splitlines()[3].split() == ["g", "a", "1.0000", "-", "-", "-", "-", "-"]
    assert "a base level" in made.notes[1] and np.isnan(made["se"][1])


def test_what_separated_data_do_not_tell_is_named():
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x + z", {"y": [0, 0, 1, 1], "x": [1.0, 2, 3, 4], "z": [1.0, -1, 0, 3]}, "binomial")
    unknown = ", ".join(name for name in fit.names if np.isnan(fit.coef[name]))
    assert unknown and f"nan: the data separate and say nothing about {unknown}" in relativities(fit).notes
