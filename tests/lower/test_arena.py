"""The arena: places that are needed at once never share memory, others do."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.graph import Graph, Input
from chainrule.loops import parse_kernel
from chainrule.lower.arena import ALIGNMENT, REST, RESTING_BYTES, lay_out_arena
from chainrule.lower.program import Branch, Copy, Counter, Place, Program, Repeat, Run, While
from chainrule.types import ArrayType
from tests.lower.programs import PROGRAMS
from tests.lower.running import graph_of, verified

KIND = ArrayType((100,), np.dtype(np.float32))
SIZE = -(-400 // ALIGNMENT) * ALIGNMENT
TEXT = "kernel f(input x: float32[100], output y: float32[100]):\n  parallel for i in 0..100: y[i] = x[i] + 1"
KERNEL = parse_kernel(TEXT)


def step(target: Place, source: Place) -> Run:
    return Run(KERNEL, (source, target))


def places(count: int) -> list[Place]:
    return [Place(f"t{k}", KIND) for k in range(count)]


def laid_out(steps) -> int:
    x = Input(KIND, "x")
    fault = Place("fault", ArrayType((), np.dtype(bool)), "output", -1)
    return lay_out_arena(Program(Graph([x], [x]), [], [], steps, fault)).arena


def apart(one: Place, other: Place) -> bool:
    return abs(one.offset - other.offset) >= SIZE


IN, OUT = Place("in0", KIND, "input"), Place("out0", KIND, "output")


def test_a_chain_needs_two_at_a_time():
    a, b, c, d = places(4)
    assert laid_out([step(a, IN), step(b, a), step(c, b), step(d, c), step(OUT, d)]) == 2 * SIZE
    assert apart(a, b)
    assert apart(b, c)
    assert apart(c, d)
    assert a.offset == c.offset


def test_what_is_read_last_of_all_is_kept():
    a, b, c = places(3)
    assert laid_out([step(a, IN), step(b, a), step(c, b), step(OUT, c), step(OUT, a)]) == 3 * SIZE
    assert apart(a, c)


def test_what_a_loop_reads_before_it_writes_it_lives_through_all_of_it():
    carry, first, second = places(3)
    loop = Repeat(Counter("n"), 3, False, False, [step(first, carry), step(second, first), step(carry, second)])
    laid_out([step(carry, IN), loop, step(OUT, carry)])
    assert apart(carry, first)
    assert apart(carry, second)


def test_what_begins_in_a_loop_with_a_read_lives_from_step_to_step():
    kept, other, third = places(3)
    loop = Repeat(
        Counter("n"),
        3,
        False,
        False,
        [step(OUT, kept), step(other, IN), step(third, other), step(OUT, third), step(kept, IN)],
    )
    laid_out([loop])
    assert apart(kept, other)
    assert apart(kept, third)


def test_what_is_written_early_for_the_next_step_is_kept_to_the_end_of_this_one():
    kept, other = places(2)
    loop = Repeat(Counter("n"), 3, False, False, [step(OUT, kept), step(kept, IN), step(other, IN), step(OUT, other)])
    laid_out([loop])
    assert apart(kept, other)


def test_what_comes_into_a_loop_is_kept_for_its_last_step():
    outside, late = places(2)
    loop = Repeat(Counter("n"), 3, False, False, [step(OUT, outside), step(late, IN), step(OUT, late)])
    assert laid_out([step(outside, IN), loop]) == 2 * SIZE
    assert apart(outside, late)


def test_what_lives_within_a_step_shares():
    a, b = places(2)
    loop = Repeat(Counter("n"), 3, False, False, [step(a, IN), step(OUT, a), step(b, IN), step(OUT, b)])
    assert laid_out([loop]) == SIZE
    assert a.offset == b.offset


def test_a_predicate_is_kept_until_it_is_asked():
    predicate, a, b = places(3)
    loop = While([step(predicate, IN), step(a, IN), step(OUT, a)], predicate, [step(b, IN), step(OUT, b)], None)
    laid_out([loop])
    assert apart(predicate, a)


def test_branches():
    kept, a, b = places(3)
    predicate = Place("p", KIND, "input")
    assert (
        laid_out(
            [
                step(kept, IN),
                Branch(predicate, [step(a, IN), step(OUT, a)], [step(b, IN), step(OUT, b)]),
                step(OUT, kept),
            ]
        )
        == 2 * SIZE
    )
    assert a.offset == b.offset
    assert apart(kept, a)


def test_slices_belong_to_their_stack():
    stack = Place("s", ArrayType((3, 100), np.dtype(np.float32)))
    other = places(1)[0]
    counter = Counter("n")
    row = Place("s'", KIND, base=stack, counter=counter)
    laid_out([Repeat(counter, 3, False, False, [step(row, IN), step(other, IN), step(OUT, other)]), Copy(OUT, stack)])
    assert other.offset >= stack.offset + stack.bytes or stack.offset >= other.offset + other.bytes


def test_nothing_takes_a_line_of_its_own():
    nothing = Place("t", ArrayType((0,), np.dtype(np.float32)))
    assert laid_out([Copy(nothing, nothing)]) == ALIGNMENT
    assert laid_out([]) == 0


def chain_of(size: int, count: int) -> list[Place]:
    """Places of a number of bytes, each made of the one before."""
    made = [Place(f"t{k}", ArrayType((size // 4,), np.dtype(np.float32))) for k in range(count)]
    laid_out([Copy(target, source) for source, target in zip([IN, *made], [*made, OUT], strict=True)])
    return made


@pytest.mark.parametrize(
    ("size", "rests"),
    [
        (RESTING_BYTES[0], True),
        (RESTING_BYTES[-1] - 63, True),
        (RESTING_BYTES[0] - 64, False),
        (RESTING_BYTES[-1] + 1, False),
    ],
)
def test_memory_of_some_sizes_is_not_given_out_again_at_once(size, rests):
    made = chain_of(size, 40)
    again = next(k for k, one in enumerate(made[1:], 1) if one.offset == made[0].offset)
    assert again == (2 + REST // 2 if rests else 2)
    for k, one in enumerate(made):
        assert all(abs(one.offset - other.offset) >= size for other in made[k + 1 : k + 2])


@pytest.mark.parametrize("name", PROGRAMS)
def test_offsets_are_aligned_and_inside(name):
    function, args = PROGRAMS[name]
    program = verified(graph_of(function, *args))
    from chainrule.lower.join import accesses, every

    for one in every(program.steps):
        for group in accesses(one):
            for place in group:
                if place.root.kind == "local":
                    assert place.root.offset % ALIGNMENT == 0
                    assert place.root.offset + place.root.bytes <= program.arena


def test_first_fit():
    """Every place lies as low as it can when it comes."""
    sizes = np.random.default_rng(0).integers(0, 1000, 60)  # shorter than what rests
    taken = [Place(f"t{k}", ArrayType((int(n),), np.dtype(np.uint8))) for k, n in enumerate(sizes)]
    ends = {place: min(60, k + 1 + int(sizes[k]) % 13) for k, place in enumerate(taken)}
    steps = []
    for k, place in enumerate(taken):
        steps.append(Copy(place, IN))
        steps += [Copy(OUT, one) for one in taken[: k + 1] if ends[one] == k + 1]
    laid_out(steps)
    for k, place in enumerate(taken):
        there = sorted((one.offset, one.offset + max(1, one.bytes)) for one in taken[:k] if ends[one] > k)
        free = [0, *(-(-end // ALIGNMENT) * ALIGNMENT for _, end in there)]
        fits = [at for at in free if all(at + max(1, place.bytes) <= a or at >= b for a, b in there)]
        assert place.offset == min(fits)
