"""Write `golden.txt` anew: `python -m tests.errors.regenerate`, from the root of the checkout."""

from __future__ import annotations

import os

os.environ["CHAINRULE_COMPILE"] = "off"  # as the tests have it

from tests.errors.examples import families
from tests.errors.meeting import GOLDEN, golden_text, meet_all


def regenerate() -> None:
    """Run all examples and write down what they say."""
    meetings = {family: meet_all(examples) for family, examples in families().items()}
    GOLDEN.write_text(golden_text(meetings), encoding="utf-8")
    print(f"{GOLDEN.name}: {sum(map(len, meetings.values()))} messages")


if __name__ == "__main__":
    regenerate()
