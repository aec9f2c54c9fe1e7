"""Whether there is a C++ compiler for the targets that need one."""

from __future__ import annotations

import os
import shutil

from snntk_core.errors import OptionError

COMPILERS = ("c++", "g++", "clang++", "cl")


def require_compiler(simulator: str, target: str) -> None:
    """Raise `OptionError` where the target is compiled and no compiler is found."""
    named = os.environ.get("CXX", "").split()[:1]
    if target == "numpy" or any(shutil.which(compiler) for compiler in (*named, *COMPILERS)):
        return
    problem = f"{simulator}: the target {target!r} needs a C++ compiler, and none of {', '.join(COMPILERS)} is found."
    raise OptionError([f"{problem} Install one, or take the target 'numpy', which needs none."])
