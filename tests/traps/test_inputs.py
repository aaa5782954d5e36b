"""Traps in what a fit is given: responses, weights, offsets, missing values, parameters nobody chose."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nelder as nd

N = 200
RANDOM = np.random.default_rng(12)
X = np.column_stack([np.ones(N), RANDOM.normal(size=N)])
ETA = X @ [0.4, 0.3]
EXPOSURE = RANDOM.uniform(0.02, 0.18, N)
WEIGHT = RANDOM.integers(1, 6, N) / 2
CLAIMS = RANDOM.poisson(EXPOSURE * np.exp(ETA)).astype(float)
RESPONSES = {
    "gaussian": ETA + RANDOM.normal(size=N),
    "gamma": RANDOM.gamma(2.0, np.exp(ETA)),
    "inverse_gaussian": RANDOM.wald(np.exp(ETA), 2.0),
    "tweedie(1.5)": RANDOM.gamma(2.0, np.exp(ETA)) * (RANDOM.random(N) < 0.6),
    "quasipoisson": RANDOM.poisson(np.exp(ETA)).astype(float),
    "quasi(mu^2)": RANDOM.gamma(2.0, np.exp(ETA)),
}


def weighted(family: str, factor: float) -> nd.Fit:
    """A fit with all weights multiplied by a factor."""
    return nd.glm_fit(X, RESPONSES[family], family, "log", weights=factor * WEIGHT)


# Weights


@pytest.mark.parametrize("family", [name for name in RESPONSES if name != "gaussian"])
@pytest.mark.parametrize("factor", [0.09, 2 / WEIGHT.sum(), 100.0], ids=["0.09", "sum of weights = p", "100"])
def test_the_unit_of_the_weights_is_not_information(family: str, factor: float) -> None:
    """glum 3.4.1 reads weights as counts in φ: times .09, an error goes from .16 to 4.33, and at Σw = p to 1.5e15."""
    fit, scaled = weighted(family, 1.0), weighted(family, factor)
    assert np.asarray(scaled.coef) == pytest.approx(np.asarray(fit.coef), rel=1e-9)
    assert np.asarray(scaled.se) == pytest.approx(np.asarray(fit.se), rel=1e-9)
    assert scaled.table()["p"] == pytest.approx(fit.table()["p"], rel=1e-7)
    assert scaled.dispersion == pytest.approx(factor * fit.dispersion, rel=1e-9)
    assert scaled.df_resid == fit.df_resid == N - 2


def test_the_weighted_gaussian_fit_is_weighted_least_squares() -> None:
    """glum 3.4.1 takes the sum of the weights for the number of rows in φ; here n - p divides, whatever their unit."""
    y = RESPONSES["gaussian"]
    inverse = np.linalg.inv(X.T @ (WEIGHT[:, None] * X))
    beta = inverse @ X.T @ (WEIGHT * y)
    variance = WEIGHT @ (y - X @ beta) ** 2 / (N - 2)
    for factor in (0.09, 1.0, 100.0):
        fit = nd.glm_fit(X, y, weights=factor * WEIGHT)
        assert np.asarray(fit.coef) == pytest.approx(beta, rel=1e-11)
        assert np.asarray(fit.se) == pytest.approx(np.sqrt(variance * np.diagonal(inverse)), rel=1e-11)


def test_weights_are_absolute_only_where_the_dispersion_is_known() -> None:
    """statsmodels 0.15.0 freq_weights times 100 are a tenth of every error; so they are here, for φ = 1, as in R."""
    y = RESPONSES["quasipoisson"]
    for factor in (1.0, 100.0):
        fit = nd.glm_fit(X, y, "poisson", weights=factor * WEIGHT)
        information = X.T @ ((factor * WEIGHT * fit.fitted)[:, None] * X)
        assert np.asarray(fit.se) == pytest.approx(np.sqrt(np.diagonal(np.linalg.inv(information))), rel=1e-9)
        quasi = nd.glm_fit(X, y, "quasipoisson", weights=factor * WEIGHT)
        assert np.asarray(quasi.se) == pytest.approx(np.sqrt(quasi.dispersion) * np.asarray(fit.se), rel=1e-9)


@pytest.mark.parametrize("family", ["gaussian", "tweedie(1.5)"])
def test_the_unit_of_the_weights_is_not_likelihood(family: str) -> None:
    """glum 3.4.1 reads weights as counts; where they are precisions, φ/w, their unit cannot move AIC."""
    fits = [nd.glm_fit(X, RESPONSES[family], family, weights=factor * WEIGHT) for factor in (1.0, 0.09, 100.0)]
    assert [fit.aic for fit in fits] == pytest.approx([fits[0].aic] * 3, rel=1e-9)


def test_rates_weighted_by_exposure_have_the_errors_of_an_offset() -> None:
    """glum 3.4.1 with this recipe of its documentation: errors 7.3 times those of the offset at mean exposure .1."""
    counts = nd.glm_fit(X, CLAIMS, "poisson", offset=np.log(EXPOSURE))
    with pytest.warns(nd.ResponseWarning, match="not a whole number.* AIC means little"):
        rates = nd.glm_fit(X, CLAIMS / EXPOSURE, "poisson", weights=EXPOSURE)
    mu = counts.fitted
    covariance = np.linalg.inv(X.T @ (mu[:, None] * X))
    for fit in (counts, rates):
        assert np.asarray(fit.coef) == pytest.approx(np.asarray(counts.coef), rel=1e-9)
        assert np.asarray(fit.se) == pytest.approx(np.sqrt(np.diagonal(covariance)), rel=1e-9)


@pytest.mark.parametrize("family", ["gaussian", "gamma", "tweedie(1.5)", "quasipoisson"])
def test_a_hundred_copies_are_asked_for_by_name(family: str) -> None:
    """statsmodels 0.15.0 freq_weights times 100 make a tenth of every error, even with HC1; here they are counts."""
    y = RESPONSES[family]
    copies = nd.glm_fit(X, y, family, "log" if family == "gamma" else None, weights=nd.frequency(np.full(N, 100)))
    rows = nd.glm_fit(np.repeat(X, 100, axis=0), np.repeat(y, 100), family, "log" if family == "gamma" else None)
    assert np.asarray(copies.se) == pytest.approx(np.asarray(rows.se), rel=1e-9)
    assert (copies.df_resid, copies.aic) == pytest.approx((rows.df_resid, rows.aic), rel=1e-9, nan_ok=True)


def test_a_frequency_that_is_not_a_count_is_refused() -> None:
    """statsmodels 0.15.0 freq_weights may be rescaled, which rescales the errors; a count cannot be 2.5."""
    with pytest.raises(nd.DataError, match=r"whole numbers; rows .* are not"):
        nd.glm_fit(X, CLAIMS, "poisson", weights=nd.frequency(WEIGHT))


# Offsets


def by_array() -> tuple[nd.Fit, object]:
    """A formula with the offset as an array, and rows to predict at."""
    data = {"y": CLAIMS, "x": X[:, 1]}
    return nd.glm("y ~ x", data, "poisson", offset=np.log(EXPOSURE)), data


def by_matrix() -> tuple[nd.Fit, object]:
    """A matrix with the offset as an array, and rows to predict at."""
    return nd.glm_fit(X, CLAIMS, "poisson", offset=np.log(EXPOSURE)), X


def by_formula(formula: str, offset: str | None = None) -> tuple[nd.Fit, dict[str, np.ndarray]]:
    """The offset computed from a column, and rows to predict at."""
    data = {"y": CLAIMS, "x": X[:, 1], "exposure": EXPOSURE}
    return nd.glm(formula, data, "poisson", offset=offset), data


@pytest.mark.parametrize("make", [by_array, by_matrix])
def test_an_offset_given_as_an_array_is_demanded_at_prediction(
    make: Callable[[], tuple[nd.Fit, object]], tmp_path: Path
) -> None:
    """statsmodels 0.15.0 and pyfixest 0.60.0 predict(new_data) without it, even on the rows of the fit."""
    fit, rows = make()
    fit.save(tmp_path / "fit.json")
    for each in (fit, nd.load(tmp_path / "fit.json")):
        for interval in (None, "confidence"):
            with pytest.raises(nd.DataError, match="give offset= for the new rows too"):
                each.predict(rows, interval=interval)
        assert each.predict(rows, offset=np.log(EXPOSURE)) == pytest.approx(fit.fitted, rel=1e-12)


@pytest.mark.parametrize("given", [("y ~ x + offset(log(exposure))", None), ("y ~ x", "log(exposure)")])
def test_an_offset_by_name_is_computed_from_the_new_rows(given: tuple[str, str | None], tmp_path: Path) -> None:
    """statsmodels 0.15.0 and pyfixest 0.60.0 drop it, and R's femlm (fixest) did."""
    fit, data = by_formula(*given)
    fit.save(tmp_path / "fit.json")
    for each in (fit, nd.load(tmp_path / "fit.json")):
        assert each.predict(data) == pytest.approx(fit.fitted, rel=1e-12)
        assert each.predict({**data, "exposure": 3 * EXPOSURE}) == pytest.approx(3 * fit.fitted, rel=1e-12)
        with pytest.raises(nd.UnknownNameError, match="exposure"):
            each.predict({"x": data["x"]})


# Responses


@pytest.mark.parametrize(
    ("family", "value"),
    [
        ("poisson", -1),
        ("binomial", 20),
        ("gamma", 0),
        ("gamma", -2),
        ("inverse_gaussian", 0),
        ("negative_binomial(2)", -1),
        ("tweedie(1.5)", -0.5),
        ("quasipoisson", -1),
        ("quasibinomial", 2),
    ],
)
def test_an_impossible_response_is_refused_by_row(family: str, value: float) -> None:
    """statsmodels 0.15.0 fits Poisson y = -1 and Gamma y = 0, and answers binomial y up to 20 with 4.8e16."""
    y = np.r_[1.0, 1.0, 1.0, value, 1.0]
    with pytest.raises(nd.SupportError, match="row 3 of y has"):
        nd.glm_fit(np.ones((5, 1)), y, family)
    with pytest.raises(nd.SupportError, match="row 3 of y has"):
        nd.glm("y ~ 1", {"y": y}, family)


def test_counts_out_of_twenty_are_told_how_to_be_given() -> None:
    """statsmodels 0.15.0 takes y in 0..20 as zeros and ones; given with their trials they have a closed form."""
    with pytest.raises(nd.SupportError, match="cbind"):
        nd.glm("y ~ 1", {"y": [3, 0, 20, 7]}, "binomial")
    fit = nd.glm("cbind(y, 20 - y) ~ 1", {"y": [3, 0, 20, 7]}, "binomial")
    assert fit.coef["Intercept"] == pytest.approx(np.log(30 / 50), rel=1e-12)
    assert fit.se["Intercept"] == pytest.approx(np.sqrt(1 / 30 + 1 / 50), rel=1e-9)


# Missing values


def test_missing_values_are_left_out_and_counted_or_refused() -> None:
    """H2O 3.46.0.12 fills them with the mean of the column by default."""
    x = np.where(np.arange(N) % 10 == 0, np.nan, X[:, 1])
    data, kept = {"y": RESPONSES["quasipoisson"], "x": x, "w": WEIGHT}, np.isfinite(x)
    fit = nd.glm("y ~ x", data, "poisson", weights="w", offset=np.log(EXPOSURE))
    rows = {name: column[kept] for name, column in data.items()}
    complete = nd.glm("y ~ x", rows, "poisson", weights="w", offset=np.log(EXPOSURE[kept]))
    assert np.array_equal(fit.coef, complete.coef) and np.array_equal(fit.se, complete.se)
    assert "20 of 200 rows left out for missing values" in str(fit.summary())
    with pytest.raises(nd.DataError, match="'x' has missing values at rows 0, 10"):
        nd.glm("y ~ x", data, "poisson", missing="error")
    with pytest.raises(nd.DataError, match="X has nan or infinite values at rows 0, 10"):
        nd.glm_fit(np.column_stack([np.ones(N), x]), RESPONSES["quasipoisson"], "poisson")


# Parameters nobody chose


def test_a_parameter_of_the_variance_that_is_not_given_is_estimated() -> None:
    """statsmodels 0.15.0 takes alpha = 1 (it warns), H2O 3.46.0.12 theta = 1e-10, which is Poisson."""
    counts = nd.simulate(X, [1.0, *np.zeros(X.shape[1] - 1)], nd.NegativeBinomial(2.0), options=nd.Draw(seed=1))
    for family in ("negative_binomial", "tweedie"):
        shape = nd.glm_fit(X, counts, family).shape
        assert shape is not None and shape.estimated and shape.se > 0


def test_a_parameter_of_the_variance_that_is_none_is_refused() -> None:
    with pytest.raises(nd.InputError, match="theta must be a positive number"):
        nd.glm_fit(X, CLAIMS, "negative_binomial(0)")
    with pytest.raises(nd.InputError, match="power must be above 1"):
        nd.glm_fit(X, CLAIMS, "tweedie(0.5)")


def test_the_parameter_of_the_variance_stands_in_the_summary() -> None:
    """statsmodels 0.15.0 and H2O 3.46.0.12 fix it quietly."""
    assert "negative_binomial(2.5)" in str(nd.glm_fit(X, RESPONSES["quasipoisson"], "negative_binomial(2.5)"))
    assert "tweedie(1.5)" in str(nd.glm_fit(X, RESPONSES["tweedie(1.5)"], nd.Tweedie(1.5)))
