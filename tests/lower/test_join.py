"""Joining places: which copies vanish, and which stay. What is joined wrongly, the interpreter of programs sees."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import Graph, Input
from chainrule.loops import parse_kernel
from chainrule.lower.join import NOTHING, Pair, _note, accesses, blocks, join, reads_in_place
from chainrule.lower.program import Branch, Call, Copy, Counter, Evaluate, Place, Program, Repeat, Run, While, leaves
from chainrule.types import ArrayType
from tests.lower.interpreter import interpret_program
from tests.lower.running import check, compiled, graph_of, numbers, reference, values_of, verified, without

LARGE = (6, 67)


def copies(function, *args) -> list[Copy]:
    """The copies that are left."""
    graph, values = graph_of(function, *args), values_of(*args)
    program = verified(graph)
    expected = reference(graph, values)
    check(expected, interpret_program(program, values)[0])
    check(expected, compiled(graph).run(values))
    with without("join"):
        check(expected, interpret_program(verified(graph), values)[0])
    return [step for step in leaves(program.steps) if isinstance(step, Copy)]


def test_results_are_made_where_they_are_wanted():
    assert copies(lambda x: (np.sin(x), np.sum(x, 0)[:, None] * x[:1].T), numbers(70, 67)) == []


def test_an_output_that_is_an_input_is_copied():
    assert len(copies(lambda x: x, numbers(*LARGE))) == 1
    assert len(copies(lambda x: (x, x), numbers(*LARGE))) == 2


def test_a_value_twice_as_output_is_copied_once():
    assert len(copies(lambda x: (y := np.sin(x), y), numbers(*LARGE))) == 1


def test_carries_are_worked_on_in_place():
    """An elementwise step needs no copy within the loop; the first value is copied in, the last is made in place."""
    program = verified(graph_of(lambda x: cr.scan(lambda c, s: (c * 0.5 + s, None), x[0], x)[0], numbers(*LARGE)))
    (loop,) = [step for step in program.steps if isinstance(step, Repeat)]
    assert not any(isinstance(step, Copy) for step in leaves(loop.body))
    copies(lambda x: cr.scan(lambda c, s: (c * 0.5 + s, None), x[0], x)[0], numbers(*LARGE))


def test_carries_that_change_places_are_copied():
    found = copies(lambda x: cr.scan(lambda c, s: ((c[1], c[0]), c[0] + s), (x[0], x[1]), x), numbers(*LARGE))
    assert found


def test_a_carry_that_is_read_elsewhere_is_not_worked_on_in_place():
    for step in (
        lambda c, s: (c[::-1] + s, None),
        lambda c, s: (np.concatenate([c[1:], c[:1]]) + s, None),
        lambda c, s: (np.cumsum(c) + s, None),
        lambda c, s: (c - np.sum(c) + s, None),
        lambda c, s: (c + c[:1] * s, None),
    ):
        copies(lambda x, step=step: cr.scan(step, x[0], x)[0], numbers(*LARGE))


def test_a_value_that_is_still_needed_is_not_overwritten():
    def function(x):
        def step(c, s):
            new = np.sin(c) + s
            return new, c * new  # the old carry is read after the new one is made

        return cr.scan(step, x[0], x)

    copies(function, numbers(*LARGE))


def test_a_carry_that_is_needed_in_the_next_step_alone():
    """It stays as it is, begins as another carry does, and nobody reads it after the loop."""

    def function(x):
        start = np.sin(x[0])
        return cr.scan(lambda c, s: ((c[0], c[1] * 0.5 + c[0] * s), None), (start, start), x)[0][1]

    copies(function, numbers(*LARGE))
    copies(
        lambda x: cr.while_loop(lambda c: c[2] < 5, lambda c: (c[0], c[0] * c[1], c[2] + 1), (x + 1, x + 1, 0))[1],
        numbers(67),
    )


def test_a_product_is_not_made_where_its_factor_is():
    copies(lambda x, w: cr.scan(lambda c, s: (c @ w, s), x, np.arange(3.0))[0], numbers(17, 17), numbers(17, 17))


def test_slices_are_made_in_the_stack():
    program = verified(graph_of(lambda x: cr.scan(lambda c, s: (c, np.sin(s) * 2), 0.0, x)[1], numbers(*LARGE)))
    assert not [step for step in leaves(program.steps) if isinstance(step, Copy) and step.target.bytes > 256]


def test_a_slice_that_is_a_carry_too_is_copied():
    copies(lambda x: cr.scan(lambda c, s: ((n := np.tanh(c + s)), n), x[0], x), numbers(*LARGE))
    copies(lambda x: cr.scan(lambda c, s: ((n := np.tanh(c + s)), (n, n)), x[0], x), numbers(*LARGE))
    copies(lambda x: cr.scan(lambda c, s: (s, c), x[0], x), numbers(*LARGE))
    copies(lambda x: cr.scan(lambda c, s: (c, (s, s)), x[0], x, reverse=True), numbers(*LARGE))


def test_a_value_from_outside_is_not_made_in_a_slice():
    copies(lambda x: cr.scan(lambda c, s: (c + s, np.sin(x[0])), x[0], x), numbers(*LARGE))
    copies(lambda x: cr.scan(lambda c, s: (c + s, np.ones(67, np.float32)), x[0], x), numbers(*LARGE))


def test_branches_hand_on_in_place():
    def function(x):
        return cr.cond(x[0] > 0, lambda x: np.sin(x), lambda x: np.cos(x) * 2, x)

    assert copies(function, numbers(67)) == []
    assert len(copies(lambda x: cr.cond(x[0] > 0, lambda x: x, lambda x: x * 2, x), numbers(67))) == 1


def test_a_branch_that_hands_on_its_operands_swapped():
    for x in (numbers(67), -numbers(67)):
        copies(lambda x: cr.cond(x[0] > 0, lambda a, b: (b, a), lambda a, b: (a, b), x, x * 2), x)


def test_loops_until_a_condition():
    copies(lambda x: cr.while_loop(lambda c: c[0][0] < 5, lambda c: (c[0] + 1, c[0] * c[1]), (x * 0, x)), numbers(67))
    copies(
        lambda x: cr.while_loop(lambda c: np.sum(c[0]) < 90, lambda c: (c[1] + 1, c[0] + 1), (x * 0, x * 0)),
        numbers(67),
    )
    copies(lambda x: cr.while_loop(lambda c: c[0] < 0, lambda c: c, x * x), numbers(67))


def test_loops_in_loops_with_carries_that_are_each_others():
    def outer(c, s):
        inner = cr.while_loop(lambda d: d[0][0] < 3, lambda d: (d[0] + 1, d[1] * 0.5), (s * 0, c))
        return inner[1] + s, (inner[0], c)

    copies(lambda x: cr.scan(outer, x[0], x), numbers(*LARGE))


def test_what_is_small_stays_where_registers_can_hold_it():
    """A small result is not made in the caller's memory step by step."""
    assert len(copies(lambda x: np.sum(x), numbers(*LARGE))) == 1


def test_constants_are_never_written():
    """A carry that begins as a constant is a copy of it."""
    table = np.arange(67, dtype=np.float32)
    graph = graph_of(lambda x: (cr.scan(lambda c, s: (c + s, None), table, x)[0], table * 1), numbers(*LARGE))
    made = compiled(graph)
    expected = reference(graph, [numbers(*LARGE)])
    for _ in range(2):
        check(expected, made.run([numbers(*LARGE)]))


def test_inputs_are_never_written():
    x = numbers(*LARGE)
    before = x.copy()
    made = compiled(graph_of(lambda x: cr.scan(lambda c, s: (c * s, c), x[0], x), x))
    made.run([x])
    assert np.array_equal(x, before)
    y = numbers(67)
    before = y.copy()
    compiled(graph_of(lambda y: cr.while_loop(lambda c: c[0] < 9, lambda c: c + 1, y), y)).run([y])
    assert np.array_equal(y, before)


def with_row(c, row, number=3):
    """c with another row in the place of one."""
    c = np.copy(c)
    c[number] = row
    return c


def copied_in_loop(function, *args) -> list[int]:
    """The bytes of the copies in the steps of a loop."""
    (loop,) = [one for one in verified(graph_of(function, *args)).steps if isinstance(one, Repeat)]
    copies(function, *args)
    return [one.target.bytes for one in leaves(loop.body) if isinstance(one, Copy)]


def test_a_part_is_written_in_place():
    """What is written over in a step of a loop is the carry itself: nothing of its size is copied there."""
    x = numbers(*LARGE)
    start = np.repeat(x[:1], 9, 0)
    assert copied_in_loop(lambda x, c: cr.scan(lambda c, s: (with_row(c, s), None), c, x)[0], x, start) == []
    assert copied_in_loop(lambda x, c: cr.scan(lambda c, s: (with_row(c, s * 2 + c[2]), None), c, x), x, start) == []


def test_a_part_of_what_is_still_needed_is_written_in_a_copy():
    x = numbers(*LARGE)
    start = np.repeat(x[:1], 9, 0)
    whole = start.nbytes
    for step in (
        lambda c, s: (with_row(c, s), c),
        lambda c, s: (with_row(c, s) + c[::-1], None),
        lambda c, s: ((n := with_row(c, s)), np.sum(c - n)),
    ):
        found = copied_in_loop(lambda x, c, step=step: cr.scan(step, c, x), x, start)
        assert whole in found


def test_parts_over_parts_and_over_themselves():
    def turned(c, s):
        c = np.copy(c)
        c[1:] = c[:-1]
        c[0] = s
        c[::2] = c[::-2]
        return c, np.sum(c)

    x = numbers(*LARGE)
    copies(lambda x: cr.scan(turned, np.repeat(x[:1], 9, 0), x), x)
    copies(lambda x: (with_row(x, x[0] * 2), x, with_row(with_row(x, x[1]), x[2], 1)), x)
    copies(lambda x: with_row(np.repeat(x[:1] * 0, 6, 0), x[0]), x)


# ----------------------------------------------------------------------------------------------------- by hand

KIND = ArrayType((100,), np.dtype(np.float32))


def place(name: str, kind: str = "local", **facts) -> Place:
    return Place(name, KIND, kind, **facts)


def run(text: str, *places: Place) -> Run:
    buffers = "input x: float32[100], output y: float32[100]"
    return Run(parse_kernel(f"kernel f({buffers}):\n{text}"), places)


PLAIN = "  parallel for i in 0..100: y[i] = x[i] + 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PLAIN, True),
        ("  parallel for i in 0..100: y[i] = x[99 - i]", False),
        ("  parallel for i in 0..100: y[99 - i] = x[99 - i]", True),
        ("  parallel for i in 0..100: y[i] = x[0]", False),
        ("  for i in 0..100: y[i] = x[i]", False),
        ("  parallel for i in 0..100:\n    y[i] = 0\n    for j in 0..3: y[i] += x[i]", False),
        ("  fill y = 0\n  parallel for i in 0..100: y[i] = x[i]", False),
        ("  parallel for i in 0..50:\n    y[i] = x[i]\n    y[i + 50] = x[i]", False),
    ],
)
def test_which_kernels_may_work_in_place(text, expected):
    x, y = place("x"), place("y")
    assert reads_in_place(run(text, x, y), x, y) is expected


def test_routines_may_not_work_in_place_and_callbacks_may():
    x, y = place("x"), place("y")
    assert reads_in_place(Evaluate(None, (x,), (y,)), x, y)
    assert not reads_in_place(Call("argsort", (x,), (y,), (x.type, y.type), (1, 100), place("scratch")), x, y)
    assert not reads_in_place(Copy(y, x), x, y)


def program(steps, inputs=(), outputs=()) -> Program:
    x = Input(KIND, "x")
    return Program(Graph([x], [x]), list(inputs), list(outputs), steps, Place("fault", KIND, "output", -1))


def joined(one: Place, other: Place) -> bool:
    return one.joined is other.joined


def test_a_copy_between_places_that_are_never_needed_at_once():
    source, first, second, out = place("in0", "input"), place("a"), place("b"), place("out0", "output")
    made = join(program([run(PLAIN, source, first), Copy(second, first), run(PLAIN, second, out)], [source], [out]))
    assert joined(first, second)
    assert len(made.steps) == 2


def test_a_copy_whose_source_is_written_while_the_target_is_needed():
    source, first, second, out = place("in0", "input"), place("a"), place("b"), place("out0", "output")
    steps = [
        run(PLAIN, source, first),
        Copy(second, first),
        run(PLAIN, source, first),
        run(PLAIN, second, out),
        run(PLAIN, first, out),
    ]
    assert len(join(program(steps, [source], [out])).steps) == 5
    assert not joined(first, second)


def test_a_copy_whose_target_is_written_while_the_source_is_needed():
    source, first, second, out = place("in0", "input"), place("a"), place("b"), place("out0", "output")
    steps = [
        run(PLAIN, source, first),
        Copy(second, first),
        run("  parallel for i in 0..100: y[i] = x[99 - i]", second, second),
        run(PLAIN, first, out),
    ]
    join(program(steps, [source], [out]))
    assert not joined(first, second)


def test_two_outputs_are_two_arrays():
    source, one, other = place("in0", "input"), place("out0", "output"), place("out1", "output")
    join(program([run(PLAIN, source, one), Copy(other, one)], [source], [one, other]))
    assert not joined(one, other)


def test_an_output_is_needed_at_the_end():
    """Memory that is written again after it was copied to an output is not the output's."""
    source, local, out, last = place("in0", "input"), place("a"), place("out0", "output"), place("out1", "output")
    steps = [run(PLAIN, source, local), Copy(out, local), run(PLAIN, source, local), run(PLAIN, local, last)]
    join(program(steps, [source], [out, last]))
    assert not joined(out, local)


def test_places_of_other_types_stay_apart():
    first = place("a")
    second = Place("b", ArrayType((100,), np.dtype(np.int32)))
    join(program([Copy(second, first)]))
    assert not joined(first, second)


def test_the_same_memory_under_another_shape_is_joined():
    first = place("a")
    second = Place("b", ArrayType((10, 10), np.dtype(np.float32)))
    join(program([Copy(second, first)]))
    assert joined(first, second)


def test_writes_of_both_at_once_keep_them_apart():
    source, first, second = place("in0", "input"), place("a"), place("b")
    text = "kernel f(input x: float32[100], output y: float32[100], output z: float32[100]):\n" + (
        "  parallel for i in 0..100:\n    y[i] = x[i]\n    z[i] = x[i] * 2"
    )
    both = Run(parse_kernel(text), (source, first, second))
    out = place("out0", "output")
    join(program([both, run(PLAIN, second, out), Copy(second, first), run(PLAIN, second, out)], [source], [out]))
    assert not joined(first, second)


def test_a_loop_needs_at_its_start_what_it_reads_at_its_start():
    """What is needed after a step is needed before the next: a fixed point."""
    a, b, source = place("a"), place("b"), place("in0", "input")
    body = [run(PLAIN, b, a), Copy(b, a)]
    loop = Repeat(None, 3, False, False, body)  # type: ignore[arg-type]
    steps = [Copy(b, source), loop]
    notes = {}
    _note(steps, notes)
    notes[id(tail := steps[1:])] = {place: [0] for place in (a, b)}
    pair = Pair(a, b, notes)
    assert pair.before(tail, NOTHING) == {b}
    assert not pair.conflict
    pair = Pair(b, a, notes)
    assert pair.before(steps, frozenset({b})) == NOTHING
    assert pair.count(steps, b) == 3
    assert pair.written(steps, a)
    assert pair.written(steps, b)  # by the copy from the input


def test_what_the_next_step_needs_is_kept_through_the_end_of_this_one():
    source, a, b, out = place("in0", "input"), place("a"), place("b"), place("out0", "output")
    loop = Repeat(None, 3, False, False, [run(PLAIN, a, out), run(PLAIN, source, b)])  # type: ignore[arg-type]
    notes = {}
    _note(steps := [loop], notes)
    pair = Pair(a, b, notes)
    assert pair.before(steps, NOTHING) == {a}
    assert pair.conflict


def rows() -> tuple[Place, Place, Counter]:
    """A stack, its slice in a step, and the counter of the steps."""
    counter = Counter("n")
    stack = Place("s", ArrayType((3, 100), KIND.dtype), "output")
    return stack, Place("s'", KIND, base=stack, counter=counter), counter


def test_a_slice_is_made_in_the_stack_if_it_is_made_in_this_step():
    source, local = place("in0", "input"), place("a")
    stack, row, counter = rows()
    body = [run(PLAIN, source, local), Copy(row, local)]
    join(program([Repeat(counter, 3, False, False, body)], [source], [stack]))
    assert joined(row, local)
    assert len(body) == 1


def test_a_slice_that_lives_from_step_to_step_is_copied():
    source, local, out = place("in0", "input"), place("a"), place("out1", "output")
    stack, row, counter = rows()
    body = [run(PLAIN, local, out), run(PLAIN, source, local), Copy(row, local)]
    join(program([Repeat(counter, 3, False, False, body)], [source], [stack, out]))
    assert not joined(row, local)


def test_a_slice_of_a_stack_that_the_step_reads_is_copied():
    source, local, out = place("in0", "input"), place("a"), place("out1", "output")
    stack, row, counter = rows()
    body = [run(PLAIN, source, local), run(PLAIN, row, out), Copy(row, local)]
    join(program([Repeat(counter, 3, False, False, body)], [source], [stack, out]))
    assert not joined(row, local)
    stack, row, counter = rows()
    all_of_it = Place("out1", stack.type, "output")
    body = [run(PLAIN, source, local), Copy(all_of_it, stack), Copy(row, local)]
    join(program([Repeat(counter, 3, False, False, body)], [source], [stack, all_of_it]))
    assert not joined(row, local)


def test_a_copy_from_one_slice_to_another_stays():
    stack, row, counter = rows()
    inner = Counter("m")
    other = Place("s'", KIND, base=stack, counter=inner)
    body = [Copy(row, other)]
    join(program([Repeat(counter, 3, False, False, [Repeat(inner, 3, False, False, body)])], [], [stack]))
    assert len(body) == 1


def test_accesses_and_blocks():
    x, y = place("x"), place("y")
    copy = Copy(y, x)
    assert accesses(copy) == ((x,), (y,))
    assert accesses(Branch(x, [copy], [])) == ((x,), ())
    assert accesses(Repeat(None, 3, False, False, [copy])) == ((), ())  # type: ignore[arg-type]
    assert blocks(Branch(x, [copy], [])) == ([copy], [])
    assert blocks(While([], x, [copy], None)) == ([], [copy])
    assert blocks(copy) == ()
    assert list(leaves([Branch(x, [copy], []), While([copy], x, [], None)])) == [copy, copy]
    call = Call("argsort", (x,), (y,), (x.type, y.type), (1, 100), place("scratch"))
    assert call.writes == (y, call.scratch)
