"""Functions that exercise the compiler, each with its arguments: what the tests of passes and of code run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from tests.lower.running import numbers

Program = tuple[Callable[..., Any], tuple[Any, ...]]
A, B, C = numbers(7, 5), numbers(5, 9, seed=1), numbers(7, 9, seed=2)
ROW, COLUMN = numbers(5, seed=3), numbers(7, 1, seed=4)
CUBE = numbers(3, 4, 5, dtype=np.float64)
WHOLE = numbers(6, 7, dtype=np.int64)
TRUTH = numbers(7, 5, dtype=bool)
PLACES = np.array([[3, 0], [6, 6], [-1, 2]])
LONG = numbers(70, 3)


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) over its sum."""
    e = np.exp(x - np.max(x, axis, keepdims=True))
    return e / np.sum(e, axis, keepdims=True)


def swap(x: Any) -> Any:
    """Carries that change places in each step."""
    return cr.scan(lambda c, s: ((c[1], c[0] + s), c[0] * c[1]), (x[0], x[1]), x)


def rotate(x: Any) -> Any:
    """Three carries that move on by one."""
    return cr.scan(lambda c, s: ((c[1], c[2], c[0] * 0.5 + s), c[2]), (x[0], x[1], x[2]), x)


def shift(x: Any) -> Any:
    """A carry that is shifted in place: each element is read where another is written."""
    return cr.scan(lambda c, s: (np.concatenate([c[1:], c[:1] + s[:1]]), c[0]), x[0], x)


def reversal(x: Any) -> Any:
    """A carry that is turned round in each step."""
    return cr.scan(lambda c, s: (c[::-1] * 0.5 + s, c), x[0], x)


def nested(x: Any) -> Any:
    """A loop in a loop, whose carry is the outer one's."""

    def outer(c: Any, s: Any) -> Any:
        inner, ys = cr.scan(lambda d, t: (np.tanh(d + t), d * t), c, np.stack([s, c, s]))
        return inner, (ys, c)

    return cr.scan(outer, x[0], x)


def branches(x: Any) -> Any:
    """Branches in a loop; one hands its operand on, the other changes it."""

    def step(c: Any, s: Any) -> Any:
        one, two = c
        one, two = cr.cond(np.sum(s) > 0, lambda u, v: (v, u), lambda u, v: (u * 0.5, v + s), one, two)
        return (one, two), one - two

    return cr.scan(step, (x[0], x[1]), x)


def backwards(x: Any) -> Any:
    """A loop from the last slice to the first, which gives back its slices."""

    def step(c: Any, s: Any) -> Any:
        return c * 0.9 + s, (s, c)

    return cr.scan(step, x[0] * 0, x, reverse=True)


def fixed_point(x: Any) -> Any:
    """A loop that ends when its numbers say so."""
    return cr.while_loop(lambda c: np.sum(c[0] * c[0]) > 0.1, lambda c: (c[1] * 0.5, c[0]), (x, x * 0.7))


def bounded(x: Any) -> Any:
    """A loop that ends after a number of steps."""
    return cr.while_loop(lambda c: np.max(c) < 1e9, lambda c: c * 3.0 - 1, x * x, max_steps=5)


def adam(w: Any, x: Any, y: Any) -> Any:
    """Training: a scan over gradients and updates of two parameters with moments."""
    loss = cr.grad(lambda w, x, y: np.mean((np.tanh(x @ w[0]) @ w[1] - y) ** 2))

    def step(state: Any, pair: Any) -> Any:
        w, m, v, t = state
        g = loss(w, *pair)
        t = t + 1
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        v = [0.99 * a + 0.01 * b * b for a, b in zip(v, g, strict=True)]
        new = [
            a - 0.05 * (b / (1 - 0.9**t)) / (np.sqrt(c / (1 - 0.99**t)) + 1e-6) for a, b, c in zip(w, m, v, strict=True)
        ]
        return (new, m, v, t), np.sum(new[0])

    zeros = [a * 0 for a in w]
    return cr.scan(step, (w, zeros, zeros, 0.0), (x, y))


def conv(x: Any, w: Any) -> Any:
    """A padded convolution, and what follows it."""
    return np.maximum(cr.nn.convolve(x, w, padding=((1, 1), (0, 2)), stride=(1, 2)), 0)


def pooled(w: Any, x: Any, y: Any) -> Any:
    """The loss of a small net: a padded convolution, a pool, a layer."""
    h = cr.nn.max_pool(np.maximum(cr.nn.convolve(x, w[0], padding=1), 0), 2)
    return np.mean((h.reshape(len(x), -1) @ w[1] - y) ** 2)


PROGRAMS: dict[str, Program] = {
    "chain": (lambda x: np.sin(x) * 2 + np.exp(-x), (A,)),
    "shared term": (lambda x: (np.exp(x), np.exp(x) + 1, np.exp(x) * x), (A,)),
    "broadcast": (lambda x, r, c: np.maximum(x * r, c) - c * r, (A, ROW, COLUMN)),
    "transposed": (lambda x: (x.T * 2, x.T), (A,)),
    "moved axes": (lambda x: (np.moveaxis(x, 0, 2), np.transpose(x, (2, 0, 1)) + 1, np.swapaxes(x, 0, 1)), (CUBE,)),
    "reshapes": (
        lambda x: (x.reshape(12, 5) * 2, x.reshape(5, 12).T, np.sin(x).reshape(-1), x.reshape(3, 1, 20)),
        (CUBE,),
    ),
    "reshape and back": (lambda x: (x.reshape(4, 15).T.reshape(5, 12) + 1).reshape(60)[::-1], (CUBE,)),
    "slices": (lambda x: (x[1:, ::2], x[::-1, -1:0:-1] + 0, x[2] * 2, x[:, 3]), (A,)),
    "flips": (lambda x: np.flip(x, 1) - np.flip(x), (A,)),
    "choices": (lambda x, m: (np.where(m, x, 0), np.where(m & (x > 0), x, -x), m | (x < 0)), (A, TRUTH)),
    "truths": (lambda m: (np.all(m, 0), np.any(m, 1), ~m, np.sum(m, 0), m.T), (TRUTH,)),
    "whole numbers": (lambda n: (n // 3, n % 4, n**2, -n, np.abs(n), n & 5, n << 2, np.sum(n, 1), np.max(n)), (WHOLE,)),
    "bytes": (
        lambda n, u: (
            n * n,
            n + 100,
            u - 7,
            np.minimum(u, 4),
            np.sum(u),
            np.max(n, 0),
            n.astype(np.float32) / 3,
            u > 3,
        ),
        (numbers(33, dtype=np.int8), numbers(33, dtype=np.uint8)),
    ),
    "halfwords": (
        lambda n, u: (n * 1000, u * u, np.cumsum(n), np.min(n), u.astype(np.int64)),
        (numbers(19, dtype=np.int16), numbers(19, dtype=np.uint16)),
    ),
    "mixed widths": (lambda x, n: x.astype(np.float64) * n[:5] + x, (A, np.arange(7, dtype=np.int32))),
    "constants": (
        lambda x: (x * np.arange(5, dtype=np.float32) + np.ones(5, np.float32), np.float32(3), np.arange(4)),
        (A,),
    ),
    "outputs that are inputs": (lambda x, y: (x, y, x, x + 1), (A, ROW)),
    "the same output twice": (lambda x: ((s := np.tanh(x)), s, s.T, s), (A,)),
    "nothing": (
        lambda x, y: (x + 1, np.sum(x, 0), np.sum(x), y @ x, x @ y),
        (np.zeros((0, 3), np.float32), np.zeros((3, 0), np.float32)),
    ),
    "empty sum": (lambda x, y: (x @ y + 1, np.prod(x, 1)), (np.zeros((4, 0)), np.zeros((0, 6)))),
    "one number": (lambda x: (np.sin(x), x * x + 1, np.sum(x)), (np.float64(0.3),)),
    "reductions": (
        lambda x: [
            f(x, axis) for f in (np.sum, np.max, np.prod, np.mean) for axis in (None, 0, 1, 2, (0, 1), (0, 2), (1, 2))
        ],
        (CUBE,),
    ),
    "minima": (lambda x: (np.min(x, 0), np.min(x, 1), np.min(x), np.sum(np.exp(x), 1), np.var(x, 0)), (LONG,)),
    "nan among them": (
        lambda x: (np.max(x, 0), np.min(x, 1), np.sum(x), np.maximum(x, 0)),
        (np.where(numbers(9, 4) > 1, np.nan, A[0, 0]),),
    ),
    "norm of rows": (lambda x: x / np.sqrt(np.sum(x * x, 1, keepdims=True)), (A,)),
    "softmax": (softmax, (A,)),
    "softmax down": (lambda x: softmax(x, 0), (LONG,)),
    "product": (lambda a, b: a @ b, (A, B)),
    "layer": (lambda a, b, r: np.tanh(a @ b + r), (A, B, numbers(9, seed=5))),
    "layer by columns": (lambda a, b, c: np.maximum((a @ b) * c, 0) - c, (A, B, COLUMN)),
    "products of transposes": (lambda a, b: (a @ b, (b.T @ a.T), a.T @ a, a @ a.T, b @ b.T), (A, B)),
    "prologues": (lambda a, b, m: (np.where(m, a, 0) @ np.exp(b), (a * 2).T @ np.cos(a)), (A, B, TRUTH)),
    "gathered product": (lambda a, b, n: a[n] @ b, (A, B, PLACES)),
    "vectors": (lambda x, y: (x @ y, np.outer(x, y), np.vdot(x, x)), (numbers(37), numbers(37, seed=1))),
    "stack of products": (lambda x, y: np.einsum("bij,bjk->bik", x, y), (numbers(3, 4, 5), numbers(3, 5, 6, seed=1))),
    "labels": (
        lambda x, y: [
            np.einsum(pattern, x, y)
            for pattern in ("ijk,kl->ijl", "ijk,kl->lji", "ijk,kl->il", "ijk,kl->jkl", "ijk,kl->ij")
        ],
        (CUBE, numbers(5, 6, dtype=np.float64)),
    ),
    "product of whole numbers": (lambda x, y: (x @ y.T, np.sum(x * y, 0)), (WHOLE, WHOLE + 1)),
    "product of truths": (lambda m: m @ m.T, (TRUTH,)),
    "convolution": (conv, (numbers(2, 3, 6, 7), numbers(4, 3, 3, 2))),
    "windows": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3).sum(-1), (numbers(23),)),
    "gradient": (
        lambda x, w, v, y: cr.grad(lambda w, v: np.mean((np.maximum(x @ w, 0) @ v - y) ** 2), argnums=(0, 1))(w, v),
        (A, B, numbers(9, 2), numbers(7, 2, seed=6)),
    ),
    "index": (lambda x, n: (x[n], x[n, 1], x[:, n[0] % 5]), (A, PLACES)),
    "scatter": (lambda x, n: cr.grad(lambda x: np.sum(x[n] ** 2))(x), (A, PLACES)),
    "joined arrays": (
        lambda x, y: (np.concatenate([x, y, x * 2]), np.concatenate([x.T, x.T], 1), np.stack([x, y], 1)),
        (A, A * A),
    ),
    "running": (lambda x: (np.cumsum(x, 0), np.cumsum(x, 1), np.cumprod(x, 1), np.maximum.accumulate(x, 0)), (A,)),
    "order": (lambda x: (np.sort(x, 1), np.argsort(x), np.argmax(x, 1), np.argmin(x, 0), np.sort(x, 0)), (A,)),
    "evaluated": (lambda x: np.linalg.inv(x @ x.T + 5 * np.eye(7, dtype=np.float32)) + 1, (A,)),
    "pad and roll": (
        lambda x: (np.pad(x, ((1, 2), (0, 3))), np.roll(x, 2, 0), np.tile(x, (2, 1)), np.repeat(x, 2, 1)),
        (A,),
    ),
    "two folds and an epilogue": (lambda x: np.sum(x, 1) * np.max(x, 1) + np.sum(x * x, 1), (LONG,)),
    "fold read elsewhere": (
        lambda x: ((s := np.sum(x, 1)) + s[::-1], (x @ x.T)[::-1] * 2, (p := x @ x.T) + p.T, np.max(x, 1)[::-1] * 2),
        (numbers(17, 3),),
    ),
    "products of products": (lambda x: (x @ x @ x, (x @ x).T @ (x * 2)), (numbers(9, 9),)),
    "fold of a fold": (lambda x: np.sum(np.sum(x, 1, keepdims=True) * x, 0), (LONG,)),
    "long chain": (lambda x: _repeated(lambda y: np.sin(y) + 0.1, x, 50), (ROW,)),
    "many uses": (lambda x: [np.exp(x) * k for k in range(1, 13)], (A,)),
    "swap": (swap, (LONG,)),
    "rotate": (rotate, (LONG,)),
    "shift": (shift, (numbers(6, 67),)),
    "shift of few": (shift, (numbers(6, 5),)),
    "reversal": (reversal, (numbers(6, 67),)),
    "nested": (nested, (numbers(4, 5),)),
    "nested and large": (nested, (numbers(4, 67),)),
    "branches": (branches, (numbers(8, 5),)),
    "branches and large": (branches, (numbers(8, 67),)),
    "backwards": (backwards, (numbers(6, 67),)),
    "derivative of a scan": (lambda x: cr.grad(lambda x: np.sum(swap(x)[1] ** 2))(x), (numbers(5, 3),)),
    "derivative of a large scan": (lambda x: cr.grad(lambda x: np.sum(rotate(x)[1] ** 2))(x), (numbers(5, 67),)),
    "fixed point": (fixed_point, (numbers(67),)),
    "fixed point of few": (fixed_point, (numbers(3),)),
    "bounded": (bounded, (numbers(67),)),
    "choice": (lambda x: cr.cond(x[0] > 0, lambda y: (y, y * 2), lambda y: (y + 1, y), x), (numbers(67),)),
    "blocked rows": (
        cr.grad(pooled),
        ([numbers(2, 1, 3, 3), numbers(8, 3, seed=1)], numbers(64, 1, 4, 4, seed=2), numbers(64, 3, seed=3)),
    ),
    "a sum in parts": (lambda x: np.sum(x, 1) * 0.5 - 1, (numbers(2, 2**15),)),
    "training": (adam, ([A[:5, :4] * 1, numbers(4, 2)], numbers(4, 8, 5), numbers(4, 8, 2))),
    "training of many": (adam, ([numbers(5, 19), numbers(19, 4)], numbers(3, 6, 5), numbers(3, 6, 4))),
}


def _repeated(function: Callable[[Any], Any], x: Any, times: int) -> Any:
    for _ in range(times):
        x = function(x)
    return x
