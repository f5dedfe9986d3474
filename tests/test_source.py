"""The user's line: of errors and nodes, wherever the user's code stands."""

from __future__ import annotations

import linecache
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ShapeError
from chainrule.source import Location, located, user_location

SOURCE = "import numpy as np\n\ndef f(x):\n    y = np.sin(x)\n    return y + np.ones(5)\n"


def here():
    return sys._getframe(1).f_lineno


def test_the_innermost_line_of_the_user():
    assert user_location() == Location(__file__, here())
    nested = [user_location() for _ in range(1)]
    assert nested == [Location(__file__, here() - 1)]
    place = user_location()
    assert place.text == "place = user_location()"
    assert str(place) == f"{__file__}:{place.line}"


def test_nodes_know_their_line():
    def f(x):
        y = np.sin(x)
        return y * x

    product = cr.trace(f, 1.0).outputs[0]
    assert [product.location, product.operands[0].location] == [Location(__file__, here() - k) for k in (3, 4)]


@pytest.mark.parametrize(
    "file",
    ["<ipython-input-3-abc>", "<python-input-7>", "<stdin>", "<string>",
     "<doctest theirs[2]>", "/tmp/ipykernel_17/3.py", "relative.py"],
)  # fmt: skip
def test_code_of_every_origin(file):
    space: dict = {}
    linecache.cache[file] = (len(SOURCE), None, SOURCE.splitlines(keepends=True), file)
    try:
        exec(compile(SOURCE, file, "exec"), space)
        with pytest.raises(ShapeError) as caught:
            cr.grad(space["f"])(np.ones(3))
        assert caught.value.location == Location(file, 5)
        assert str(caught.value).endswith(f"at {file}:5: return y + np.ones(5)")
    finally:
        del linecache.cache[file]


def test_passes_speak_of_the_line_of_the_node():
    place = Location("theirs.py", 3)
    with located(place):
        assert user_location() == place
        with pytest.raises(ZeroDivisionError), located(None):
            raise ZeroDivisionError
        assert user_location() == place
    assert user_location() == Location(__file__, here())
    assert Location("no such file.py", 1).text == ""


def test_code_that_is_all_ours_has_no_line():
    script = "import chainrule.source as s; import functools; print(functools.partial(s.user_location)())"
    code = f"exec(compile({script!r}, '<frozen ours>', 'exec'), {{'__name__': 'chainrule'}})"
    outer = f"exec(compile({code!r}, '<frozen ours>', 'exec'), {{'__name__': 'chainrule'}})"
    found = subprocess.run([sys.executable, "-c", outer], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "<string>:1"


def test_the_line_is_the_users_where_a_library_stands_between(tmp_path):
    import importlib.util

    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "library.py").write_text("def call(function):\n    return function()\n")
    spec = importlib.util.spec_from_file_location("library", folder / "library.py")
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    (folder / "other.py").write_text(
        "from chainrule.source import user_location\n\ndef where():\n    return user_location()\n"
    )
    spec = importlib.util.spec_from_file_location("other", folder / "other.py")
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    assert library.call(other.where).file == __file__
