"""Small networks, one for each layer and option, equal to torch."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
nn, F = torch.nn, torch.nn.functional
IMAGE, SERIES, FLAT = (4, 9, 8), (4, 11), (6,)


class Function(nn.Module):
    """A module of one function, with the layers it uses."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.function(self, x)


def parameter(*shape):
    return nn.Parameter(torch.randn(*shape))


def inception(m, x):
    return torch.cat([m.a(x), F.relu(m.b(x)), F.max_pool2d(x, 3, 1, 1)], dim=1)


def residual(m, x):
    y = F.relu_(m.a(x))
    y += m.b(x)
    return F.relu(y, inplace=True)


def squeezed(m, x):
    gate = torch.sigmoid(m.a(F.adaptive_avg_pool2d(x, 1)))
    return m.b(x) * gate


def shared(m, x):
    return m.r(m.a(m.r(m.a(x))))


def loop(m, x):
    for _ in range(3):
        x = torch.tanh(F.linear(x, m.w, m.v))
    return x


def views(m, x):
    y = m.a(x)
    y = y.view(y.size(0), 2, 3, y.size(2), y.size(3)).transpose(1, 2).contiguous()
    return y.view(y.size(0), -1, y.size(3), y.size(4))


def in_place_on_a_view(m, x):
    y = m.a(x)
    flat = y.view(y.size(0), -1)
    return flat.relu_() * 2


def chunks(m, x):
    a, b = m.a(x).chunk(2, dim=1)
    return torch.cat([b, a.mul(2), b - a], 1)


def splits(m, x):
    a, b, c = torch.split(m.a(x), [1, 2, 3], 1)
    return torch.cat([c, a, b], 1)


def slices(m, x):
    y = m.a(x)
    return y[:, 1:4, :-1, 2:] + y[:, 2:5, 1:, :-2]


def arithmetic(m, x):
    y = (2 * x - 1) / 4 + m.w
    return 1 - y.neg() - 0.5 * m.a(x)


CASES = {
    "conv": (lambda: nn.Conv2d(4, 5, 3), IMAGE),
    "conv-options": (lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), bias=False), IMAGE),
    "conv-same": (lambda: nn.Conv2d(4, 5, (4, 3), padding="same", dilation=(1, 2)), IMAGE),
    "conv-valid": (lambda: nn.Conv2d(4, 5, 2, padding="valid"), IMAGE),
    "conv-groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), IMAGE),
    "conv-depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4, padding=1), IMAGE),
    "conv-1d": (lambda: nn.Conv1d(4, 6, 3, 2, 1, groups=2), SERIES),
    "conv-1d-same": (lambda: nn.Conv1d(4, 6, 4, padding="same", dilation=2), SERIES),
    "conv-transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2), IMAGE),
    "conv-transposed-dilated": (lambda: nn.ConvTranspose2d(4, 3, (2, 3), dilation=(2, 1)), IMAGE),
    "conv-transposed-1d": (lambda: nn.ConvTranspose1d(4, 6, 4, 3, 1, output_padding=2, groups=2), SERIES),
    "conv-on-parameters": (lambda: Function(lambda m, x: F.conv2d(x, m.w, padding=1), w=parameter(3, 4, 3, 3)), IMAGE),
    "zero-pad": (lambda: nn.Sequential(nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(4, 2, 3)), IMAGE),
    "constant-pad": (lambda: nn.Sequential(nn.ConstantPad1d((2, -1), 0.5), nn.Conv1d(4, 2, 3)), SERIES),
    "linear": (lambda: nn.Linear(6, 5), FLAT),
    "linear-no-bias": (lambda: nn.Linear(6, 5, bias=False), FLAT),
    "linear-on-rows": (lambda: nn.Linear(8, 5), (3, 8)),
    "matmul": (lambda: Function(lambda m, x: x @ m.w + m.v, w=parameter(6, 5), v=parameter(5)), FLAT),
    "matmul-turned": (lambda: Function(lambda m, x: torch.matmul(x, m.w.t()), w=parameter(5, 6)), FLAT),
    "mm": (lambda: Function(lambda m, x: torch.mm(x, m.w), w=parameter(6, 5)), FLAT),
    "addmm": (lambda: Function(lambda m, x: torch.addmm(m.v, x, m.w), w=parameter(6, 5), v=parameter(5)), FLAT),
    "addmm-scaled": (
        lambda: Function(lambda m, x: torch.addmm(m.v, x, m.w, beta=0.5, alpha=2), w=parameter(6, 5), v=parameter(5)),
        FLAT,
    ),
    "loop": (lambda: Function(loop, w=parameter(6, 6), v=parameter(6)), FLAT),
    "relu": (lambda: nn.ReLU(), IMAGE),
    "relu-in-place": (lambda: nn.Sequential(nn.Linear(6, 4), nn.ReLU(inplace=True)), FLAT),
    "relu6": (lambda: nn.ReLU6(), FLAT),
    "hardtanh": (lambda: nn.Hardtanh(-0.5, 0.7), FLAT),
    "clamp": (lambda: Function(lambda m, x: x.clamp(min=-0.3)), FLAT),
    "clamp-both": (lambda: Function(lambda m, x: torch.clamp(x, 0, 1)), FLAT),
    "leaky-relu": (lambda: nn.LeakyReLU(0.2), FLAT),
    "prelu": (lambda: nn.PReLU(4, init=0.3), IMAGE),
    "prelu-one": (lambda: nn.PReLU(), FLAT),
    "elu": (lambda: nn.ELU(0.7), FLAT),
    "celu": (lambda: nn.CELU(0.7), FLAT),
    "selu": (lambda: nn.SELU(), FLAT),
    "rrelu": (lambda: nn.RReLU(), FLAT),
    "gelu": (lambda: nn.GELU(), FLAT),
    "gelu-tanh": (lambda: nn.GELU("tanh"), FLAT),
    "silu": (lambda: nn.SiLU(), FLAT),
    "hardswish": (lambda: nn.Hardswish(), FLAT),
    "hardsigmoid": (lambda: nn.Hardsigmoid(), FLAT),
    "sigmoid": (lambda: nn.Sigmoid(), FLAT),
    "tanh": (lambda: nn.Tanh(), FLAT),
    "softplus": (lambda: nn.Softplus(2.0), FLAT),
    "softsign": (lambda: nn.Softsign(), FLAT),
    "glu": (lambda: nn.GLU(dim=1), FLAT),
    "softmax": (lambda: nn.Softmax(dim=-1), FLAT),
    "softmax-on-channels": (lambda: nn.Sequential(nn.Conv2d(4, 3, 1), nn.Softmax(dim=1)), IMAGE),
    "log-softmax": (lambda: nn.LogSoftmax(dim=1), FLAT),
    "log-of-softmax": (lambda: Function(lambda m, x: torch.log(F.softmax(x, dim=1))), FLAT),
    "max-pool": (lambda: nn.MaxPool2d(3, 2, 1), IMAGE),
    "max-pool-ceil": (lambda: nn.MaxPool2d((2, 3), ceil_mode=True), IMAGE),
    "max-pool-dilated": (lambda: nn.MaxPool2d(2, 1, dilation=2), IMAGE),
    "max-pool-1d": (lambda: nn.MaxPool1d(3, 2, 1, ceil_mode=True), SERIES),
    "average-pool": (lambda: nn.AvgPool2d(3, 2, 1), IMAGE),
    "average-pool-own-count": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGE),
    "average-pool-ceil": (lambda: nn.AvgPool2d((3, 2), (2, 3), (1, 0), ceil_mode=True), IMAGE),
    "average-pool-1d": (lambda: nn.AvgPool1d(3, 2, 1, ceil_mode=True), SERIES),
    "adaptive-average": (lambda: nn.AdaptiveAvgPool2d((3, 4)), IMAGE),
    "adaptive-average-one": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
    "adaptive-average-8-to-7": (lambda: nn.AdaptiveAvgPool2d((9, 7)), IMAGE),
    "adaptive-average-longer": (lambda: nn.AdaptiveAvgPool2d((9, 16)), IMAGE),
    "adaptive-average-1d": (lambda: nn.AdaptiveAvgPool1d(1), SERIES),
    "adaptive-max": (lambda: nn.AdaptiveMaxPool2d((3, 2)), IMAGE),
    "adaptive-max-one": (lambda: nn.AdaptiveMaxPool2d(1), IMAGE),
    "mean": (lambda: Function(lambda m, x: x.mean([2, 3])), IMAGE),
    "mean-kept": (lambda: Function(lambda m, x: x.mean((-2, -1), keepdim=True)), IMAGE),
    "mean-1d": (lambda: Function(lambda m, x: x.mean(-1)), SERIES),
    "sum": (lambda: Function(lambda m, x: x.sum(dim=(2, 3))), IMAGE),
    "amax": (lambda: Function(lambda m, x: x.amax(dim=(2, 3))), IMAGE),
    "batch-norm": (lambda: nn.BatchNorm2d(4), IMAGE),
    "batch-norm-bare": (lambda: nn.BatchNorm2d(4, affine=False, eps=0.1), IMAGE),
    "batch-norm-1d": (lambda: nn.BatchNorm1d(6), FLAT),
    "batch-norm-on-series": (lambda: nn.BatchNorm1d(4), SERIES),
    "flatten": (lambda: nn.Sequential(nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(84, 3)), IMAGE),
    "flatten-inner": (lambda: nn.Flatten(1, 2), IMAGE),
    "unflatten": (lambda: nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Linear(3, 2)), FLAT),
    "view": (lambda: Function(lambda m, x: m.b(m.a(x).view(-1, 84)), a=nn.Conv2d(4, 2, 3), b=nn.Linear(84, 3)), IMAGE),
    "reshape": (
        lambda: Function(lambda m, x: m.b(m.a(x).reshape(x.shape[0], -1)), a=nn.Conv2d(4, 2, 3), b=nn.Linear(84, 3)),
        IMAGE,
    ),
    "permute": (lambda: Function(lambda m, x: m.a(x.permute(0, 2, 3, 1)).flatten(1), a=nn.Linear(4, 3)), IMAGE),
    "transpose": (lambda: Function(lambda m, x: m.a(x.transpose(1, 2)), a=nn.Conv1d(11, 3, 2)), SERIES),
    "squeeze": (
        lambda: Function(lambda m, x: m.a(x).squeeze(-1).squeeze(2), a=nn.Conv2d(4, 3, (9, 8))),
        IMAGE,
    ),
    "unsqueeze": (lambda: Function(lambda m, x: m.a(x.unsqueeze(1)), a=nn.Conv2d(1, 2, 3)), SERIES),
    "views": (lambda: Function(views, a=nn.Conv2d(4, 6, 3)), IMAGE),
    "in-place-on-a-view": (lambda: Function(in_place_on_a_view, a=nn.Conv2d(4, 2, 3)), IMAGE),
    "channel-shuffle": (lambda: nn.Sequential(nn.Conv2d(4, 6, 1), nn.ChannelShuffle(3)), IMAGE),
    "pixel-shuffle": (lambda: nn.Sequential(nn.PixelShuffle(2), nn.Conv2d(1, 2, 3)), IMAGE),
    "pixel-unshuffle": (lambda: nn.PixelUnshuffle(2), (2, 8, 6)),
    "inception": (lambda: Function(inception, a=nn.Conv2d(4, 3, 1), b=nn.Conv2d(4, 2, 3, padding=1)), IMAGE),
    "residual": (lambda: Function(residual, a=nn.Conv2d(4, 4, 3, padding=1), b=nn.Conv2d(4, 4, 1)), IMAGE),
    "squeeze-and-excite": (lambda: Function(squeezed, a=nn.Conv2d(4, 3, 1), b=nn.Conv2d(4, 3, 3)), IMAGE),
    "shared-module": (lambda: Function(shared, a=nn.Linear(6, 6), r=nn.ReLU(inplace=True)), FLAT),
    "arithmetic": (lambda: Function(arithmetic, a=nn.Conv2d(4, 4, 1), w=parameter(4, 1, 1)), IMAGE),
    "add-scaled": (lambda: Function(lambda m, x: torch.add(m.a(x), x, alpha=0.5), a=nn.Linear(6, 6)), FLAT),
    "sub-scaled": (lambda: Function(lambda m, x: torch.sub(m.a(x), x, alpha=2), a=nn.Linear(6, 6)), FLAT),
    "rsub": (lambda: Function(lambda m, x: torch.rsub(x, m.w), w=parameter(6)), FLAT),
    "square": (lambda: Function(lambda m, x: x.square() + x * x), FLAT),
    "constant-buffer": (lambda: Function(lambda m, x: (x - torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])) * 3), FLAT),
    "chunk": (lambda: Function(chunks, a=nn.Conv2d(4, 6, 1)), IMAGE),
    "split": (lambda: Function(splits, a=nn.Conv2d(4, 6, 1)), IMAGE),
    "slice": (lambda: Function(slices, a=nn.Conv2d(4, 6, 1)), IMAGE),
    "select": (lambda: Function(lambda m, x: m.a(x[:, :, 2]), a=nn.Conv1d(4, 2, 3)), IMAGE),
    "stack": (lambda: Function(lambda m, x: torch.stack([x, m.a(x)], 1), a=nn.Linear(6, 6)), FLAT),
    "narrow": (lambda: Function(lambda m, x: x.narrow(1, 1, 3)), FLAT),
    "unbind": (lambda: Function(lambda m, x: torch.cat(x.unbind(1)[1:3], 1)), SERIES),
    "upsample": (lambda: nn.Sequential(nn.Conv2d(4, 2, 3), nn.Upsample(scale_factor=(2, 3))), IMAGE),
    "upsample-to-size": (lambda: nn.Upsample(size=(18, 32)), IMAGE),
    "upsample-1d": (lambda: nn.Upsample(scale_factor=2), SERIES),
    "dropout": (lambda: nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.3), nn.Linear(5, 2)), FLAT),
    "dropout-2d": (lambda: nn.Sequential(nn.Dropout2d(), nn.AlphaDropout(), nn.Conv2d(4, 2, 1)), IMAGE),
    "functional-dropout": (lambda: Function(lambda m, x: F.dropout(F.relu(x), 0.5, m.training)), FLAT),
    "identity": (lambda: nn.Sequential(nn.Identity(), nn.Linear(6, 2)), FLAT),
    "weight-norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 3, 3)), IMAGE),
    "clone": (lambda: Function(lambda m, x: m.a(x).clone().detach().contiguous().to(torch.float32), a=nn.Tanh()), FLAT),
    "unused-layers": (lambda: Function(lambda m, x: m.a(x), a=nn.Linear(6, 3), b=nn.LSTM(3, 4)), FLAT),
}
SCRIPTED = {  # by class, so that torch.jit.script can compile it
    name for name, (make, _) in CASES.items() if "Function" not in make.__code__.co_names
} - {"weight-norm"}
FILES = [name for name in CASES if name not in ("unused-layers",)]


def made(name):
    torch.manual_seed(len(name))
    make, shape = CASES[name]
    return make(), shape


@pytest.mark.parametrize("name", CASES)
def test_live(compare, name):
    compare(*made(name))


@pytest.mark.parametrize("name", FILES)
def test_files(compare_files, name):
    compare_files(*made(name), script=name in SCRIPTED)
