"""Writes the files `same_*.onnx` beside it: TensorFlow's "same" padding in each form that exporters
give it, and what ONNX Runtime computes from them. Needs what write.py needs, and timm.

    python3 write_same_padding.py
"""

import json
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from timm.layers import Conv2dSame
from torch import nn

from write import HERE, SIDE, features, strip

warnings.filterwarnings("ignore")
ODD = (33, 31)
EVEN = (SIDE, SIDE)


class Same(nn.Module):
    """Convolutions of timm's networks with the prefix `tf_`."""

    def __init__(self):
        super().__init__()
        self.stem = Conv2dSame(3, 4, 3, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(4, eps=1e-3)
        self.depthwise = Conv2dSame(4, 4, 5, 2, groups=4, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(4, eps=1e-3)
        self.last = Conv2dSame(4, 4, 3, 2)

    def forward(self, x):
        x = nn.functional.relu6(self.stem_norm(self.stem(x)))
        x = nn.functional.relu6(self.depthwise_norm(self.depthwise(x)))
        return torch.relu(self.last(x)).mean((2, 3))


def by_hand(convolutions, opset=17):
    """The same layers, with the nodes `convolutions(place, x, weight, attributes)` for each."""
    rng = np.random.default_rng(2)
    nodes, tensors, x = [], [], "image"
    for place, (shape, more) in enumerate([
        ((4, 3, 3, 3), {"strides": [2, 2]}),
        ((4, 1, 5, 5), {"strides": [2, 2], "group": 4}),
        ((4, 4, 3, 3), {"strides": [1, 1]}),
    ]):
        tensors.append(onnx.numpy_helper.from_array(rng.normal(0, 0.3, shape).astype(np.float32), f"weight{place}"))
        nodes += convolutions(place, x, f"weight{place}", more)
        nodes.append(helper.make_node("Relu", [f"map{place}"], [f"active{place}"]))
        x = f"active{place}"
    for name, value in [("one", [1, 1, 1, 1]), ("sides", [2, -1]), ("lower", [1, 1, 2, 2]), ("all", [0, 0, 0, 0, 0, 0, 1, 1])]:
        tensors.append(helper.make_tensor(name, TensorProto.INT64, [len(value)], value))
    tensors.append(helper.make_tensor("zero", TensorProto.FLOAT, [], [0]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])
    output = helper.make_tensor_value_info(x, TensorProto.FLOAT, None)
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(nodes, "same", [image], [output], [t for t in tensors if t.name in used])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def auto_pad(place, x, weight, more):
    form = ["SAME_UPPER", "SAME_LOWER", "VALID"][place]
    return [helper.make_node("Conv", [x, weight], [f"map{place}"], auto_pad=form, **more)]


def explicit(place, x, weight, more):
    """A `Pad` that has amounts for all axes, for some axes, and no amounts."""
    pads = [["all", "zero"], ["lower", "", "sides"], ["none", "zero"]][place]
    before = []
    if place == 2:
        none = helper.make_tensor("", TensorProto.INT64, [8], [0] * 8)
        before = [helper.make_node("Constant", [], ["none"], value=none)]
    return [
        *before,
        helper.make_node("Pad", [x, *pads], [f"wide{place}"], f"pad{place}"),
        helper.make_node("Conv", [f"wide{place}", weight], [f"map{place}"], **more),
    ]


def main():
    torch.manual_seed(5)
    network = Same().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            # Small enough for the epsilon to matter.
            module.running_var.uniform_(0.005, 0.02)
    any_size = {"images": {0: "n", 2: "h", 3: "w"}}
    dim = torch.export.Dim
    shapes = ({0: dim("n"), 2: dim("h", min=16, max=512), 3: dim("w", min=16, max=512)},)
    said = {}
    for name, size, options in [
        ("same_script", None, {"dynamo": False, "opset_version": 17, "dynamic_axes": any_size}),
        ("same_script_odd", ODD, {"dynamo": False, "opset_version": 17}),
        ("same_dynamo", None, {"dynamo": True, "external_data": False, "dynamic_shapes": shapes}),
        ("same_dynamo_odd", ODD, {"dynamo": True, "external_data": False}),
    ]:
        path = HERE / f"{name}.onnx"
        n = 2 if size is None else 1
        x = torch.zeros(n, 3, *(size or EVEN))
        torch.onnx.export(network, (x,), path, input_names=["images"], output_names=["mean"], **options)
        strip(path)
        last = [node for node in onnx.load(path).graph.node if node.op_type == "Relu"][-1].output[0]
        said[path.name] = [(last, size) for size in ([size] if size else [EVEN, ODD])]
    onnx.save(by_hand(auto_pad), HERE / "same_auto_pad.onnx")
    onnx.save(by_hand(explicit, opset=18), HERE / "same_pad.onnx")
    for name in ("same_auto_pad.onnx", "same_pad.onnx"):
        said[name] = [("active2", size) for size in (EVEN, ODD)]
    values = {
        name: [{**features(HERE / name, node, size=size), "size": size} for node, size in cases]
        for name, cases in said.items()
    }
    (HERE / "same_padding.json").write_text(json.dumps(values))


main()
