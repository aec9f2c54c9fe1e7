"""Architectures as torchvision has them, written anew: residual, inverted residual, plain, branching and dense."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class BasicBlock(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)


class ResNet18(nn.Module):
    input_shape = (3, 64, 64)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [64, 64, 128, 256, 512]
        for index in range(1, 5):
            stride = 1 if index == 1 else 2
            blocks = [BasicBlock(widths[index - 1], widths[index], stride), BasicBlock(widths[index], widths[index], 1)]
            setattr(self, f"layer{index}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def convolved(inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inside * expansion
        layers = [convolved(inside, hidden, 1)] if expansion != 1 else []
        layers += [convolved(hidden, hidden, 3, stride, hidden)]
        self.conv = nn.Sequential(*layers, nn.Conv2d(hidden, outside, 1, bias=False), nn.BatchNorm2d(outside))
        self.joined = stride == 1 and inside == outside

    def forward(self, x):
        return x + self.conv(x) if self.joined else self.conv(x)


class MobileNetV2(nn.Module):
    input_shape = (3, 64, 64)

    def __init__(self) -> None:
        super().__init__()
        features, width = [convolved(3, 32, 3, 2)], 32
        settings = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2)]
        for expansion, outside, count, stride in [*settings, (6, 320, 1, 1)]:
            for index in range(count):
                features.append(InvertedResidual(width, outside, stride if index == 0 else 1, expansion))
                width = outside
        self.features = nn.Sequential(*features, convolved(width, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 10))

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), (1, 1)).reshape(x.shape[0], -1))


class VGG16(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        layers, width = [], 3
        for outside in [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0]:
            if outside:
                layers += [nn.Conv2d(width, outside, 3, padding=1), nn.ReLU(inplace=True)]
                width = outside
            else:
                layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))  # from 1 x 1: every element is repeated
        head = [nn.Linear(512 * 49, 256), nn.ReLU(True), nn.Dropout(), nn.Linear(256, 256), nn.ReLU(True), nn.Dropout()]
        self.classifier = nn.Sequential(*head, nn.Linear(256, 10))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class InceptionBlock(nn.Module):
    def __init__(self, inside: int) -> None:
        super().__init__()
        self.one = convolved(inside, 16, 1)
        self.five = nn.Sequential(convolved(inside, 12, 1), convolved(12, 16, 5))
        self.twice = nn.Sequential(convolved(inside, 16, 1), convolved(16, 24, 3), convolved(24, 24, 3))
        self.pool = convolved(inside, 8, 1)

    def forward(self, x):
        pooled = self.pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return torch.cat([self.one(x), self.five(x), self.twice(x), pooled], 1)


class Inception(nn.Module):
    input_shape = (3, 40, 40)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolved(3, 16, 3, 2), convolved(16, 24, 3))
        self.mixed = nn.ModuleList([InceptionBlock(24), InceptionBlock(64), InceptionBlock(64)])
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 3, stride=2, ceil_mode=True)
        for block in self.mixed:
            x = block(x)
        return F.log_softmax(self.fc(F.dropout(x.mean(dim=(2, 3)), training=self.training)), dim=1)


class DenseLayer(nn.Module):
    def __init__(self, inside: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inside), nn.Conv2d(inside, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features):
        x = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(F.relu(self.norm2(x)))


class DenseNet(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        self.conv0, width = nn.Conv2d(3, 16, 3, padding=1, bias=False), 16
        self.blocks, self.transitions = nn.ModuleList(), nn.ModuleList()
        for _ in range(3):
            self.blocks.append(nn.ModuleList([DenseLayer(width + 8 * index, 8) for index in range(3)]))
            width += 24
            last = [nn.BatchNorm2d(width), nn.ReLU(True), nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2)]
            self.transitions.append(nn.Sequential(*last))
            width //= 2
        self.norm, self.fc = nn.BatchNorm2d(width), nn.Linear(width, 10)

    def forward(self, x):
        x = self.conv0(x)
        for block, transition in zip(self.blocks, self.transitions, strict=True):
            features = [x]
            for layer in block:
                features.append(layer(features))
            x = transition(torch.cat(features, 1))
        return self.fc(F.adaptive_avg_pool2d(F.relu(self.norm(x), inplace=True), 1).flatten(1))


ARCHITECTURES = (ResNet18, MobileNetV2, VGG16, Inception, DenseNet)
