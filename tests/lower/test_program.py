"""Places and steps."""

from __future__ import annotations

import numpy as np

from chainrule.lower.program import Counter, Place
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
