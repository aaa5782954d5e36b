"""What the law tests share: every link, family and pair, made from the literal dicts."""

import numpy as np
import pytest

from nelder.families import FAMILIES
from nelder.links import LINKS
from nelder.loss import Loss

# members that need an argument, and members worth more than one
LINK_ARGUMENTS = {"power": [(0.5,), (-1.0,), (-2.0,), (1 / 3,)]}
FAMILY_ARGUMENTS = {
    "negative_binomial": [(2.0,), (50.0,)],
    "quasi": [("constant",), ("mu",), ("mu^2",), ("mu^3",), ("mu(1-mu)",)],
    "tweedie": [(1.5,), (2.5,)],
}

ALL_LINKS = [LINKS[name](*given) for name in LINKS for given in LINK_ARGUMENTS.get(name, [()])]
ALL_FAMILIES = [FAMILIES[name](*given) for name in FAMILIES for given in FAMILY_ARGUMENTS.get(name, [()])]
ALL_LOSSES = [Loss(family, link) for family in ALL_FAMILIES for link in ALL_LINKS]


def loss_label(loss):
    return f"{loss.family.label()}-{loss.link.label()}"


def pytest_generate_tests(metafunc):
    """`each_link`, `each_family` and `each_loss` run over every member there is; `likely` ones have a likelihood."""
    if "each_link" in metafunc.fixturenames:
        metafunc.parametrize("each_link", ALL_LINKS, ids=lambda link: link.label())
    if "each_family" in metafunc.fixturenames:
        metafunc.parametrize("each_family", ALL_FAMILIES, ids=lambda family: family.label())
    if "likely_family" in metafunc.fixturenames:
        likely = [family for family in ALL_FAMILIES if family.has_likelihood]
        metafunc.parametrize("likely_family", likely, ids=lambda family: family.label())
    if "likely_loss" in metafunc.fixturenames:
        likely = [loss for loss in ALL_LOSSES if loss.family.has_likelihood]
        metafunc.parametrize("likely_loss", likely, ids=loss_label)
    if "each_loss" in metafunc.fixturenames:
        metafunc.parametrize("each_loss", ALL_LOSSES, ids=loss_label)


@pytest.fixture(autouse=True)
def quiet():
    """Links and families run as kernels run them: overflow to inf is an answer, not a warning."""
    with np.errstate(all="ignore"):
        yield


def middle(low, high):
    """Means well inside an interval that may be endless."""
    if np.isfinite(low) and np.isfinite(high):
        return low + 0.2 * (high - low), high - 0.2 * (high - low)
    return (low + 0.5, low + 3.0) if np.isfinite(low) else (-2.0, 2.0)


@pytest.fixture(scope="session")
def eta_inside():
    """For a loss: an interval of η whose means are well inside what family and link allow."""
    return lambda loss: sorted(float(loss.link.link(np.float64(mu))) for mu in middle(*loss.mean_bounds))


@pytest.fixture(scope="session")
def sampler():
    """The family to draw from: a quasi family borrows the one whose variance it has, by its own definition."""
    return lambda family: getattr(family, "like", family)
