"""What is of `passes` alone; what the passes do is in `test_engine_passes.py`."""

import llvmlite.binding as llvm
import pytest

from chainrule.native.engine import _target_machine
from chainrule.native.passes import object_of, optimise

TEXT = """define internal i32 @g(i32 %x) alwaysinline {
  ret i32 %x
}
define i32 @f() {
  %y = call i32 @g(i32 3)
  %z = add i32 %y, 4
  ret i32 %z
}
"""


@pytest.mark.parametrize("level", range(4))
def test_a_module_is_optimised_and_written(level):
    target = _target_machine(level)
    with llvm.create_context() as context, llvm.parse_assembly(TEXT, context) as module:
        optimise(module, target, level)
        assert [function.name for function in module.functions] == ["f"]
        assert ("ret i32 7" in str(module)) == (level > 0)
        assert object_of(module, target) == target.emit_object(module)
