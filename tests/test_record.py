"""Records: what `dataclass(frozen=True)` makes of a class, at a fraction of the cost."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle

import pytest

from chainrule.record import record


@record
class Point:
    """A place."""

    x: int
    y: int = 0


@record
class Weighted(Point):
    """A place that counts more than once."""

    weight: float = 1.0

    def __repr__(self) -> str:
        return f"<{self.weight}>"


@record(eq=False, kw_only=True)
class Fact:
    """What equals itself alone."""

    name: str
    value: object = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("no name")


@pytest.mark.parametrize(
    ("arguments", "named", "expected"),
    [((1, 2), {}, (1, 2)), ((1,), {}, (1, 0)), ((1,), {"y": 3}, (1, 3)), ((), {"y": 3, "x": 4}, (4, 3))],
)
def test_fields_are_given_by_place_or_by_name(arguments, named, expected):
    point = Point(*arguments, **named)
    assert (point.x, point.y) == expected


@pytest.mark.parametrize(
    ("arguments", "named", "words"),
    [
        ((), {}, "missing a required argument: 'x'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"x": 1}, "multiple values for argument 'x'"),
        ((1,), {"z": 1}, "unexpected keyword argument 'z'"),
        ((1, 2), {"z": 1}, "unexpected keyword argument 'z'"),
        ((1, 2), {"y": 1}, "multiple values for argument 'y'"),
    ],
)
def test_what_does_not_fit_the_fields_is_a_type_error(arguments, named, words):
    with pytest.raises(TypeError, match=words):
        Point(*arguments, **named)


def test_fields_that_are_given_by_name_alone():
    assert Fact(name="a").name == "a"
    with pytest.raises(TypeError, match="too many positional arguments"):
        Fact("a")  # type: ignore[misc]
    with pytest.raises(TypeError, match="missing a required"):
        Fact(value=1)  # type: ignore[call-arg]


def test_what_a_class_checks_once_its_fields_are_there():
    with pytest.raises(ValueError, match="no name"):
        Fact(name="")


def test_equality_and_hash_are_those_of_class_and_fields():
    assert Point(1, 2) == Point(1, 2) != Point(2, 1)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert Point(1) != Weighted(1)
    assert Point(1) != (1, 0)
    nan = float("nan")
    assert Point(nan) == Point(nan)  # type: ignore[arg-type]  # as in tuples, what is identical is equal
    fact = Fact(name="a")
    assert fact == fact != Fact(name="a")
    assert len({fact, Fact(name="a")}) == 2


def test_the_text_of_a_record_and_one_of_its_own():
    assert repr(Point(1)) == "Point(x=1, y=0)"
    assert repr(Weighted(1, weight=2.0)) == "<2.0>"


def test_a_record_does_not_change():
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="'x'"):
        del point.x  # type: ignore[misc]
    assert point.x == 1


def test_a_record_is_a_dataclass_to_the_functions_of_dataclasses():
    assert dataclasses.replace(Point(1, 2), y=5) == Point(1, 5)
    assert [field.name for field in dataclasses.fields(Weighted)] == ["x", "y", "weight"]
    assert str(inspect.signature(Weighted)) == "(x, y=0, weight=1.0)"
    match Point(3, 4):
        case Point(x, y):
            assert (x, y) == (3, 4)


def test_copies_and_pickles():
    for one in (Point(1, 2), Weighted(1)):
        assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
