"""What does not agree is not timed: faults are planted in one system's losses."""

import numpy as np
import pytest
from bench.agreement import DisagreementError, check_agreement

TRUE = np.linspace(2, 1, 20)


def test_rounding_agrees():
    noise = 1 + 3e-6 * np.sin(np.arange(20))
    assert 0 < check_agreement({"a": TRUE, "b": TRUE * noise, "c": TRUE}) < 1e-5


@pytest.mark.parametrize(("step", "fault"), [(0, 1.00002), (7, 1.0002), (19, 0.999), (3, np.nan), (0, np.inf)], ids=str)
def test_a_fault_in_one_step_of_one_system_is_refused(step, fault):
    wrong = TRUE.copy()
    wrong[step] *= fault
    with pytest.raises(DisagreementError, match=f"before update {step + 1}: a .*, b .*, c "):
        check_agreement({"a": TRUE, "b": wrong, "c": TRUE})


def test_the_first_loss_is_held_to_more():
    wrong = TRUE.copy()
    wrong[5] *= 1.00005
    assert check_agreement({"a": TRUE, "b": wrong}) > 1e-5


def test_losses_that_never_change_say_nothing_about_updates():
    with pytest.raises(DisagreementError, match="stays 2"):
        check_agreement({"a": np.full(3, 2.0), "b": np.full(3, 2.0)})


def test_zero_losses_are_refused():
    with pytest.raises(DisagreementError):
        check_agreement({"a": np.zeros(3), "b": np.zeros(3)})
