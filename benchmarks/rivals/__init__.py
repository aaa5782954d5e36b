"""One adapter for each library: `fit(problem)` returns (coefficients, standard errors or None)."""
