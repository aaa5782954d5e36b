"""The last look at the rows: what the last gradient sees there is what a look of its own would see."""

from itertools import pairwise

import numpy as np
import pytest

import nelder as nd
from nelder.closing import ClosingGram, ClosingSlope
from nelder.design import Block
from nelder.engines import merge
from nelder.families import Binomial, Gamma, InverseGaussian, Poisson, Tweedie
from nelder.kernels import Slope, level_kernel, saturated_kernel
from nelder.links import Cloglog, Identity, Log, Logit
from nelder.loss import Loss
from nelder.objective import Objective
from nelder.responses import responses_kernel, tallied
from nelder.solvers.newton import ahead_of

PAIRS = [("binomial", "logit"), ("binomial", "cloglog"), ("poisson", "log"), ("gamma", "log"), ("gamma", "identity")]


def fitted(family, link, n=500):
    random = np.random.default_rng(3)
    X = np.column_stack([np.ones(n), random.uniform(0, 1, (n, 2))])
    mu = 0.2 + X[:, 1] * 0.5
    y = {
        "binomial": lambda: (random.random(n) < mu).astype(float),
        "poisson": lambda: random.poisson(3 * mu).astype(float),
        "gamma": lambda: random.gamma(2.0, mu),
    }[family]()
    return nd.glm_fit(X, y, family, link, weights=random.integers(1, 4, n), compress=False)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_last_gradient_sees_what_a_look_of_its_own_would(pair):
    fit = fitted(*pair)
    objective, beta = fit.objective, np.asarray(fit.coef)
    plain, last = objective.slope(beta), objective.slope(beta, closing=True)
    assert isinstance(last, ClosingSlope)
    assert last.value == pytest.approx(plain.value, rel=1e-13)
    assert last.gradient == pytest.approx(plain.gradient, abs=1e-10)
    seen = objective.closing(beta, np.zeros_like(beta))
    assert last.closing.totals.deviance == pytest.approx(seen.totals.deviance, rel=1e-13)
    assert last.closing.totals.pearson == pytest.approx(seen.totals.pearson, rel=1e-13)
    assert last.closing.totals.weight == pytest.approx(seen.totals.weight, rel=1e-13)
    assert last.closing.nearest == seen.nearest


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_last_model_sees_what_the_last_gradient_would(pair):
    fit = fitted(*pair)
    objective, beta = fit.objective, np.asarray(fit.coef)
    plain, last = objective.quadratic(beta), objective.quadratic(beta, closing=True)
    assert isinstance(last, ClosingGram) and last.form == plain.form == "Gram"
    assert last.value == pytest.approx(plain.value, rel=1e-13)
    assert (last.gradient == plain.gradient).all() and (last.matrix == plain.matrix).all()
    assert (last.noise, last.blur) == (plain.noise, plain.blur)
    assert last.closing == objective.slope(beta, closing=True).closing


def test_a_model_where_a_mean_is_not_allowed_is_none_to_end_at():
    model = fitted("gamma", "identity").objective.quadratic(np.array([-5.0, 0.0, 0.0]), closing=True)
    assert model.value == np.inf and not isinstance(model, ClosingGram)


def test_a_sum_of_models_shows_what_all_of_them_saw_or_nothing():
    fit = fitted("poisson", "log")
    objective, beta = fit.objective, np.asarray(fit.coef)
    plain, one = objective.quadratic(beta), objective.quadratic(beta, closing=True)
    assert merge([one, one]).closing.totals.deviance == 2 * one.closing.totals.deviance
    for both in (one + plain, plain + one):
        assert not isinstance(both, ClosingGram)
        assert both.gradient == pytest.approx(2 * plain.gradient)


def test_a_fit_by_newtons_method_ends_without_a_look_of_its_own(monkeypatch):
    looks = []
    monkeypatch.setattr(Objective, "closing", lambda self, *at: looks.append(at))
    for family, link in PAIRS:
        assert fitted(family, link).converged
    assert not looks


def test_the_distance_after_a_newton_step_is_foreseen():
    distances = fitted("poisson", "log").trace.column("decrement")[1:-1]
    assert len(distances) > 2
    for before, here, after in zip(distances, distances[1:], distances[2:], strict=False):
        assert after == pytest.approx(ahead_of(here, before), rel=0.5)
    assert ahead_of(1e-12, 0.0) == np.inf  # of a first step nothing is known
    assert ahead_of(1e300, 1e-300) == np.inf


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_its_change_is_a_bound_on_that_of_any_step(pair):
    fit = fitted(*pair)
    objective, beta = fit.objective, np.asarray(fit.coef)
    bound = objective.slope(beta, closing=True).closing.change
    model = objective.quadratic(beta)
    random = np.random.default_rng(4)
    for delta in 1e-4 * random.normal(size=(50, len(beta))):
        moved = objective.closing(beta, delta).change
        assert 0 < moved <= bound * np.sqrt(delta @ model.information @ delta) * (1 + 1e-12)


def test_a_gradient_where_a_mean_is_not_allowed_is_none_to_end_at():
    fit = fitted("gamma", "identity")
    assert fit.objective.slope(np.array([-5.0, 0.0, 0.0]), closing=True).value == np.inf


def test_sums_of_last_gradients_keep_what_all_of_them_saw():
    fit = fitted("poisson", "log")
    objective, beta = fit.objective, np.asarray(fit.coef)
    one = objective.slope(beta, closing=True)
    both = merge([one, one])
    assert both.closing.totals.deviance == 2 * one.closing.totals.deviance
    assert (one + Slope(1.0, np.zeros_like(beta))).closing == one.closing


COUNTED = [
    (Poisson(), Log(), np.array([0.0, 3, 0, 1, 1, 255, 3])),
    (Binomial(), Logit(), np.array([0.0, 1, 1, 0, 1])),
    (Binomial(), Cloglog(), np.array([0.0, 1, 1, 0, 1])),
    (Tweedie(1.5), Log(), np.array([0.0, 3, 0, 1, 1, 20, 3])),
    (InverseGaussian(), Log(), np.array([1.0, 2, 2, 1, 7])),
    (Gamma(), Identity(), np.array([1.0, 2, 2, 1, 7])),
]


MANY = 150  # times that few responses are repeated: fewer rows are not counted


def often(values):
    return np.tile(np.asarray(values, dtype=float), MANY)


def bare(y, weight=None, precision=None, offset=None):
    ones = np.ones(len(y))
    zeros = np.zeros(len(y))
    return Block((), 0, y, ones if weight is None else weight, zeros if offset is None else offset, precision)


@pytest.mark.parametrize(("family", "link", "y"), COUNTED, ids=lambda value: getattr(value, "name", ""))
def test_sums_over_responses_are_those_over_rows(family, link, y):
    rows, loss = bare(often(y)), Loss(family, link)
    alone = [bare(each) for each in rows.y[:, None]]
    few = tallied(rows)
    assert few.n == len(set(y)) and all(a < b for a, b in pairwise(few.y))
    eta = float(link.link(np.asarray(0.4)))
    total = sum(level_kernel(row, eta, loss) for row in alone)
    assert level_kernel(rows, eta, loss) == pytest.approx(total, rel=1e-13)
    assert level_kernel(few, eta, loss) == pytest.approx(total, rel=1e-13)
    total = sum(float(np.sum(family.log_saturated(row.y, 0.7, row.weight))) for row in alone)
    assert saturated_kernel(few, loss, 0.7) == pytest.approx(total, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("tallying", [True, False])
def test_responses_of_parts_are_those_of_all_rows(tallying):
    y, offset = often([0.0, 2, 2, 7]), often([0.1, 0.0, -0.3, 0.0])
    whole = responses_kernel(bare(y, offset=offset), tallying)
    cut = merge(responses_kernel(bare(y[k : k + 7], offset=offset[k : k + 7]), tallying) for k in range(0, len(y), 7))
    assert (cut.total, cut.weight) == (whole.total, whole.weight) == (y.sum(), len(y))
    assert cut.has_offset and whole.has_offset
    if not tallying:
        assert cut.tally is whole.tally is None
        return
    assert cut.tally.y.tolist() == whole.tally.y.tolist() == [0, 2, 7]
    assert cut.tally.weight.tolist() == whole.tally.weight.tolist() == [MANY, 2 * MANY, MANY]


def test_one_part_without_a_tally_leaves_all_without():
    parts = [bare(often([0.0, 1.0])), bare(often([0.0, 0.5])), bare(often([2.0]))]
    assert merge(responses_kernel(part, True) for part in parts).tally is None


def test_frequencies_are_counted_and_other_weights_left_alone():
    y, counts = often([0.0, 2, 2, 0]), often([3.0, 1, 4, 2])
    assert tallied(bare(y, counts, precision=np.ones(len(y)))).weight.tolist() == [5 * MANY, 5 * MANY]
    rows = bare(y, counts)  # weights that are precisions: a likelihood is no sum over them
    assert tallied(rows) is None


@pytest.mark.parametrize("y", [[0.0, 0.5], [1.0, 256.0], [-1.0, 1.0], [0.0, 1e12]], ids=str)
def test_other_responses_are_left_alone(y):
    rows = bare(often(y))
    assert tallied(rows) is None


def test_a_response_that_is_no_whole_number_late_among_many_is_seen():
    y = np.zeros(5000)
    y[4000] = 0.25
    rows = bare(y)
    assert tallied(rows) is None


def test_offsets_are_not_lost_in_counting():
    y, offset = often([0.0, 2, 2, 0]), often([0.1, 0.5, -0.3, 0.0])
    loss, objective = Loss(Poisson(), Log()), nd.glm_fit(np.ones((len(y), 1)), y, "poisson", offset=offset).objective
    expected = sum(level_kernel(bare(y[k : k + 1], offset=offset[k : k + 1]), 0.2, loss) for k in range(len(y)))
    assert objective.responses.tally.n == 2
    assert objective.value_at_level(0.2) == pytest.approx(expected, rel=1e-13)
