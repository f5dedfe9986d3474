"""Shapes: moving axes, joining, splitting, repeating, padding, diagonals and triangles."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from tests.oracle.pairs import alike, pair

_random = np.random.default_rng(6)
_windows = np.lib.stride_tricks.sliding_window_view


def _array(*shape: int) -> np.ndarray:
    return _random.normal(size=shape)


def identity(x):
    return x


A, B, C = _array(2, 3), _array(3), _array(2, 3, 4)

MOVED = [
    pair("numpy.reshape", lambda x: np.reshape(x, (3, -1)), lambda x: torch.reshape(x, (3, -1)), C),
    pair(
        "numpy.reshape",
        lambda x: np.reshape(x, (3, 2), order="F"),
        lambda x: x.T.reshape(2, 3).T,
        A,
        note="columns first",
    ),
    pair("numpy.ravel", np.ravel, torch.ravel, A),
    alike("flatten", lambda x: x.flatten(), A),
    pair("numpy.transpose", np.transpose, lambda x: x.permute(2, 1, 0), C),
    pair("numpy.transpose", lambda x: np.transpose(x, (1, -1, 0)), lambda x: x.permute(1, -1, 0), C, note="axes"),
    pair("numpy.matrix_transpose", np.matrix_transpose, lambda x: x.mT, C),
    pair("numpy.swapaxes", lambda x: np.swapaxes(x, 0, -1), lambda x: torch.swapaxes(x, 0, -1), C),
    pair("numpy.moveaxis", lambda x: np.moveaxis(x, (0, 2), (1, 0)), lambda x: torch.moveaxis(x, (0, 2), (1, 0)), C),
    pair("numpy.rollaxis", lambda x: np.rollaxis(x, 2), lambda x: torch.movedim(x, 2, 0), C),
    pair("numpy.expand_dims", lambda x: np.expand_dims(x, (0, -1)), lambda x: x[None, ..., None], A),
    pair("numpy.squeeze", np.squeeze, torch.squeeze, _array(1, 3, 1)),
    pair("numpy.squeeze", lambda x: np.squeeze(x, 0), lambda x: torch.squeeze(x, 0), _array(1, 3, 1), note="axis"),
    pair(
        "numpy.broadcast_to",
        lambda x: np.broadcast_to(x, (4, 2, 3)),
        lambda x: torch.broadcast_to(x, (4, 2, 3)),
        _array(2, 1),
    ),
    pair(
        "numpy.broadcast_arrays", np.broadcast_arrays, lambda *xs: tuple(torch.broadcast_tensors(*xs)), _array(2, 1), B
    ),
    pair("numpy.meshgrid", np.meshgrid, lambda *xs: torch.meshgrid(*xs, indexing="xy"), _array(2), B),
    pair("numpy.atleast_1d", np.atleast_1d, torch.atleast_1d, _array()),
    pair("numpy.atleast_2d", np.atleast_2d, torch.atleast_2d, B),
    pair("numpy.atleast_3d", np.atleast_3d, torch.atleast_3d, A),
    pair("numpy.flip", lambda x: np.flip(x, (0, -1)), lambda x: torch.flip(x, (0, -1)), C),
    pair("numpy.fliplr", np.fliplr, torch.fliplr, A),
    pair("numpy.flipud", np.flipud, torch.flipud, A),
    *(
        pair("numpy.rot90", lambda x, k=k: np.rot90(x, k), lambda x, k=k: torch.rot90(x, k), A, note=f"{k}")
        for k in (1, 2, -1)
    ),
    pair("numpy.roll", lambda x: np.roll(x, 2), lambda x: torch.roll(x, 2), A),
    pair(
        "numpy.roll", lambda x: np.roll(x, (1, 4), axis=(0, 1)), lambda x: torch.roll(x, (1, 4), (0, 1)), A, note="axes"
    ),
]
JOINED = [
    pair("numpy.concatenate", lambda x, y: np.concatenate([x, y]), lambda x, y: torch.cat([x, y]), A, _array(1, 3)),
    pair(
        "numpy.concatenate",
        lambda x, y: np.concatenate([x, y, x], 1),
        lambda x, y: torch.cat([x, y, x], 1),
        A,
        _array(2, 1),
        note="axis",
    ),
    pair(
        "numpy.stack",
        lambda x, y: np.stack([x, y, x], axis=-1),
        lambda x, y: torch.stack([x, y, x], -1),
        A,
        _array(2, 3),
    ),
    pair("numpy.vstack", lambda x, y: np.vstack([x, y]), lambda x, y: torch.vstack([x, y]), B, A),
    pair("numpy.hstack", lambda x, y: np.hstack([x, y]), lambda x, y: torch.hstack([x, y]), A, _array(2, 1)),
    pair("numpy.dstack", lambda x, y: np.dstack([x, y]), lambda x, y: torch.dstack([x, y]), B, _array(1, 3)),
    pair(
        "numpy.column_stack",
        lambda x, y: np.column_stack([x, y]),
        lambda x, y: torch.column_stack([x, y]),
        B,
        _array(3, 2),
    ),
    pair(
        "numpy.block",
        lambda x, y: np.block([[x, y], [y, x]]),
        lambda x, y: torch.cat([torch.cat([x, y], 1), torch.cat([y, x], 1)]),
        _array(2, 2),
        _array(2, 2),
    ),
    pair("numpy.append", lambda x, y: np.append(x, y, axis=0), lambda x, y: torch.cat([x, y]), A, _array(1, 3)),
    pair(
        "numpy.insert",
        lambda x, y: np.insert(x, 1, y, axis=1),
        lambda x, y: torch.cat([x[:, :1], y[:, None], x[:, 1:]], 1),
        A,
        _array(2),
    ),
    pair("numpy.delete", lambda x: np.delete(x, 1, axis=1), lambda x: torch.cat([x[:, :1], x[:, 2:]], 1), A),
    pair("numpy.split", lambda x: np.split(x, 3, axis=1), lambda x: torch.tensor_split(x, 3, 1), A),
    pair(
        "numpy.split",
        lambda x: np.split(x, [1, 3], axis=2),
        lambda x: torch.tensor_split(x, (1, 3), 2),
        C,
        note="places",
    ),
    pair("numpy.array_split", lambda x: np.array_split(x, 3), lambda x: torch.tensor_split(x, 3), _array(7)),
    pair("numpy.hsplit", lambda x: np.hsplit(x, 3), lambda x: torch.hsplit(x, 3), A),
    pair("numpy.vsplit", lambda x: np.vsplit(x, 2), lambda x: torch.vsplit(x, 2), A),
    pair("numpy.dsplit", lambda x: np.dsplit(x, 2), lambda x: torch.dsplit(x, 2), C),
]
if hasattr(np, "unstack"):  # NumPy 2.1
    JOINED += [pair("numpy.unstack", lambda x: np.unstack(x, axis=1), lambda x: torch.unbind(x, 1), A)]
REPEATED = [
    pair("numpy.tile", lambda x: np.tile(x, (2, 1, 3)), lambda x: torch.tile(x, (2, 1, 3)), A),
    pair("numpy.repeat", lambda x: np.repeat(x, 3, axis=1), lambda x: torch.repeat_interleave(x, 3, 1), A),
    pair(
        "numpy.repeat",
        lambda x: np.repeat(x, [2, 0, 1], 1),
        lambda x: torch.repeat_interleave(x, torch.tensor([2, 0, 1]), 1),
        A,
        note="counts",
    ),
    pair(
        "numpy.pad",
        lambda x: np.pad(x, ((1, 0), (2, 3)), constant_values=4.0),
        lambda x: F.pad(x, (2, 3, 1, 0), value=4.0),
        A,
    ),
    *(
        pair(
            "numpy.pad",
            lambda x, m=ours: np.pad(x, ((0, 0), (2, 1)), m),
            lambda x, m=theirs: F.pad(x, (2, 1), m),
            _array(2, 4),
            note=ours,
        )
        for ours, theirs in (("edge", "replicate"), ("reflect", "reflect"), ("wrap", "circular"))
    ),
    pair("numpy.diag", lambda x: np.diag(x, 2), lambda x: torch.diag(x, 2), B),
    pair("numpy.diag", lambda x: np.diag(x, -1), lambda x: torch.diag(x, -1), _array(3, 4), note="of a matrix"),
    pair("numpy.diagonal", lambda x: np.diagonal(x, 1, 2, 0), lambda x: torch.diagonal(x, 1, 2, 0), C),
    pair("numpy.diagflat", lambda x: np.diagflat(x, 1), lambda x: torch.diagflat(x, 1), A),
    pair("numpy.tril", lambda x: np.tril(x, -1), lambda x: torch.tril(x, -1), C),
    pair("numpy.triu", np.triu, torch.triu, _array(3, 4)),
    pair(
        "numpy.lib.stride_tricks.sliding_window_view",
        lambda x: _windows(x, 2, axis=1),
        lambda x: x.unfold(1, 2, 1),
        _array(2, 4),
    ),
]
PAIRS = [*MOVED, *JOINED, *REPEATED]
