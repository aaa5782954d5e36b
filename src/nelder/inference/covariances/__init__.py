"""Covariances of the coefficients: one kind a page, the registry on `covariance`."""
