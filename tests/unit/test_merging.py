"""The order of sums: the same tree, whoever holds what of it."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from nelder.engines.merging import crown, merge, nodes


@dataclass(frozen=True)
class Added:
    """What shows how it was added up."""

    tree: object

    def __add__(self, other):
        return Added((self.tree, other.tree))


def by_hand(places):
    """The tree over places 0 to n − 1: all of the largest powers of two from the left, the last ones joined first."""
    if len(places) == 1:
        return places[0]
    half = 1 << (len(places) - 1).bit_length() - 1
    return by_hand(places[:half]), by_hand(places[half:])


@given(st.integers(1, 70))
def test_neighbours_are_added_in_pairs(n):
    assert merge(map(Added, range(n))).tree == by_hand(list(range(n)))


@given(st.data(), st.integers(1, 70))
def test_it_does_not_matter_who_holds_what(data, n):
    holders = data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    held = [nodes((place, 1, Added(place)) for place in range(n) if holders[place] == who) for who in range(5)]
    assert crown(sorted((node for some in held for node in some), key=lambda node: node[0])) == merge(
        map(Added, range(n))
    )


def test_who_holds_many_neighbours_hands_on_few_sums():
    assert [(place, many) for place, many, _ in nodes((place, 1, 1.0) for place in range(3, 1_003))] == [
        *((3, 1), (4, 4), (8, 8), (16, 16), (32, 32), (64, 64), (128, 128), (256, 256)),
        *((512, 256), (768, 128), (896, 64), (960, 32), (992, 8), (1_000, 2), (1_002, 1)),
    ]
