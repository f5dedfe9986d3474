"""What it costs to compute an element of an operation's result once more, in about the time of an addition.

The figures only weigh computing again against memory, so their order matters and not their size.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from chainrule.graph import Element, Node
from chainrule.loops import Apply, Buffer, Cast, Index, Load, Scalar
from chainrule.lower.expand import lowering_of

_WEIGHTS = {
    "divide": 4, "fmod": 6, "sqrt": 5, "select": 1, "power": 30, "gcd": 50, "lcm": 50,
    "add": 1, "subtract": 1, "multiply": 1, "negative": 1, "absolute": 1, "maximum": 1, "minimum": 1, "fma": 1,
    "less": 1, "less_equal": 1, "greater": 1, "greater_equal": 1, "equal": 1, "not_equal": 1,
    "bitwise_and": 1, "bitwise_or": 1, "bitwise_xor": 1, "invert": 1, "left_shift": 1, "right_shift": 1,
    "floor": 1, "ceil": 1, "trunc": 1, "rint": 1, "copysign": 1,
}  # fmt: skip
_ELEMENTARY = 20
_INDIRECT = 4


def cost_of(node: Node) -> int:
    """What one element costs beyond reading the operands' elements; 0 where elements are only moved."""
    lowering = lowering_of(node)
    if not isinstance(lowering, Element):
        return 0
    kinds = tuple((operand.shape, operand.dtype) for operand in node.operands)
    return _cost(lowering, kinds, len(node.shape), tuple(sorted(node.parameters.items())))


@lru_cache(maxsize=4096)
def _cost(lowering: Element, kinds: tuple[Any, ...], rank: int, parameters: tuple[tuple[str, Any], ...]) -> int:
    operands = [Buffer(f"x{k}", shape, dtype, "input") for k, (shape, dtype) in enumerate(kinds)]
    index = tuple(Index(f"i{axis}") for axis in range(rank))
    return weigh(lowering.rule(index, *operands, **dict(parameters)))


def weigh(value: Scalar) -> int:
    """The weights of what is computed; indices are free, but for those that are read from memory."""
    total, seen, stack = 0, set(), [value]
    while stack:
        scalar = stack.pop()
        if scalar in seen:
            continue
        seen.add(scalar)
        if isinstance(scalar, Load):
            total += _INDIRECT * any(_indirect(one) for one in scalar.operands)
            continue
        if isinstance(scalar, Apply):
            total += _WEIGHTS.get(scalar.function, _ELEMENTARY)
        elif isinstance(scalar, Cast):
            total += 1
        stack.extend(scalar.operands)
    return total


def _indirect(scalar: Scalar) -> bool:
    return isinstance(scalar, Load) or any(map(_indirect, scalar.operands))
