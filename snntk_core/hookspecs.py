"""Everything a plugin can add to snntk, on one screen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from snntk_core.parser import Parser
from snntk_core.quantizer import ActivationQuantizer, WeightQuantizer
from snntk_core.simulator import Simulator
from snntk_core.transform import Transform

if TYPE_CHECKING:
    from snntk_core.result import Result, StageRecord

hookspec = pluggy.HookspecMarker("snntk")
hookimpl = pluggy.HookimplMarker("snntk")


@hookspec
def snntk_parsers() -> Iterable[type[Parser]]:  # type: ignore[empty-body]
    """Offer parsers: one class for each model library this plugin can read."""


@hookspec
def snntk_transforms() -> Iterable[type[Transform]]:  # type: ignore[empty-body]
    """Offer graph rewrites that recipes may call by name."""


@hookspec
def snntk_quantizers() -> Iterable[type[WeightQuantizer | ActivationQuantizer]]:  # type: ignore[empty-body]
    """Offer ways to choose number formats for weights or activations."""


@hookspec
def snntk_simulators() -> Iterable[type[Simulator]]:  # type: ignore[empty-body]
    """Offer backends that run or export a spiking graph."""


@hookspec
def snntk_recipes() -> Iterable[Path]:  # type: ignore[empty-body]
    """Offer preset recipes, as TOML files shipped inside this plugin."""


@hookspec
def snntk_stage_finished(record: StageRecord) -> None:
    """Watch: called after each stage with its timing, node counts and deviation.  Must not raise."""


@hookspec
def snntk_run_finished(result: Result) -> None:
    """Watch: called once with the finished result.  Must not raise."""
