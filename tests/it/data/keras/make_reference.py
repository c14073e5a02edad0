"""What Keras computes for the changes and optimisers of this project, as small files.

Run with Keras 3.15 on TensorFlow 2.21: `python make_reference.py`. Pictures and factors are fixed,
so the output is too. The tests that read it say what they compare.
"""

import json

import keras
import numpy as np
import tensorflow as tf

HEIGHT, WIDTH = 6, 8
PICTURE = (np.arange(HEIGHT * WIDTH * 3) * 37 % 251).reshape(1, HEIGHT, WIDTH, 3).astype("float32")

layers = keras.layers


def both(factor):
    """A range of one value, so that nothing is left to chance."""
    return (factor, factor)


def moved():
    for fill in ["reflect", "constant", "nearest"]:
        options = {"fill_mode": fill, "interpolation": "bilinear"}
        for turns in [0.1, -0.2, 0.37]:
            layer = layers.RandomRotation(both(turns), **options)
            yield {"random_rotation": {"factor": both(turns), "fill": fill}}, layer
        for factor in [0.3, -0.4, 0.8]:
            layer = layers.RandomZoom(both(factor), **options)
            yield {"random_zoom": {"factor": both(factor), "fill": fill}}, layer
        for down, right in [(0.3, -0.2), (-0.55, 0.75)]:
            layer = layers.RandomTranslation(both(down), both(right), **options)
            change = {"height": both(down), "width": both(right), "fill": fill}
            yield {"random_translation": change}, layer


def toned():
    for factor in [0.25, -0.4]:
        layer = layers.RandomBrightness(both(factor), value_range=(0, 255))
        yield {"random_brightness": {"factor": both(factor)}}, layer


def optimised(optimizer):
    """Three steps down half the square, from one."""
    value = keras.Variable(np.float32(1.0))
    for _ in range(3):
        optimizer.apply([tf.convert_to_tensor(value.numpy())], [value])
    return float(value.numpy())


def main():
    cases = []
    for change, layer in [*moved(), *toned()]:
        output = layer(PICTURE, training=True).numpy()[0]
        cases.append({"change": change, "output": [round(float(v), 3) for v in output.ravel()]})
    result = {"height": HEIGHT, "width": WIDTH, "picture": PICTURE.ravel().tolist(), "cases": cases}
    with open("augmentation.json", "w") as file:
        json.dump(result, file)
        file.write("\n")
    optimizers = keras.optimizers
    for optimizer in [
        optimizers.Adam(0.1, epsilon=1e-7),
        optimizers.AdamW(0.1, weight_decay=0.1, epsilon=1e-7),
        optimizers.SGD(0.1),
        optimizers.SGD(0.1, momentum=0.9),
        optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    ]:
        print(optimizer.name, optimised(optimizer))


if __name__ == "__main__":
    main()
