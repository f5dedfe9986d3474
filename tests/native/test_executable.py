"""Executables: any array that NumPy has goes in as what it is, errors come out, threads of Python share one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.graph import Graph, Input
from chainrule.native.build import ready
from chainrule.types import ArrayType
from tests.lower.running import check, compiled, graph_of, numbers, reference, same_bits
from tests.lower.running import threads as limited

X = numbers(7, 33)


def function(x):
    return np.tanh(x) @ x.T, x.T * 2, np.sum(x, 0)


@pytest.fixture(scope="module")
def made():
    return compiled(graph_of(function, X))


def misaligned(x: np.ndarray) -> np.ndarray:
    memory = bytearray(x.nbytes + 1)
    memory[1:] = x.tobytes()
    return np.frombuffer(memory, x.dtype, offset=1).reshape(x.shape)


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.setflags(write=False)
    return x


FORMS = {
    "in order": lambda x: x,
    "by columns": np.asfortranarray,
    "every second of a larger one": lambda x: np.repeat(x, 2, 1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "of the other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "read only": read_only,
    "misaligned": misaligned,
    "broadcast": lambda x: np.broadcast_to(x, x.shape),
    "a list": lambda x: x.tolist(),
}


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_every_form_are_read_as_what_they_are(made, form):
    given = FORMS[form](X)
    expected = reference(made.graph, [X])
    check(expected, made.run([given]))
    assert np.array_equal(np.asarray(given, X.dtype), X)  # and left as they were


@pytest.mark.parametrize("form", FORMS)
def test_what_code_reads_is_in_order_aligned_and_of_its_byte_order(form):
    array = ready(FORMS[form](X), X.dtype)
    assert array.flags.c_contiguous
    assert array.flags.aligned
    assert array.dtype.isnative
    assert np.array_equal(array, X)


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("form", ["by columns", "of the other byte order", "misaligned", "backwards"])
def test_dtypes_of_every_form(dtype, form):
    x = numbers(3, 17, dtype=dtype)
    graph = graph_of(lambda x: (x[::-1], x.T, x == x[0], np.max(x, 0)), x)
    check(reference(graph, [x]), compiled(graph).run([FORMS[form](x)]))


def test_results_are_new_and_writable(made):
    first, second = made.run([X]), made.run([X])
    for one, other in zip(first, second, strict=True):
        assert one.flags.writeable
        assert not np.shares_memory(one, other)
        one[...] = 0
    check(reference(made.graph, [X]), second)


def test_outputs_that_are_inputs_are_copies():
    made = compiled(graph_of(lambda x: (x, x), X))
    one, other = made.run([X])
    assert not np.shares_memory(one, X)
    assert not np.shares_memory(one, other)
    check([X, X], [one, other])


def test_no_inputs_and_no_outputs():
    x = Input(ArrayType((3,), np.dtype(np.float32)), "x")
    assert compiled(Graph([x], [])).run([np.zeros(3, np.float32)]) == []
    made = compiled(graph_of(lambda: (np.arange(3), np.float32(2))))
    check([np.arange(3), np.float32(2)[()].reshape(())], made.run([]))


def test_eight_threads_of_python_share_an_executable(made):
    """Each run has memory of its own; results are those of one after another."""
    inputs = [numbers(7, 33, seed=k) for k in range(8)]
    expected = [made.run([x]) for x in inputs]
    started = threading.Barrier(8)

    def work(k: int) -> None:
        started.wait()
        for _ in range(50):
            same_bits(expected[k], made.run([inputs[k]]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_eight_threads_of_python_share_a_split_executable():
    graph = graph_of(function, X)
    split = compiled(graph, split=True)
    inputs = [numbers(7, 33, seed=k) for k in range(8)]
    expected = [split.run([x]) for x in inputs]

    def work(k: int) -> None:
        for _ in range(20):
            same_bits(expected[k], split.run([inputs[k]]))

    with limited(3), ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_the_limit_on_threads_may_change_between_runs():
    graph = graph_of(lambda x: (np.exp(x) @ x.T, cr.scan(lambda c, s: (c, s * 2), x[0], x)[1]), X)
    made = compiled(graph, split=True)
    expected = made.run([X])
    for count in (1, 8, 2, 5):
        with limited(count):
            same_bits(expected, made.run([X]))


# ------------------------------------------------------------------------------------------------------------- faults


def test_an_index_out_of_bounds_is_the_evaluators_error():
    graph = graph_of(lambda x, n: x[n] * 2, X, np.array([1, 2]))
    made = compiled(graph)
    good = [X, np.array([6, -7])]
    check(reference(graph, good), made.run(good))
    for bad in (7, -8, 2**62):
        with pytest.raises((ChainruleError, IndexError), match="7"):
            made.run([X, np.array([1, bad])])
    check(reference(graph, good), made.run(good))  # and the next run is well again


def test_a_run_that_is_well_never_asks_the_evaluator(monkeypatch):
    """A check that fails for nothing would cost the speed and be noticed by nobody."""
    n = np.array([[3, 0], [6, 6]])
    made = compiled(graph_of(lambda x, n: (x[n], x[n, 1], x[:, n[0]], x[n[0]] @ x.T), X, n))
    monkeypatch.setattr(made, "_by_reference", None)
    for _ in range(3):
        made.run([X, n])


def test_an_index_out_of_bounds_inside_loops():
    def stepped(x, n):
        return cr.scan(lambda c, k: (c + x[k], x[k] * 2), x[0], n)

    graph = graph_of(stepped, X, np.array([1, 2, 3]))
    for options in ({}, {"split": True}):
        made = compiled(graph, **options)
        with limited(2):
            check(reference(graph, [X, np.array([6, 0, 3])]), made.run([X, np.array([6, 0, 3])]))
            with pytest.raises((ChainruleError, IndexError), match="9"):
                made.run([X, np.array([0, 9, 3])])


def test_an_index_out_of_bounds_in_a_branch_that_is_not_taken():
    graph = graph_of(lambda x, n: cr.cond(n < 7, lambda x, n: x[n], lambda x, n: x[0], x, n), X, np.array(3))
    made = compiled(graph)
    check(reference(graph, [X, np.array(9)]), made.run([X, np.array(9)]))
    check(reference(graph, [X, np.array(2)]), made.run([X, np.array(2)]))


SINGULAR = np.ones((3, 3))


@pytest.mark.parametrize("options", [{}, {"split": True}])
def test_an_operation_that_refuses_its_operand(options):
    graph = graph_of(lambda x: np.linalg.inv(x) + 1, SINGULAR)
    made = compiled(graph, **options)
    well = np.eye(3) * 2
    with limited(2):
        for _ in range(2):
            with pytest.raises(Exception, match=r"[Ss]ingular"):
                made.run([SINGULAR * 0])
            check(reference(graph, [well]), made.run([well]))


class Wrong(Exception):
    """What a callback raises."""


@pytest.mark.parametrize("options", [{}, {"split": True}])
def test_callbacks_that_raise_end_the_run(options, monkeypatch):
    """Also inside loops, in all threads; the error is the callback's own, and says where the operation is."""
    x = np.array([2, 0, 2])
    graph = graph_of(lambda x: cr.scan(lambda c, n: (c + 1, _writer(n + x)), 0, x), x)
    made = compiled(graph, **options)
    assert made.evaluations
    operation = made.evaluations[0].node.operation
    expected = reference(graph, [x])
    calls = []

    def refuse(*operands, **parameters):
        calls.append(operands)
        raise Wrong("no")

    with limited(2):
        check(expected, made.run([x]))
        with monkeypatch.context() as patched:
            object.__setattr__(operation, "reference", refuse)
            patched.setattr(made, "errors", {})
            try:
                with pytest.raises(Wrong, match="no"):
                    made.run([x])
            finally:
                object.__setattr__(operation, "reference", ORIGINAL[operation.name])
        assert len(calls) == 1
        check(expected, made.run([x]))


def _writer(index):
    """An operation that is not lowered."""
    from chainrule.ops.rows import last_writer
    from chainrule.trace import traceable

    return traceable(lambda index: last_writer(index, length=6))(index)


def _originals():
    from chainrule.graph import OPERATIONS

    return {name: operation.reference for name, operation in OPERATIONS.items()}


ORIGINAL = _originals()


def test_callbacks_of_several_threads_of_python_keep_apart():
    def one(x):
        return _writer(x) * 2

    graph = graph_of(one, np.array([0, 1]))
    made = compiled(graph)

    def work(k: int) -> None:
        x = np.array([k % 6, (k + 1) % 6])
        for _ in range(30):
            check(reference(graph, [x]), made.run([x]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


# --- One thread or several --------------------------------------------------------------------------------------------


class Told:
    """Trials and contention that ask for one thread or not, and write down what they are told."""

    def __init__(self, alone=False, taken=False):
        self.alone, self.taken, self.heard = alone, taken, []

    def judge(self, elapsed, running, threads):
        self.heard.append(("judged", threads))
        return self.taken

    def note(self, alone, seconds, work):
        self.heard.append((alone, work))

    def forget(self):
        self.heard.append("forgotten")


def heard(listener, graph=None):
    """What is heard of three runs of a program for several threads, of which the first is not told of."""
    made = compiled(graph or graph_of(function, X), split=True)
    made.contention = made.trials = listener
    with limited(2):
        results = [made.run([X], work) for work in (None, None, 5.0)]
    for one in results[1:]:
        same_bits(results[0], one)
    return listener.heard


def test_a_run_is_judged_and_noted_with_its_work():
    assert heard(Told()) == [("judged", 2), (False, 1.0), ("judged", 2), (False, 5.0)]


def test_a_run_in_one_thread_is_noted_alone():
    assert heard(Told(alone=True)) == [(True, 1.0), (True, 5.0)]


def test_where_others_took_the_processors_nothing_is_noted():
    assert heard(Told(taken=True)) == [("judged", 2), "forgotten"] * 2


@pytest.mark.parametrize(
    ("body", "work"),
    [
        (lambda x: cr.scan(lambda a, row: (np.tanh(a + row), a), x[0], x)[0], 1.0),
        (lambda x: cr.cond(x[0, 0] > 0, np.tanh, np.exp, x), 0.0),
        (lambda x: cr.while_loop(lambda a: np.sum(a) > 1e9, np.tanh, x), 0.0),
        (lambda x: cr.checkpoint(lambda a: cr.cond(a[0, 0] > 0, np.tanh, np.exp, a))(x), 0.0),
    ],
    ids=["scan", "cond", "while", "inside"],
)
def test_where_the_work_follows_from_values_it_is_unknown(body, work):
    assert heard(Told(), graph_of(body, X))[1] == (False, work)
