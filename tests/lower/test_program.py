"""Places and steps."""

from __future__ import annotations

import numpy as np

from chainrule.loops import parse_kernel
from chainrule.lower.program import Branch, Copy, Counter, Place, Repeat, Run, While, leaves, rewrite
from chainrule.types import ArrayType

KIND = ArrayType((3, 4), np.dtype(np.float64))


def test_a_place_knows_its_bytes_and_its_name():
    place = Place("t0", KIND)
    assert place.bytes == 96
    assert str(place) == "t0"
    assert place.joined is place
    assert place.root is place


def test_joined_places_lead_to_one():
    one, other, third = (Place(name, KIND) for name in "abc")
    one.same_as, other.same_as = other, third
    assert one.joined is third
    assert one.root is third


def test_a_slice_is_part_of_what_its_base_became():
    base, kept, counter = Place("b", KIND), Place("k", KIND), Counter("n0")
    base.same_as = kept
    row = Place("b'", ArrayType((4,), np.dtype(np.float64)), base=base, counter=counter)
    other = Place("t", row.type)
    other.same_as = row
    assert other.root is kept
    assert row.bytes == 32
    assert str(row) == "b' of b at n0"


def test_kernels_are_rewritten_wherever_they_stand():
    place = Place("t0", KIND)
    kernel = parse_kernel("kernel f(output y: float64[3, 4]):\n  fill y = 1")
    runs = [Run(kernel, (place,)) for _ in range(7)]
    copy = Copy(place, place)
    steps = [
        runs[0],
        Branch(place, [runs[1], copy], [runs[2]]),
        copy,
        Repeat(Counter("n"), 2, False, False, [runs[3], While([runs[4]], place, [copy, runs[5]], None)]),
        runs[6],
    ]
    again: list = []

    def change(run):
        again.append(run)
        return [] if run is runs[2] else [copy, run] if run is runs[4] else [run]

    rewrite(steps, change)
    assert again == runs
    assert list(leaves(steps)) == [runs[0], runs[1], copy, copy, runs[3], copy, runs[4], copy, *runs[5:]]
    assert [type(step) for step in steps] == [Run, Branch, Copy, Repeat, Run]
