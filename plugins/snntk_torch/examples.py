"""Small models that the compliance kit parses."""

from __future__ import annotations

from typing import Any


def image_classifier() -> Any:
    """Return a module with the shape of its images: normalization, branches, pooling, a view, two layers."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    joined = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 6, 3, padding="same", groups=6),
        nn.ReLU6(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(24, 5),
    )
    return joined, (2, 8, 8)


def perceptron() -> Any:
    """Return a scripted module with an example batch."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(12, 7), nn.Sigmoid(), nn.Linear(7, 3), nn.Softmax(dim=1))
    return torch.jit.script(module.eval()), torch.zeros(2, 12)


def exported_program() -> Any:
    """Return an ExportedProgram that is free in its batch size."""
    import torch
    from torch import nn

    torch.manual_seed(2)
    module = nn.Sequential(nn.Conv1d(2, 4, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(12, 4)).eval()
    free = ({0: torch.export.Dim("batch")},)
    return torch.export.export(module, (torch.zeros(2, 2, 7),), dynamic_shapes=free)
