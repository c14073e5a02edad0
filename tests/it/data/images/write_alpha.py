"""Small images with transparency, and what Pillow shows of them over white and over black.

    write_alpha.py    writes `alpha/` beside this file

Needs Python with pillow (13.0 wrote the files in the repository) and numpy.
"""

import io
import os
import struct

import numpy
from PIL import Image

from compare import chunk, png, saved, tiff

WIDTH, HEIGHT = 16, 12
y, x = numpy.mgrid[:HEIGHT, :WIDTH]
RGB = numpy.stack([x * 17, y * 23, 255 - x * 9], -1).astype("uint8")
# From transparent to opaque, both included.
ALPHA = ((x * 255 // (WIDTH - 1)) * (y + 1) // HEIGHT).astype("uint8")
ALPHA[-1] = 255
ALPHA[0] = 0
RGBA = numpy.dstack([RGB, ALPHA])
IMAGE = Image.fromarray(RGBA)
GREY = numpy.dstack([RGB[..., 2], ALPHA])


def associated(colors):
    """Multiplied by alpha."""
    return ((colors.astype(int) * ALPHA[..., None] + 127) // 255).astype("uint8")


def extra(kind):
    return {338: (3, [kind])}


def bmp(rgba):
    """With a mask for alpha, as image editors write it (BITMAPV4HEADER)."""
    pixels = rgba[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, WIDTH, HEIGHT, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    head += masks + b"BGRs" + bytes(48)
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + pixels


def files():
    yield "rgba.png", saved(IMAGE, "PNG")
    yield "rgba_16.png", png(RGBA.astype("uint16") * 257, 6, 16)
    yield "grey_alpha.png", png(GREY, 4, 8)
    few = Image.fromarray(RGB).quantize(8)
    steps = bytes(range(0, 256, 36))
    yield "palette.png", saved(few, "PNG", transparency=steps)
    two_bits = (x // 4).astype("uint8")
    palette = chunk(b"PLTE", bytes([250, 0, 0, 0, 250, 0, 0, 0, 250, 9, 99, 199]))
    yield "palette_2.png", png(two_bits, 3, 2, [palette, chunk(b"tRNS", bytes([0, 128, 200]))])
    yield "color_key.png", png(RGB, 2, 8, [chunk(b"tRNS", b"\0\x33\0\x45\0\xe4")])
    # Pillow takes the key of fewer bits for one of 8, and so does not find it.
    yield "grey_key.png", png(RGB[..., 0], 0, 8, [chunk(b"tRNS", b"\0\x77")])
    yield "lossless.webp", saved(IMAGE, "WEBP", lossless=True, exact=True)
    yield "transparent.gif", saved(few, "GIF", transparency=3)
    yield "rgba.bmp", saved(IMAGE, "BMP")
    yield "masks.bmp", bmp(RGBA)
    yield "rgba.tif", tiff(RGBA, 8, 2, compression=8, tags=extra(2))
    yield "unnamed.tif", tiff(RGBA, 8, 2, compression=8)
    yield "no_alpha.tif", tiff(RGBA, 8, 2, compression=8, tags=extra(0))
    yield "rgba_16.tif", tiff(RGBA.astype("uint16") * 257, 16, 2, compression=8, tags=extra(2))
    yield "grey_alpha.tif", tiff(GREY, 8, 1, compression=8, tags=extra(2))
    yield "planar.tif", tiff(RGBA, 8, 2, compression=8, planar=2, tags=extra(2))
    multiplied = numpy.dstack([associated(RGB), ALPHA])
    yield "associated.tif", tiff(multiplied, 8, 2, compression=8, tags=extra(1))
    yield "associated_planar.tif", tiff(multiplied, 8, 2, compression=8, planar=2, tags=extra(1))
    # Not in Pillow.
    ink = numpy.dstack([multiplied[..., [0, 1, 2, 0]], ALPHA])
    yield "refused.tif", tiff(ink, 8, 5, compression=8, tags=extra(1))


def over(image, color):
    background = Image.new("RGBA", image.size, color)
    return Image.alpha_composite(background, image.convert("RGBA")).convert("RGB")


if __name__ == "__main__":
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "alpha")
    os.makedirs(folder, exist_ok=True)
    for name, content in files():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
        try:
            image = Image.open(io.BytesIO(content))
            image.load()
        except Exception as error:  # noqa: BLE001: it raises whatever it likes
            print(name, error)
            continue
        for color in ("white", "black"):
            over(image, color).save(os.path.join(folder, f"{name}.{color}.png"), optimize=True)
