"""Vectors of lanes as numba values: LLVM's own vector types, of any length, on any machine.

A value of type ``Lanes("float32", 64)`` is 64 numbers that are loaded, added, compared and stored as one; LLVM cuts it
into the registers a machine has.  Plain loops over arrays reach a third of this speed, as they keep the sums in memory.
Addresses are plain integers: ``array.ctypes.data`` plus bytes.  A parameter ``like`` gives a type; its value is unused.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

ELEMENTS: dict[str, tuple[ir.Type, int]] = {
    "float32": (ir.FloatType(), 4),
    "int32": (ir.IntType(32), 4),
    "int16": (ir.IntType(16), 2),
    "bool": (ir.IntType(1), 1),
}
WORD = ir.IntType(64)


class Lanes(types.Type):
    """The numba type of ``count`` numbers of one ``element`` type, kept in LLVM's type ``vector``."""

    def __init__(self, element: str, count: int) -> None:
        self.element, self.count = element, count
        self.vector = ir.VectorType(ELEMENTS[element][0], count)
        types.Type.__init__(self, name=f"Lanes({element}, {count})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        models.PrimitiveModel.__init__(self, manager, lanes, lanes.vector)


def repeated(builder: ir.IRBuilder, value: ir.Value, lanes: Lanes) -> ir.Value:
    """Generate a value in every lane."""
    undefined = ir.Constant(lanes.vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, order_of([0] * lanes.count))


def order_of(lanes: list[int]) -> ir.Constant:
    """Return the lanes that a shuffle takes."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)


def _place(builder: ir.IRBuilder, address: ir.Value, stored: ir.Type) -> ir.Value:
    return builder.inttoptr(address, stored.as_pointer())


@intrinsic(prefer_literal=True)
def zeros(typing: Any, element: Any, count: Any) -> Any:
    """Return ``count`` zeros of the type of ``element``; ``count`` is a constant when this is compiled."""
    lanes = Lanes(str(element), count.literal_value)
    return lanes(element, count), lambda context, builder, signature, args: ir.Constant(lanes.vector, None)


@intrinsic
def zeros_like(typing: Any, element: Any, like: Any) -> Any:
    """Return as many zeros as ``like`` has lanes, of the type of ``element``."""
    lanes = Lanes(str(element), like.count)
    return lanes(element, like), lambda context, builder, signature, args: ir.Constant(lanes.vector, None)


@intrinsic
def filled(typing: Any, value: Any, like: Any) -> Any:
    """Return ``value`` in every lane, as many as ``like`` has."""
    lanes = Lanes(str(value), like.count)
    return lanes(value, like), lambda context, builder, signature, args: repeated(builder, args[0], lanes)


@intrinsic
def lane_count(typing: Any, like: Any) -> Any:
    """Return how many lanes ``like`` has."""
    return types.int64(like), lambda context, builder, signature, args: ir.Constant(WORD, like.count)


@intrinsic
def load(typing: Any, address: Any, like: Any) -> Any:
    """Return the numbers stored from ``address`` on, as many and of the type of ``like``."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        value = builder.load(_place(builder, args[0], like.vector))
        value.align = ELEMENTS[like.element][1]
        return value

    return like(types.intp, like), generate


@intrinsic
def store(typing: Any, address: Any, value: Any) -> Any:
    """Store ``value`` from ``address`` on."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        builder.store(args[1], _place(builder, args[0], value.vector)).align = ELEMENTS[value.element][1]
        return context.get_dummy_value()

    return types.void(types.intp, value), generate


def _binary(name: str, doc: str) -> Any:
    def typed(typing: Any, a: Any, b: Any) -> Any:
        method = f"f{name}" if a.element == "float32" else name
        return a(a, b), lambda context, builder, signature, args: getattr(builder, method)(*args)

    typed.__name__, typed.__doc__ = name, doc
    return intrinsic(typed)


add = _binary("add", "Return a + b.")
sub = _binary("sub", "Return a - b.")
mul = _binary("mul", "Return a * b.")
and_ = _binary("and_", "Return where both are true.")


def _by_a_byte(method: str, doc: str) -> Any:
    def typed(typing: Any, a: Any) -> Any:
        eight = ir.Constant(a.vector, [8] * a.count)
        return a(a), lambda context, builder, signature, args: getattr(builder, method)(args[0], eight)

    typed.__name__, typed.__doc__ = f"{method}_byte", doc
    return intrinsic(typed)


shl_byte = _by_a_byte("shl", "Return 256 a, without the bits that no longer fit.")
ashr_byte = _by_a_byte("ashr", "Return a / 256, rounded down.")


def _converted(method: str, element: str, doc: str) -> Any:
    def typed(typing: Any, a: Any) -> Any:
        lanes = Lanes(element, a.count)
        return lanes(a), lambda context, builder, signature, args: getattr(builder, method)(args[0], lanes.vector)

    typed.__name__, typed.__doc__ = f"as_{element}", doc
    return intrinsic(typed)


widened = _converted("sext", "int32", "Return int16 lanes as int32.")
as_floats = _converted("sitofp", "float32", "Return integer lanes as float32.")
as_integers = _converted("fptosi", "int32", "Return float32 lanes as int32, rounded toward zero.")


@intrinsic
def joined(typing: Any, a: Any, b: Any) -> Any:
    """Return the lanes of ``a`` and then those of ``b``."""
    lanes = Lanes(a.element, 2 * a.count)
    order = order_of(list(range(lanes.count)))
    return lanes(a, b), lambda context, builder, signature, args: builder.shuffle_vector(*args, order)


@intrinsic
def at_least(typing: Any, a: Any, b: Any) -> Any:
    """Return where a >= b, float32; nowhere that either is not a number."""
    lanes = Lanes("bool", a.count)
    return lanes(a, b), lambda context, builder, signature, args: builder.fcmp_ordered(">=", *args)


@intrinsic
def chosen(typing: Any, where: Any, a: Any, b: Any) -> Any:
    """Return ``a`` where true and ``b`` elsewhere."""
    return a(where, a, b), lambda context, builder, signature, args: builder.select(*args)


@intrinsic
def counted(typing: Any, total: Any, where: Any) -> Any:
    """Return ``total``, int32, and one more where true."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.add(args[0], builder.zext(args[1], total.vector))

    return total(total, where), generate


@intrinsic
def bits(typing: Any, where: Any) -> Any:
    """Return at most 64 truth values as the bits of a word, the first the lowest."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        word = builder.bitcast(args[0], ir.IntType(where.count))
        return word if where.count == WORD.width else builder.zext(word, WORD)

    return types.uint64(where), generate
