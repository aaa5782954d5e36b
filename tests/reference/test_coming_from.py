"""What docs/guides/coming-from.md says of R, statsmodels, scikit-learn and glum, against the numbers they gave."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import nelder as nd

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "guides" / "coming-from.md"
PEERS = json.loads((FOLDER / "coming_from.json").read_text(encoding="utf-8"))
R = json.loads((FOLDER / "coming_from_r.json").read_text(encoding="utf-8"))
STATSMODELS, SKLEARN, GLUM = PEERS["statsmodels"], PEERS["scikit-learn"], PEERS["glum"]
FORMULA = "claims ~ area + fuel + young + offset(log(exposure))"
ALPHA = 0.1


@pytest.fixture(scope="module")
def motor():
    table = nd.datasets.motor(5000, seed=1).to_pandas()
    table["region"] = np.arange(5000) % 40
    return table


@pytest.fixture(scope="module")
def fit(motor):
    return nd.glm(FORMULA, motor, family="poisson")


def design(table):
    return np.column_stack([np.ones(len(table)), table["young"], table["vehicle_age"]])


@pytest.mark.parametrize("peer", [R["poisson"], STATSMODELS["poisson"], GLUM["poisson"]])
def test_the_formula_gives_the_same_coefficients(fit, peer):
    np.testing.assert_allclose(fit.coef, peer["coef"], atol=1e-8)


@pytest.mark.parametrize("peer", [R["poisson"], STATSMODELS["poisson"]])
def test_and_the_same_errors_deviance_and_aic(fit, peer):
    np.testing.assert_allclose(fit.se, peer["se"], rtol=1e-5)
    assert fit.deviance == pytest.approx(peer["deviance"], rel=1e-9)
    assert fit.aic == pytest.approx(peer["aic"], rel=1e-9)
    assert fit.bic == pytest.approx(peer.get("bic", peer.get("bic_llf")), rel=1e-9)


def test_glum_has_robust_errors_and_its_own_dispersion(motor, fit):
    np.testing.assert_allclose(GLUM["poisson"]["default_se"], fit.with_covariance("HC1").se, rtol=1e-5)
    quasi = nd.glm(FORMULA, motor, family="quasipoisson")
    ratio = np.array(GLUM["poisson"]["se"]) / np.asarray(quasi.se)
    np.testing.assert_allclose(ratio, np.sqrt(5000 / 4992), rtol=1e-5)


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_robust_errors_are_those_of_sandwich_and_statsmodels_has_one(fit, kind):
    np.testing.assert_allclose(fit.with_covariance(kind).se, R["se"][kind], rtol=1e-6)
    np.testing.assert_allclose(STATSMODELS["se"][kind], R["se"]["HC0"], rtol=1e-5)


def test_clustered_errors(fit):
    clustered = np.asarray(fit.with_covariance(nd.Clustered("region")).se)
    plain = np.asarray(fit.with_covariance(nd.Clustered("region", correction=False)).se)
    np.testing.assert_allclose(clustered, STATSMODELS["clustered"], rtol=1e-6)
    np.testing.assert_allclose(clustered, R["clustered_hc1"], rtol=1e-6)
    np.testing.assert_allclose(plain * np.sqrt(40 / 39), R["clustered"], rtol=1e-6)


def test_the_likelihood_ratio(motor, fit):
    smaller = nd.glm("claims ~ fuel + young + offset(log(exposure))", motor, family="poisson")
    table = smaller.compare(fit)
    assert table["deviance"][1] == pytest.approx(R["likelihood_ratio"], rel=1e-9)
    assert table["deviance"][1] == pytest.approx(STATSMODELS["likelihood_ratio"], rel=1e-9)
    assert table["p"][1] == pytest.approx(R["likelihood_ratio_p"], rel=1e-6)
    np.testing.assert_allclose(fit.anova()["deviance"], R["drop1"], atol=1e-8)


def test_predictions_have_their_offset(motor, fit):
    table = fit.predict(motor[:2], interval="confidence")
    numbers = np.column_stack([table["fit"], table["lower"], table["upper"]])
    np.testing.assert_allclose(numbers, R["prediction"], rtol=1e-5)
    np.testing.assert_allclose(numbers, STATSMODELS["prediction"], rtol=1e-5)
    at_one = fit.predict(motor[:2].assign(exposure=1.0))
    np.testing.assert_allclose(at_one, STATSMODELS["without_offset"], rtol=1e-7)
    np.testing.assert_allclose(at_one, GLUM["without_offset"], rtol=1e-7)


def test_weights_of_means(motor):
    paid = motor[motor["claims"] > 0]
    fit = nd.glm("amount ~ area + young", paid, family="gamma", link="log", weights="claims")
    for peer in (R["gamma"], STATSMODELS["gamma"]):
        np.testing.assert_allclose(fit.coef, peer["coef"], atol=1e-6)
        np.testing.assert_allclose(fit.se, peer["se"], rtol=1e-6)
        assert fit.dispersion == pytest.approx(peer["dispersion"], rel=1e-6)
    assert fit.aic == pytest.approx(R["gamma"]["aic"], rel=1e-9)
    np.testing.assert_allclose(fit.table()["p"], R["gamma"]["p"], rtol=1e-4)
    assert fit.table()["p"][-1] > STATSMODELS["gamma"]["p"][-1]


def test_odds_base_level_and_theta(motor):
    berkeley = {
        "dept": np.repeat(list("ABCDEF"), 2),
        "gender": np.tile(["Male", "Female"], 6),
        "yes": [512, 89, 353, 17, 120, 202, 138, 131, 53, 94, 22, 24],
        "no": [313, 19, 207, 8, 205, 391, 279, 244, 138, 299, 351, 317],
    }
    odds = nd.glm("cbind(yes, no) ~ C(gender, contr.treatment('Male')) + dept", berkeley, family="binomial")
    assert np.exp(odds.coef[1]) == pytest.approx(R["odds_ratio"], rel=1e-9)
    formula = "claims ~ fuel + young + C(area, contr.treatment('C')) + offset(log(exposure))"
    based = nd.glm(formula, motor, family="poisson")
    assert based.coef[0] == pytest.approx(R["relevel"][0], abs=1e-8)
    counts = nd.glm("claims ~ young + vehicle_age", motor, family="negative_binomial")
    for peer in (R["negative_binomial"], STATSMODELS["negative_binomial"]):
        np.testing.assert_allclose(counts.coef, peer["coef"], rtol=1e-6)
        assert counts.shape.value == pytest.approx(peer["theta"], rel=1e-6)
        assert counts.aic == pytest.approx(peer["aic"], rel=1e-9)


def test_separated_data_have_a_number_elsewhere():
    apart = {"treated": np.repeat([0, 1], 20), "recovered": np.r_[np.tile([0, 1], 10), np.ones(20)]}
    with pytest.warns(nd.BoundaryWarning):
        limit = nd.glm("recovered ~ treated", apart, family="binomial")
    assert limit.coef["treated"] == np.inf and not limit.converged
    for peer in (R["separated"], STATSMODELS["separated"]):
        assert peer["converged"] and 15 < peer["coef"][1] < 30
    firth = nd.glm("recovered ~ treated", apart, family="binomial", penalty="firth")
    np.testing.assert_allclose(firth.coef, R["firth"]["coef"], atol=1e-8)
    np.testing.assert_allclose(firth.se, R["firth"]["se"], rtol=1e-6)


@pytest.mark.filterwarnings("ignore::nelder.ResponseWarning")
def test_penalties_convert(motor):
    X, n, exposure = design(motor), len(motor), motor["exposure"]
    rate, yes, paid = motor["claims"] / exposure, (motor["claims"] > 0).to_numpy(), motor[motor["claims"] > 0]

    def ridge(alpha, response, *family, columns=X, **more):
        return np.asarray(nd.glm_fit(columns, response, *family, penalty=nd.Ridge(alpha), **more).coef)

    shown = 2e-6
    rates = ridge(ALPHA * exposure.sum(), rate, "poisson", weights=exposure)
    np.testing.assert_allclose(rates, SKLEARN["ridge"], atol=shown)
    np.testing.assert_allclose(ridge(0, rate, "poisson", weights=exposure), SKLEARN["exposure"], atol=shown)
    amounts = {"weights": paid["claims"], "columns": design(paid)}
    gamma = ridge(ALPHA * paid["claims"].sum(), paid["amount"], "gamma", "log", **amounts)
    np.testing.assert_allclose(gamma, SKLEARN["gamma"], atol=shown)
    np.testing.assert_allclose(ridge(ALPHA * n, rate, "tweedie(1.5)"), SKLEARN["tweedie"], atol=shown)
    np.testing.assert_allclose(ridge(1 / 0.5, yes, "binomial"), SKLEARN["logistic"], atol=shown)
    np.testing.assert_allclose(ridge(0, yes, "binomial"), SKLEARN["free"], atol=shown)
    np.testing.assert_allclose(ridge(2.0, exposure), SKLEARN["linear"], atol=shown)
    counts = ridge(ALPHA * n, motor["claims"], "poisson", offset=np.log(exposure))
    np.testing.assert_allclose(counts, GLUM["ridge"], atol=shown)
    np.testing.assert_allclose(counts, R["ridge"], atol=shown)
    np.testing.assert_allclose(ridge(ALPHA * n, yes, "binomial"), R["ridge_logistic"], atol=shown)
    np.testing.assert_allclose(ridge(ALPHA * n / np.std(exposure), exposure), R["ridge_linear"], atol=shown)


def test_statsmodels_minimises_the_same_and_stops_early(motor):
    X, y, n = design(motor), motor["claims"].to_numpy(), len(motor)

    def gradient(beta):
        return X.T @ (np.exp(X @ beta) - y) + ALPHA * n * np.array([0, 1, 1]) * beta

    ours = np.asarray(nd.glm_fit(X, y, "poisson", penalty=nd.Ridge(ALPHA * n)).coef)
    theirs = np.array(STATSMODELS["ridge"])
    np.testing.assert_allclose(ours, theirs, atol=2e-5)
    assert np.abs(gradient(ours)).max() < 1e-8 < np.abs(gradient(theirs)).max()
    assert abs(STATSMODELS["ridge_of_all"][0]) < 1  # its intercept is held too, unless told


def test_versions_on_the_page_are_those_of_the_numbers():
    text = PAGE.read_text(encoding="utf-8")
    for name in ("statsmodels", "scikit-learn", "glum"):
        assert f"{name} {PEERS['versions'][name]}" in text
    for name in ("MASS", "sandwich", "brglm2"):
        version = R["versions"][name]
        assert re.sub(r"^(\d+\.\d+)\.", r"\1-", version) in text or version in text
    assert f"R {R['versions']['R']}" in text
