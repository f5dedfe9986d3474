"""When other programs want the processors too: a run in several threads then waits for the one that does not get any.

What a run computes does not depend on the number of its threads, so the number may follow from how the last runs went.
A run is judged by the part of its threads' time in which they were running, beside the best that the program has had:
some have work for all threads only for a while. (Threads that wait for one another run: whether a program makes them
wait too much is what `trials.py` finds out.)
"""

from __future__ import annotations

import time
from collections.abc import Callable

WORTH_JUDGING = 1e-3  # seconds
_TOO_LITTLE = 0.85
_FIRST_REST, _LONGEST_REST = 0.05, 0.4  # seconds; threads of other libraries spin for 0.2 after their work


class Contention:
    """Decides whether a program's next run is done in several threads.

    >>> contention = Contention(clock=lambda: 7.0)
    >>> contention.judge(elapsed=0.03, running=0.06, threads=2)
    False
    >>> contention.judge(elapsed=0.05, running=0.06, threads=2)  # 0.04 s of two processors went to others
    True
    >>> contention.alone
    True
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rest = _FIRST_REST
        self._until = float("-inf")
        self._best = 0.0

    @property
    def alone(self) -> bool:
        """Whether one thread is better for now."""
        return self._clock() < self._until

    def judge(self, elapsed: float, running: float, threads: int) -> bool:
        """Learn from a run: how long it took, and how long all of its threads together were running.

        The answer is whether others took the processors.
        """
        if elapsed < WORTH_JUDGING:
            return False
        part = min(1.0, running / (threads * elapsed))  # other threads of this process count, too
        self._best = max(self._best, part)
        taken = part < _TOO_LITTLE * self._best
        if taken:
            self._until = self._clock() + self._rest
        self._rest = min(2 * self._rest, _LONGEST_REST) if taken else _FIRST_REST
        return taken
