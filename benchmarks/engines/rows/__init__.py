"""The engines, one class each, and the protocol that they keep."""

from __future__ import annotations

from engines.rows.protocol import Engine


def engines() -> dict[str, Engine]:
    """Return every engine by its title, whether its library is installed or not."""
    from engines.rows import (
        brian2_neurons,
        by_snntk,
        nest_neurons,
        norse_cells,
        plain_torch,
        sinabs_layers,
        snntorch_cells,
        spikingjelly_nodes,
    )

    found = (
        *plain_torch.ENGINES, *by_snntk.engines(), *spikingjelly_nodes.ENGINES, *sinabs_layers.ENGINES,
        *snntorch_cells.ENGINES, *norse_cells.ENGINES, *nest_neurons.ENGINES, *brian2_neurons.ENGINES,
    )  # fmt: skip
    return {engine.title: engine for engine in found}
