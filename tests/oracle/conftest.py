"""The oracle needs PyTorch, which no other test does: `make oracle` installs it."""

import importlib.util

import pytest


def pytest_configure(config):
    """Say what is missing, and pass nothing over in silence."""
    if importlib.util.find_spec("torch") is None:
        raise pytest.UsageError("tests/oracle compares with PyTorch, which is not installed: run `make oracle`.")
