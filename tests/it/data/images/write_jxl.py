"""Small JPEG XL images, and the pixels that libjxl reads from them.

    write_jxl.py    writes `jxl/` beside this file

Needs Python with pillow, numpy and imagecodecs, whose libjxl (0.11) writes and reads the files, and
Debian's libjxl0.7: it alone takes a color profile that is short enough for a small file, which
makes an image CMYK.
"""

import ctypes as C
import glob
import io
import os
import struct

import imagecodecs
import imagecodecs._jpegxl  # noqa: F401: it loads what libjxl needs
import numpy
from PIL import Image

WIDTH, HEIGHT = 16, 12
ALPHA, BLACK = 0, 4
y, x = numpy.mgrid[:HEIGHT, :WIDTH]
RGB = numpy.stack([x * 17, y * 21, 255 - x * 9], -1).astype("uint8")
GREY = RGB[..., 2:]
CLEAR = (x * 17).astype("uint8")
NEW = C.CDLL(glob.glob(imagecodecs.__path__[0] + ".libs/libjxl-*")[0])


class BasicInfo(C.Structure):
    _fields_ = [(name, C.c_uint32) for name in ("have_container", "xsize", "ysize", "bits", "exponent")]
    _fields_ += [("intensity", C.c_float), ("min_nits", C.c_float), ("relative", C.c_int)]
    _fields_ += [("linear_below", C.c_float)]
    _fields_ += [(name, C.c_uint32) for name in (
        "uses_original", "have_preview", "have_animation", "orientation", "n_colors", "n_extra",
        "alpha_bits", "alpha_exponent", "alpha_premultiplied", "preview_x", "preview_y",
        "ticks", "per_seconds", "loops", "timecodes", "intrinsic_x", "intrinsic_y")]
    _fields_ += [("padding", C.c_uint8 * 100)]


class ExtraChannel(C.Structure):
    _fields_ = [(name, C.c_uint32) for name in (
        "kind", "bits", "exponent", "shift", "name_length", "alpha_premultiplied")]
    _fields_ += [("spot", C.c_float * 4), ("cfa", C.c_uint32)]


class PixelFormat(C.Structure):
    _fields_ = [("n", C.c_uint32), ("kind", C.c_int), ("endian", C.c_int), ("align", C.c_size_t)]


class ColorEncoding(C.Structure):
    _fields_ = [("space", C.c_int), ("white", C.c_int), ("white_xy", C.c_double * 2),
                ("primaries", C.c_int), ("xy", C.c_double * 6), ("transfer", C.c_int),
                ("gamma", C.c_double), ("intent", C.c_int)]


class FrameHeader(C.Structure):
    _fields_ = [("duration", C.c_uint32), ("padding", C.c_uint8 * 200)]


def cmyk_profile():
    """The head of a color profile, without any tags."""
    head = bytearray(132)
    struct.pack_into(">I", head, 0, 132)
    head[8:10], head[12:24], head[36:40] = b"\x04\x30", b"prtrCMYKLab ", b"acsp"
    struct.pack_into(">III", head, 68, 0xF6D6, 0x10000, 0xD32D)
    return bytes(head)


def checked(status):
    assert status == 0, status


def jxl(frames, extra=(), profile=None, orientation=1, distance=None, premultiplied=False, library=NEW):
    """`extra`: pairs of a kind and its values. Without a distance it is lossless."""
    height, width, n_colors = frames[0].shape
    bits = 8 * frames[0].itemsize
    for name in ("JxlEncoderCreate", "JxlEncoderFrameSettingsCreate"):
        getattr(library, name).restype = C.c_void_p
    encoder = C.c_void_p(library.JxlEncoderCreate(None))
    info = BasicInfo()
    library.JxlEncoderInitBasicInfo(C.byref(info))
    info.xsize, info.ysize, info.bits, info.orientation = width, height, bits, orientation
    info.n_colors, info.n_extra, info.uses_original = n_colors, len(extra), int(distance is None)
    info.alpha_bits = bits if any(kind == ALPHA for kind, _ in extra) else 0
    info.alpha_premultiplied = int(premultiplied)
    if len(frames) > 1:
        info.have_animation, info.ticks, info.per_seconds = 1, 10, 1
    library.JxlEncoderSetCodestreamLevel(encoder, 10)
    checked(library.JxlEncoderSetBasicInfo(encoder, C.byref(info)))
    for i, (kind, _) in enumerate(extra):
        channel = ExtraChannel()
        library.JxlEncoderInitExtraChannelInfo(kind, C.byref(channel))
        channel.bits, channel.alpha_premultiplied = bits, int(premultiplied and kind == ALPHA)
        checked(library.JxlEncoderSetExtraChannelInfo(encoder, C.c_size_t(i), C.byref(channel)))
    if profile:
        checked(library.JxlEncoderSetICCProfile(encoder, profile, C.c_size_t(len(profile))))
    else:
        encoding = ColorEncoding()
        library.JxlColorEncodingSetToSRGB(C.byref(encoding), int(n_colors == 1))
        checked(library.JxlEncoderSetColorEncoding(encoder, C.byref(encoding)))
    settings = C.c_void_p(library.JxlEncoderFrameSettingsCreate(encoder, None))
    if distance is None:
        checked(library.JxlEncoderSetFrameLossless(settings, 1))
    else:
        checked(library.JxlEncoderSetFrameDistance(settings, C.c_float(distance)))

    def given(values, n):
        values = numpy.ascontiguousarray(values)
        pixels = PixelFormat(n, 2 if values.itemsize == 1 else 3, 0, 0)
        return values, C.byref(pixels), values.ctypes.data_as(C.c_void_p), C.c_size_t(values.nbytes)

    for frame in frames:
        if len(frames) > 1:
            header = FrameHeader()
            library.JxlEncoderInitFrameHeader(C.byref(header))
            header.duration = 5
            checked(library.JxlEncoderSetFrameHeader(settings, C.byref(header)))
        held, *values = given(frame, n_colors)
        checked(library.JxlEncoderAddImageFrame(settings, *values))
        for i, (_, channel) in enumerate(extra):
            held, *values = given(channel, 1)
            checked(library.JxlEncoderSetExtraChannelBuffer(settings, *values, C.c_uint32(i)))
    library.JxlEncoderCloseInput(encoder)
    room = (C.c_uint8 * (1 << 20))()
    at, left = C.c_void_p(C.addressof(room)), C.c_size_t(len(room))
    checked(library.JxlEncoderProcessOutput(encoder, C.byref(at), C.byref(left)))
    library.JxlEncoderDestroy(encoder)
    return bytes(room)[: len(room) - left.value]


def jpeg():
    """A JPEG packed without loss, as `cjxl` does."""
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "JPEG", quality=85, subsampling=0)
    return imagecodecs.jpegxl_encode_jpeg(out.getvalue())


def wide(values):
    return values.astype("uint16") * 257


def files():
    yield "lossless", jxl([RGB])
    yield "lossy", jxl([RGB], distance=1.0)
    yield "gray", jxl([GREY])
    yield "gray_lossy", jxl([GREY], distance=1.0)
    yield "gray_alpha", jxl([GREY], [(ALPHA, CLEAR)])
    yield "rgba", jxl([RGB], [(ALPHA, CLEAR)])
    yield "rgba_lossy", jxl([RGB], [(ALPHA, CLEAR)], distance=1.0)
    multiplied = (RGB.astype(int) * CLEAR[..., None] + 127) // 255
    yield "premultiplied", jxl([multiplied.astype("uint8")], [(ALPHA, CLEAR)], premultiplied=True)
    yield "rgb_16", jxl([wide(RGB)])
    yield "rgba_16", jxl([wide(RGB)], [(ALPHA, wide(CLEAR))])
    yield "animated", jxl([RGB, RGB[::-1]])
    yield "jpeg", jpeg()
    yield "container", imagecodecs.jpegxl_encode(RGB, lossless=True, usecontainer=True)
    for orientation in range(2, 9):
        yield f"orientation_{orientation}", jxl([RGB], orientation=orientation)


def pixels(name, content):
    """As libjxl reads them, in 8 bits. Colors are divided by alpha where they are multiplied."""
    values = imagecodecs.jpegxl_decode(content)
    if name == "premultiplied":
        alpha = numpy.maximum(values[..., 3:].astype(int), 1)
        divided = (values[..., :3].astype(int) * 255 + alpha // 2) // alpha
        values = numpy.dstack([divided.clip(0, 255).astype("uint8"), values[..., 3]])
    values = values[0] if values.ndim == 4 else values
    if values.itemsize == 2:
        values = ((values.astype(int) * 255 + 32767) // 65535).astype("uint8")
    return Image.fromarray(values)


if __name__ == "__main__":
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jxl")
    os.makedirs(folder, exist_ok=True)

    def write(name, content, image):
        with open(os.path.join(folder, f"{name}.jxl"), "wb") as file:
            file.write(content)
        image.save(os.path.join(folder, f"{name}.png"), optimize=True)

    for name, content in files():
        write(name, content, pixels(name, content))
    old = C.CDLL("libjxl.so.0.7")
    # Zero is as much ink as there can be; Pillow means none by it.
    light = numpy.dstack([RGB, 255 - (y * 6).astype("uint8")])
    for name, extra in (("cmyk", []), ("cmyk_alpha", [(ALPHA, CLEAR)])):
        content = jxl([RGB], [(BLACK, light[..., 3]), *extra], cmyk_profile(), library=old)
        image = Image.fromarray(255 - light, "CMYK").convert("RGB")
        if extra:
            image.putalpha(Image.fromarray(CLEAR))
        write(name, content, image)
