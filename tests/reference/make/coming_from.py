"""Writes coming_from.json: the jobs of docs/guides/coming-from.md in statsmodels, scikit-learn and glum.

python tests/reference/make/coming_from.py
python tests/reference/make/coming_from.py --table    the table of the page as CSV, for coming_from.R
"""

import json
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import glum
import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, Ridge, TweedieRegressor

import nelder as nd

FOLDER = Path(__file__).parents[1]
FORMULA = "claims ~ area + fuel + young"
NUMBERS = ["young", "vehicle_age"]
ALPHA = 0.1


def policies():
    """The table of the page."""
    motor = nd.datasets.motor(5000, seed=1).to_pandas()
    motor["region"] = np.arange(5000) % 40
    return motor


def separated():
    return pd.DataFrame({"treated": np.repeat([0, 1], 20), "recovered": np.r_[np.tile([0, 1], 10), np.ones(20)]})


def fitted(result):
    return {"coef": list(result.params), "se": list(result.bse)}


def by_statsmodels(motor):
    poisson = smf.glm(FORMULA, motor, family=sm.families.Poisson(), exposure=motor["exposure"])
    fit, small = (
        poisson.fit(),
        smf.glm("claims ~ fuel + young", motor, family=sm.families.Poisson(), exposure=motor["exposure"]).fit(),
    )
    new = motor.iloc[:2]
    frame = fit.get_prediction(new, exposure=new["exposure"]).summary_frame()
    paid = motor[motor["claims"] > 0]
    gamma = smf.glm(
        "amount ~ area + young", paid, family=sm.families.Gamma(sm.families.links.Log()), var_weights=paid["claims"]
    ).fit()
    data = separated()
    apart = smf.glm("recovered ~ treated", data, family=sm.families.Binomial()).fit()
    counts = smf.negativebinomial("claims ~ young + vehicle_age", motor).fit(disp=0, maxiter=500, gtol=1e-10)
    X = np.column_stack([np.ones(len(motor)), motor[NUMBERS]])
    penalised = sm.GLM(motor["claims"], X, family=sm.families.Poisson())
    free = penalised.fit_regularized(alpha=[0, ALPHA, ALPHA], L1_wt=0).params
    whole = penalised.fit_regularized(alpha=ALPHA, L1_wt=0).params
    return {
        "poisson": {**fitted(fit), "deviance": fit.deviance, "aic": fit.aic, "bic_llf": fit.bic_llf},
        "se": {kind: list(poisson.fit(cov_type=kind).bse) for kind in ("HC0", "HC1", "HC2", "HC3")},
        "clustered": list(poisson.fit(cov_type="cluster", cov_kwds={"groups": motor["region"]}).bse),
        "likelihood_ratio": small.deviance - fit.deviance,
        "prediction": frame[["mean", "mean_ci_lower", "mean_ci_upper"]].to_numpy().tolist(),
        "without_offset": list(fit.predict(new)),
        "gamma": {**fitted(gamma), "dispersion": gamma.scale, "p": list(gamma.pvalues), "loglik": gamma.llf},
        "separated": {**fitted(apart), "converged": bool(apart.converged)},
        "negative_binomial": {"coef": list(counts.params[:-1]), "theta": 1 / counts.params.iloc[-1], "aic": counts.aic},
        "ridge": list(free),
        "ridge_of_all": list(whole),
    }


def by_sklearn(motor):
    X, weight = motor[NUMBERS], motor["exposure"]
    near = {"tol": 1e-10, "max_iter": 10_000}
    rate = motor["claims"] / weight

    def coefficients(model):
        return [float(np.ravel(model.intercept_)[0]), *np.ravel(model.coef_).tolist()]

    yes = motor["claims"] > 0
    paid = motor[yes]
    return {
        "exposure": coefficients(PoissonRegressor(alpha=0, **near).fit(X, rate, sample_weight=weight)),
        "default": coefficients(PoissonRegressor().fit(X, rate, sample_weight=weight)),
        "ridge": coefficients(PoissonRegressor(alpha=ALPHA, **near).fit(X, rate, sample_weight=weight)),
        "logistic": coefficients(LogisticRegression(C=0.5, **near).fit(X, yes)),
        "free": coefficients(LogisticRegression(C=np.inf, **near).fit(X, yes)),
        "linear": coefficients(Ridge(alpha=2.0).fit(X, motor["exposure"])),
        "gamma": coefficients(
            GammaRegressor(alpha=ALPHA, **near).fit(paid[NUMBERS], paid["amount"], sample_weight=paid["claims"])
        ),
        "tweedie": coefficients(TweedieRegressor(power=1.5, link="log", alpha=ALPHA, **near).fit(X, rate)),
    }


def by_glum(motor):
    offset = np.log(motor["exposure"])

    def fit(family, formula, frame, **options):
        rest = {"alpha": options.pop("alpha", 0), "gradient_tol": 1e-9, "drop_first": True}
        rest["formula"] = formula
        given = {name: options.pop(name) for name in ("offset", "sample_weight") if name in options}
        model = glum.GeneralizedLinearRegressor(family=family, **rest, **options)
        return model.fit(frame, **given)

    free = fit("poisson", FORMULA, motor, offset=offset)
    held = fit("poisson", "claims ~ young + vehicle_age", motor, offset=offset, alpha=ALPHA, l1_ratio=0)
    new = motor.iloc[:2]
    plain = np.sqrt(np.diag(free.covariance_matrix(motor, motor["claims"], offset=offset, robust=False)))
    robust = free.coef_table(motor, motor["claims"], offset=offset)["se"]
    return {
        "poisson": {"coef": [free.intercept_, *free.coef_], "default_se": list(robust), "se": plain.tolist()},
        "ridge": [held.intercept_, *held.coef_],
        "without_offset": free.predict(new).tolist(),
        "with_offset": free.predict(new, offset=np.log(new["exposure"])).tolist(),
    }


def main():
    motor = policies()
    if "--table" in sys.argv:
        motor.to_csv(sys.stdout, index=False)
        return
    warnings.simplefilter("ignore")
    found = {
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("statsmodels", "scikit-learn", "glum", "numpy", "pandas")},
        },
        "statsmodels": by_statsmodels(motor),
        "scikit-learn": by_sklearn(motor),
        "glum": by_glum(motor),
    }
    (FOLDER / "coming_from.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
