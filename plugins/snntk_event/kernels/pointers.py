"""Arrays by address: a table of terms holds where arrays of several types lie, so that one loop takes any number."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _pointer_to(element):
    @intrinsic
    def pointer(context, address):
        def generate(target, builder, signature, arguments):
            return builder.inttoptr(arguments[0], target.get_value_type(signature.return_type))

        return types.CPointer(element)(types.int64), generate

    return pointer


as_int8 = _pointer_to(types.int8)
as_int32 = _pointer_to(types.int32)
as_float32 = _pointer_to(types.float32)
as_uint32 = _pointer_to(types.uint32)
as_uint64 = _pointer_to(types.uint64)


@intrinsic
def trailing_zeros(context, word):
    """Return the index of the lowest bit that is set in a word; 64 for zero."""

    def generate(target, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@intrinsic
def set_bits(context, word):
    """Return how many bits of a word are set."""

    def generate(target, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate
