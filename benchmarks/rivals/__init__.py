"""The rivals: one adapter a library, one class a way of using it. To add one: a class, and a line in RIVALS.

The order is that of the rounds and tables. Adapters are imported by the worker that runs them, and only there.
"""

RIVALS = {
    "nelder": "with_nelder:Nelder",
    "X'X": "with_numpy:CrossProduct",
    "glum": "with_glum:Glum",
    "glum + SE": "with_glum:GlumWithErrors",
    "sklearn lbfgs": "with_sklearn:LBFGS",
    "sklearn newton-cholesky": "with_sklearn:NewtonCholesky",
    "pyfixest": "with_pyfixest:PyFixest",
    "statsmodels": "with_statsmodels:Statsmodels",
    "R": "with_r:R",
}
UNIT = "X'X"
OURS = "nelder"
