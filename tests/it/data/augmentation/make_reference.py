"""Writes reference.png and reference.json: an image, and what torchvision makes from it with Pillow.

    pip install torch torchvision pillow numpy
    python make_reference.py

reference.png has the image and then the result of each case of reference.json, one below the other.
"""

import json
import math
from pathlib import Path

import numpy as np
import PIL
import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode, autoaugment
from torchvision.transforms import functional as F

HEIGHT, WIDTH = 24, 32
HERE = Path(__file__).parent


def picture():
    """Waves of color, a dark and a light rectangle, gray pixels and some noise; no channel is full."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    red = 120 + 90 * np.sin(x / 5) * np.cos(y / 7)
    green = 110 + 80 * np.cos((x + y) / 6)
    blue = 20 + 5 * x + 2 * y
    values = np.stack([red, green, blue], axis=-1)
    values[3:9, 4:12] = [20, 12, 33]
    values[12:18, 20:29] = [241, 235, 228]
    values[18:22, 2:10] = (np.arange(8) * 30 + 10)[None, :, None]
    noise = np.random.default_rng(1).integers(0, 200, (6, 6, 3))
    values[14:20, 12:18] = noise + 20
    return Image.fromarray(values.round().astype(np.uint8))


def operations():
    """The operations of the policies, at some of their magnitudes."""
    size = (HEIGHT, WIDTH)
    spaces = {
        "rand_augment": (autoaugment.RandAugment()._augmentation_space(31, size), [0, 9, 30]),
        "trivial_augment": (autoaugment.TrivialAugmentWide()._augmentation_space(31), [4, 20, 30]),
        "aug_mix": (autoaugment.AugMix(all_ops=False)._augmentation_space(10, size), [2, 7]),
    }
    for policy, (space, steps) in spaces.items():
        is_mix = policy == "aug_mix"
        between = InterpolationMode.BILINEAR if is_mix else InterpolationMode.NEAREST
        for name, (magnitudes, signed) in space.items():
            for step in steps if magnitudes.ndim else [0]:
                magnitude = float(magnitudes[step]) if magnitudes.ndim else 0.0
                for negative in [False, True] if signed and step else [False]:
                    case = {"policy": policy, "operation": name, "step": step, "negative": negative}
                    applied = -magnitude if negative else magnitude
                    yield case, lambda image: autoaugment._apply_op(image, name, applied, between, None)


def blurred(image, sigma):
    """torchvision's blur of tensors with a kernel of three sigma on each side."""
    size = 2 * math.ceil(3 * sigma) + 1
    return F.to_pil_image(F.gaussian_blur(F.pil_to_tensor(image), [size, size], [sigma, sigma]))


def color_and_shape():
    for factor in [0.0, 0.6, 1.0, 1.37, 2.5]:
        yield {"change": "brightness", "value": factor}, lambda image: F.adjust_brightness(image, factor)
        yield {"change": "contrast", "value": factor}, lambda image: F.adjust_contrast(image, factor)
        yield {"change": "saturation", "value": factor}, lambda image: F.adjust_saturation(image, factor)
        yield {"change": "sharpness", "value": factor}, lambda image: F.adjust_sharpness(image, factor)
    for turn in [-0.5, -0.1, 0.0, 0.03, 0.25]:
        yield {"change": "hue", "value": turn}, lambda image: F.adjust_hue(image, turn)
    yield {"change": "grayscale", "value": 0}, lambda image: F.to_grayscale(image, 3)
    for sigma in [0.1, 0.5, 1.0, 2.0]:
        yield {"change": "blur", "value": sigma}, lambda image: blurred(image, sigma)
    for top, left, height, width in [(0, 0, 24, 32), (3, 5, 17, 20), (10, 30, 7, 2), (23, 31, 1, 1), (0, 4, 24, 9)]:
        yield {"change": "crop", "value": [top, left, height, width]}, lambda image: F.resized_crop(
            image, top, left, height, width, [HEIGHT, WIDTH], InterpolationMode.BILINEAR
        )


def main():
    image = picture()
    cases, images = [], [np.asarray(image)]
    for changes in [operations(), color_and_shape()]:
        # Each change is applied before the next one is made.
        for case, change in changes:
            cases.append(case)
            images.append(np.asarray(change(image)))
    Image.fromarray(np.concatenate(images)).save(HERE / "reference.png", optimize=True)
    made_by = f"torchvision {torchvision.__version__.split('+')[0]}, Pillow {PIL.__version__}"
    lines = ",\n    ".join(json.dumps(case) for case in cases)
    head = f'"made_by": "{made_by}",\n  "height": {HEIGHT},\n  "width": {WIDTH}'
    (HERE / "reference.json").write_text(f'{{\n  {head},\n  "cases": [\n    {lines}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
