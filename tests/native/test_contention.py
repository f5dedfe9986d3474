"""When the processors are wanted by others, on a clock that stands where the test puts it."""

from __future__ import annotations

import pytest

from chainrule.native.contention import WORTH_JUDGING, Contention


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("running", "threads", "taken"),
    [(0.1, 2, False), (0.086, 2, False), (0.084, 2, True), (0.05, 2, True), (0.18, 4, False), (0.16, 4, True)],
)
def test_the_processors_are_taken_where_threads_do_not_run(running: float, threads: int, taken: bool) -> None:
    contention = Contention(Clock())
    assert not contention.judge(0.05, 0.05 * threads, threads)
    assert contention.judge(0.05, running, threads) is taken
    assert contention.alone is taken


def test_a_program_that_has_not_work_for_all_threads_is_not_disturbed() -> None:
    contention = Contention(Clock())
    assert not any(contention.judge(0.05, running, 2) for running in (0.06, 0.065, 0.06, 0.2))
    assert contention.judge(0.05, 0.06, 2)  # it has had work for all


def test_a_short_run_says_nothing() -> None:
    contention = Contention(Clock())
    assert not contention.judge(0.9 * WORTH_JUDGING, 0.0, 2)
    assert not contention.alone


def test_rests_double_up_to_a_bound_and_begin_anew_after_a_good_run() -> None:
    clock = Clock()
    contention = Contention(clock)

    assert not contention.judge(0.05, 0.1, 2)

    def rest() -> float:
        contention.judge(0.05, 0.05, 2)
        began = clock.now
        while contention.alone:
            clock.now += 0.01
        return clock.now - began

    assert [rest() for _ in range(5)] == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.4], abs=0.011)
    assert not contention.judge(0.05, 0.1, 2)
    assert rest() == pytest.approx(0.05, abs=0.011)
