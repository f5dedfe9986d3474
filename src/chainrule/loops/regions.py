"""Which elements of a buffer a statement touches, as boxes that follow the statement out of its loops.

A box has a span on each axis: all numbers from the largest of its lows to the smallest of its highs, which are linear
forms in the indices in scope. Two questions are asked of boxes, and they err on opposite sides: `certainly` gives
elements that were touched for sure, `possibly` gives all that may have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chainrule.loops.bounds import Bounds, Linear, is_lasting, linear, operands_of
from chainrule.loops.nest import For
from chainrule.loops.scalar import Index, Load, Scalar, in_order


@dataclass(frozen=True, slots=True)
class Span:
    """The numbers that are at least every low and at most every high."""

    lows: tuple[Linear, ...]
    highs: tuple[Linear, ...]

    @property
    def forms(self) -> tuple[Linear, ...]:
        """All its ends."""
        return *self.lows, *self.highs


Box = tuple[Span, ...]


def whole(shape: Sequence[int]) -> Box:
    """The box of all elements."""
    return tuple(Span((Linear({}, 0),), (Linear({}, length - 1),)) for length in shape)


def point(indices: Sequence[Scalar]) -> Box:
    """The box of one element."""
    return tuple(Span((form,), (form,)) for form in map(linear, indices))


def depends_on_memory(indices: Sequence[Scalar]) -> bool:
    """Whether the indices are themselves read from buffers."""
    return any(isinstance(scalar, Load) for scalar in in_order(indices))


def covers(box: Box, other: Box, bounds: Bounds) -> bool:
    """Whether every element of `other`, whose spans have one low and one high, is proved to be in `box`."""
    return all(
        all(bounds.holds(low - theirs.lows[0]) for low in span.lows)
        and all(bounds.holds(theirs.highs[0] - high) for high in span.highs)
        for span, theirs in zip(box, other, strict=True)
    )


def apart(box: Box, other: Box, bounds: Bounds) -> bool:
    """Whether two boxes are proved to share no element."""
    return any(
        _below(mine, theirs, 1, bounds) or _below(theirs, mine, 1, bounds)
        for mine, theirs in zip(box, other, strict=True)
    )


def apart_in_iterations(box: Box, other: Box, index: Index, bounds: Bounds) -> bool:
    """Whether what two boxes hold in different iterations of a loop is proved to share no element.

    On some axis both move by the same stride with each iteration, and lie together within less than that stride.
    """
    for mine, theirs in zip(box, other, strict=True):
        for stride in {form.factor(index) or 0 for form in mine.lows} - {0}:
            one, another = (_moving(span, index, stride) for span in (mine, theirs))
            if _below(one, another, 1 - abs(stride), bounds) and _below(another, one, 1 - abs(stride), bounds):
                return True
    return False


def _moving(span: Span, index: Index, stride: int) -> Span:
    """The ends of a span that move by this stride."""
    lows = tuple(form for form in span.lows if form.factor(index) == stride)
    return Span(lows, tuple(form for form in span.highs if form.factor(index) == stride))


def _below(span: Span, other: Span, gap: int, bounds: Bounds) -> bool:
    """Whether a span ends by at least this much before another begins."""
    return any(bounds.holds(high - low + gap) for high in span.highs for low in other.lows)


def certainly(box: Box, loop: For, bounds: Bounds) -> Box | None:
    """The elements that are touched for sure once a loop has ended, if each of its iterations touches the box."""
    moving = [axis for axis, span in enumerate(box) if any(form.factor(loop.index) != 0 for form in span.forms)]
    runs = bounds.holds(linear(loop.start) + 1 - linear(loop.stop))
    if not moving:
        return box if runs else None
    if len(moving) > 1:
        return None  # a diagonal
    span = _swept(box[moving[0]], loop, bounds, runs)
    return None if span is None else tuple(span if axis == moving[0] else one for axis, one in enumerate(box))


def _swept(span: Span, loop: For, bounds: Bounds, runs: bool) -> Span | None:
    """The union of a span over a loop, if it has no gaps: one low and one high may move, at one stride."""
    lows = [form for form in span.lows if form.factor(loop.index) != 0]
    highs = [form for form in span.highs if form.factor(loop.index) != 0]
    stride = (lows or highs)[0].factor(loop.index)
    if len(lows) > 1 or len(highs) > 1 or stride is None:
        return None
    tight = False
    if lows and highs:
        gap = lows[0] + abs(stride) - highs[0] - 1  # from the end of one iteration to the start of the next
        tight = gap == Linear({}, 0)
        if highs[0].factor(loop.index) != stride or not bounds.holds(gap):
            return None
    if not tight and not runs:
        return None  # a loop without iterations would seem to touch what laps over
    first = operands_of(loop.start, "maximum")
    last = [end - 1 for end in operands_of(loop.stop, "minimum")]
    if not all(map(is_lasting, (*first, *last))):
        return None
    if stride < 0:
        first, last = last, first
    return Span(_replaced(span.lows, lows, loop.index, first), _replaced(span.highs, highs, loop.index, last))


def _replaced(forms: Iterable[Linear], moving: list[Linear], index: Index, values: list[Linear]) -> tuple[Linear, ...]:
    """The forms, those that move with the index taken at each of these values of it."""
    still = (form for form in forms if form not in moving)
    return *still, *(form.at(index, value) for form in moving for value in values)


def possibly(box: Box, loop: For, bounds: Bounds) -> Box:
    """A box around all that the iterations of a loop touch; `bounds` are those of its body."""
    least, most = (Linear({}, end) for end in bounds.ranges[loop.index])
    first = [form for form in operands_of(loop.start, "maximum") if is_lasting(form)] or [least]
    last = [form - 1 for form in operands_of(loop.stop, "minimum") if is_lasting(form)] or [most]

    def moved(forms: tuple[Linear, ...], upwards: bool) -> tuple[Linear, ...]:
        ends = []
        for form in forms:
            factor = form.factor(loop.index)
            if factor is None:
                ends.append(Linear({}, bounds.of(form)[upwards]))
            elif factor == 0:
                ends.append(form)
            else:
                ends += [form.at(loop.index, end) for end in (last if (factor > 0) == upwards else first)]
        return tuple(ends)

    return tuple(Span(moved(span.lows, False), moved(span.highs, True)) for span in box)


def clipped(box: Box, facts: Iterable[Linear]) -> Box | None:
    """The elements of a box that are touched where forms are not positive, if some axis can say so.

    On an axis where the box is at a single place p, the form f is not positive just where p is at most p - f, and just
    where p is at least p + f: whichever of these bounds the index has dropped out of becomes an end of the span.
    """
    spans = list(box)
    for fact in facts:
        for axis, span in enumerate(spans):
            place = span.lows[0]
            if place not in span.highs:
                continue
            moving = place.terms.keys()
            if moving and not moving & (place - fact).terms.keys():
                spans[axis] = Span(span.lows, (*span.highs, place - fact))
                break
            if moving and not moving & (place + fact).terms.keys():
                spans[axis] = Span((*span.lows, place + fact), span.highs)
                break
        else:
            return None
    return tuple(spans)


def joined(boxes: Iterable[Box], box: Box, bounds: Bounds) -> list[Box]:
    """The boxes and one more, which is made one with those that it continues on one axis and equals on the others."""
    kept: list[Box] = []
    for other in boxes:
        union = _union(other, box, bounds)
        if union is None:
            kept.append(other)
        else:
            box = union
    return [*kept, box]


def _union(box: Box, other: Box, bounds: Bounds) -> Box | None:
    differing = [axis for axis, (mine, theirs) in enumerate(zip(box, other, strict=True)) if mine != theirs]
    if not differing:
        return box
    axis = differing[0]
    if len(differing) > 1 or any(len(span.forms) != 2 for span in (box[axis], other[axis])):
        return None
    for before, after in ((box[axis], other[axis]), (other[axis], box[axis])):
        (low, high), (next_low, next_high) = before.forms, after.forms
        if all(map(bounds.holds, (next_low - high - 1, low - next_low, high - next_high))):  # no gap between them
            return (*box[:axis], Span(before.lows, after.highs), *box[axis + 1 :])
    return None
