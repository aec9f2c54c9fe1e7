"""What a plugin author tests a plugin with: the compliance kit, and random networks."""

from snntk_core.testing.kit import Check, check_component, checks_for, compliance
from snntk_core.testing.outcome import Fault, Outcome, Skipped
from snntk_core.testing.random_graphs import random_batch, random_graph

__all__ = [
    "Check",
    "Fault",
    "Outcome",
    "Skipped",
    "check_component",
    "checks_for",
    "compliance",
    "random_batch",
    "random_graph",
]
