"""Indices as sums: what a mapping asks to know how an access moves when a loop does.

An index expression is a whole number, plus a multiple of each loop index, plus multiples of what is neither (an index
that is read from memory, say). The address of an element in a buffer is one as well, counted in elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.loops.scalar import Apply, Constant, Index, Load, Scalar, constant


@dataclass(frozen=True)
class Affine:
    """constant + sum(coefficient * index) + sum(coefficient * other)."""

    constant: int
    indices: dict[Index, int]
    others: dict[Scalar, int]

    def plus(self, other: Affine, times: int = 1) -> Affine:
        """The sum with a multiple of another."""
        indices, others = dict(self.indices), dict(self.others)
        for index, coefficient in other.indices.items():
            indices[index] = indices.get(index, 0) + times * coefficient
        for scalar, coefficient in other.others.items():
            others[scalar] = others.get(scalar, 0) + times * coefficient
        return Affine(
            self.constant + times * other.constant,
            {index: coefficient for index, coefficient in indices.items() if coefficient},
            {scalar: coefficient for scalar, coefficient in others.items() if coefficient},
        )


ZERO = Affine(0, {}, {})


def affine(scalar: Scalar) -> Affine:
    """An index expression as a sum.

    >>> i, j = Index("i"), Index("j")
    >>> found = affine(i * 3 + j - 2)
    >>> found.constant, {index.name: coefficient for index, coefficient in found.indices.items()}
    (-2, {'i': 3, 'j': 1})
    """
    if isinstance(scalar, Constant):
        return Affine(int(scalar.value), {}, {})
    if isinstance(scalar, Index):
        return Affine(0, {scalar: 1}, {})
    if isinstance(scalar, Apply) and scalar.function in ("add", "subtract"):
        x, y = map(affine, scalar.operands)
        return x.plus(y, 1 if scalar.function == "add" else -1)
    if isinstance(scalar, Apply) and scalar.function == "multiply":
        for factor, rest in (scalar.operands, scalar.operands[::-1]):
            if isinstance(factor, Constant):
                return ZERO.plus(affine(rest), int(factor.value))
    return Affine(0, {}, {scalar: 1})


def digits(scalar: Scalar, radices: Sequence[int], extents: Mapping[Index, int]) -> tuple[Scalar, ...] | None:
    """An index expression as a number of several digits, the last one fastest; None where it is not seen to be one.

    >>> i, j = Index("i"), Index("j")
    >>> digits(i * 2 + j, (14, 2), {i: 14, j: 2}) == (i, j)
    True
    >>> digits(i, (14, 2), {i: 28})
    """
    found = affine(scalar)
    if found.others or found.constant < 0 or any(by < 0 or one not in extents for one, by in found.indices.items()):
        return None
    terms, rest = dict(found.indices), found.constant
    result: list[Scalar] = []
    for radix in reversed(radices[1:]):
        low = {index: by for index, by in terms.items() if by % radix}
        if sum(by * (extents[index] - 1) for index, by in low.items()) + rest % radix >= radix:
            return None
        result.append(_sum(low, rest % radix))
        terms = {index: by // radix for index, by in terms.items() if not by % radix}
        rest //= radix
    return _sum(terms, rest), *reversed(result)


def _sum(terms: Mapping[Index, int], constant_term: int) -> Scalar:
    total: Scalar = constant(constant_term, np.int64)
    for index, by in terms.items():
        term = index * by if by != 1 else index
        total = term if isinstance(total, Constant) and not total.value else total + term
    return total


def address(indices: Iterable[Scalar], shape: Sequence[int]) -> Affine:
    """The place of an element in a buffer of this shape, counted from its first element."""
    total, stride = ZERO, 1
    for index, extent in reversed(list(zip(indices, shape, strict=True))):
        total = total.plus(affine(index), stride)
        stride *= extent
    return total


def uses(scalar: Scalar, known: dict[Scalar, frozenset[Index]]) -> frozenset[Index]:
    """The loop indices that an expression depends on, in itself or in where it reads. `known` remembers."""
    if scalar not in known:
        if isinstance(scalar, Index):
            known[scalar] = frozenset((scalar,))
        else:
            known[scalar] = frozenset().union(*(uses(operand, known) for operand in scalar.operands))
    return known[scalar]


def address_of(load: Load) -> Affine:
    """Where a load reads."""
    return address(load.operands, load.buffer.shape)
