"""Functions made once, and loops in them, run on small cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.native import ir
from chainrule.native.outlined import any_lane, call_outlined, repeat_while
from chainrule.native.vector_math_lanes import constant
from tests.native.machine import compiled


def collatz(builder: ir.IRBuilder, x: Any) -> Any:
    """How many steps of Collatz's each lane takes to 1: lanes that are done wait for the others."""
    one = constant(x.type, 1)

    def step(number: Any, count: Any) -> list[Any]:
        odd = builder.icmp_unsigned("==", builder.and_(number, one), one)
        tripled = builder.add(builder.mul(number, constant(x.type, 3)), one)
        following = builder.select(odd, tripled, builder.lshr(number, one))
        done = builder.icmp_unsigned("<=", number, one)
        return [builder.select(done, number, following), builder.select(done, count, builder.add(count, one))]

    def busy(number: Any, count: Any) -> Any:
        return any_lane(builder, builder.icmp_unsigned(">", number, one))

    return repeat_while(builder, [x, constant(x.type, 0)], busy, step)[1]


@pytest.mark.parametrize("lanes", [1, 4])
def test_a_loop_ends_when_no_lane_goes_on(lanes: int) -> None:
    emission = (
        lambda builder, x: call_outlined(builder, "collatz", x.type, [x], collatz),
        [np.int32],
        np.int32,
    )
    got = compiled({"collatz": emission}, lanes)["collatz"]([1, 0, 1, 1, 6, 27, 2, 1])
    np.testing.assert_array_equal(got, [0, 0, 0, 0, 8, 111, 1, 0])
