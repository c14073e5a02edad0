"""Writes the files `act_*.onnx`, `pool_*.onnx` and `not_*.onnx` beside it, and what ONNX Runtime
computes from them: activations, squeeze-and-excitation and padded max pooling in each form that
exporters give them, and nodes that are nearly these. Needs what write.py needs; where tensorflow and
tf2onnx can be imported, also `act_keras.onnx`, which is kept otherwise.

    python3 write_activations.py
"""

import json
import os
import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from write import HERE, SIDE, features, strip

warnings.filterwarnings("ignore")


class Squeeze(nn.Module):
    """Squeeze-and-excitation, with the mean as torchvision or as timm writes it."""

    def __init__(self, channels, activation, gate, pools):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)
        self.activation, self.gate = activation(), gate()
        self.pool = nn.AdaptiveAvgPool2d(1) if pools else None

    def forward(self, x):
        mean = self.pool(x) if self.pool else x.mean((2, 3), keepdim=True)
        return x * self.gate(self.expand(self.activation(self.reduce(mean))))


class Curves(nn.Module):
    """A block like those of MobileNetV3, one like those of EfficientNet, and an end like that of
    MobileNetV3: layers after the pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.Hardswish())
        self.filter = nn.Sequential(
            nn.Conv2d(6, 6, 5, 2, 2, groups=6, bias=False), nn.BatchNorm2d(6), nn.Hardswish(),
            Squeeze(6, nn.ReLU, nn.Hardsigmoid, True),
            nn.Conv2d(6, 6, 1, bias=False), nn.BatchNorm2d(6),
        )
        self.block = nn.Sequential(
            nn.Conv2d(6, 6, 3, 1, 1, groups=6, bias=False), nn.BatchNorm2d(6), nn.SiLU(),
            Squeeze(6, nn.SiLU, nn.Sigmoid, False),
            nn.Conv2d(6, 6, 1, bias=False), nn.BatchNorm2d(6),
        )
        self.last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 8, 1), nn.Hardswish())
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.filter(self.stem(x))
        x = self.last(x + self.block(x))
        return self.head(torch.flatten(x, 1))


def torch_files():
    torch.manual_seed(7)
    network = Curves().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.05, 0.2)
    said = {}
    for name, options in [
        ("act_script_13", {"dynamo": False, "opset_version": 13, "dynamic_axes": {"images": {0: "n"}}}),
        ("act_script_17", {"dynamo": False, "opset_version": 17}),
        ("act_dynamo", {"dynamo": True, "external_data": False, "dynamic_shapes": ({0: torch.export.Dim("n")},)}),
    ]:
        path = HERE / f"{name}.onnx"
        x = torch.zeros(2 if name == "act_dynamo" else 1, 3, SIDE, SIDE)
        torch.onnx.export(network, (x,), path, input_names=["images"], output_names=["logits"], **options)
        strip(path)
        nodes = onnx.load(path).graph.node
        sums = [node for node in nodes if node.op_type == "Add"]
        dense = next(n for n in nodes if n.op_type == "Gemm")
        said[path.name] = [dense.input[0], dense.output[0], sums[-1].output[0]]
    return said


class Graph:
    """Nodes after an image, with weights."""

    def __init__(self, image=("n", 3, SIDE, SIDE)):
        self.rng = np.random.default_rng(4)
        self.nodes, self.tensors, self.image = [], [], list(image)

    def number(self, *values, kind=np.float32, shape=None):
        name = f"c{len(self.tensors)}"
        value = np.array(values[0] if shape is None and len(values) == 1 else values, kind)
        self.tensors.append(numpy_helper.from_array(value if shape is None else value.reshape(shape), name))
        return name

    def add(self, operator, *inputs, name=None, **attributes):
        output = name or f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def convolution(self, x, n_in, n_out, bias=True, **attributes):
        side = attributes.pop("side", 1)
        kernel = self.number(*self.rng.normal(0, 0.6, n_out * n_in * side * side), shape=(n_out, n_in, side, side))
        more = [self.number(*self.rng.normal(0, 0.4, n_out), shape=(n_out,))] if bias else []
        return self.add("Conv", x, kernel, *more, **attributes)

    def write(self, name, end, opset=17):
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, self.image)
        output = helper.make_tensor_value_info(end, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "small", [image], [output], self.tensors)
        opsets = [helper.make_opsetid("", opset)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), HERE / name)
        return {name: [end]}


def spellings(g):
    """Each spelling of an activation, as a function of a name."""
    sixth = lambda: g.number(1 / 6)
    ramp = lambda x: g.add("Clip", g.add("Add", x, g.number(3)), g.number(0), g.number(6))
    hard = lambda x: g.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)
    return [
        lambda x: g.add("Div", g.add("Mul", x, ramp(x)), g.number(6)),
        lambda x: g.add("Mul", g.add("Div", ramp(x), g.number(6, shape=(1, 1, 1))), x),
        lambda x: g.add("Mul", g.add("Mul", x, sixth()), ramp(x)),
        lambda x: g.add("Mul", g.add("Mul", ramp(x), g.number(0.1666667)), x),
        lambda x: g.add("Mul", hard(x), x),
        lambda x: g.add("HardSwish", x),
        lambda x: g.add("Mul", x, g.add("Sigmoid", x)),
        lambda x: g.add("Min", g.add("Relu", x), g.number(6)),
        lambda x: g.add("Max", g.number(0), x),
        lambda x: g.add("Mul", g.add("Min", g.add("Max", g.add("Sub", x, g.number(-3)), g.number(0)), g.number(6)), sixth()),
        lambda x: g.add("Clip", g.add("Add", g.add("Div", x, g.number(6)), g.number(0.5)), g.number(0), g.number(1)),
        lambda x: g.add("Sigmoid", g.add("Identity", x)),
        hard,
    ]


def spelled():
    g = Graph()
    x, n = "image", 3
    for activate in spellings(g):
        x = activate(g.convolution(x, n, 4, strides=[4, 4] if n == 3 else [1, 1]))
        n = 4
    for gate, mean in [
        ("Sigmoid", lambda x: g.add("GlobalAveragePool", x)),
        ("HardSigmoid", lambda x: g.add("ReduceMean", x, axes=[-1, 2], keepdims=1)),
        ("Sigmoid", lambda x: g.add("Unsqueeze", g.add("ReduceMean", x, axes=[2, 3], keepdims=0), g.number(2, 3, kind=np.int64))),
        ("Sigmoid", lambda x: g.add("Reshape", g.add("Flatten", g.add("GlobalAveragePool", x)), g.number(-1, 4, 1, 1, kind=np.int64))),
    ]:
        few = g.add("Relu", g.convolution(mean(x), 4, 2))
        gates = {"alpha": 1 / 6} if gate == "HardSigmoid" else {}
        by = g.add(gate, g.convolution(few, 2, 4), **gates)
        # Of a product, either operand may be the map.
        x = g.convolution(g.add("Mul", *([x, by] if gate == "Sigmoid" else [by, x])), 4, 4)
    return g.write("act_spelled.onnx", x)


def dense():
    """Fully connected layers, as tf2onnx and torch.onnx write them."""
    g = Graph()
    x = g.add("ReduceMean", g.convolution("image", 3, 4), axes=[2, 3], keepdims=0)
    x = g.add("MatMul", x, g.number(*g.rng.normal(0, 0.6, 24), shape=(4, 6)))
    x = g.add("HardSwish", g.add("Add", x, g.number(*g.rng.normal(0, 0.6, 6), shape=(6,))))
    x = g.add("Gemm", x, g.number(*g.rng.normal(0, 0.6, 18), shape=(6, 3)), g.number(1, 2, 3, shape=(3,)))
    return g.write("act_dense.onnx", x)


def swish():
    """The operator that opset 24 has for SiLU."""
    g = Graph()
    x = g.convolution(g.add("Swish", g.convolution("image", 3, 4, strides=[4, 4])), 4, 4)
    return g.write("act_swish.onnx", g.add("Swish", x, alpha=1.0), opset=24)


def pooled():
    """Max pooling with "same" padding, with explicit padding, and both."""
    g = Graph(("n", 3, "h", "w"))
    x = g.convolution("image", 3, 4)
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    x = g.add("MaxPool", x, kernel_shape=[2, 2], auto_pad="SAME_LOWER")
    lowest, least = g.number(-np.inf), g.number(float(np.finfo(np.float32).min))
    amounts = lambda *n: g.number(*n, kind=np.int64)
    x = g.add("Pad", x, amounts(0, 0, 0, 1, 0, 0, 1, 0), lowest)
    x = g.add("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    x = g.add("Pad", x, amounts(0, 0, 1, 1, 0, 0, 0, 0), least)
    x = g.add("MaxPool", x, kernel_shape=[2, 2])
    x = g.add("Relu", g.convolution(x, 4, 4))
    x = g.add("Pad", x, amounts(0, 0, 1, 1, 0, 0, 1, 1))
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    return g.write("pool_padded.onnx", x)


def nearly():
    """Files that no layers compute."""
    said = {}
    def of(name, build):
        g = Graph()
        said.update(g.write(f"not_{name}.onnx", build(g, g.convolution("image", 3, 4, strides=[4, 4]))))
    clip = lambda g, x, most: g.add("Clip", g.add("Add", x, g.number(3)), g.number(0), g.number(most))
    of("swish", lambda g, x: g.convolution(g.add("Div", g.add("Mul", x, clip(g, x, 5)), g.number(6)), 4, 4))
    of("sixth", lambda g, x: g.convolution(g.add("Mul", x, g.add("Mul", clip(g, x, 6), g.number(0.1667))), 4, 4))
    of("hard_sigmoid", lambda g, x: g.add("Mul", x, g.add("HardSigmoid", x, alpha=0.2, name="slope")))
    of("same_x", lambda g, x: g.add("Mul", x, g.add("Sigmoid", g.convolution(x, 4, 4))))
    pad = lambda g, x, n: g.add("Pad", x, g.number(0, 0, n, n, 0, 0, n, n, kind=np.int64), name="pad")
    of("signed_pool", lambda g, x: g.add("MaxPool", pad(g, x, 1), kernel_shape=[3, 3], strides=[2, 2]))
    of("outside", lambda g, x: g.add("MaxPool", pad(g, g.add("Relu", x), 3), kernel_shape=[3, 3]))
    of("mean", lambda g, x: g.add("Mul", x, g.add("Sigmoid", g.add("ReduceMean", x, axes=[1, 2], keepdims=1))))
    of("shared", lambda g, x: g.add("Add", x, g.add("Mul", x, g.number(*[0.5, 2, 1, 3], shape=(4, 1, 1)))))
    return said


class PaddedGroups(nn.Module):
    """A padding whose amounts the exporter computes from constants, and a convolution over groups."""

    def __init__(self):
        super().__init__()
        self.stem, self.groups = nn.Conv2d(3, 4, 3, 4), nn.Conv2d(4, 4, 3, groups=2)

    def forward(self, x):
        return self.groups(nn.functional.pad(torch.relu(self.stem(x)), (0, 1, 2, 1))).mean((2, 3))


def padded_groups():
    """What `nearly` does not write: a file of PyTorch's."""
    torch.manual_seed(4)
    path = HERE / "not_groups.onnx"
    options = {"input_names": ["image"], "output_names": ["features"], "dynamic_axes": {"image": {0: "n"}}}
    torch.onnx.export(PaddedGroups().eval(), (torch.zeros(1, 3, SIDE, SIDE),), path, dynamo=False, **options)
    strip(path)
    return {path.name: ["features"]}


def fixed_batch():
    """A file for two images at a time, as `view(n, -1)` makes one."""
    g = Graph((2, 3, SIDE, SIDE))
    x = g.add("ReduceMean", g.convolution("image", 3, 4, strides=[4, 4]), axes=[2, 3], name="mean")
    g.write("fixed_batch.onnx", g.add("Reshape", x, g.number(2, 4, kind=np.int64), name="row"))


def keras_file(path):
    """A block of Keras's MobileNetV3, and one of its EfficientNet, written by tf2onnx."""
    import keras
    import tensorflow
    import tf2onnx

    keras.utils.set_random_seed(3)
    layers = keras.layers
    # As in keras.applications.
    hard_sigmoid = lambda x: layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)
    hard_swish = lambda x: layers.Multiply()([x, hard_sigmoid(x)])
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(2.0, -1.0)(image)
    x = hard_swish(layers.BatchNormalization(epsilon=1e-3)(layers.Conv2D(6, 3, 2, "same", use_bias=False)(x)))
    x = layers.DepthwiseConv2D(3, 2, padding="valid", use_bias=False)(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    x = layers.Activation("relu")(layers.BatchNormalization(epsilon=1e-3)(x))
    mean = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, hard_sigmoid(layers.Conv2D(6, 1)(layers.ReLU()(layers.Conv2D(2, 1)(mean))))])
    x = before = layers.BatchNormalization(epsilon=1e-3)(layers.Conv2D(6, 1, use_bias=False)(x))
    x = layers.Activation("swish")(layers.BatchNormalization()(layers.DepthwiseConv2D(5, padding="same", use_bias=False)(x)))
    mean = layers.Reshape((1, 1, 6))(layers.GlobalAveragePooling2D()(x))
    x = layers.multiply([x, layers.Conv2D(6, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="swish")(mean))])
    x = layers.add([layers.BatchNormalization()(layers.Conv2D(6, 1, use_bias=False)(x)), before])
    network = keras.Model(image, layers.GlobalAveragePooling2D()(x))
    rng = np.random.default_rng(5)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            shapes = [weight.shape for weight in layer.get_weights()]
            layer.set_weights([rng.uniform(low, high, shape) for (low, high), shape in zip([(0.5, 1.5), (-0.3, 0.3), (-0.2, 0.2), (0.1, 0.6)], shapes)])
    shape = tensorflow.TensorSpec((None, SIDE, SIDE, 3), tensorflow.float32, name="images")
    call = tensorflow.function(lambda x: network(x, training=False), input_signature=[shape])
    model, _ = tf2onnx.convert.from_function(call, input_signature=[shape], opset=17)
    onnx.save(model, path)


def main():
    keras = HERE / "act_keras.onnx"
    try:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        keras_file(keras)
    except ModuleNotFoundError as missing:
        print(f"{keras.name} is kept: {missing}")
    of_keras = [features(keras, onnx.load(keras).graph.output[0].name, channels_last=True)]
    # Nine digits are those of single precision.
    short = lambda of: {**of, "values": [float(f"{value:.9g}") for value in of["values"]]}
    compute = lambda said: {name: [short(features(HERE / name, node)) for node in nodes] for name, nodes in said.items()}
    said = compute({**torch_files(), **spelled(), **dense(), **swish()})
    (HERE / "activations.json").write_text(json.dumps({**said, keras.name: of_keras}))
    sizes = [(SIDE, SIDE), (33, 31)]
    (name, [node]), = pooled().items()
    pools = {name: [{**features(HERE / name, node, size=size), "size": size} for size in sizes]}
    (HERE / "padded_pooling.json").write_text(json.dumps(pools))
    (HERE / "not_layers.json").write_text(json.dumps(compute({**nearly(), **padded_groups()})))
    fixed_batch()


main()
