"""The classes of strangers' state dicts, as a user would have them in a module of their own."""

from torch import flatten, nn
from torch.nn import functional as F  # noqa: N812


class Skyiwalker(nn.Module):
    input_shape = (1, 28, 28)

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 10, 5), nn.Conv2d(10, 20, 5)
        self.fc1, self.fc2 = nn.Linear(320, 50), nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        return F.log_softmax(self.fc2(F.relu(self.fc1(flatten(x, 1)))), dim=1)


def sinabs() -> nn.Module:
    convolutions = []
    for inside, outside, kernel in ((1, 20, 5), (20, 32, 5), (32, 128, 3)):
        convolutions += [nn.Conv2d(inside, outside, kernel, bias=False), nn.ReLU(), nn.AvgPool2d(2)]
    last = [nn.Flatten(), nn.Linear(128, 500, bias=False), nn.ReLU(), nn.Linear(500, 10, bias=False)]
    return nn.Sequential(*convolutions, *last)
