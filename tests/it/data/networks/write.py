"""Writes what timm and torchvision compute with networks of formula-made weights; `write_keras.py`
does for Keras.

    pip install torch torchvision timm safetensors numpy
    python write.py [CASE...] [--side PIXELS] [--whole DIRECTORY]

For each case (a network of a library), this script fills the weights by a formula (`formula.py`) that
`tests/it/networks.rs` has too, runs two images forward and backward, and writes into
`CASE.safetensors` beside it:

- `features`: what the classifier reads, [2, features], at most 64 of them
- `logits`: of ImageNet's classes, [2, 1000], the first 16
- `seed`: the number of the images, chosen so that no activation is so near to a bound that rounding
  could put it on the other side
- `loss`: binary cross-entropy of a head of one output with formula-made weights, labels 0 and 1
- `gradient/NAME`: its gradient with respect to a parameter; the value of the largest magnitude, then
  values at even distances, at most 5

`CASE.txt` lists the names and shapes of the library's tensors. With `--whole DIRECTORY`, the weights
and the whole features and gradients are written there, for images of `--side` pixels (64 by default).
"""

import argparse
import pathlib

import numpy
import safetensors.torch
import timm
import torch
import torchvision
from torch import nn

from formula import numbers, pixels

SEEDS = 40
HERE = pathlib.Path(__file__).parent

# Case: the library's model and how it scales pixel values. A case is named after the network here and
# the library's file.
HALF = ([0.5] * 3, [0.5] * 3)
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
TIMM = [
    ("mobilenetv1_100.ra4_e3600_r224_in1k", HALF),
    ("mobilenetv1_125.ra4_e3600_r224_in1k", HALF),
    ("mobilenetv2_050.lamb_in1k", IMAGENET),
    ("mobilenetv4_conv_small.e2400_r224_in1k", IMAGENET),
    ("mobilenetv4_conv_small_050.e3000_r224_in1k", HALF),
    ("mobilenetv4_conv_medium.e500_r256_in1k", IMAGENET),
    ("efficientnet_lite0.ra_in1k", IMAGENET),
    ("tf_efficientnet_lite2.in1k", HALF),
    ("resnet18.a1_in1k", IMAGENET),
    ("resnet34.ra4_e3600_r224_in1k", HALF),
    ("mobilenetv3_small_100.lamb_in1k", IMAGENET),
    ("mobilenetv3_large_100.ra4_e3600_r224_in1k", HALF),
    ("tf_mobilenetv3_large_075.in1k", HALF),
    ("efficientnet_b0.ra4_e3600_r224_in1k", HALF),
    ("tf_efficientnet_b0.in1k", IMAGENET),
]
TORCHVISION = ["resnet50-11ad3fa6", "mobilenet_v3_large-5c1a4163", "efficientnet_b0_rwightman-7f5810bc"]


def fill(name, tensor):
    """Values of a tensor: variances and scales around 1, shifts around 0, kernels with the
    variance 1 / fan-in."""
    shape = tuple(tensor.shape)
    u = numbers(name, tensor.numel()).reshape(shape)
    if len(shape) > 1:
        values = (2 * u - 1) * (3.0 / numpy.prod(shape[1:])) ** 0.5
    elif name.endswith("running_var") or name.endswith("weight"):
        values = 0.5 + u
    else:
        values = (2 * u - 1) * 0.2
    return torch.from_numpy(values.astype(numpy.float32))


def model_of(case):
    if case in TORCHVISION:
        model = getattr(torchvision.models, case.split("-")[0].removesuffix("_rwightman"))()
        return model, IMAGENET
    return timm.create_model(case.split(".")[0]), dict(TIMM)[case]


def features_of(model, x):
    """What the classifier reads, and the logits."""
    last = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == 1000][-1]
    found = []
    hook = last.register_forward_hook(lambda _m, inputs, _y: found.append(inputs[0]))
    logits = model(x)
    hook.remove()
    return found[0], logits


def images(seed, side, mean, std):
    x = (pixels(seed, side) / 255 - numpy.array(mean, numpy.float32)) / numpy.array(std, numpy.float32)
    return torch.from_numpy(x.astype(numpy.float32).transpose(0, 3, 1, 2).copy())


BOUNDS = {"relu": [0], "relu6": [0, 6], "hardswish": [-3, 3], "hardsigmoid": [-3, 3]}


def distance(model, x):
    """How near an activation comes to a bound, relative to the largest of its layer."""
    nearest = [1.0]

    def hook(module, inputs):
        bounds = BOUNDS[type(module).__name__.lower()]
        z = inputs[0].detach()
        least = min((z - bound).abs().min().item() for bound in bounds)
        nearest.append(least / z.abs().max().item())

    modules = [m for m in model.modules() if type(m).__name__.lower() in BOUNDS]
    hooks = [m.register_forward_pre_hook(hook) for m in modules]
    with torch.no_grad():
        model(x)
    for registered in hooks:
        registered.remove()
    return min(nearest)


def write(case, side, whole):
    model, (mean, std) = model_of(case)
    state = {}
    for name, tensor in model.state_dict().items():
        state[name] = tensor if name.endswith("num_batches_tracked") else fill(name, tensor)
    model.load_state_dict(state)
    model.eval()
    seeds = range(1 if whole else SEEDS)
    seed = max(seeds, key=lambda seed: distance(model, images(seed, side, mean, std)))
    x = images(seed, side, mean, std)
    features, logits = features_of(model, x)
    n = features.shape[1]
    head = torch.from_numpy(((2 * numbers("head", n) - 1) / n**0.5).astype(numpy.float32))
    output = features @ head
    loss = nn.functional.binary_cross_entropy_with_logits(output, torch.tensor([0.0, 1.0]))
    loss.backward()
    out = {
        "features": features.detach(),
        "logits": logits.detach(),
        "seed": torch.tensor([float(seed)]),
        "loss": loss.detach().reshape(1),
    }
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            out[f"gradient/{name}"] = parameter.grad
    if whole:
        expected = {name: tensor.contiguous() for name, tensor in out.items()}
        safetensors.torch.save_file(expected, whole / f"{case}.expected.safetensors")
        if case in TORCHVISION:
            torch.save(state, whole / f"{case}.pth")
        else:
            safetensors.torch.save_file(state, whole / f"{case}.safetensors")
        return
    for name, tensor in out.items():
        flat = tensor.reshape(-1)
        if name.startswith("gradient/"):
            step = max(1, flat.numel() // 5)
            out[name] = torch.cat([flat.abs().max().reshape(1), flat[::step][:5]])
        elif name not in ("loss", "seed"):
            out[name] = tensor[:, : 64 if name == "features" else 16].contiguous()
    safetensors.torch.save_file(out, HERE / f"{case}.safetensors")
    lines = [
        " ".join([name, *map(str, tensor.shape)])
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    ]
    (HERE / f"{case}.txt").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--whole", type=pathlib.Path)
    arguments = parser.parse_args()
    for case in arguments.cases or [name for name, _ in TIMM] + TORCHVISION:
        write(case, arguments.side, arguments.whole)
        print(case, flush=True)


main()
