"""Dot products of four bytes with four 8-bit weights, added to 32-bit lanes: one instruction on x86 with AVX-512 VNNI.

Elsewhere LLVM makes them of the instructions that there are: the sums are the same, and several times slower.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import config
from numba.extending import intrinsic

from snntk_event.kernels.terms import LANES, QUAD
from snntk_event.kernels.vectors import WORD, Lanes, order_of, repeated

INSTRUCTION = "llvm.x86.avx512.vpdpbusd.512"
INT32 = ir.IntType(32)
SUMS = Lanes("int32", LANES)


def has_instruction() -> bool:
    """Return whether loops are compiled for a processor that has the instruction."""
    if config.CPU_NAME not in (None, "", "host"):
        return "+avx512vnni" in (config.CPU_FEATURES or "")
    return bool(binding.get_host_cpu_features().get("avx512vnni", False))


@intrinsic
def plus_dots(typing: Any, sums: Any, quads: Any, weights: Any) -> Any:
    """Return ``sums`` of some steps, 16 lanes each, plus four bytes of each step times four weights of each lane.

    ``sums``: int32.  ``quads``: where the bytes of the steps lie, one step after the other.  ``weights``: 64 bytes as
    16 lanes of int32.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        before, address, kernel = args
        first = builder.inttoptr(address, INT32.as_pointer())
        found = []
        for step in range(sums.count // LANES):
            lanes = order_of(list(range(LANES * step, LANES * (step + 1))))
            quad = builder.load(builder.gep(first, [ir.Constant(WORD, step)]))
            part = builder.shuffle_vector(before, before, lanes)
            found.append(_plus_dot(builder, part, repeated(builder, quad, SUMS), kernel))
        while len(found) > 1:
            both = order_of(list(range(2 * found[0].type.count)))
            found = [builder.shuffle_vector(*found[at : at + 2], both) for at in range(0, len(found), 2)]
        return found[0]

    return sums(sums, quads, weights), generate


def _plus_dot(builder: ir.IRBuilder, part: ir.Value, quad: ir.Value, kernel: ir.Value) -> ir.Value:
    """Return 16 sums plus bytes from 0 to 255 times bytes from -128 to 127, four of each for each sum."""
    if has_instruction():
        known = builder.module.globals.get(INSTRUCTION)
        kind = ir.FunctionType(SUMS.vector, [SUMS.vector] * 3)
        return builder.call(known or ir.Function(builder.module, kind, INSTRUCTION), [part, quad, kernel])
    eight, wide = (ir.VectorType(ir.IntType(width), QUAD * LANES) for width in (8, 32))
    products = builder.mul(
        builder.zext(builder.bitcast(quad, eight), wide), builder.sext(builder.bitcast(kernel, eight), wide)
    )
    for byte in range(QUAD):
        part = builder.add(part, builder.shuffle_vector(products, products, order_of([*range(byte, 64, QUAD)])))
    return part
