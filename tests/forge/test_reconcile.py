"""Which moves of a ref have no delivery, worked out from where the ref stands."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from dcanary.forge.reconcile import Move, missing_moves

NONE = "0" * 40
A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)


def test_nothing_is_missing_when_every_move_was_told() -> None:
    told = [Move(NONE, A), Move(A, B), Move(B, A), Move(A, NONE), Move(NONE, C)]
    assert missing_moves(C, told, []) == ([], [])
    assert missing_moves(C, told, [Move(C, D), Move(NONE, D)]) == ([], [])
    assert missing_moves(NONE, [], [Move(NONE, A)]) == ([], [])


def test_an_intended_move_took_place_when_the_ref_stands_there() -> None:
    assert missing_moves(B, [Move(NONE, A)], [Move(A, C), Move(A, B)]) == ([1], [])
    assert missing_moves(A, [], [Move(NONE, A)]) == ([0], [])
    assert missing_moves(NONE, [Move(NONE, A)], [Move(A, NONE)]) == ([0], [])
    assert missing_moves(A, [Move("0" * 64, A)], [Move(A, B)]) == ([], [])


def test_several_lost_pushes_of_one_ref_are_all_found() -> None:
    assert missing_moves(C, [Move(NONE, A)], [Move(B, C), Move(A, B)]) == ([0, 1], [])


def test_a_move_in_the_middle_is_found_though_later_ones_were_told() -> None:
    told = [Move(B, C), Move(NONE, A)]
    assert missing_moves(C, told, [Move(A, B), Move(A, D)]) == ([0], [])


def test_a_move_that_nobody_announced_is_made_up_of_what_is_known() -> None:
    assert missing_moves(B, [Move(NONE, A)], []) == ([], [Move(A, B)])
    assert missing_moves(NONE, [Move(NONE, A)], []) == ([], [Move(A, NONE)])
    assert missing_moves(A, [], []) == ([], [Move(NONE, A)])


@given(st.integers(1, 9), st.integers(0, 8), st.randoms(use_true_random=False))
def test_every_lost_move_of_any_history_is_found_again(
    length: int, lost: int, chosen: random.Random
) -> None:
    """A history whose values are new each time, as commits are; pushes that were refused beside."""
    values = [NONE, *(f"{number:040x}" for number in range(1, length + 1))]
    history = [Move(*pair) for pair in itertools.pairwise(values)]
    chosen.shuffle(history)
    untold, told = history[:lost], history[lost:]
    refused = [Move(chosen.choice(values), f"{number:040x}") for number in range(100, 104)]
    intended = [*untold, *refused]
    chosen.shuffle(intended)
    taken, others = missing_moves(values[-1], told, intended)
    assert {intended[position] for position in taken} == set(untold)
    assert others == []
