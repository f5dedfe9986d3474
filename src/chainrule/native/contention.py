"""When other programs want the processors too: a run in several threads then waits for the one that does not get any.

What a run computes does not depend on the number of its threads, so the number may follow from how the last runs went.
A run is judged by the time in which its first thread did not come on: when it was not running, and when it waited at
barriers for longer than a thread with a processor of its own takes.
"""

from __future__ import annotations

import time

WORTH_JUDGING = 1e-3  # seconds
_A_TURN = 0.3e-6  # seconds that the system takes to find that nobody else wants the processor
_TOO_MUCH = 0.25
_FIRST_REST, _LONGEST_REST = 0.05, 0.4  # seconds; threads of other libraries spin for 0.2 after their work


class Contention:
    """Decides whether a program's next run is done in several threads.

    >>> contention = Contention()
    >>> contention.judge(elapsed=0.05, running=0.02, yields=0)  # more than half of the time it was not running
    >>> contention.alone
    True
    """

    def __init__(self) -> None:
        self._rest = _FIRST_REST
        self._until = 0.0

    @property
    def alone(self) -> bool:
        """Whether one thread is better for now."""
        return time.monotonic() < self._until

    def judge(self, elapsed: float, running: float, yields: int) -> None:
        """Learn from a run: how long it took, how long its first thread was running, how often threads yielded."""
        if elapsed < WORTH_JUDGING:
            return
        if max(elapsed - running, yields * _A_TURN) > _TOO_MUCH * elapsed:
            self._until = time.monotonic() + self._rest
            self._rest = min(2 * self._rest, _LONGEST_REST)
        else:
            self._rest = _FIRST_REST
