"""What holds for every test: Hypothesis draws the same examples in each run and is never failed by a slow machine."""

from hypothesis import settings

settings.register_profile("chainrule", deadline=None, derandomize=True)
settings.load_profile("chainrule")
