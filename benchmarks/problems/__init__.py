"""The problems, one file each. To add one: a file with TITLE, FAIR, SIZES, GOALS and make, and a line in PROBLEMS.

FAIR says what makes the comparison fair. SIZES holds the arguments of `make` for a full, a quick and a tiny run.
GOALS holds what nelder is to reach: at most so many times a rival's time, so many seconds, or so
many megabytes beyond the data.
"""

from problems import (
    flights,
    gamma_wide,
    import_time,
    insurance_claims,
    logistic_dense,
    many_levels,
    poisson_correlated,
    small,
    sparse_ridge,
)

PROBLEMS = {
    "small": small,
    "import_time": import_time,
    "logistic_dense": logistic_dense,
    "poisson_correlated": poisson_correlated,
    "gamma_wide": gamma_wide,
    "insurance_claims": insurance_claims,
    "flights": flights,
    "many_levels": many_levels,
    "sparse_ridge": sparse_ridge,
}
