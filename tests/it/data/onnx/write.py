"""Writes the files beside it: small networks as PyTorch's two exporters and onnx write them, and what
ONNX Runtime computes from them. Needs torch, onnx, onnxscript, onnxruntime.

    python3 write.py
"""

import json
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from torch import nn

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
SIDE = 32


def separable(n_in, n_out, stride):
    """A depthwise and a pointwise convolution (MobileNetV1)."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_in, 3, stride, 1, groups=n_in, bias=False),
        nn.BatchNorm2d(n_in),
        nn.ReLU6(),
        nn.Conv2d(n_in, n_out, 1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU6(),
    )


class Small(nn.Module):
    """The first layers of a MobileNetV1, a residual block of a ResNet, and a classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.a = separable(6, 8, 2)
        self.b = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8))
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.a(self.pool(self.stem(x)))
        x = torch.relu(x + self.b(x))
        return self.head(torch.flatten(self.average(x), 1))


def batch(height=SIDE, width=SIDE):
    """Two pictures: a formula that Rust can repeat exactly."""
    n = 2 * height * width * 3
    values = (np.arange(n, dtype=np.int64) * 7919 % 256).astype(np.float32)
    return values.reshape(2, height, width, 3)


def features(path, node, channels_last=False, size=(SIDE, SIDE)):
    """What ONNX Runtime computes up to a node, for pixels divided by 255."""
    model = onnx.load(path)
    found = [n.output[0] for n in model.graph.node if node in (n.name, n.output[0])]
    model.graph.output.append(helper.make_tensor_value_info(found[0], TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = batch(*size) / np.float32(255)
    x = x if channels_last else x.transpose(0, 3, 1, 2)
    rows = [session.run([found[0]], {session.get_inputs()[0].name: x[i : i + 1]})[0] for i in range(2)]
    said = np.concatenate(rows)
    said = said.transpose(0, 2, 3, 1) if said.ndim == 4 else said
    return {"node": node, "shape": list(said.shape), "values": [float(v) for v in said.ravel()]}


def channels_last():
    """As tf2onnx writes them: channels last, turned inside the graph."""
    rng = np.random.default_rng(1)
    kernel = rng.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Transpose", ["image"], ["turned"], "turn", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["turned", "kernel"], ["map"], "convolve", strides=[2, 2]),
        helper.make_node("Relu", ["map"], ["active"], "activate"),
        helper.make_node("GlobalAveragePool", ["active"], ["mean"], "pool"),
        helper.make_node("Flatten", ["mean"], ["flat"], "flatten"),
    ]
    return model(nodes, [helper.make_tensor("kernel", TensorProto.FLOAT, kernel.shape, kernel.ravel())])


def model(nodes, tensors):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", SIDE, SIDE, 3])
    output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "small", [image], [output], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def strip(path):
    """Removes from a file where the code lay that made its nodes."""
    bare = onnx.load(path, load_external_data=False)
    for part in [*bare.graph.node, *bare.graph.value_info, *bare.graph.input, *bare.graph.output, bare.graph]:
        del part.metadata_props[:]
    path.write_bytes(bare.SerializeToString())


def main():
    torch.manual_seed(3)
    network = Small()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    network.eval()
    x = torch.zeros(1, 3, SIDE, SIDE)
    script, dynamo, last = HERE / "script.onnx", HERE / "dynamo.onnx", HERE / "channels_last.onnx"
    torch.onnx.export(
        network, x, script, dynamo=False, opset_version=17,
        input_names=["images"], output_names=["logits"], dynamic_axes={"images": {0: "n"}},
    )
    torch.onnx.export(network, (x,), dynamo, dynamo=True, external_data=True, opset_version=18)
    strip(dynamo)
    onnx.save(channels_last(), last)
    turn = helper.make_node("Transpose", ["image"], ["turned"], "turn", perm=[0, 3, 1, 2])
    strange = helper.make_node("Wobble", ["turned"], ["wobbled"], "wobble")
    behind = helper.make_node("Relu", ["wobbled"], ["active"], "activate")
    onnx.save(model([turn, strange, behind], []), HERE / "unknown_operator.onnx")
    names = {path: [node for node in onnx.load(path).graph.node] for path in (script, dynamo)}
    pooling = {p: [n for n in nodes if n.op_type in ("GlobalAveragePool", "ReduceMean")][-1] for p, nodes in names.items()}
    adding = {p: [n for n in nodes if n.op_type == "Add"][-1] for p, nodes in names.items()}
    said = {
        "script.onnx": [features(script, pooling[script].name), features(script, adding[script].output[0])],
        "dynamo.onnx": [features(dynamo, pooling[dynamo].name), features(dynamo, adding[dynamo].name)],
        "channels_last.onnx": [features(last, "flat", True), features(last, "activate", True)],
    }
    (HERE / "features.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
