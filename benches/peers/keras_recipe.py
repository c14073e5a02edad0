"""The recipe of pipelines/finetune.yaml as a Keras script, from a directory of images to weights.

The last argument is `decode`, where images are decoded in every epoch, as in the tutorials; `cache`, where
decoded images stay in memory after the first epoch; `jit`, with the cache and `jit_compile`; or `bf16`, with
the cache and the policy `mixed_bfloat16`.
"""

import csv
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
start = time.perf_counter()

import keras
import tensorflow as tf

from common import report

folder, out = sys.argv[1:3]
threads, size, batch = (int(argument) for argument in sys.argv[3:6])
width = float(sys.argv[6])
mode = sys.argv[7]
is_cached = mode != "decode"
if mode == "bf16":
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
keras.utils.set_random_seed(42)


def pictures(subset):
    dataset = keras.utils.image_dataset_from_directory(
        folder,
        label_mode="binary",
        image_size=(size, size),
        batch_size=batch,
        validation_split=0.2,
        subset=subset,
        seed=42,
    )
    if is_cached:
        dataset = dataset.cache()
    return dataset.prefetch(tf.data.AUTOTUNE)


training, validation = pictures("training"), pictures("validation")
base = keras.applications.MobileNetV2(
    input_shape=(size, size, 3), alpha=width, include_top=False, weights=None
)
base.trainable = False
inputs = keras.Input((size, size, 3))
x = keras.layers.RandomFlip("horizontal")(inputs)
x = keras.layers.RandomRotation(0.2)(x)
x = keras.applications.mobilenet_v2.preprocess_input(x)
x = base(x, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dropout(0.2)(x)
model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(x))


class Clock(keras.callbacks.Callback):
    """The seconds of each epoch, including validation."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.begin)


def fit(rate, first, last):
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True if mode == "jit" else "auto",
    )
    clock = Clock()
    history = model.fit(
        training,
        validation_data=validation,
        initial_epoch=first,
        epochs=last,
        callbacks=[clock],
        verbose=0,
    )
    # The first epoch traces and compiles.
    steady = sorted(clock.seconds[1:])
    return history.history, steady[len(steady) // 2]


os.makedirs(out, exist_ok=True)
first_history, transfer = fit(1e-3, 0, 5)
base.trainable = True
for layer in base.layers[:120]:
    layer.trainable = False
second_history, finetune = fit(1e-4, 5, 10)
with open(os.path.join(out, "metrics.csv"), "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(first_history)
    for history in (first_history, second_history):
        writer.writerows(zip(*history.values()))
model.save_weights(os.path.join(out, "last.weights.h5"))
report(
    {
        "transfer epoch": transfer,
        "fine-tuning epoch": finetune,
        "inside the process": time.perf_counter() - start,
    }
)
