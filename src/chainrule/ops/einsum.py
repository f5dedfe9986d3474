"""`np.einsum`: any sum of products that can be written in labels, taken apart into contractions of two operands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError, UnsupportedError
from chainrule.graph import Node, as_node, reaches
from chainrule.ops.contract import labels_beside, multiply_over, sum_lone
from chainrule.ops.declare import cast
from chainrule.types import promote


@reaches(np.einsum)
def einsum(subscripts: Any, *operands: Any, optimize: Any = False, dtype: Any = None) -> Any:
    """`np.einsum`: any number of operands, contracted in pairs in the order that `np.einsum_path` finds."""
    if not isinstance(subscripts, str):
        raise UnsupportedError(
            "einsum",
            expected="subscripts as a text such as 'ij,jk->ik'",
            got=f"{subscripts.type}" if isinstance(subscripts, Node) else repr(subscripts),
            remedy="Write the sublists as letters.",
        )
    nodes = [as_node(operand) for operand in operands]
    rows, result = _parse(subscripts, [node.shape for node in nodes])
    dtype = promote("einsum", *(node.dtype for node in nodes)) if dtype is None else dtype
    terms = [_without_repeats(cast(node, dtype), row) for node, row in zip(nodes, rows, strict=True)]
    for step in _steps(terms, result, optimize):
        chosen = [terms.pop(k) for k in sorted(step, reverse=True)][::-1]
        while len(chosen) > 1:
            (x, of_x), (y, of_y), *rest = chosen
            needed = {*result, *(label for _, row in (*rest, *terms) for label in row)}
            last = not rest and not terms
            kept = result if last else "".join(label for label in dict.fromkeys(of_x + of_y) if label in needed)
            chosen = [(multiply_over(x, y, of_x, of_y, kept), kept), *rest]
        terms.append(chosen[0])
    x, row = sum_lone(*terms[0], result)
    return np.transpose(x, tuple(row.index(label) for label in result))


def _steps(terms: Sequence[tuple[Node, str]], result: str, optimize: Any) -> list[tuple[int, ...]]:
    """Which operands to contract together, one after the other, the product going to the end of the list."""
    if len(terms) <= 2:
        return [tuple(range(len(terms)))]
    shapes = [np.broadcast_to(0.0, node.shape) for node, _ in terms]
    path, _ = np.einsum_path(",".join(row for _, row in terms) + "->" + result, *shapes, optimize=optimize or "greedy")
    return path[1:]


def _without_repeats(x: Any, row: str) -> tuple[Any, str]:
    """The operand with the diagonal taken wherever a label stands twice."""
    for label, count in Counter(row).items():
        for _ in range(count - 1):
            first = row.index(label)
            second = row.index(label, first + 1)
            x = np.diagonal(x, axis1=first, axis2=second)
            row = row[:first] + row[first + 1 : second] + row[second + 1 :] + label
    return x, row


def _parse(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with letters in place of every ellipsis."""

    def bad(expected: str, got: str) -> ArgumentError:
        return ArgumentError(
            "einsum",
            expected=expected,
            got=f"{got} in {subscripts!r}",
            remedy="Write it like 'ij,jk->ik' or '...i,i->...'.",
        )

    text = "".join(subscripts.split())
    terms, arrow, result = text.partition("->")
    rows = terms.split(",")
    for term in (*rows, result):
        if not re.fullmatch(r"[a-zA-Z]*(\.\.\.)?[a-zA-Z]*", term):
            raise bad("letters, and '...' at most once in a term", repr(term))
    if len(rows) != len(shapes):
        raise bad(f"a term for each of {len(shapes)} operands", f"{len(rows)}")
    extra = [len(shape) - len(row.replace("...", "")) for row, shape in zip(rows, shapes, strict=True)]
    for k, (row, shape) in enumerate(zip(rows, shapes, strict=True)):
        if extra[k] < 0 or (extra[k] and "..." not in row):
            raise bad(f"as many labels as operand {k} has axes", f"{row!r} for shape {shape}")
    hidden = labels_beside(text, max(extra))
    rows = [row.replace("...", hidden[len(hidden) - n :]) for row, n in zip(rows, extra, strict=True)]
    _check_lengths(rows, shapes, subscripts)
    counts = Counter("".join(rows))
    if not arrow:
        return rows, hidden + "".join(
            sorted(label for label, count in counts.items() if count == 1 and label not in hidden)
        )
    if hidden and "..." not in result:
        raise bad("'...' in the result, as the operands have it", repr(result))
    result = result.replace("...", hidden)
    for label in result:
        if result.count(label) > 1 or label not in counts:
            raise bad("each label once in the result, and in an operand too", repr(label))
    return rows, result


def _check_lengths(rows: Sequence[str], shapes: Sequence[tuple[int, ...]], subscripts: str) -> None:
    """Raise where axes with one label differ: within an operand always, between operands unless one of them is 1."""
    all_shapes = " and ".join(map(str, shapes))
    seen: dict[str, tuple[int, int]] = {}
    for k, (row, shape) in enumerate(zip(rows, shapes, strict=True)):
        own: dict[str, int] = {}
        for label, n in zip(row, shape, strict=True):
            other, m = seen.get(label, (k, n))
            if own.setdefault(label, n) != n or (m != n and 1 not in (m, n)):
                m, other = (own[label], k) if own[label] != n else (m, other)
                raise ShapeError(
                    "einsum",
                    expected=f"equal lengths for equal labels of {subscripts!r}",
                    got=f"{m} in operand {other} and {n} in operand {k} for {label!r}, shapes {all_shapes}",
                    remedy="Transpose or reshape one of the operands, or choose other labels.",
                )
            if m == 1:
                seen[label] = k, n
            else:
                seen.setdefault(label, (k, n))
