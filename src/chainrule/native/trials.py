"""Is a program faster in one thread or in several? The model of `gain.py` guesses, and now and then a run finds out.

What a run computes does not depend on the number of its threads, so the way it is done may follow from what was timed.
A trial does runs in turn the usual way and the other, and compares the time for a unit of work with that of the run
before. The first comparison in which the other way is not clearly faster ends it, most often after one run; three in a
row make the other way the usual one. Of three, a drift of the machine's speed or the fixed cost of a run cannot favour
all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from chainrule.native.contention import WORTH_JUDGING

_CLEARLY = 0.95
_AGREEING = 3
_COMPARABLE = 4  # times the work: a slice of a training run may have so many times that of the one before
_FIRST_CREDIT, _PART_FOR_TRIALS = 0.01, 1 / 64
_MOST_KEPT = 1024


class _Timed(NamedTuple):
    alone: bool
    pace: float
    """Seconds for a unit of work."""
    work: float


class Trials:
    """Decides whether one thread does a program's next run.

    Trials may take 1/64 of the time, and 10 ms at first: one begins when that is more than a run takes.

    >>> trials = Trials()
    >>> for _ in range(4):
    ...     trials.note(trials.alone, seconds=0.002 if trials.alone else 0.003, work=100)
    >>> trials.alone
    True
    """

    def __init__(self) -> None:
        self.usual = self.alone = False
        self._credit = _FIRST_CREDIT
        self._before: _Timed | None = None
        self._agreed = 0

    def note(self, alone: bool, seconds: float, work: float) -> None:
        """Learn from a run: whether it was done in one thread, how long it took, and how much there was to do.

        It need not be done as `alone` asks.
        """
        if seconds < WORTH_JUDGING or work <= 0:
            return
        tried = alone == self.alone != self.usual
        self._credit += -seconds if tried else seconds * _PART_FOR_TRIALS
        before, run = self._before, _Timed(alone, seconds / work, work)
        self._before = run
        if before is not None and before.alone != alone:
            self._compare(*((before, run) if alone != self.usual else (run, before)))
            begins = False
        else:
            begins = alone == self.usual and self._credit >= seconds
        self.alone = not alone if self._agreed else self.usual != begins

    def _compare(self, usual: _Timed, other: _Timed) -> None:
        """Learn from two runs that were done differently."""
        most, least = max(usual.work, other.work), min(usual.work, other.work)
        faster = other.pace < _CLEARLY * usual.pace and most <= _COMPARABLE * least
        self._agreed = self._agreed + 1 if faster else 0
        if self._agreed == _AGREEING:
            self.usual, self._agreed = not self.usual, 0

    def forget(self) -> None:
        """End a trial: other programs took the processors, so the last run says nothing."""
        self._before, self._agreed, self.alone = None, 0, self.usual


@lru_cache(_MOST_KEPT)
def trials_of(program: int) -> Trials:
    """The trials of a program of this hash, for all who run it: a model that is trained again is not tried again."""
    return Trials()
