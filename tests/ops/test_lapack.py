"""Where LAPACK's functions are found, and which matrices are given to them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chainrule.ops import lapack
from chainrule.types import ArrayType


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    lapack.addresses.cache_clear()
    yield
    lapack.addresses.cache_clear()


def matrices(*shape: int) -> ArrayType:
    """A type."""
    return ArrayType(shape, np.dtype(float))


def test_scipy_has_every_function() -> None:
    pytest.importorskip("scipy")
    found = lapack.addresses()
    assert list(found) == list(lapack.SIGNATURES)
    assert len(set(found.values())) == len(found)


def test_without_scipy_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(lapack, "import_module", missing)
    assert lapack.addresses() == {}
    assert lapack.matrix_sizes(matrices(3, 3)) is None
    assert lapack.square_sizes(matrices(3, 3)) is None


def test_a_function_that_is_missing_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    whole = lapack.import_module
    monkeypatch.setattr(
        lapack,
        "import_module",
        lambda name: SimpleNamespace(
            __pyx_capi__={key: one for key, one in whole(name).__pyx_capi__.items() if key != "dgesdd"}
        ),
    )
    assert lapack.addresses() == {}


def test_a_function_of_another_signature_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    monkeypatch.setattr(lapack, "SIGNATURES", {**lapack.SIGNATURES, "gesv": "iidiidi"})
    assert lapack.addresses() == {}


def test_signatures_are_read() -> None:
    name = "__pyx_t_5scipy_6linalg_13cython_lapack_"
    assert lapack.letters_of(f"void (int *, char *, {name}d *, double *)") == "icdd"
    assert lapack.letters_of(f"void (int64_t *, {name}z *, int, {name}blas_int *)") == "????"
    assert lapack.letters_of("double (int *)") == "?"


def test_sizes() -> None:
    pytest.importorskip("scipy")
    assert lapack.matrix_sizes(matrices(2, 5, 3, 4)) == (10, 3, 4)
    assert lapack.matrix_sizes(matrices(3, 3), matrices(3, 2)) == (1, 3, 2)
    assert lapack.square_sizes(matrices(7, 3, 3), lower=True) == (7, 3)


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 3, 3), (1 << 15, 1 << 15)])
def test_what_is_empty_or_huge_is_left_to_numpy(shape: tuple[int, ...]) -> None:
    pytest.importorskip("scipy")
    assert lapack.matrix_sizes(matrices(*shape)) is None
    assert lapack.matrix_sizes(matrices(3, 3), matrices(3, 0)) is None
