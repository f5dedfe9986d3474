"""The short ways of float32 that one width has for itself give the bits of the others."""

from __future__ import annotations

import numpy as np

from chainrule.native.vector_math import emit
from tests.native import machine


def test_exp_scales_to_the_bits_of_two_steps_where_it_rounds_again_and_overflows():
    ends = np.array([np.inf, -np.inf, np.nan, 3e38, -3e38, 0.0, -0.0], np.float32)
    x = np.concatenate([np.linspace(-110, -80, 60001), np.linspace(86, 91, 10001), np.linspace(-3, 3, 10001)])
    x = np.concatenate([x.astype(np.float32), ends])
    asked = {"exp": (lambda build, x: emit(build, "exp", x), [np.float32], np.float32)}
    wide, narrow = (machine.compiled(asked, lanes)["exp"](x) for lanes in (16, 8))
    np.testing.assert_array_equal(wide, narrow)
    assert ((wide > 0) & (wide < np.finfo(np.float32).tiny)).sum() > 1000
