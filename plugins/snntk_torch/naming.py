"""Names of nodes: those of the module tree."""

from __future__ import annotations

LIBRARY = ("torch.nn.modules.", "torch.nn.quantized.", "torch.ao.nn.")
PADS = ("pad", "constant_pad_nd")


def stem_of(path: str, kind: str, operator: str) -> str:
    """Return the name for what ``operator`` becomes in the module of class ``kind`` at ``path``.

    A module of the library is one layer and gives its path (``features.0``); in a module that somebody wrote, the
    operator is told as well (``block.relu``).
    """
    path = path.partition("@")[0]
    kind = kind.removeprefix("__torch__.")
    leaf = kind.startswith(LIBRARY) and ".container." not in kind and (operator not in PADS or "Pad" in kind)
    operator = operator.strip("_") or operator
    if leaf and path:
        return path
    return f"{path}.{operator}" if path else operator
