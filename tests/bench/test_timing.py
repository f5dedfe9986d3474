"""Interleaving, calibration and ratios, on systems whose times are made up."""

import pytest
from bench.timing import MOST_STEPS, Effort, calibrate, interleave, per_step, ratio, ratio_to_fastest, spread


class Clockwork:
    """A system that takes what it is told to take, and writes down when it was asked."""

    def __init__(self, name, seconds_a_step, log, models=1):
        self.name, self.seconds_a_step, self.log, self.models = name, seconds_a_step, log, models

    def measure(self, steps):
        self.log.append(self.name)
        return steps, steps * self.seconds_a_step


def test_systems_take_turns_and_each_round_begins_with_another():
    log = []
    times = interleave([Clockwork("a", 1.0, log), Clockwork("b", 2.0, log)], Effort(3, 0.5))
    assert "".join(log)[-6:] == "abbaab"
    assert times == {"a": [1e6] * 3, "b": [2e6] * 3}


def test_calibration_finds_enough_steps():
    steps = calibrate(Clockwork("a", 1e-5, []), 0.3)
    assert 0.2 <= steps * 1e-5 <= 0.7


def test_calibration_ends_for_what_takes_no_time():
    assert calibrate(Clockwork("a", 0.0, []), 0.3) == MOST_STEPS


def test_the_time_is_that_of_a_step_and_model():
    assert per_step(Clockwork("a", 1.0, [], models=4), 10) == 0.25e6


def test_a_negative_difference_is_taken_anew_and_then_refused():
    answers = [(1, -1.0), (1, 0.0), (1, 2.0)]
    system = Clockwork("a", 1.0, [])
    system.measure = lambda steps: answers.pop(0)
    assert per_step(system, 1) == 2e6
    with pytest.raises(ArithmeticError, match="no measurable time"):
        per_step(Clockwork("a", -1.0, []), 1)


def test_ratios_are_taken_within_a_round():
    times = {"ours": [1.0, 10.0, 1.0], "a": [2.0, 20.0, 2.0], "b": [4.0, 4.0, 4.0]}
    assert ratio(times, "ours", "a") == 0.5
    assert ratio_to_fastest(times, "ours", ["a", "b", "absent"]) == (0.5, "a")
    assert spread(times["ours"]) == 9.0
