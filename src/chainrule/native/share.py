"""Which thread does what: the steps of a program in one code that all threads of a run execute together.

Takes a lowered program; leaves for each step a way to run it, and the steps before which the threads meet at a barrier.

- "each": every thread does all of it, on memory of its own. Small local places are each thread's own, so counters,
  decisions and other small things need no waiting.
- "split": every thread does the rows that are its own. How the rows of an axis are divided follows from its length
  alone, so a step that reads the very rows that its thread wrote need not wait. Of some products it is columns
  (`mapping.py` says which), for which there is no such rule.
- "one": the first thread does it.

The steps of a loop that hands nothing on are shared out whole, if they are worth it: each is run by one thread, with an
arena of its own, and nobody waits until the loop is over.

Results do not depend on the number of threads: a thread's share changes who computes an element, never how.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chainrule.lower.cost import weigh
from chainrule.lower.join import accesses, blocks, every
from chainrule.lower.program import (
    SMALL_BYTES,
    Branch,
    Call,
    Copy,
    Evaluate,
    Place,
    Program,
    Repeat,
    Run,
    Step,
    While,
    leaves,
)
from chainrule.native.gain import gain
from chainrule.native.mapping import choose, panel_bytes, splits
from chainrule.native.nest import Nest, recognise
from chainrule.native.rows import Rows, Touch, Touched, Way, rows_of_places, same_memory

WORTH_SPLITTING, WORTH_MEETING, WORTH_THREADS = 200.0, 10_000.0, 60_000.0  # nanoseconds
ROWS_BYTES = 2048  # of an array whose rows stay with their threads
OWN_BYTES, ALL_OWN_BYTES = 4096, 65_536  # of what every thread computes for itself: one place, and all of them
LEAST_GAIN = 1.1
"""How many times faster than one the threads must be."""
_NANOSECONDS_A_RESULT, _NANOSECONDS_A_STEP = 0.35, 0.12
_NANOSECONDS_A_BYTE, _NANOSECONDS_A_FAR_BYTE = 0.008, 0.03
FAR_BYTES = 1 << 18  # what the nearest caches do not hold
_UNKNOWN_STEPS = 10


@dataclass
class Shares:
    """How the threads share a program's work."""

    threaded: bool
    nanoseconds: float
    own: set[Place] = field(default_factory=set)
    """The places that every thread has for itself."""
    ways: dict[Step, Way] = field(default_factory=dict)
    before: dict[Step, int] = field(default_factory=dict)
    """The steps before which the threads meet, and the numbers of threads for which they need not: its divisors."""
    after: set[Step] = field(default_factory=set)
    """The loops at the end of whose body they meet."""
    at_end: set[tuple[Branch, bool]] = field(default_factory=set)
    """The blocks of branches at whose end they meet: of each, whether it is the one for a predicate that holds."""
    spread: dict[Step, set[Place]] = field(default_factory=dict)
    """The loops whose steps are shared out, and the local places that only they touch."""
    scratch: int = 0
    """The bytes that each thread needs to work in: for its kernels, and from `own_arena` on for an arena."""
    own_arena: int = 0
    touches: dict[Step, list[Touch]] = field(default_factory=dict)
    """What each step touches of the memory that the threads share."""


def share(program: Program, width: int, threads: int = 2) -> Shares:
    """The shares of a program on a machine with vectors of that width, where there are to be so many threads."""
    total = _nanoseconds(program.steps, width)
    most = threads if any(_is_divisible(step, width) for step in every(program.steps)) else 1.0
    if total >= WORTH_THREADS and most >= LEAST_GAIN:
        shares = _shares(program, width, Shares(True, total))
        if gain(program.steps, shares, lambda steps: _nanoseconds(steps, width), threads) >= LEAST_GAIN:
            return shares
    return _shares(program, width, Shares(False, total))


def _is_divisible(step: Step, width: int) -> bool:
    """Whether threads could share out a step."""
    if isinstance(step, Repeat):
        return step.independent and step.length > 1
    return isinstance(step, Run) and split_nest(step, width) is not None


def _shares(program: Program, width: int, shares: Shares) -> Shares:
    called = {
        place.root
        for step in leaves(program.steps)
        if isinstance(step, Evaluate | Call)
        for place in step.reads + step.writes
    }
    shares.own = {
        place
        for step in every(program.steps)
        for group in accesses(step)
        for place in (one.root for one in group)
        if place.kind == "local" and place.bytes <= SMALL_BYTES and (place not in called or not shares.threaded)
    }
    if shares.threaded:
        shares.own |= _soon_computed(program.steps, width) - called
        shares.own -= {
            place.root
            for step in leaves(program.steps)
            if isinstance(step, Run) and run_nanoseconds(step, width) >= WORTH_MEETING and split_nest(step, width)
            for place in step.writes
        }
        shares.own -= _of_rows(program.steps, width)
    shares.scratch = max(
        (scratch_of(step, width) for step in leaves(program.steps) if isinstance(step, Run)), default=0
    )
    if shares.threaded:
        _spread(program, shares, width)
        _share_mixed(program, shares.own)
        _Walk(shares, width, program.fault).steps(program.steps)
    if shares.spread:
        shares.own_arena = shares.scratch
        shares.scratch += -(-program.arena // 128) * 128
    return shares


def _soon_computed(steps: list[Step], width: int) -> set[Place]:
    """Places that a thread has sooner computed than fetched from another."""
    cost: dict[Place, float] = {}
    for step in leaves(steps):
        for place in accesses(step)[1]:
            time = run_nanoseconds(step, width) if isinstance(step, Run) else math.inf
            cost[place.root] = cost.get(place.root, 0) + time
    found: set[Place] = set()
    room = ALL_OWN_BYTES
    for place, time in cost.items():
        if place.kind == "local" and place.bytes <= min(OWN_BYTES, room) and time < WORTH_SPLITTING:
            found.add(place)
            room -= place.bytes
    return found


def _share_mixed(program: Program, own: set[Place]) -> None:
    """What a kernel writes is everybody's if some of it is: one thread runs that kernel, or it is shared out."""
    kernels = [{p.root for p in step.writes if p.root is not program.fault} for step in leaves(program.steps)]
    while mixed := [places for places in kernels if places & own and places - own]:
        own.difference_update(*mixed)


def _of_rows(steps: list[Step], width: int) -> set[Place]:
    """The places of what comes of rows that threads share out, a row of one of a row of the other."""
    written = {place.root for step in leaves(steps) for place in accesses(step)[1]}
    found: set[Place] = set()
    for step in leaves(steps):
        nest = divisible_nest(step, width) if isinstance(step, Run) else None
        if isinstance(step, Run) and nest is not None and not choose(nest, width).by_columns:
            rows = rows_of_places(step, nest)
            of_rows = (place for place in step.reads if rows.get(place.joined) is not None and place.root in written)
            if any(place.bytes >= ROWS_BYTES or place.root in found for place in of_rows):
                found |= {place.root for place in step.writes}
    return found


def _spread(program: Program, shares: Shares, width: int) -> None:
    """Find the loops whose steps are worth being shared out, outermost first."""
    users: dict[Place, set[Step]] = {}
    loops: list[Repeat] = []

    def walk(steps: Sequence[Step], inside: tuple[Step, ...]) -> None:
        for step in steps:
            if isinstance(step, Repeat) and step.independent and not any(loop in loops for loop in inside):
                calls_back = any(isinstance(one, Evaluate) for one in leaves(step.body))
                if step.length > 1 and not calls_back and _nanoseconds([step], width) >= WORTH_THREADS:
                    loops.append(step)
            within = next((loop for loop in (*inside, step) if loop in loops), program)
            for place in (one.root for group in accesses(step) for one in group):
                users.setdefault(place, set()).add(within)  # type: ignore[arg-type]
            for block in blocks(step):
                walk(block, (*inside, step))

    walk(program.steps, ())
    for loop in loops:
        shares.spread[loop] = {place for place, by in users.items() if by == {loop} and place.kind == "local"}
        written = {place.root for step in leaves(loop.body) for place in accesses(step)[1]}
        shares.own -= written - shares.spread[loop]  # what several threads write parts of, they write in one memory


def scratch_of(step: Run, width: int) -> int:
    """The bytes that a kernel works in, in whole cache lines."""
    nests = [nest for nest in map(recognise, step.kernel.body) if nest is not None]
    return max((-(-panel_bytes(nest, choose(nest, width)) // 128) * 128 for nest in nests), default=0)


# ------------------------------------------------------------------------------------------------------------- costs


def _nanoseconds(steps: Sequence[Step], width: int) -> float:
    """About how long the steps take in one thread."""
    total = 0.0
    for step in steps:
        match step:
            case Run():
                total += run_nanoseconds(step, width)
            case Copy():
                total += step.target.bytes / 10
            case Evaluate():
                total += 5_000
            case Call():
                total += 5 * sum(place.bytes for place in step.reads)
            case Branch():
                total += max(_nanoseconds(step.then, width), _nanoseconds(step.otherwise, width))
            case Repeat():
                total += step.length * _nanoseconds(step.body, width)
            case While():
                times = min(_UNKNOWN_STEPS, _UNKNOWN_STEPS if step.steps is None else step.steps)
                total += times * (_nanoseconds(step.condition, width) + _nanoseconds(step.body, width))
    return total


def run_nanoseconds(step: Run, width: int) -> float:
    """About how long a kernel takes in one thread."""
    total, most = 5.0, 0
    for statement in step.kernel.body:
        nest = recognise(statement)
        if nest is None:
            most = max((place.bytes for place in step.places), default=0)
            total += most / 2
            continue
        most = max(most, nest.domain * max((scalar.dtype.itemsize for scalar in nest.values), default=8))
        vector = max(1, width // max((scalar.dtype.itemsize for scalar in nest.values), default=8))
        results = math.prod(axis.extent for axis in nest.outer) / vector
        total += results * sum(1 + weigh(store.value) for store in nest.stores) * _NANOSECONDS_A_RESULT
        if nest.fold is not None:
            total += nest.domain / vector * (1 + weigh(nest.fold.value)) * _NANOSECONDS_A_STEP
    touched = sum({place.joined: min(place.joined.bytes, most) for place in step.places}.values())
    return max(total, touched * (_NANOSECONDS_A_FAR_BYTE if touched >= FAR_BYTES else _NANOSECONDS_A_BYTE))


# ---------------------------------------------------------------------------------------------------------- barriers


class _Walk:
    """Goes through the steps in order and remembers what was touched since the threads last met."""

    def __init__(self, shares: Shares, width: int, fault: Place) -> None:
        self.shares, self.width, self.fault = shares, width, fault
        self.touched = Touched()
        self.written: dict[Place, Touch] = {}
        """Who wrote a place last."""

    def steps(self, steps: Sequence[Step]) -> None:
        """Decide for each step of a block."""
        for step in steps:
            self._step(step)

    def _step(self, step: Step) -> None:
        way, touches = self._touches(step)
        self.shares.ways[step], self.shares.touches[step] = way, touches
        self._meet(step, [1] if _is_loop(step) else self._waits(touches))
        self.touched.add(touches)
        self.written |= {one.place.root: one for one in touches if one.writes}
        if isinstance(step, Branch):
            start = Touched(self.touched)
            self._block(step, step.then, True)
            after, self.touched = self.touched, start
            self._block(step, step.otherwise, False)
            self.touched.add(after)
        elif step in self.shares.spread:
            self.shares.after.add(step)
            self.touched = Touched()
        elif _is_loop(step):
            for block in blocks(step):
                self.steps(block)
            if self.touched and not (isinstance(step, Repeat) and self._is_awaited(step.body)):
                self.shares.after.add(step)
                self.touched = Touched()

    def _block(self, branch: Branch, steps: list[Step], holds: bool) -> None:
        """One block of a branch. What follows a long one waits in it, so that it need not after the other."""
        self.steps(steps)
        if self.touched and _nanoseconds(steps, self.width) >= WORTH_MEETING:
            self.shares.at_end.add((branch, holds))
            self.touched = Touched()

    def _is_awaited(self, steps: Sequence[Step]) -> bool:
        """Whether steps, whose barriers are decided, wait for what is touched now, too, wherever they have to."""
        for step in steps:
            if _is_loop(step):
                return self.shares.before.get(step) == 1
            needs, meets = self._waits(self.shares.touches[step]), self.shares.before.get(step, 0)
            if needs and (not meets or math.gcd(*needs) % meets):
                return False
            if meets == 1:
                return True
            if not all(map(self._is_awaited, blocks(step))):
                return False
        return True

    def _meet(self, step: Step, needs: Sequence[int]) -> None:
        if not needs or not self.touched:
            return
        divisors = math.gcd(*needs)
        self.shares.before[step] = divisors
        if divisors == 1:
            self.touched = Touched()

    def _waits(self, touches: Sequence[Touch]) -> list[int]:
        """For which numbers of threads touches must not wait for earlier ones: for each, the divisors of this."""
        waits = [
            new.agreement(old) if new.way == "one" or same_memory(new.place, old.place) else 1
            for new in touches
            for old in self.touched.overlapping(new.place)
            if new.writes or old.writes
        ]
        return [divisors for divisors in waits if divisors]

    def _touches(self, step: Step) -> tuple[Way, list[Touch]]:
        reads, writes = accesses(step)
        shared_writes = [
            place for place in writes if place.root not in self.shares.own and place.root is not self.fault
        ]
        way: Way = "one" if shared_writes or isinstance(step, Evaluate | Call) else "each"
        rows: dict[Place, Rows | None] = {}
        if isinstance(step, Run) and len(shared_writes) == len([p for p in writes if p.root is not self.fault]):
            nest = divisible_nest(step, self.width) if shared_writes else None
            if nest is not None:
                own = {} if choose(nest, self.width).by_columns else rows_of_places(step, nest)
                if self._is_worth_splitting(step, own):
                    way, rows = "split", own
        found = [Touch(place.joined, way, rows.get(place.joined), False) for place in reads]
        found += [Touch(place.joined, way, rows.get(place.joined), True) for place in writes]
        return way, [one for one in found if self._is_common(one.place.root)]

    def _is_common(self, place: Place) -> bool:
        """Whether threads must wait for each other about a place: not if each has its own, or none ever writes it."""
        return place not in self.shares.own and place is not self.fault and place.kind in ("local", "output")

    def _is_worth_splitting(self, step: Run, rows: Mapping[Place, Rows | None]) -> bool:
        """Whether a step is long, or goes through rows that the threads have in their caches."""
        if run_nanoseconds(step, self.width) >= WORTH_SPLITTING:
            return True
        before = ((self.written.get(place.root), own) for place, own in rows.items() if own is not None)
        return any(one is not None and one.rows is not None and one.rows.extent == own.extent for one, own in before)


def _is_loop(step: Step) -> bool:
    return isinstance(step, Repeat | While)


def divisible_nest(step: Run, width: int) -> Nest | None:
    """The one nest of a kernel whose rows can be shared out."""
    nest = recognise(step.kernel.body[0]) if len(step.kernel.body) == 1 else None
    return nest if nest is not None and splits(nest, width) else None


def split_nest(step: Run, width: int) -> Nest | None:
    """The one nest of a kernel whose rows are worth sharing out, whoever has them."""
    return divisible_nest(step, width) if run_nanoseconds(step, width) >= WORTH_SPLITTING else None
