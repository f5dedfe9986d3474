"""What stands where in the state of a run, memory that is zero before it: a barrier, and after it flags."""

# The bytes of a barrier, to be zero at first, and their alignment. Nothing else may stand in its cache line: 64 bytes,
# but lines are fetched in pairs on x86-64, and are 128 bytes long on Apple's processors.
BARRIER_BYTES = 128
FAULT, FAILED, STATE_BYTES = BARRIER_BYTES, BARRIER_BYTES + 64, BARRIER_BYTES + 128
"""An operand was what its operation refuses; a callback has failed."""
REFUSED = FAILED + 8
"""Like the fault, of routines: those are called by one thread, while all may read and write the fault."""
