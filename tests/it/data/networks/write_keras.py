"""Writes what Keras computes with networks of formula-made weights.

    pip install tensorflow-cpu tf_keras h5py safetensors numpy
    python write_keras.py [CASE...] [--side PIXELS] [--whole DIRECTORY]

The files are those of `write.py`, for networks of `keras.applications`. `CASE.txt` lists the names and
shapes of the tensors in the `.h5` file of a whole model.

With `--whole DIRECTORY`, Keras 3 and Keras 2 (`tf_keras`) write the models there, in each of their
layouts, with and without the classifier, and Keras 3's whole features and logits for images of
`--side` pixels. `ALPACA_KERAS=DIRECTORY cargo test --release keras` compares.
"""

import argparse
import os
import pathlib
import tempfile
from unittest import mock

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import keras
import numpy
import safetensors.numpy
import tensorflow

from formula import numbers, pixels

SEEDS = 40
HERE = pathlib.Path(__file__).parent
RESNET = keras.applications.resnet50.preprocess_input
INCEPTION = keras.applications.mobilenet.preprocess_input

# Case: the model, its arguments, and how it scales pixel values. Models without such a function do it
# themselves.
CASES = {
    "keras_mobilenet_025": ("MobileNet", {"alpha": 0.25}, INCEPTION),
    "keras_mobilenet_10": ("MobileNet", {"alpha": 1.0}, INCEPTION),
    "keras_mobilenetv3small_10": ("MobileNetV3Small", {"alpha": 1.0}, None),
    "keras_mobilenetv3large_075": ("MobileNetV3Large", {"alpha": 0.75}, None),
    "keras_resnet50": ("ResNet50", {}, RESNET),
    "keras_efficientnetb0": ("EfficientNetB0", {}, None),
    "keras_mobilenetv3small_075_notop": (
        "MobileNetV3Small",
        {"alpha": 0.75, "include_top": False},
        None,
    ),
}
# The standardization that the published EfficientNets have.
NORMALIZATION = {"mean": [0.485, 0.456, 0.406], "variance": [0.229, 0.224, 0.225], "count": 0}


def fill(name, shape):
    """Values of a tensor: variances and scales around 1, shifts around 0, kernels with the variance
    1 / fan-in."""
    layer, role = name.removesuffix(":0").split("/")[-2:]
    if layer.startswith("normalization"):
        return numpy.array(NORMALIZATION[role], numpy.float32)
    u = numbers(name, int(numpy.prod(shape))).reshape(shape)
    if len(shape) > 1:
        is_depthwise = shape[-1] == 1
        values = (2 * u - 1) * (3.0 / numpy.prod(shape[:2] if is_depthwise else shape[:-1])) ** 0.5
    elif role in ("moving_variance", "gamma"):
        values = 0.5 + u
    else:
        values = (2 * u - 1) * 0.2
    return values.astype(numpy.float32)


def names_of(model):
    """The tensors of the file of a whole model: the variable of each name, in the order of names."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.h5"
        model.save(path)
        with h5py.File(path) as file:
            names = []
            group = file["model_weights"]
            for layer in model.layers:
                listed = group[layer.name].attrs["weight_names"]
                texts = [n if isinstance(n, str) else n.decode() for n in listed]
                stored = [f"model_weights/{layer.name}/{name}" for name in texts]
                assert len(stored) == len(layer.weights)
                assert all(name in file for name in stored), stored
                names += zip(stored, layer.weights)
    return dict(sorted(names, key=lambda pair: pair[0]))


def build(case):
    """A model of Keras 3 with formula-made weights, and the names of its tensors."""
    kind, arguments, _ = CASES[case]
    make = getattr(keras.applications, kind)
    model = make(weights=None, **arguments)
    tensors = names_of(model)
    for name, variable in tensors.items():
        variable.assign(fill(name, tuple(variable.shape)))
    if kind != "EfficientNetB0":
        return model, tensors
    # With published weights, the model has one layer more. They are replaced by those above.
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.h5"
        model.save(path)
        with mock.patch("keras.src.utils.file_utils.get_file", return_value=str(path)):
            model = make(weights="imagenet", **arguments)
    by_layer = {layer.name: layer.weights for layer in model.layers}
    found = {}
    for name, variable in tensors.items():
        layer = name.split("/")[1]
        is_own = layer if layer in by_layer else "normalization_1"
        at = [v.path for v in by_layer[is_own]].index(variable.path.replace(layer, is_own))
        found[name] = by_layer[is_own][at]
    return model, found


def input_of(case, seed, side):
    prepare = CASES[case][2]
    images = pixels(seed, side)
    return images if prepare is None else numpy.array(prepare(images.copy()), numpy.float32)


def at_side(model, side):
    """The same weights for images of another size."""
    config = model.get_config()
    first = config["layers"][0]["config"]
    key = "batch_shape" if "batch_shape" in first else "batch_input_shape"
    first[key] = [None, side, side, 3]
    other = model.__class__.from_config(config)
    other.set_weights(model.get_weights())
    for layer in other.layers:
        # Otherwise the layer that standardizes images still computes with the numbers of a new one.
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return other


def bounds_of(layer):
    kind = type(layer).__name__
    if kind == "ReLU":
        return [0.0] if layer.max_value is None else [0.0, float(layer.max_value)]
    if kind == "Activation":
        return {"relu": [0.0], "hard_swish": [-3.0, 3.0]}.get(layer.activation.__name__, [])
    return []


def distance(probe, bounds, x):
    """How near an activation comes to a bound, relative to the largest of its layer."""
    nearest = 1.0
    for z, edges in zip(probe(x, training=False), bounds):
        z = numpy.array(z)
        least = min(float(numpy.abs(z - edge).min()) for edge in edges)
        nearest = min(nearest, least / float(numpy.abs(z).max()))
    return nearest


def features_and_logits(model, include_top):
    """What the classifier reads, and the logits: a model with both outputs."""
    if not include_top:
        pooled = keras.layers.GlobalAveragePooling2D()(model.output)
        return keras.Model(model.input, [pooled])
    names = [layer.name for layer in model.layers]
    if "conv_preds" in names or "logits" in names:
        last = model.get_layer("conv_preds" if "conv_preds" in names else "logits")
    else:
        last = model.get_layer("predictions")
        last.activation = keras.activations.linear
    features = last.input
    if len(features.shape) == 4:
        features = keras.layers.Flatten()(features)
    return keras.Model(model.input, [features, keras.layers.Flatten()(last.output)])


def write(case, side):
    model, tensors = build(case)
    sized = at_side(model, side)
    kept = {}
    for name in tensors:
        layer = name.split("/")[1]
        if CASES[case][0] == "EfficientNetB0" and layer.startswith("normalization"):
            continue
        at = [v.path.split("/")[-1] for v in model.get_layer(layer).weights]
        kept[name] = sized.get_layer(layer).weights[at.index(name.split("/")[-1].removesuffix(":0"))]
    layers = [layer for layer in sized.layers if bounds_of(layer)]
    seed = 0
    if layers:
        probe = keras.Model(sized.input, [layer.input for layer in layers])
        bounds = [bounds_of(layer) for layer in layers]
        near = lambda seed: distance(probe, bounds, input_of(case, seed, side))
        seed = max(range(SEEDS), key=near)
    x = tensorflow.constant(input_of(case, seed, side))
    include_top = CASES[case][1].get("include_top", True)
    both = features_and_logits(sized, include_top)
    with tensorflow.GradientTape() as tape:
        outputs = both(x, training=False)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        features = outputs[0]
        n = features.shape[1]
        head = ((2 * numbers("head", n) - 1) / n**0.5).astype(numpy.float32)
        output = tensorflow.linalg.matvec(features, tensorflow.constant(head))
        labels = tensorflow.constant([0.0, 1.0])
        losses = tensorflow.nn.sigmoid_cross_entropy_with_logits(labels, output)
        loss = tensorflow.reduce_mean(losses)
    trained = {n: v for n, v in kept.items() if v.trainable}
    gradients = tape.gradient(loss, [v.value for v in trained.values()])
    out = {
        "features": features.numpy()[:, :64],
        "seed": numpy.array([float(seed)], numpy.float32),
        "loss": loss.numpy().reshape(1),
    }
    if include_top:
        out["logits"] = outputs[1].numpy()[:, :16]
    for name, gradient in zip(trained, gradients):
        if gradient is not None:
            flat = numpy.array(gradient).reshape(-1)
            step = max(1, flat.size // 5)
            out[f"gradient/{name}"] = numpy.append(numpy.abs(flat).max(), flat[::step][:5])
    out = {name: numpy.ascontiguousarray(values) for name, values in out.items()}
    safetensors.numpy.save_file(out, HERE / f"{case}.safetensors")
    lines = [" ".join([name, *map(str, v.shape)]) for name, v in tensors.items()]
    (HERE / f"{case}.txt").write_text("\n".join(lines) + "\n")


def write_whole(case, side, folder):
    """The models of Keras 3 and 2 in all their layouts, and what the former computes."""
    import tf_keras

    kind, arguments, _ = CASES[case]
    model, _ = build(case)
    sized = at_side(model, side)
    outputs = features_and_logits(sized, arguments.get("include_top", True))
    outputs = outputs(input_of(case, 0, side), training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    expected = dict(zip(["features", "logits"], map(numpy.array, outputs)))
    safetensors.numpy.save_file(expected, folder / f"{case}.expected.safetensors")
    models = {"": model}
    if arguments.get("include_top", True):
        bare = {**arguments, "include_top": False}
        bare = getattr(keras.applications, kind)(weights=None, input_shape=(side, side, 3), **bare)
        n = len(bare.get_weights())
        if "V3" not in kind:
            bare.set_weights(model.get_weights()[:n])
            models["_notop"] = bare
    for end, model in models.items():
        model.save(folder / f"{case}{end}.whole.h5")
        model.save_weights(folder / f"{case}{end}.weights.h5")
        is_bare = end != "" or not arguments.get("include_top", True)
        older = {**arguments, "include_top": False} if is_bare else arguments
        older = getattr(tf_keras.applications, kind)(weights=None, **older)
        older.set_weights(model.get_weights())
        older.save(folder / f"{case}{end}.keras2.h5")
        older.save_weights(folder / f"{case}{end}.keras2_weights.h5")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--whole", type=pathlib.Path)
    arguments = parser.parse_args()
    for case in arguments.cases or CASES:
        keras.backend.clear_session()
        if arguments.whole:
            write_whole(case, arguments.side, arguments.whole)
        else:
            write(case, arguments.side)
        print(case, flush=True)


main()
