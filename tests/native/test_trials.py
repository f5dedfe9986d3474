"""Which way is kept, by runs whose times are made up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest

from chainrule.native.contention import WORTH_JUDGING
from chainrule.native.trials import Trials, trials_of

Pace = Callable[[bool], float]


def steady(alone: float, together: float) -> Pace:
    """Seconds for a unit of work in one thread and in several."""
    return lambda is_alone: alone if is_alone else together


def ways(trials: Trials, pace: Pace, works: Iterable[float]) -> str:
    """Do runs of these amounts of work as the trials ask: how each was done, 1 for one thread and n for several."""
    done = ""
    for work in works:
        alone = trials.alone
        done += "1" if alone else "n"
        trials.note(alone, pace(alone) * work, work)
    return done


def test_the_faster_way_is_found_in_four_runs_and_kept() -> None:
    assert ways(Trials(), steady(0.005, 0.007), [1] * 30) == "n1n1" + 26 * "1"


def test_the_usual_way_is_kept_where_the_other_is_slower() -> None:
    assert ways(Trials(), steady(0.010, 0.006), [1] * 5) == "n1nnn"


@pytest.mark.parametrize("gain", [0.96, 1.0, 1.04])
def test_what_is_not_clearly_faster_is_not_chosen(gain: float) -> None:
    trials = Trials()
    ways(trials, steady(gain, 1.0), [0.002] * 1000)
    assert not trials.usual


def test_trials_take_a_small_part_of_the_time() -> None:
    done = ways(Trials(), steady(0.0020, 0.0010), [2] * 2000)
    assert 10 <= done.count("1") <= 2000 / 32 + 10
    assert "1" in done[-200:]


def test_a_long_run_is_not_tried_before_its_time() -> None:
    """With 10 ms and 1/64 of the time, 58 runs of 100 ms save enough for one."""
    done = ways(Trials(), steady(0.2, 0.1), [1] * 60)
    assert done.index("1") == 58
    assert done.count("1") == 1


def test_the_decision_is_taken_back_when_the_machine_changes() -> None:
    trials = Trials()
    ways(trials, steady(0.0010, 0.0013), [2] * 10)
    assert trials.usual
    assert ways(trials, steady(0.0020, 0.0012), [2] * 300).endswith("n" * 50)


def test_slices_that_grow_are_compared_by_their_work() -> None:
    """A slice is up to four times as long as the one before, and each takes a fixed time beside its steps."""
    growing = [1, 4, 16, 64, 256, 1024, *[2000] * 10]
    trials = Trials()
    for work in growing:
        alone = trials.alone
        trials.note(alone, 30e-6 + (24e-6 if alone else 30e-6) * work, work)
    assert trials.usual


def test_runs_of_much_different_work_are_not_compared() -> None:
    trials = Trials()
    ways(trials, steady(0.001, 0.002), [2, 20] * 50)
    assert not trials.usual


@pytest.mark.parametrize(("seconds", "work"), [(0.9 * WORTH_JUDGING, 1.0), (0.01, 0.0)], ids=["short", "unknown"])
def test_what_says_nothing_changes_nothing(seconds: float, work: float) -> None:
    trials = Trials()
    for _ in range(10):
        trials.note(trials.alone, seconds, work)
        assert not trials.alone


def test_one_slow_run_is_no_reason() -> None:
    trials = Trials()
    for slow in (1.0, 1.0, 2.0, 1.0, 1.0):
        trials.note(trials.alone, 0.002 * slow, 1.0)
    assert not trials.usual


def test_noise_seldom_chooses_the_slower_way() -> None:
    """One run of seven takes twice as long; one thread is a fifth slower."""
    chance = random.Random(3)
    chosen = 0
    for _ in range(300):
        trials = Trials()
        ways(trials, lambda alone: (1.2 if alone else 1.0) * (2 if chance.random() < 1 / 7 else 1), [0.002] * 10)
        chosen += trials.usual
    assert chosen <= 15


def test_a_disturbed_run_ends_the_trial() -> None:
    trials = Trials()
    ways(trials, steady(0.0010, 0.0013), [2] * 3)
    trials.forget()
    assert not trials.alone
    assert ways(trials, steady(0.0010, 0.0013), [2] * 3) == "n1n"


def test_runs_that_had_to_be_done_in_one_thread_are_compared_too() -> None:
    """While others take the processors, all runs are done in one thread, whatever the trials ask."""
    trials = Trials()
    for alone in (False, True, True, False, True, True):
        trials.note(alone, 0.05 if alone else 0.08, 1.0)
    assert trials.usual


def test_a_program_keeps_its_trials() -> None:
    assert trials_of(17) is trials_of(17)
    assert trials_of(17) is not trials_of(18)
