"""The square root and the reciprocal of vectors have the bits of NumPy's, which are the correctly rounded ones."""

from __future__ import annotations

import numpy as np

from chainrule.native.square_root import LANES, reciprocal
from chainrule.native.vector_math_lanes import Lanes
from tests.lower.running import compiled, graph_of
from tests.native import machine


def check(x: np.ndarray) -> None:
    """The root of each number is NumPy's to the bit; a NaN is a NaN."""
    with np.errstate(invalid="ignore"):
        expected = np.sqrt(x)
    (found,) = compiled(graph_of(np.sqrt, x)).run([x])
    same = (found.view(np.uint32) == expected.view(np.uint32)) | (np.isnan(found) & np.isnan(expected))
    assert same.all(), x[~same][:5]


def test_every_number_of_two_octaves():
    check(np.arange(0x3F800000, 0x40800000, dtype=np.uint32).view(np.float32))


def test_numbers_of_all_sizes():
    check(np.random.default_rng(1).integers(0, 1 << 32, 1 << 20, np.uint32).view(np.float32))


def test_a_special_number_beside_ordinary_ones():
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1e-45, 1.1754942e-38, 1.1754944e-38, 2.0**-96, 3.4028235e38]
    edges += [float(np.nextafter(np.float32(2.0**-96), np.float32(way))) for way in (0, 1)]
    for edge in edges:
        for lane in (0, 7, 15):
            x = np.arange(1, 33, dtype=np.float32)
            x[lane] = edge
            check(x)
        check(np.full(37, edge, np.float32))


def test_the_reciprocal_of_every_number_of_an_octave():
    """Its digits do not depend on the octave, as long as it is no subnormal number."""
    asked = {"reciprocal": (lambda build, x: reciprocal(Lanes(build, x)).value, [np.float32], np.float32)}
    function = machine.compiled(asked, LANES)["reciprocal"]
    for first in (0x3F800000, 0x40000000, 0x10000000, 0x7E000000 - 0x800000):
        x = np.arange(first, first + 0x800000, dtype=np.uint32).view(np.float32)
        np.testing.assert_array_equal(function(x).view(np.uint32), (1 / x).view(np.uint32))
