"""The process that parses: it answers what became of each source, and what it cost.

Its arguments are plugin files.  One JSON request for each line of the standard input: the parser's name, its options
and the paths.  One JSON answer for each on the standard output.  What is opened for writing outside the folder for
temporary files, started or connected to is told as well.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from snntk_core.artifact import load_graph
from snntk_core.errors import SnntkError
from snntk_core.graph import Graph
from snntk_core.parser import Redirect
from snntk_core.registry import Registry

WATCHED = (
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.system",
    "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "shutil.rmtree", "shutil.move",
)  # fmt: skip
SENTENCE = 3000
CLEAR = "/proc/self/clear_refs"  # writing 5 forgets the peak of the memory
MEMORY = 1 << 30
HOSTILE = set("\n\r\x1b\0")


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    registry = Registry.discover()
    for path in sys.argv[1:]:
        registry.register_file(path)
    events = watch()
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("limit"):  # the libraries are loaded
            limit()
        events.clear()
        answers.write(json.dumps({**attempt(registry, request), "events": events[:5]}) + "\n")
        answers.flush()


def watch() -> list[str]:
    """Return the list that fills with what is opened for writing outside the folder for temporary files, or started."""
    events: list[str] = []
    temporary = os.environ["TMPDIR"]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = any(c in str(mode or "") for c in "wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and not isinstance(path, int) and not _known(path, temporary):
                events.append(f"opens {path} for writing")
        elif event in WATCHED and not (arguments and _known(arguments[0], temporary)):
            events.append(f"{event} {arguments[:2]!r}"[:200])

    sys.addaudithook(hook)
    return events


def _known(path: object, temporary: str) -> bool:
    return str(path).startswith(temporary) or str(path) in (os.devnull, CLEAR)


def limit() -> None:
    """Let the process have a GiB more of address space than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def attempt(registry: Registry, request: dict[str, Any]) -> dict[str, Any]:
    """Parse one source and return the outcome (graph, refused, or what is wrong), the message, seconds and memory."""
    before, start = resident("VmRSS"), time.process_time()
    Path(CLEAR).write_text("5")
    outcome, message = "graph", ""
    try:
        count = len(parsed(registry, request).verify())
        message = f"{count} nodes"
    except SnntkError as error:
        outcome, message = "refused", str(error)
        if HOSTILE & set(message) or len(message) > SENTENCE or not message.rstrip().endswith((".", "?")):
            outcome = "unclear"
        if "report this" in message:  # a parser's own net for its faults
            outcome = "traceback"
        if any(isinstance(cause, MemoryError) and not _nested(cause) for cause in _causes(error)):
            outcome = "memory"
    except BaseException as error:
        outcome, message = "traceback", f"{type(error).__name__}: {error}"[:500] + f" at {_place(error)}"
    seconds = time.process_time() - start
    return {"outcome": outcome, "message": message, "seconds": seconds, "memory": max(0, resident("VmHWM") - before)}


def parsed(registry: Registry, request: dict[str, Any]) -> Graph:
    """Return the graph as the named parser makes it, without the guard that turns its faults into sentences."""
    paths = tuple(map(Path, request["paths"]))
    source: Any = paths if len(paths) > 1 else paths[0]
    if request["parser"] == "snntk":
        return load_graph(source)
    parser = registry.parsers[request["parser"]].configure(request["options"])
    model = parser.load(source)
    while isinstance(model, Redirect):
        parser = registry.parsers[model.parser]()
        model = parser.load(model.source)
    graph = parser.parse(model)
    assert isinstance(graph, Graph)
    return graph


def _nested(error: BaseException) -> bool:
    """Whether Python's own parser raised it: a MemoryError is what it calls nesting that is too deep."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and Path(trace.tb_frame.f_code.co_filename).name == "ast.py"


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _place(error: BaseException) -> str:
    trace, place = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "snntk" in code.co_filename:
            place = (
                f"{Path(code.co_filename).parent.name}/{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}"
            )
        trace = trace.tb_next
    return place


def resident(key: str) -> int:
    """Return the resident memory in bytes, or with ``VmHWM`` its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(key))


if __name__ == "__main__":
    main()
