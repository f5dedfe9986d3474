"""The ways to say how machine code computes an operation. Each is stated once, in scalars of `chainrule.loops`.

`Element` and `Fold` say what one element of the result is, so that an operation can be computed where its result is
read, and needs no memory of its own. An operand in such a rule is what an array is elsewhere: `x[i, j]` is the
expression that reads an element, `x.shape` and `x.dtype` are its type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from chainrule.record import record


@record
class Condition:
    """`rule(index)` is true at every place of a shape."""

    shape: tuple[int, ...]
    rule: Callable[..., Any]


@record
class Element:
    """`rule(index, *operands, **parameters)`: the element of the result at that place, as a scalar expression.

    Where operands may hold what the operation refuses, `valid(*operands, **parameters)` is the `Condition` that they do
    not, or None if they cannot: a run in which it does not hold is given to the reference, which says what is wrong.
    """

    rule: Callable[..., Any]
    valid: Callable[..., Condition | None] | None = None
    kinds: str = "biuf"
    """The kinds of dtypes (NumPy's letters) of the first operand for which this holds; others are evaluated."""


@record
class Fold:
    """A reduction: `rule(index, inner, *operands, **parameters)`, combined over all places `inner` of some extents.

    `combine` names the way ("sum", "maximum"...); `extents(*operands, **parameters)` are the lengths of the axes that
    are folded. Both may look at the operands' types only.
    """

    combine: str | Callable[..., str]
    extents: Callable[..., tuple[int, ...]]
    rule: Callable[..., Any]


@record
class SameElements:
    """The elements of the operand in the same order under another shape: no work at all."""


@record
class Statements:
    """`rule(result, *operands, **parameters)`: the statements of a loop nest that fill the buffer `result`.

    Operands are buffers too. For what writes where its data say, or needs its own earlier results. `valid` is as in an
    `Element`. The operand of the number `over` is what `result` holds before: the statements write over a part of it.
    """

    rule: Callable[..., Any]
    valid: Callable[..., Condition | None] | None = None
    over: int | None = None


@record
class Routine:
    """A routine of the native library, by its name in `native/calls.py`.

    `numbers(*operands, **parameters)` are the whole numbers that it takes beside the memory of operands and results;
    None where the routine does not do what is asked, and the operation is lowered as `otherwise` says.
    """

    name: str
    numbers: Callable[..., tuple[int, ...] | None]
    otherwise: Lowering


@record
class Composed:
    """An operation that is made of others: `rule(*operands, **parameters)` gives the nodes to put in its place.

    Where the rule gives None, the operation is as simple as it can be made, and lowered as `otherwise` says.
    """

    rule: Callable[..., Any]
    otherwise: Lowering | None = None


@record
class Flow:
    """Control flow, of one of the kinds that the machine has: "branch", "scan" or "while", with the parameters that
    the operation of that kind has; or "call", of the graph `body`, whose values stay its own."""

    kind: str


@record
class Evaluated:
    """Not lowered: the compiled run calls the operation's reference."""


Lowering: TypeAlias = "Element | Fold | SameElements | Statements | Routine | Composed | Flow | Evaluated"
