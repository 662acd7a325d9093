"""Exports small generators from PyTorch by both of its exporters, with what PyTorch itself computes of some inputs.

Usage: python export_pytorch.py FOLDER   (needs torch, onnx and onnxscript; made with torch 2.15)

For each model: NAME.onnx, NAME.in (float32 rows: the latent vector, then the label's index where there is one) and
NAME.out (float32 rows: the picture). tests/data/pytorch holds them.
"""

import sys
import warnings

import numpy as np
import onnx
import torch
from torch import nn

warnings.filterwarnings("ignore")
FOLDER = sys.argv[1]
SAMPLES = 3
CLASSES = 4


class Dcgan(nn.Module):
    """Radford, Metz, Chintala (2015), as PyTorch's tutorial has it, but narrower and for 16 x 16 pixels."""

    def __init__(self, latent=6, channels=4):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(latent, channels * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(channels * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(channels * 2, channels, 4, 2, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(True),
            nn.ConvTranspose2d(channels, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Conditional(nn.Module):
    """An embedding beside the latent vector, a dense layer, a view, transposed convolutions with odd sizes."""

    def __init__(self, latent=7, length=5, channels=6):
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, length)
        self.channels = channels
        self.fc = nn.Linear(latent + length, channels * 9)
        self.norm0 = nn.BatchNorm1d(channels * 9)
        self.up1 = nn.ConvTranspose2d(channels, 3, 3, 2, 1, output_padding=1)
        self.norm1 = nn.BatchNorm2d(3)
        self.up2 = nn.ConvTranspose2d(3, 1, 4, 2, 1)
        self.leaky = nn.LeakyReLU(0.2)

    def forward(self, z, label):
        x = torch.cat([z, self.embedding(label)], 1)
        x = self.leaky(self.norm0(self.fc(x))).view(-1, self.channels, 3, 3)
        return torch.tanh(self.up2(self.leaky(self.norm1(self.up1(x)))))


class Plane(nn.Module):
    """The label as a plane beside the features, a shape read at run time, upsampling, convolutions, sigmoid."""

    def __init__(self, latent=6):
        super().__init__()
        self.embedding = nn.Embedding(CLASSES, 5)
        self.plane = nn.Linear(5, 9)
        self.fc = nn.Linear(latent, 5 * 9)
        self.net = nn.Sequential(
            nn.BatchNorm2d(6),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(6, 4, 3, 1, 1),
            nn.BatchNorm2d(4),
            nn.LeakyReLU(0.25),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(4, 1, 3, 1, 1),
            nn.Sigmoid(),
        )

    def forward(self, z, label):
        plane = self.plane(self.embedding(label)).reshape(z.size(0), 1, 3, 3)
        x = self.fc(z).reshape(z.size(0), 5, 3, 3)
        return self.net(torch.cat([x, plane], 1))


def trained(model):
    """Statistics as after a training, not 0 and 1."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.3, 0.3)
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


def without_traces(path):
    """PyTorch notes for each node where in which file it comes from: of no use to others."""
    model = onnx.load(path)
    graph = model.graph
    for part in [model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    onnx.save(model, path)


def export(name, model, latent_shape, conditional):
    model = trained(model)
    latent = torch.randn((SAMPLES, *latent_shape))
    inputs = (latent, torch.arange(SAMPLES) % CLASSES) if conditional else (latent,)
    names = ["z", "label"][: len(inputs)]
    common = dict(input_names=names, output_names=["image"])
    for way in ("legacy", "dynamo"):
        if way == "legacy":
            axes = {each: {0: "N"} for each in [*names, "image"]}
            how = dict(dynamo=False, opset_version=17, dynamic_axes=axes)
        else:
            shapes = tuple({0: torch.export.Dim("N")} for _ in inputs)
            how = dict(dynamo=True, external_data=False, dynamic_shapes=shapes)
        path = f"{FOLDER}/{name}-{way}.onnx"
        torch.onnx.export(model, inputs, path, **common, **how)
        without_traces(path)
    with torch.no_grad():
        pictures = model(*inputs)
    rows = [each.float().reshape(SAMPLES, -1).numpy() for each in inputs]
    np.concatenate(rows, 1).astype("<f4").tofile(f"{FOLDER}/{name}.in")
    pictures.reshape(SAMPLES, -1).numpy().astype("<f4").tofile(f"{FOLDER}/{name}.out")


torch.manual_seed(7)
export("dcgan", Dcgan(), (6, 1, 1), False)
export("conditional", Conditional(), (7,), True)
export("plane", Plane(), (6,), True)
