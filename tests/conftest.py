"""What holds for every test: Hypothesis draws the same examples in each run and is never failed by a slow machine, and
graphs are run by the evaluator unless `CHAINRULE_COMPILE=on` asks for machine code."""

import os

from hypothesis import settings

os.environ.setdefault("CHAINRULE_COMPILE", "off")
settings.register_profile("chainrule", deadline=None, derandomize=True)
settings.load_profile("chainrule")
