"""Brian2 is found as it was left: preferences, messages, warnings, interrupts and uncaught errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("brian2", reason="brian2 is not installed")

IN_A_PROCESS = """
import json, logging, signal, sys, warnings
before = sys.excepthook, warnings.showwarning, warnings.formatwarning, signal.getsignal(signal.SIGINT)
from snntk_brian2.simulator import Brian2Simulator
from snntk_core.testing.spiking_graphs import exact_batch, networks
light = "brian2" not in sys.modules
graph = networks()["residual"]
program = Brian2Simulator().compile(graph)
import brian2
found = dict(brian2.prefs)
brian2.prefs.codegen.target = "cython"
brian2.defaultclock.dt = 3 * brian2.ms
level = logging.getLogger("brian2").level
program.run(exact_batch(graph), duration=3)
Brian2Simulator().compile(graph)  # let go without a run
brian2.set_device("cpp_standalone", build_on_run=False)
device, arrays = brian2.get_device(), len(brian2.get_device().arrays)
graph = networks()["perceptron"]
counts = Brian2Simulator().compile(graph).run(exact_batch(graph), duration=3).spike_counts
after = sys.excepthook, warnings.showwarning, warnings.formatwarning, signal.getsignal(signal.SIGINT)
print(json.dumps({
    "light": light,
    "hooks": before == after,
    "preferences": {**found, "codegen.target": "cython"} == dict(brian2.prefs),
    "clock": float(brian2.defaultclock.dt) == 3e-3,
    "device": brian2.get_device() is device and len(device.arrays) == arrays,
    "spikes": int(counts["neuron1"].sum()) > 0,
    "level": logging.getLogger("brian2").level == level,
}))
"""


def test_brian2_is_left_as_it_was_found():
    done = subprocess.run([sys.executable, "-c", IN_A_PROCESS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found == dict.fromkeys(found, True)
