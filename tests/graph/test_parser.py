"""What the parser refuses, each with the line it is on; `test_printer.py` shows what it reads."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chainrule.errors import GraphError
from chainrule.graph import parse_graph

HEAD = "graph(x: float64[2]) {\n  "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'graph' in line 1; got the end of the text"),
        ("grph", "'graph' in line 1; got 'grph'"),
        ("graph(x: float64[2]) { return x } x", "the end of the text in line 1; got 'x'"),
        ("graph(x: float64[2] y: float64[2]) { return x }", "',' in line 1; got 'y'"),
        ("graph(x: float64[2]) { return x x }", "',' in line 1; got 'x'"),
        ("graph(x: float99[2]) { return x }", "float99[2]"),
        ("graph(x: float64[-2]) { return x }", "float64[-2]"),
        ("graph(x: float64[2]) { return y }", "a value defined above in line 1; got 'y'"),
        (HEAD + "?", "a name, a number, a string or a sign in line 2; got '?'"),
        (HEAD + "%1: float64[2] = add(x x)", "',' in line 2; got 'x'"),
        (HEAD + "%1: float64[2] = add(x,", "a name in line 2; got the end of the text"),
        (HEAD + "%1: float64[2] =", "a name in line 2; got the end of the text"),
        (HEAD + "%1: float64[2] = nothing(x) return %1 }", "a registered operation in line 2; got 'nothing'"),
        (HEAD + "%1: float64[3] = add(x, x) return %1 }", "the type float64[2] of add in line 2; got float64[3]"),
        (HEAD + "%1: float64[2] = add(x) return %1 }", "for add in line 2; got float64"),
        (HEAD + "%1: float64[2] = add(x, x) {a=1} return %1 }", "no parameters for add in line 2; got {'a': 1}"),
        (HEAD + "%1: float64[2] = transpose() {axes=(0,)} return %1 }", "operands and parameters that transpose takes"),
        (HEAD + "%1: float64[2] = add(x, x) {a=1 b=2} return %1 }", "',' in line 2; got 'b'"),
        (HEAD + "%1: float64[2] = sum(x) {axes=what} return %1 }", "a value in line 2; got 'what'"),
        (HEAD + "%1: float64[] = sum(x) {axes=(5,)} return %1 }", "in line 2"),
        (HEAD + "%1: float64[] = sum(x) {axes=(0 1)} return %1 }", "',' in line 2; got '1'"),
        (HEAD + "%1: float64[] = sum(x) {axes=", "a value in line 2; got the end of the text"),
        (HEAD + "%1: float64[] = sum(x) {axes='\\x'} return %1 }", "a string of Python in line 2"),
        (HEAD + "%1: float64[2] = constant(<2 elements>)", "a constant written out in line 2"),
        (HEAD + "%1: float64[2] = constant([1.0])", "the elements of a float64[2] in line 2; got [1.0]"),
        (HEAD + '%1: float64[2] = constant("AAAA")', "the elements of a float64[2] in line 2"),
        (HEAD + '%1: float64[2] = constant("!")', "the elements of a float64[2] in line 2"),
        (HEAD + "%1: float64[2] = constant([1.0, 2.0]", "')' in line 2; got the end of the text"),
        (HEAD + "%1: (float64[2] float64[2]) = add(x, x)", "',' in line 2; got 'float64'"),
    ],
)
def test_refuses(text, words):
    with pytest.raises(GraphError, match=re.escape(words)):
        parse_graph(text)


def test_comments_and_spacing_do_not_matter():
    graph = parse_graph("graph(x:float64[2]){# a comment\n%1:float64[2]=add(x,x)# another\nreturn %1,x}")
    assert [node.shape for node in graph.outputs] == [(2,), (2,)]


def test_empty_graphs():
    assert parse_graph("graph() { return }").outputs == ()


def test_literals():
    graph = parse_graph("graph(x: int32[2]) { %1: float64[2] = astype(x) {dtype=float64} return %1 }")
    assert graph.outputs[0].parameters["dtype"] == np.float64
