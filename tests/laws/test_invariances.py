"""What must not change an answer, and what must change it in a known way."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder as nd
from nelder.design import BLOCK_ROWS, Design, split
from nelder.engines import Threads
from nelder.families import FAMILIES
from nelder.fit import Terms
from nelder.fitting import Model, fit_objective, fit_rows
from nelder.mean import Mean
from nelder.observations import Response, observe
from nelder.parts import Dense
from nelder.penalties import Unpenalised
from nelder.trace import Recorder

FAMILY_ARGUMENTS = {"negative_binomial": (2.0,), "quasi": ("mu^2",), "tweedie": (1.5,)}
N = 60
MEMBERS = {name: FAMILIES[name](*FAMILY_ARGUMENTS.get(name, ())) for name in FAMILIES}
each_member = pytest.mark.parametrize("name", MEMBERS)
# one solver's answer is good to 1e-10 standard errors, and a standard error is some 0.1 here
CLOSE = {"rel": 1e-9, "abs": 1e-10}


def drawn(name, n=N, seed=3):
    """X (n, 3) and y (n,) with means well inside, through the default link."""
    random = np.random.default_rng(seed)
    family = MEMBERS[name]
    X = np.column_stack([np.ones(n), random.uniform(-1, 1, (n, 2))])
    like, link = getattr(family, "like", family), family.default_link
    inside = (0.3, 0.7) if like.name == "binomial" else (0.8, 3.0)
    low, high = sorted(float(link.link(np.float64(mu))) for mu in inside)
    mean = Mean(link, (low + high) / 2 + (high - low) * (X @ [0.0, 0.2, -0.25]))
    phi, trials = (1.0 if like.dispersion_known else 0.05), np.full(n, 5.0 if like.name == "binomial" else 1.0)
    return X, like.sample(random, mean, phi, trials), trials


def numbers(fit):
    """Every number of a fit, by name."""
    named = ("deviance", "null_deviance", "loglik", "aic", "bic", "df_resid", "df_null", "dispersion")
    return {"coef": np.asarray(fit.coef), "se": np.asarray(fit.se)} | {name: getattr(fit, name) for name in named}


def same(one, other, but=()):
    a, b = numbers(one), numbers(other)
    for name in a.keys() - set(but):
        assert a[name] == pytest.approx(b[name], **CLOSE, nan_ok=True), name


@each_member
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_rows(name, seed):
    X, y, weight = drawn(name)
    order = np.random.default_rng(seed).permutation(N)
    fit = nd.glm_fit(X, y, MEMBERS[name], weights=weight)
    same(nd.glm_fit(X[order], y[order], MEMBERS[name], weights=weight[order]), fit)


@each_member
@settings(max_examples=10)
@given(powers=st.lists(st.integers(-12, 12), min_size=3, max_size=3))
def test_units_of_columns(name, powers):
    X, y, weight = drawn(name)
    scale = 10.0 ** np.array(powers)
    fit, scaled = (nd.glm_fit(X * s, y, MEMBERS[name], weights=weight) for s in (1.0, scale))
    same(scaled, fit, but=("coef", "se"))
    assert np.asarray(scaled.coef) * scale == pytest.approx(np.asarray(fit.coef), **CLOSE)
    assert np.asarray(scaled.se) * scale == pytest.approx(np.asarray(fit.se), **CLOSE)


@each_member
@settings(max_examples=10)
@given(counts=st.lists(st.integers(0, 3), min_size=N, max_size=N).filter(lambda c: np.count_nonzero(c) > 30))
def test_frequencies_are_repeated_rows(name, counts):
    X, y, weight = drawn(name)
    y = y if weight[0] == 1 else np.round(y)  # zeros and ones: a frequency says nothing of trials
    counts = np.array(counts)
    fit = nd.glm_fit(X, y, MEMBERS[name], weights=nd.frequency(counts))
    rows = np.repeat(np.arange(N), counts)
    same(fit, nd.glm_fit(X[rows], y[rows], MEMBERS[name]))


@pytest.mark.parametrize("name", ["binomial", "quasibinomial"])
def test_frequencies_of_successes_and_failures_are_repeated_rows(name):
    X, y, trials = drawn(name)
    both = np.column_stack([y * trials, trials - y * trials])
    counts = np.arange(N) % 3
    rows = np.repeat(np.arange(N), counts)
    fit = nd.glm_fit(X, both, name, weights=nd.frequency(counts))
    same(fit, nd.glm_fit(X[rows], both[rows], name))


@each_member
@settings(max_examples=10)
@given(absent=st.lists(st.booleans(), min_size=N, max_size=N).filter(lambda a: sum(a) < 30))
def test_weight_zero_is_no_row(name, absent):
    X, y, weight = drawn(name)
    present = ~np.array(absent)
    odd = np.where(present, y, -17.5)  # no family but the normal could give this, and nobody asks
    fit = nd.glm_fit(X, odd, MEMBERS[name], weights=weight * present)
    same(fit, nd.glm_fit(X[present], y[present], MEMBERS[name], weights=weight[present]))


@each_member
@settings(max_examples=10)
@given(shift=st.floats(-0.2, 0.2))
def test_a_common_offset_moves_the_intercept(name, shift):
    X, y, weight = drawn(name)
    fit = nd.glm_fit(X, y, MEMBERS[name], weights=weight)
    moved = nd.glm_fit(X, y, MEMBERS[name], weights=weight, offset=np.full(N, shift))
    same(moved, fit, but=("coef",))
    assert np.asarray(moved.coef) + np.array([shift, 0, 0]) == pytest.approx(np.asarray(fit.coef), **CLOSE)


@each_member
@settings(max_examples=10)
@given(moved=st.lists(st.floats(-0.1, 0.1), min_size=3, max_size=3))
def test_an_offset_in_the_columns_moves_their_coefficients(name, moved):
    X, y, weight = drawn(name)
    fit = nd.glm_fit(X, y, MEMBERS[name], weights=weight)
    other = nd.glm_fit(X, y, MEMBERS[name], weights=weight, offset=X @ moved)
    same(other, fit, but=("coef", "null_deviance"))
    assert np.asarray(other.coef) + np.array(moved) == pytest.approx(np.asarray(fit.coef), **CLOSE)


@each_member
@settings(max_examples=10)
@given(mix=st.lists(st.integers(-3, 3), min_size=2, max_size=2))
def test_another_basis_of_the_same_columns(name, mix):
    X, y, weight = drawn(name)
    change = np.array([[1.0, 0, mix[0]], [0, 1, mix[1]], [0, 0, 1]])
    fit, changed = (nd.glm_fit(X @ c, y, MEMBERS[name], weights=weight) for c in (np.eye(3), change))
    same(changed, fit, but=("coef", "se"))
    assert change @ np.asarray(changed.coef) == pytest.approx(np.asarray(fit.coef), **CLOSE)
    assert change @ changed.covariance() @ change.T == pytest.approx(fit.covariance(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "power"), [("quasipoisson", 1), ("gamma", 2), ("quasi", 2), ("tweedie", 1.5), ("inverse_gaussian", 3)]
)
def test_an_exposure_is_an_offset_or_a_weight(name, power):
    """With log link and variance μ^p: offset log e is the response y/e with weight e^(2 − p)."""
    X, y, _ = drawn(name)
    exposure = np.random.default_rng(4).uniform(0.2, 5.0, N)
    offset = nd.glm_fit(X, y * exposure, MEMBERS[name], "log", offset=np.log(exposure))
    weighted = nd.glm_fit(X, y, MEMBERS[name], "log", weights=exposure ** (2.0 - power))
    same(weighted, offset, but=("loglik", "aic", "bic"))  # the densities are those of different responses


# ---- blocks and threads


def fit_in_blocks(name, size, engine):
    X, y, weight = drawn(name)
    seen = observe(MEMBERS[name], Response([y]), weight, np.zeros(N), np.arange(N))
    whole = nd.glm_fit(X, y, MEMBERS[name], weights=weight).objective
    blocks = split(whole.design.handles[0], size)
    design = Design(blocks, whole.design.names, whole.design.constant, seen.counted)
    objective = type(whole)(design, whole.loss, Unpenalised(), engine)
    return fit_objective(objective, None, Terms(whole.design.names, "y"), Recorder(()))


@each_member
@pytest.mark.parametrize("size", [1, 7, 30])
def test_blocks_of_any_size_and_any_number_of_threads(name, size):
    whole, one, two = (fit_in_blocks(name, s, Threads(w)) for s, w in ((N, 1), (size, 1), (size, 2)))
    assert len(one.objective.design.handles) == -(-N // size)
    for key, value in numbers(one).items():
        assert np.array_equal(value, numbers(two)[key], equal_nan=True), key
    same(one, whole)


@pytest.mark.parametrize("name", ["gaussian", "binomial", "gamma"])
def test_long_tables_are_cut_alike_for_any_number_of_threads(name):
    n = 2 * BLOCK_ROWS + 5
    X, y, weight = drawn(name, n)
    seen = observe(MEMBERS[name], Response([y]), weight, np.zeros(n), np.arange(n))
    terms, parts = Terms(("a", "b", "c"), "y"), (Dense(X=X, columns=np.arange(3)),)
    family = MEMBERS[name]
    one, two = (
        fit_rows(Model(family, family.default_link, Unpenalised(), None, Threads(w)), parts, seen, terms, Recorder(()))
        for w in (1, 2)
    )
    assert len(one.objective.design.handles) == 3
    for key, value in numbers(one).items():
        assert np.array_equal(value, numbers(two)[key]), key


# ---- two ways to say the same


TABLE = pd.DataFrame(
    {
        "f": np.array(["a", "b", "c"])[np.arange(N) % 3],
        "g": np.array(["u", "v"])[(np.arange(N) // 4) % 2],
        "x": np.random.default_rng(5).uniform(-1, 1, N),
    }
)
F = np.column_stack([TABLE.f == level for level in "abc"]).astype(float)
G = np.column_stack([TABLE.g == level for level in "uv"]).astype(float)
ONE, XCOL = np.ones((N, 1)), TABLE.x.to_numpy()[:, None]
CROSSED = np.column_stack([F[:, i] * G[:, 1] for i in (1, 2)])
FORMULAS = {
    "y ~ x + f": np.column_stack([ONE, XCOL, F[:, 1:]]),
    "y ~ 0 + f + x": np.column_stack([F, XCOL]),
    "y ~ f * g": np.column_stack([ONE, F[:, 1:], G[:, 1:], CROSSED]),
    "y ~ f * x": np.column_stack([ONE, F[:, 1:], XCOL, F[:, 1:] * XCOL]),
    "y ~ g + f:x": np.column_stack([ONE, G[:, 1:], F * XCOL]),
}


@each_member
@pytest.mark.parametrize("formula", FORMULAS)
def test_categories_are_the_dense_columns_they_stand_for(name, formula):
    _, y, weight = drawn(name)
    coded = nd.glm(formula, TABLE.assign(y=y, w=weight), MEMBERS[name], weights="w")
    dense = nd.glm_fit(FORMULAS[formula], y, MEMBERS[name], weights=weight)
    same(coded, dense)
    assert coded.fitted == pytest.approx(dense.fitted, **CLOSE)


@pytest.mark.parametrize("name", ["binomial", "quasibinomial"])
def test_successes_and_failures_are_proportions_of_trials(name):
    X, y, _ = drawn(name)
    trials = 1.0 + np.arange(N) % 7
    successes = np.round(y * trials)
    both = nd.glm_fit(X, np.column_stack([successes, trials - successes]), name)
    same(both, nd.glm_fit(X, successes / trials, name, weights=trials))
    data = {"s": successes, "f": trials - successes, "x": X[:, 1], "z": X[:, 2]}
    same(both, nd.glm("cbind(s, f) ~ x + z", data, name))


def test_zeros_and_ones_may_be_counted_together():
    """Grouped binomial rows have the coefficients and standard errors of the zeros and ones they count."""
    x = np.repeat([-1.0, 0.0, 1.0], 20)
    y = (np.random.default_rng(1).random(60) < 0.5 + 0.2 * x).astype(float)
    single = nd.glm_fit(np.column_stack([np.ones(60), x]), y, "binomial")
    successes = y.reshape(3, 20).sum(axis=1)
    grouped = nd.glm_fit([[1, -1], [1, 0], [1, 1]], np.column_stack([successes, 20 - successes]), "binomial")
    assert np.asarray(single.coef) == pytest.approx(np.asarray(grouped.coef), **CLOSE)
    assert np.asarray(single.se) == pytest.approx(np.asarray(grouped.se), **CLOSE)


# ---- units of the response: V(μ) = μ^power turns φ into c^(2 − power) φ


@pytest.mark.parametrize("c", [1e-100, 1e-6, 3.0, 1e6, 1e80])
@pytest.mark.parametrize(
    ("name", "link", "power"),
    [
        ("gaussian", "identity", 0),
        ("gaussian", "log", 0),
        ("gamma", "log", 2),
        ("gamma", "inverse", 2),
        ("gamma", "identity", 2),
        ("inverse_gaussian", "log", 3),
        ("quasi", "log", 2),
        ("tweedie", "log", 1.5),
    ],
)
def test_units_of_the_response(name, link, power, c):
    X, y, _ = drawn(name)
    fit, scaled = (nd.glm_fit(X, s * y, MEMBERS[name], link) for s in (1.0, c))
    factor, shift = {"identity": (c, 0.0), "inverse": (1 / c, 0.0), "log": (1.0, np.log(c))}[link]
    expected = np.asarray(fit.coef) * factor + np.array([shift, 0, 0])
    # a coefficient is known to 1e-9, and log c = 230 to its own roundings; the standard error sets the scale
    assert np.all(np.abs(np.asarray(scaled.coef) - expected) <= 1e-8 * factor * np.asarray(fit.se) + 1e-13 * abs(shift))
    assert np.asarray(scaled.se) == pytest.approx(np.asarray(fit.se) * factor, rel=1e-8, abs=0)
    assert scaled.deviance == pytest.approx(fit.deviance * c ** (2.0 - power), rel=1e-9, abs=0)
    assert scaled.dispersion == pytest.approx(fit.dispersion * c ** (2.0 - power), rel=1e-9, abs=0)


@pytest.mark.parametrize("name", ["gaussian", "gamma", "inverse_gaussian", "quasi", "tweedie"])
@pytest.mark.parametrize("c", [1e-50, 0.1, 1e50])
def test_units_of_prior_weights(name, c):
    """Where φ is estimated, weights say how rows compare and not how much they are."""
    X, y, _ = drawn(name)
    weight = 1.0 + np.arange(N) % 4
    fit, scaled = (nd.glm_fit(X, y, MEMBERS[name], "log", weights=s * weight) for s in (1.0, c))
    assert np.asarray(scaled.coef) == pytest.approx(np.asarray(fit.coef), **CLOSE)
    assert np.asarray(scaled.se) == pytest.approx(np.asarray(fit.se), **CLOSE)
    assert scaled.dispersion == pytest.approx(c * fit.dispersion, rel=1e-9, abs=0)
