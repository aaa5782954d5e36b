"""SciPy's sparse matrices as designs: the answers of dense ones, and fits that make no matrix of their columns."""

import itertools
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

import nelder as nd
from nelder import errors
from nelder import sparse as page
from nelder.design import Block
from nelder.kernels import constants_kernel
from nelder.sparse import Sparse

FAMILIES = [
    ("gaussian", None),
    ("binomial", "logit"),
    ("binomial", "probit"),
    ("poisson", "log"),
    ("gamma", "log"),
    ("inverse_gaussian", "log"),
    ("negative_binomial(2)", "log"),
    ("tweedie(1.5)", "log"),
    ("quasipoisson", "log"),
]
each_family = pytest.mark.parametrize(("family", "link"), FAMILIES)
FORMATS = ("csr", "csc", "coo", "lil", "dok", "bsr")


def drawn(family, n=400, p=12, density=0.3, seed=3):
    """X (n, p + 1) in sparse rows with an intercept, and a response with means near those of the family."""
    random = np.random.default_rng(seed)
    filled = random.random((n, p)) < density
    X = np.column_stack([np.ones(n), np.where(filled, random.integers(1, 4, (n, p)), 0)])
    eta = X @ np.concatenate([[0.2], random.normal(size=p) * 0.1])
    name = family.partition("(")[0]
    y = {
        "gaussian": lambda: eta + random.normal(size=n),
        "binomial": lambda: random.binomial(1, 1 / (1 + np.exp(-eta))).astype(float),
        "gamma": lambda: np.exp(eta) * random.gamma(3.0, 1 / 3.0, n),
        "inverse_gaussian": lambda: np.exp(eta) * random.wald(1.0, 3.0, n),
    }.get(name, lambda: random.poisson(np.exp(eta)).astype(float))()
    return sparse.csr_array(X), y


def pair(family, link, **options):
    """The fit of a sparse design, and that of the same numbers."""
    X, y = drawn(family)
    return nd.glm_fit(X, y, family, link, **options), nd.glm_fit(X.toarray(), y, family, link, **options)


def close(one, other, rel=1e-10):
    assert np.asarray(one) == pytest.approx(np.asarray(other), rel=rel, abs=1e-10, nan_ok=True)


@pytest.fixture
def narrow(monkeypatch):
    """Designs of more than eight sparse columns are wide."""
    monkeypatch.setattr(page, "WIDE", 8)


@each_family
def test_a_sparse_design_gives_the_fit_of_the_dense_one(family, link):
    ours, theirs = pair(family, link)
    for number in ("coef", "se", "deviance", "null_deviance", "dispersion", "aic", "df_resid", "fitted"):
        close(getattr(ours, number), getattr(theirs, number))
    for kind in ("HC0", "HC1", "HC3"):
        close(ours.covariance(kind), theirs.covariance(kind), 1e-8)
    for kind in ("deviance", "pearson", "response", "working"):
        close(ours.residuals(kind), theirs.residuals(kind))
    here, there = ours.influence(), theirs.influence()
    for number in ("leverage", "cook", "dffits"):
        close(getattr(here, number), getattr(there, number), 1e-8)


@pytest.mark.parametrize("family", ["binomial", "gamma"])
def test_everything_after_a_fit_is_that_of_the_dense_one(family):
    ours, theirs = pair(family, None if family == "binomial" else "log")
    close(ours.wald_test(["x2 = x3", "x4"])["p"], theirs.wald_test(["x2 = x3", "x4"])["p"])
    close(ours.score_test("x2 = x3")["p"], theirs.score_test("x2 = x3")["p"], 1e-8)
    close(ours.likelihood_ratio("x2 = x3")["p"], theirs.likelihood_ratio("x2 = x3")["p"], 1e-8)
    close(ours.confint(kind="profile", terms="x2")["lower"], theirs.confint(kind="profile", terms="x2")["lower"], 1e-8)
    for table in ("table", "glance", "tidy", "condition_indices", "pseudo_r_squared"):
        one, other = getattr(ours, table)(), getattr(theirs, table)()
        for name in one:
            if np.asarray(one[name]).dtype.kind == "f":
                close(one[name], other[name], 1e-8)
    assert str(ours.check()) == str(theirs.check())
    assert np.array_equal(ours.simulate(2, seed=1), theirs.simulate(2, seed=1)) or family == "gamma"


@pytest.mark.parametrize("solver", ["irls", "newton", "lbfgs", "truncated_newton"])
@pytest.mark.parametrize("penalty", ["unpenalised", "ridge", "firth"])
def test_solvers_and_penalties_are_those_of_the_dense_design(solver, penalty):
    X, y = drawn("binomial")
    solver = "auto" if penalty == "firth" else solver  # which solves in a way of its own
    ours, theirs = (nd.glm_fit(each, y, "binomial", solver=solver, penalty=penalty) for each in (X, X.toarray()))
    close(ours.coef, theirs.coef, 1e-8)
    close(ours.se, theirs.se, 1e-8)


def test_aliased_and_separated_columns_are_found():
    X, y = drawn("binomial")
    doubled = sparse.hstack([X, X[:, [3]] + X[:, [0]]]).tocsr()
    with pytest.warns(errors.AliasedWarning, match=r"x14 = x1 \+ x4"):
        fit = nd.glm_fit(doubled, y, "binomial")
    close(fit.coef[:13], nd.glm_fit(X, y, "binomial").coef)
    telling = sparse.hstack([X, sparse.csr_array((y * (np.arange(len(y)) % 9 == 0))[:, None])]).tocsr()
    with pytest.warns(errors.BoundaryWarning):
        assert nd.glm_fit(telling, y, "binomial").coef["x14"] == np.inf


def test_columns_that_nearly_cancel_keep_their_digits():
    random = np.random.default_rng(0)
    x = random.normal(size=200) * (random.random(200) < 0.5)
    X = np.column_stack([np.ones(200), x, x + 1e-7 * random.normal(size=200)])
    y = random.normal(size=200)
    ours, theirs = nd.glm_fit(sparse.csr_array(X), y), nd.glm_fit(X, y)
    assert ours.solved.form == theirs.solved.form == "Triangle"
    close(ours.coef, theirs.coef, 1e-9)
    close(ours.se, theirs.se, 1e-9)


@pytest.mark.parametrize("made", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_read(form, made):
    X, y = drawn("binomial")
    given = made(X).asformat(form)
    before = given.toarray()
    close(nd.glm_fit(given, y, "binomial").coef, nd.glm_fit(X.toarray(), y, "binomial").coef)
    assert given.format == form and np.array_equal(given.toarray(), before)


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint16, np.int64, np.float32])
def test_every_real_type_is_read(kind):
    X, y = drawn("binomial")
    X = (X > 0).astype(kind)
    close(nd.glm_fit(X, y, "binomial").coef, nd.glm_fit(X.toarray(), y, "binomial").coef)


def test_zeros_that_are_kept_and_numbers_given_twice_mean_what_they_sum_to():
    X, y = drawn("poisson")
    twice = X.tocoo()
    rows, columns = np.tile(twice.row, 2), np.tile(twice.col, 2)
    values = np.concatenate([0.25 * twice.data, 0.75 * twice.data])
    theirs = nd.glm_fit(X.toarray(), y, "poisson")
    close(nd.glm_fit(sparse.coo_array((values, (rows, columns)), X.shape), y, "poisson").coef, theirs.coef)
    unsummed = sparse.csr_array(X)
    order = np.argsort(rows, kind="stable")
    unsummed.data, unsummed.indices = values[order], columns[order].astype(np.int32)
    unsummed.indptr = 2 * unsummed.indptr
    unsummed = sparse.csr_array((unsummed.data, unsummed.indices, unsummed.indptr), X.shape)
    stored = unsummed.nnz
    close(nd.glm_fit(unsummed, y, "poisson").coef, theirs.coef)
    assert unsummed.nnz == stored  # the caller's matrix stays as it was
    zeros = X.copy()
    zeros[:5] = zeros[:5] * 0.0
    zeros[:5, 0] = 1.0
    close(nd.glm_fit(zeros, y, "poisson").coef, nd.glm_fit(zeros.toarray(), y, "poisson").coef)


@pytest.mark.parametrize("kind", [np.int8, bool])
def test_numbers_given_twice_are_summed_as_doubles(kind):
    values, rows, columns = np.array([100, 100, 1]).astype(kind), [0, 0, 1], [0, 0, 1]
    once = float(values[0])
    for given in (
        sparse.coo_array((values, (rows, columns)), (2, 2)),
        sparse.csr_array((values, columns, [0, 2, 3]), (2, 2)),
        sparse.csc_array((values, rows, [0, 2, 3]), (2, 2)),
    ):
        assert page.compressed(given, "X").toarray().tolist() == [[2 * once, 0.0], [0.0, 1.0]]


def test_long_indices_are_read():
    X, y = drawn("poisson")
    long = sparse.csr_array((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), X.shape)
    close(nd.glm_fit(long, y, "poisson").coef, nd.glm_fit(X, y, "poisson").coef)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_named_by_row_and_column(bad):
    X, y = drawn("poisson")
    X.data[X.indptr[17] + 1] = bad
    column = X.indices[X.indptr[17] + 1]
    with pytest.raises(errors.DataError, match=f"X has {bad:g} at row 17, column {column}"):
        nd.glm_fit(X, y, "poisson")


def test_what_is_no_design_is_refused():
    X, y = drawn("poisson")
    with pytest.raises(errors.InputTypeError, match="complex"):
        nd.glm_fit(X * 1j, y, "poisson")
    with pytest.raises(errors.DataError, match="two dimensions"):
        nd.glm_fit(sparse.coo_array(y), y, "poisson")
    with pytest.raises(errors.InputTypeError, match="y is sparse, and only X may be"):
        nd.glm_fit(X, sparse.csr_array(y[:, None]), "poisson")
    with pytest.raises(errors.DataError, match="399 values for 400 rows"):
        nd.glm_fit(X, y[:-1], "poisson")
    with pytest.raises(errors.DataError, match="names has 2 distinct names for 13 columns"):
        nd.glm_fit(X, y, "poisson", names=["a", "b"])


def test_new_rows_may_be_sparse_or_dense(tmp_path):
    X, y = drawn("poisson")
    fit = nd.glm_fit(X, y, "poisson")
    few = X[:7]
    close(fit.predict(few), fit.fitted[:7])
    close(fit.predict(few.toarray()), fit.fitted[:7])
    theirs = nd.glm_fit(X.toarray(), y, "poisson").predict(few.toarray(), interval="confidence")
    close(fit.predict(few.tocsc(), interval="confidence")["lower"], theirs["lower"])
    with pytest.raises(errors.DataError, match="new has 12 columns; the fit has 13"):
        fit.predict(few[:, 1:])
    fit.save(tmp_path / "fit.json")
    close(nd.load(tmp_path / "fit.json").predict(few), fit.fitted[:7])


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("twice", [False, True], ids=["in any order", "in several pieces"])
def test_the_matrix_of_the_caller_stays_as_it_is(kind, twice):
    X, y = drawn("poisson")
    X = sparse.csr_array(np.round(2 * X.toarray()))
    order = np.concatenate([np.arange(stop - 1, start - 1, -1) for start, stop in itertools.pairwise(X.indptr)])
    indices, data, indptr = X.indices[order], X.data[order].astype(kind), X.indptr.copy()
    if twice:
        indices, data, indptr = np.repeat(indices, 2), np.repeat(data, 2), 2 * indptr
    given = sparse.csr_array((data, indices, indptr), shape=X.shape)
    before = [array.copy() for array in (given.data, given.indices, given.indptr)]
    fits = [nd.glm_fit(given, y, "poisson") for _ in range(2)]
    for array, kept in zip((given.data, given.indices, given.indptr), before, strict=True):
        np.testing.assert_array_equal(array, kept)
    theirs = nd.glm_fit((1.0 + twice) * X.toarray(), y, "poisson")
    for fit in fits:
        close(fit.coef, theirs.coef, 1e-9)


def test_a_constant_column_is_told_from_one_that_is_mostly_so():
    X = sparse.csr_array(np.array([[1.0, 2, 0, 3], [1, 2, 0, 3], [1, 0, 0, 3], [1, 2, 0, -3]]))
    nothing = np.zeros(4)
    block = Block((Sparse(np.arange(4), X),), 4, nothing, nothing, nothing)
    assert constants_kernel(block).value.tolist() == [1.0, 0.0, 0.0, 0.0]


# designs too wide for any matrix of their columns


@pytest.mark.parametrize("solver", ["auto", "truncated_newton", "newton", "irls", "lbfgs"])
@pytest.mark.parametrize("alpha", [1e-8, 1e-3, 1.0, 1e4])
@each_family
@pytest.mark.usefixtures("narrow")
def test_a_wide_ridge_is_that_of_newton_on_dense_columns(family, link, alpha, solver):
    X, y = drawn(family)
    ours = nd.glm_fit(X, y, family, link, penalty=nd.Ridge(alpha), solver=solver)
    theirs = nd.glm_fit(X.toarray(), y, family, link, penalty=nd.Ridge(alpha), solver="newton")
    assert ours.converged and ours.solved.form == "Implicit"
    close(ours.coef, theirs.coef, 1e-7 if alpha < 1e-6 else 1e-9)
    for number in ("deviance", "null_deviance", "fitted"):
        close(getattr(ours, number), getattr(theirs, number), 1e-8)


@pytest.mark.usefixtures("narrow")
def test_a_wide_ridge_may_have_no_intercept_weights_and_an_offset():
    X, y = drawn("poisson")
    random = np.random.default_rng(1)
    weights, offset = random.uniform(0, 2, len(y)) * (random.random(len(y)) < 0.9), random.normal(size=len(y))
    X = X[:, 1:]
    options = {"weights": weights, "offset": offset, "penalty": nd.Ridge(0.3)}
    ours, theirs = (nd.glm_fit(each, y, "poisson", **options) for each in (X, X.toarray()))
    close(ours.coef, theirs.coef, 1e-9)
    close(ours.null_deviance, theirs.null_deviance)


@pytest.mark.usefixtures("narrow")
def test_a_wide_design_is_worked_on_in_blocks_with_the_same_answer():
    X, y = drawn("poisson", n=20_000)
    fit = nd.glm_fit(X, y, "poisson", penalty=nd.Ridge(1.0))
    assert len(fit.objective.design.handles) > 1 and fit.solved.form == "Implicit"
    theirs = nd.glm_fit(X.toarray(), y, "poisson", penalty=nd.Ridge(1.0), solver="newton")
    close(fit.coef, theirs.coef, 1e-9)
    close(fit.deviance, theirs.deviance)
    assert fit.trace.passes[-1] > len(fit.trace)  # products with the information read the rows too


def test_a_wide_ridge_of_300_columns_is_that_of_a_dense_newton_solution(monkeypatch):
    monkeypatch.setattr(page, "WIDE", 100)
    X, y = drawn("binomial", n=2000, p=300, density=0.03)
    ours = nd.glm_fit(X, y, "binomial", penalty=nd.Ridge(2.0))
    dense, beta, held = X.toarray(), np.zeros(301), 2.0 * (np.arange(301) > 0)
    for _ in range(20):
        mu = 1 / (1 + np.exp(-dense @ beta))
        information = dense.T @ ((mu * (1 - mu))[:, None] * dense) + np.diag(held)
        beta -= np.linalg.solve(information, held * beta - dense.T @ (y - mu))
    close(ours.coef, beta, 1e-9)


@pytest.fixture(scope="module")
def large():
    """A logistic ridge of 6,001 sparse columns, and the most memory that its fit took beyond the data."""
    random = np.random.default_rng(0)
    n, p, many = 20_000, 6_000, 10
    X = sparse.csr_array((np.ones(n * many), random.integers(0, p, n * many), np.arange(0, n * many + 1, many)), (n, p))
    X = sparse.hstack([np.ones((n, 1)), X]).tocsr()
    y = random.binomial(1, 1 / (1 + np.exp(-(X @ random.normal(size=p + 1))))).astype(float)
    tracemalloc.start()
    fit = nd.glm_fit(X, y, "binomial", penalty=nd.Ridge(1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return SimpleNamespace(X=X, y=y, fit=fit, peak=peak)


def test_a_large_ridge_is_certified_by_its_own_score_in_little_memory(large):
    beta, held = np.asarray(large.fit.coef), np.arange(6001) > 0
    mu = 1 / (1 + np.exp(-(large.X @ beta)))
    score = large.X.T @ (large.y - mu) - held * beta
    diagonal = (large.X**2).T @ (mu * (1 - mu)) + held
    assert large.fit.converged
    assert score @ (score / diagonal) < 1e-20
    assert large.peak < 60e6  # a matrix of its columns would take 288 MB


def test_a_large_ridge_says_what_it_does_not_know(large, tmp_path):
    fit = large.fit
    assert np.isnan(np.asarray(fit.se)).all() and np.isnan(fit.df_resid) and np.isnan(fit.aic)
    assert any("effective number of coefficients" in note for note in fit.notes)
    assert "effective number" in str(fit.summary())
    assert fit.predict(large.X[:5]) == pytest.approx(fit.fitted[:5], rel=1e-14, abs=0)
    fit.save(tmp_path / "fit.json")
    assert (tmp_path / "fit.json").stat().st_size < 1e6
    again = nd.load(tmp_path / "fit.json")
    assert np.array_equal(np.asarray(again.coef), np.asarray(fit.coef)) and np.isnan(np.asarray(again.se)).all()
    for asked in (fit.influence, lambda: fit.covariance("HC0"), lambda: fit.wald_test("x2"), fit.augment):
        with pytest.raises(errors.CapabilityError):
            asked()


def test_the_steps_of_a_large_ridge_are_shown_in_little_memory(large):
    tracemalloc.start()
    shown, table = str(large.fit.trace), large.fit.trace.table()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "x4" in shown and table["x6001"][-1] == large.fit.coef["x6001"]
    assert peak < 10 * large.fit.trace.beta.nbytes + 2e7


def test_gradient_descent_finds_its_rate_without_a_matrix_of_all_columns(large):
    with pytest.warns(nd.NotConvergedWarning):
        fit = nd.glm_fit(large.X, large.y, "binomial", penalty="ridge", solver=nd.GradientDescent(epochs=30))
    assert fit.trace.deviance[-1] < 0.8 * fit.trace.deviance[0]


def test_what_would_need_a_matrix_of_all_columns_is_refused_with_its_size(large):
    for penalty in ("unpenalised", "firth", nd.Ridge(0.0)):
        with pytest.raises(errors.CapabilityError, match=r"6001 sparse columns: .* 0.3 GB each; use penalty=nd.Ridge"):
            nd.glm_fit(large.X, large.y, "binomial", penalty=penalty)
    with pytest.raises(errors.CapabilityError, match="columns"):
        nd.glm_fit(large.X, large.y, "binomial", penalty="ridge", solver="sampled_newton")
    with pytest.raises(errors.CapabilityError, match="a sample need matrices"):
        nd.glm_fit(large.X, large.y, "binomial", penalty="ridge", weights=nd.sampling(np.ones(len(large.y))))
    with pytest.raises(errors.DataError, match="'x1' and 'x6002' are each the same in every row"):
        nd.glm_fit(sparse.hstack([large.X, np.ones((len(large.y), 1))]), large.y, "binomial", penalty="ridge")
    huge = large.X.copy()
    huge.data = huge.data * 1e160
    with pytest.raises(errors.DataError, match="too large to square"):
        nd.glm_fit(huge, large.y, "binomial", penalty="ridge")
