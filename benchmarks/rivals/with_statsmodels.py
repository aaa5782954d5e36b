"""statsmodels' GLM, by IRLS with tight settings."""

import statsmodels.api as sm

FAMILIES = {
    ("binomial", "logit"): sm.families.Binomial,
    ("poisson", "log"): sm.families.Poisson,
    ("gamma", "log"): lambda: sm.families.Gamma(sm.families.links.Log()),
}


def fit(problem):
    """Coefficients and standard errors."""
    result = sm.GLM(problem.y, problem.X, FAMILIES[problem.family, problem.link]()).fit(tol=1e-10)
    return result.params, result.bse
