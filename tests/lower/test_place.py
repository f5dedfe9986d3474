"""What is kept in memory, and what is computed where it is read."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import Fold
from chainrule.lower.expand import expand, lowering_of
from chainrule.lower.place import is_short, lay_out
from chainrule.lower.reshape import is_unit_reshape
from tests.lower.running import compare, graph_of, numbers, verified

X, Y = numbers(7, 5), numbers(5, 9)


def layout_of(function, *args, forced=()):
    graph = expand(graph_of(function, *args))
    order = [node for node in graph.nodes if node.operation is not None]
    return graph, order, lay_out(order, graph.outputs, [node for node in order if node.operation.name in forced])


def names(nodes) -> list[str]:
    return sorted(node.operation.name for node in nodes)


def kernels(function, *args) -> list[str]:
    return [step.kernel.name for step in verified(graph_of(function, *args)).steps if hasattr(step, "kernel")]


def test_a_chain_is_one_kernel():
    _, order, layout = layout_of(lambda x: np.sin(x * 2) + 1, X)
    assert names(layout.stored) == ["add"]
    assert {len(layout.roots[node]) for node in order} == {1}
    assert kernels(lambda x: np.sin(x * 2) + 1, X) == ["add"]


def test_what_is_asked_for_is_stored():
    _, _, layout = layout_of(lambda x: (np.sin(x), np.sin(x) + 1), X)
    assert names(layout.stored) == ["add", "sin"]


def test_what_is_forced_is_stored():
    assert names(layout_of(lambda x: np.sin(x * 2) + 1, X, forced=("sin",))[2].stored) == ["add", "sin"]


def test_what_is_costly_is_not_computed_for_every_row():
    _, _, layout = layout_of(lambda x, y: np.exp(x) @ y, X, Y)
    assert names(layout.stored) == ["contract", "exp"]


def test_what_is_cheap_and_read_often_is_stored_too():
    _, _, layout = layout_of(lambda x, y: (x * 2) @ y, X, Y)
    assert "multiply" in names(layout.stored)
    _, _, layout = layout_of(lambda x, y: (x * 2) @ y, X, Y[:, :5])  # each element for as many columns as it has rows
    assert "multiply" in names(layout.stored)


def test_what_only_moves_is_never_stored():
    _, _, layout = layout_of(lambda x, y: x.T[::-1].T @ y, X, Y)
    assert names(layout.stored) == ["contract"]


def test_a_sum_is_the_accumulator_of_what_follows_at_its_place():
    graph, _, layout = layout_of(lambda x, y: np.tanh(x @ y + 1), X, Y)
    (fold,) = layout.absorbed
    assert isinstance(lowering_of(fold), Fold)
    assert layout.accumulated == {graph.outputs[0]: fold}
    assert names(layout.stored) == ["tanh"]


def test_a_sum_whose_reader_has_another_shape_is_stored():
    _, _, layout = layout_of(lambda x: np.sum(x, 1, keepdims=True) * x, X)
    assert layout.accumulated == {}
    assert names(layout.stored) == ["multiply", "sum"]


def test_a_sum_that_two_kernels_read_is_stored():
    _, _, layout = layout_of(lambda x, y: (np.tanh(x @ y), np.sum(x @ y)), X, Y)
    assert "contract" in names(layout.stored)


def test_a_sum_that_is_read_at_two_places_is_kept():
    x = numbers(9, 300)
    compare(lambda x: (s := np.sum(x, 1)) + s[::-1], x)
    compare(lambda x: (s := np.max(x, 1)) * 2 - np.roll(s, 1), x)


def test_one_kernel_has_one_accumulator():
    _, _, layout = layout_of(lambda x: np.sum(x, 1) * np.max(x, 1), X)
    assert len(layout.absorbed) == 1
    assert len(layout.stored) == 2


def test_one_of_several_results_is_reshaped_where_others_read_it_too():
    def factors(x):
        right = np.linalg.svd(x)[2]
        return right.reshape(9, 3) * 2, right * 3, right + 1

    compare(factors, numbers(3, 3, 3, dtype=np.float64))


def test_a_reshape_of_more_than_axes_of_one_is_the_same_memory():
    _, order, layout = layout_of(lambda x: np.sin(np.reshape(np.cumsum(x, 1), 35)), X)
    assert names(layout.renamed) == ["reshape"]
    assert names(layout.stored) == ["cumsum", "sin"]
    reshape = next(node for node in order if node.operation.name == "reshape")
    assert not is_unit_reshape(reshape.shape, reshape.operands[0].shape)
    _, order, layout = layout_of(lambda x: np.sin(np.reshape(x, (7, 1, 5))), X)
    reshape = next(node for node in order if node.operation.name == "reshape")
    assert is_unit_reshape(reshape.shape, reshape.operands[0].shape)
    assert not layout.renamed


def test_kernels_do_not_grow_for_ever():
    """A chain is cut where it is deep, and a sum of many where it is broad."""

    def deep(x):
        for _ in range(130):
            x = np.sin(x)
        return x

    assert len(layout_of(deep, X)[2].stored) == 4

    def broad(x):
        total = x
        for k in range(200):
            total = total + x[::-1] * k
        return total

    assert 2 <= len(layout_of(broad, X)[2].stored) <= 12


def test_what_two_kernels_need_is_stored_if_it_costs():
    _, _, layout = layout_of(lambda x: (np.sum(np.exp(x), 0), np.sum(np.exp(x), 1)), X)
    assert names(layout.stored) == ["exp", "sum", "sum"]
    _, _, layout = layout_of(lambda x: (np.sum(x + 1, 0), np.sum(x + 1, 1)), X)
    assert names(layout.stored) == ["sum", "sum"]


# ------------------------------------------------------------------------------------ short folds, reshapes, light ones


def folds_of(function, *args) -> list:
    _, order, _ = layout_of(function, *args)
    return [node for node in order if isinstance(lowering_of(node), Fold)]


@pytest.mark.parametrize(
    ("function", "shape", "expected"),
    [
        (lambda x: np.sum(x, 1), (7, 4), True),
        (lambda x: np.sum(x, 1), (7, 5), False),  # too many steps
        (lambda x: np.sum(x, 1), (7, 2), True),
        (lambda x: np.max(x, (1, 3)), (7, 2, 3, 2), True),
        (lambda x: np.max(x, (1, 3)), (7, 2, 3, 3), False),
        (lambda x: np.sum(x, 1), (0, 4), False),  # of nothing
        (lambda x: x @ x.T, (7, 2), False),  # its steps share elements
    ],
)
def test_which_folds_are_written_out(function, shape, expected):
    (fold,) = folds_of(function, numbers(*shape))
    assert is_short(fold) is expected


def test_a_sum_over_an_axis_of_one_is_no_fold_of_steps():
    assert not any(is_short(fold) for fold in folds_of(lambda x: np.sum(x + 1, 1), numbers(7, 1)))


def test_a_short_fold_is_part_of_what_reads_it():
    function = lambda x: np.sqrt(np.sum(x * x, 1)) + np.max(x, 1)  # noqa: E731
    assert kernels(function, numbers(7, 3)) == ["add"]
    assert len(kernels(function, numbers(7, 5))) > 1
    compare(function, numbers(7, 3))


def test_a_short_fold_that_two_kernels_read_is_stored():
    function = lambda x: ((s := np.sum(x, 1)) * s[::-1], np.cumsum(np.sum(x, 1)))  # noqa: E731
    assert "sum" in names(layout_of(function, numbers(7, 3))[2].stored)
    compare(function, numbers(7, 3))


def test_a_short_fold_by_itself():
    for dtype in (np.float32, np.int8, bool):
        for function in (
            lambda x: np.sum(x, 1),
            lambda x: np.max(x, 1),
            lambda x: np.any(x, 1),
            lambda x: np.prod(x, 1),
        ):
            compare(function, numbers(37, 3, dtype=dtype))
    compare(lambda x: np.max(x, 1), np.where(numbers(37, 3) > 1, np.nan, np.float32(-np.inf)))


def test_a_pool_is_one_kernel_and_so_is_its_gradient():
    x = numbers(2, 3, 8, 6)
    assert kernels(lambda x: cr.nn.max_pool(np.tanh(x), 2), x) == ["max"]
    assert len(kernels(cr.grad(lambda x: np.sum(cr.nn.max_pool(x, 2) ** 2)), x)) <= 2
    compare(cr.grad(lambda x: np.sum(cr.nn.max_pool(np.tanh(x), 2) ** 2)), x)


def test_a_root_loops_over_the_axes_of_what_it_reads():
    graph, _, layout = layout_of(lambda x: np.exp(np.reshape(np.sin(x), 35)), X)
    assert layout.factors == {graph.outputs[0]: ((7, 5),)}
    assert names(layout.stored) == ["exp"]
    program = verified(graph_of(lambda x: np.exp(np.reshape(np.sin(x), 35)), X))
    assert "y0[(i0a * 5) + i0b] = exp(sin(x0[i0a, i0b]))" in str(program)


def test_a_root_cannot_loop_over_two_kinds_of_axes():
    function = lambda x: np.reshape(np.sin(x), 24) + np.reshape(np.cos(x).T, 24)  # noqa: E731
    _, _, layout = layout_of(function, numbers(6, 4))
    assert len(layout.factors) == 1
    assert len(layout.renamed) == 1
    compare(function, numbers(6, 4))


def test_a_reshape_that_two_kernels_read_is_the_same_memory():
    function = lambda x: ((y := np.reshape(np.sin(x), 35)) + np.cumsum(y), np.sum(np.exp(y)))  # noqa: E731
    _, _, layout = layout_of(function, X)
    assert names(layout.renamed) == ["reshape"]
    compare(function, X)


def test_a_reshape_that_is_read_often_is_the_same_memory():
    function = lambda x, y: np.reshape(x * 2, (5, 7)).T @ y  # noqa: E731
    _, _, layout = layout_of(function, X, Y)
    assert names(layout.renamed) == ["reshape"]
    compare(function, X, Y)


def test_what_is_light_is_computed_again_if_it_reads_one_array():
    light = lambda x: ((y := np.maximum(x - 1, 0) * 3) + 1, np.sum(y * x, 1), np.cumsum(x, 0))  # noqa: E731
    assert "maximum" not in names(layout_of(light, X)[2].stored)
    assert "multiply" not in names(layout_of(light, X)[2].stored)
    two = lambda x, z: (np.sum(y := (x - z) * 3 - x * z, 1), np.sum(y, 0))  # noqa: E731
    assert "subtract" in names(layout_of(two, X, numbers(7, 5, seed=8))[2].stored)
    compare(light, X)
    compare(two, X, numbers(7, 5, seed=8))


def test_neighbours_share_what_a_broadcast_reads_for_each():
    """Of moderate cost, for a few: it is computed once for them; for many it is kept."""
    few = lambda x: (np.tanh(x)[:, :, None] * np.ones((7, 5, 3), np.float32)) - 1  # noqa: E731
    many = lambda x: (np.exp(np.tanh(x))[:, :, None] * numbers(7, 5, 9)) - 1  # noqa: E731
    assert "tanh" not in names(layout_of(few, X)[2].stored)
    assert len(layout_of(many, X)[2].stored) == 2
    compare(few, X)
    compare(many, X)


def test_a_kernel_that_is_full_takes_no_reshape():
    def function(x, count):
        y = np.reshape(np.sin(x), 35)
        for k in range(count):
            y = np.cos(y) if k % 2 else np.sin(y)
        return y

    renamed = [names(layout_of(lambda x: function(x, count), X)[2].renamed) for count in range(35, 45)]  # noqa: B023
    assert [] in renamed
    assert ["reshape"] in renamed
    count = renamed.index(["reshape"]) + 35
    compare(lambda x: function(x, count), X)
