"""Files of many kinds, decoded by alpaca-run, Pillow and OpenCV.

    compare.py make DIRECTORY           writes the files
    compare.py table DIRECTORY DECODED  compares what they decode to (`decode.rs` wrote DECODED)
                                        and prints docs/reference/images.md's table; ends with 1
                                        where something is not as it is expected to be

Needs Python with pillow and numpy; OpenCV is asked where it can be imported. The files are painted:
no photograph is needed.
"""

import io
import json
import os
import struct
import subprocess
import sys
import zlib

import numpy
from PIL import Image, ImageOps

WIDTH, HEIGHT = 61, 46


def painted(seed=3):
    """Gradients, edges and noise, as photographs have them."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[:HEIGHT, :WIDTH]
    image = numpy.stack([x * 4, y * 5, (x + y) * 2], -1).astype(float)
    image += random.normal(0, 10, image.shape)
    image[8:20, 10:30] = [250, 30, 20]
    image[25:40, 35:50] = [10, 20, 240]
    image[:12, 45:] = [255, 255, 255]
    return numpy.clip(image, 0, 255).astype("uint8")


RGB = painted()
IMAGE = Image.fromarray(RGB)
ALPHA = numpy.tile(numpy.linspace(0, 255, WIDTH).astype("uint8"), (HEIGHT, 1))
GREY = numpy.asarray(IMAGE.convert("L"))

FILES = {}  # name -> (format, what, bytes, expectation)


def add(name, what, content, expected="equal"):
    """`expected`: "equal" (to Pillow, bit for bit), a number (levels that may differ), "own" (we
    differ by design), or the words that a refusal has."""
    FILES[name] = (what, content, expected)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# JPEG ---------------------------------------------------------------------------------------------


def segments(jpeg):
    """The segments before the first scan, and the rest."""
    parts, at = [], 2
    while jpeg[at + 1] != 0xDA:
        length = struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        parts.append(jpeg[at : at + 2 + length])
        at += 2 + length
    return parts, jpeg[at:]


JFIF = b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\1\0\1\0\0"


def adobe(transform):
    return b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])


def with_markers(jpeg, markers, ids):
    """The same data with other markers and numbers of channels."""
    parts, rest = segments(jpeg)
    parts = [bytearray(part) for part in parts if part[1] not in (0xE0, 0xEE)]
    for part in parts:
        if part[1] in (0xC0, 0xC1, 0xC2):
            for i in range(part[9]):
                part[10 + 3 * i] = ids[i]
    rest = bytearray(rest)
    for i in range(rest[4]):
        rest[5 + 2 * i] = ids[i]
    return b"\xff\xd8" + b"".join(markers) + b"".join(parts) + bytes(rest)


def exif(orientation, order="<", kind=3):
    value = {1: "B3x", 3: "H2x", 4: "I"}[kind]
    entry = struct.pack(order + "HHI" + value, 0x0112, kind, 1, orientation)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", 1) + entry + b"\0\0\0\0"


def app1(content):
    return b"\xff\xe1" + struct.pack(">H", len(content) + 8) + b"Exif\0\0" + content


def make_jpeg():
    for sampling, name in ((0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")):
        for progressive in (False, True):
            way = "progressive" if progressive else "baseline"
            data = saved(IMAGE, "JPEG", quality=85, subsampling=sampling, progressive=progressive)
            add(f"{way}_{name.replace(':', '')}.jpg", f"JPEG, {way}, {name}", data)
    base = saved(IMAGE, "JPEG", quality=85, subsampling=2)
    add("restarts.jpg", "JPEG, restart intervals", saved(IMAGE, "JPEG", restart_marker_blocks=3))
    add("optimized.jpg", "JPEG, own Huffman tables", saved(IMAGE, "JPEG", optimize=True))
    add("quality_1.jpg", "JPEG, lowest quality", saved(IMAGE, "JPEG", quality=1))
    add("quality_100.jpg", "JPEG, highest quality", saved(IMAGE, "JPEG", quality=100, subsampling=0))
    add("grey.jpg", "JPEG, gray", saved(IMAGE.convert("L"), "JPEG"))
    add("rgb.jpg", "JPEG, RGB (Adobe marker)", saved(IMAGE, "JPEG", keep_rgb=True))
    cmyk = IMAGE.convert("CMYK")
    for progressive in (False, True):
        data = saved(cmyk, "JPEG", quality=90, progressive=progressive)
        add(f"cmyk_{progressive}.jpg", "JPEG, CMYK", data)
    for what, source in (("color", base), ("CMYK", saved(cmyk, "JPEG", quality=90))):
        for jfif in ([], [JFIF]):
            for transform in (None, 0, 1, 2, 7):
                for ids in ((1, 2, 3, 4), (0, 1, 2, 3), b"RGBK", b"rgb1", (9, 8, 7, 6)):
                    markers = jfif + ([] if transform is None else [adobe(transform)])
                    name = f"markers_{what}_{len(jfif)}_{transform}_{bytes(ids).hex()}.jpg"
                    add(name, "JPEG, every combination of color markers",
                        with_markers(source, markers, ids))
    parts, rest = segments(base)
    bare = b"\xff\xd8" + b"".join(part for part in parts if part[1] != 0xC4) + rest
    add("mjpeg.jpg", "JPEG, a Motion JPEG frame (no Huffman tables)", bare)
    add("trailing.jpg", "JPEG, bytes after the end", base + b"\0\0\xff\xd8garbage" * 9)
    add("between.jpg", "JPEG, bytes between segments", base[:20] + b"\1\2\3" + base[20:])
    add("slip.jpg", "JPEG, bytes before the end marker", base[:-2] + b"\0\0" + base[-2:])
    add("mpo.jpg", "JPEG, several images (MPO)", base + saved(IMAGE.rotate(90), "JPEG"))
    for orientation in range(1, 9):
        for order in "<>":
            data = base[:2] + app1(exif(orientation, order)) + base[2:]
            add(f"exif_{orientation}_{'little' if order == '<' else 'big'}.jpg",
                "JPEG, EXIF orientation 1 to 8", data)
    add("exif_long.jpg", "JPEG, orientation stored as LONG",
        base[:2] + app1(exif(6, ">", 4)) + base[2:])
    add("exif_twice.jpg", "JPEG, two EXIF segments: the first counts",
        base[:2] + app1(exif(6)) + app1(exif(3)) + base[2:])
    cut = base[: len(base) * 2 // 3]
    add("cut.jpg", "JPEG, cut", cut, "ends early")
    add("cut_closed.jpg", "JPEG, cut and closed with an end marker", cut + b"\xff\xd9", "damaged")
    lost = bytearray(base)
    at = len(parts) and base.index(rest) + 200
    lost[at : at + 128] = bytes(128)
    add("zeros.jpg", "JPEG, a sector of zeros", bytes(lost), "damaged")
    lossless = bytearray(base)
    lossless[base.index(b"\xff\xc0") + 1] = 0xC3
    add("lossless.jpg", "JPEG, lossless or 12 bits", bytes(lossless), "unsupported kind (lossless")


def cjpeg(name, what, *options, expected="equal"):
    ppm = saved(IMAGE, "PPM")
    try:
        done = subprocess.run(["cjpeg", *options], input=ppm, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return
    add(name, what, done.stdout, expected)


def make_cjpeg():
    """What Pillow cannot write, where libjpeg-turbo's `cjpeg` is installed."""
    for sampling in ("4x1", "1x2", "1x4", "4x2", "2x4", "3x1", "1x3", "2x2,2x1,1x2", "1x1,2x2,2x1",
                     "2x1,1x2,1x1", "1x2,1x1,1x2"):
        for way in ("", "-progressive", "-arithmetic"):
            what = {"": "unusual sampling", "-progressive": "unusual sampling, progressive",
                    "-arithmetic": "arithmetic coding"}[way]
            name = f"cjpeg_{sampling.replace(',', '_')}{way}.jpg"
            cjpeg(name, f"JPEG, {what} (4:1:1, 4:4:0, mixed)", "-sample", sampling, *way.split())


# PNG ----------------------------------------------------------------------------------------------


def chunk(name, content):
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(array, color, depth, extra=(), late=(), interlaced=False):
    """A PNG file of samples as they are stored."""
    height, width = array.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    if depth == 16:
        rows = array.reshape(height, -1).astype(">u2").tobytes()
        size = len(rows) // height
        rows = [rows[i * size : (i + 1) * size] for i in range(height)]
    elif depth == 8:
        rows = [row.tobytes() for row in array.reshape(height, -1)]
    else:
        bits = numpy.unpackbits(array.astype("uint8")[..., None], axis=-1)[..., 8 - depth :]
        rows = [numpy.packbits(row.reshape(-1)).tobytes() for row in bits]
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    body = chunk(b"IHDR", head) + b"".join(extra) + chunk(b"IDAT", data) + b"".join(late)
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def make_png():
    add("rgb.png", "PNG, RGB", saved(IMAGE, "PNG"))
    add("grey.png", "PNG, gray", saved(IMAGE.convert("L"), "PNG"))
    for depth in (1, 2, 4):
        add(f"grey_{depth}.png", "PNG, gray of 1, 2, 4 bits", png(GREY >> (8 - depth), 0, depth))
    add("grey_16.png", "PNG, gray of 16 bits", png(GREY.astype("uint16") * 257, 0, 16), "own")
    add("rgb_16.png", "PNG, RGB of 16 bits", png(RGB.astype("uint16") * 257, 2, 16))
    rgba = numpy.dstack([RGB, ALPHA])
    add("rgba.png", "PNG, alpha (dropped)", saved(Image.fromarray(rgba), "PNG"))
    add("grey_alpha.png", "PNG, gray and alpha (dropped)", png(numpy.dstack([GREY, ALPHA]), 4, 8))
    add("rgba_16.png", "PNG, alpha of 16 bits", png(rgba.astype("uint16") * 257, 6, 16))
    palette = IMAGE.quantize(200)
    add("palette.png", "PNG, palette", saved(palette, "PNG"))
    add("palette_16.png", "PNG, palette of 4 bits", saved(IMAGE.quantize(16), "PNG"))
    add("palette_alpha.png", "PNG, palette and transparency", saved(palette, "PNG", transparency=3))
    add("transparent.png", "PNG, a transparent color", png(RGB, 2, 8, [chunk(b"tRNS", b"\0\xfa\0\x1e\0\x14")]))
    add("icc.png", "PNG, color profile (not applied)",
        saved(IMAGE, "PNG", icc_profile=b"\0" * 128 + b"not a profile"))
    add("gamma.png", "PNG, gamma (not applied)", png(RGB, 2, 8, [chunk(b"gAMA", b"\0\0\xb1\x8f")]))
    frames = [IMAGE, IMAGE.rotate(180)]
    add("animated.png", "PNG, animation (first frame)",
        saved(IMAGE, "PNG", save_all=True, append_images=frames[1:]))
    for orientation in range(1, 9):
        add(f"exif_{orientation}.png", "PNG, orientation in eXIf",
            png(RGB, 2, 8, [chunk(b"eXIf", exif(orientation, ">"))]))
    add("exif_late.png", "PNG, orientation in eXIf after the pixels (ImageMagick)",
        png(RGB, 2, 8, (), [chunk(b"eXIf", exif(6))]))
    add("cut.png", "PNG, cut", saved(IMAGE, "PNG")[:2000], "early")
    bad = bytearray(saved(IMAGE, "PNG"))
    bad[-30] ^= 0x55
    add("damaged.png", "PNG, damaged pixels", bytes(bad), "damaged")


# WebP, GIF, BMP -----------------------------------------------------------------------------------


def make_others():
    add("lossless.webp", "WebP, lossless", saved(IMAGE, "WEBP", lossless=True))
    add("lossy.webp", "WebP, lossy", saved(IMAGE, "WEBP", quality=80))
    rgba = Image.fromarray(numpy.dstack([RGB, ALPHA]))
    add("alpha.webp", "WebP, alpha (dropped)", saved(rgba, "WEBP", lossless=True, exact=True))
    add("animated.webp", "WebP, animation (first frame)",
        saved(IMAGE, "WEBP", save_all=True, append_images=[IMAGE.rotate(180)], lossless=True))
    for orientation in range(1, 9):
        for prefix in (b"", b"Exif\0\0"):
            add(f"exif_{orientation}_{len(prefix)}.webp", "WebP, EXIF orientation",
                saved(IMAGE, "WEBP", lossless=True, exif=prefix + exif(orientation, ">")))
    add("cut.webp", "WebP, cut", saved(IMAGE, "WEBP", quality=80)[:700], "early")
    add("palette.gif", "GIF", saved(IMAGE.quantize(250), "GIF"))
    add("animated.gif", "GIF, animation (first frame)",
        saved(IMAGE, "GIF", save_all=True, append_images=[IMAGE.rotate(180)]))
    add("transparent.gif", "GIF, transparency (dropped)",
        saved(IMAGE.quantize(250), "GIF", transparency=7))
    add("cut.gif", "GIF, cut", saved(IMAGE.quantize(250), "GIF")[:2000], "early")
    add("rgb.bmp", "BMP, RGB", saved(IMAGE, "BMP"))
    add("rgba.bmp", "BMP, alpha (dropped)", saved(rgba, "BMP"))
    add("palette.bmp", "BMP, palette", saved(IMAGE.quantize(250), "BMP"))
    add("grey.bmp", "BMP, gray", saved(IMAGE.convert("L"), "BMP"))
    add("one_bit.bmp", "BMP, black and white", saved(IMAGE.convert("1"), "BMP"))
    add("cut.bmp", "BMP, cut", saved(IMAGE, "BMP")[:3000], "early")


# TIFF ---------------------------------------------------------------------------------------------


def lzw(data):
    """As libtiff packs it, without ever growing a code beyond nine bits."""
    bits = []
    for start in range(0, len(data), 200):
        bits.append(256)
        bits.extend(data[start : start + 200])
    bits.append(257)
    text = "".join(f"{code:09b}" for code in bits)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


PACK = {1: lambda data: data, 5: lzw, 8: zlib.compress}


def tiff(array, bits, colors, order="<", compression=1, planar=1, tile=None, predictor=1, tags=(),
         pieces=None, fill=1, rows=16):
    """A TIFF file of samples `[height, width, samples]` as they are stored."""
    array = array.reshape(array.shape[0], array.shape[1], -1)
    height, width, samples = array.shape

    def packed(block):
        if predictor == 2:
            block = block.astype("int64")
            block[:, 1:] -= block[:, :-1].copy()
            block %= 1 << bits
        if bits in (8, 16):
            data = block.astype(order + f"u{bits // 8}").tobytes()
        else:
            flat = block.reshape(block.shape[0], -1).astype(">u2")
            wide = numpy.unpackbits(flat.view("uint8").reshape(block.shape[0], -1, 2), axis=-1)
            data = b"".join(numpy.packbits(row[:, 16 - bits :].reshape(-1)).tobytes() for row in wide)
        data = PACK[compression](data)
        if fill == 2:
            data = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
        return data

    if pieces is None:
        pieces = []
        size = tile or (width, rows)
        for plane in [array] if planar == 1 else [array[..., i : i + 1] for i in range(samples)]:
            for y in range(0, height, size[1]):
                for x in range(0, width, size[0]):
                    block = plane[y : y + size[1], x : x + size[0]]
                    if tile:
                        room = numpy.zeros((size[1], size[0], plane.shape[2]), plane.dtype)
                        room[: block.shape[0], : block.shape[1]] = block
                        block = room
                    pieces.append(packed(block))
    entries = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples),
               259: (3, [compression]), 262: (3, [colors]), 266: (3, [fill]), 277: (3, [samples]),
               284: (3, [planar])}
    if predictor != 1:
        entries[317] = (3, [predictor])
    if tile:
        entries |= {322: (4, [tile[0]]), 323: (4, [tile[1]])}
    else:
        entries[278] = (4, [rows])
    entries |= dict(tags)
    at, places = 8, []
    for piece in pieces:
        places.append(at)
        at += len(piece) + len(piece) % 2
    entries[324 if tile else 273] = (4, places)
    entries[325 if tile else 279] = (4, [len(piece) for piece in pieces])
    body = b"".join(piece + b"\0" * (len(piece) % 2) for piece in pieces)
    start = 8 + len(body)
    directory, values = b"", b""
    after = start + 2 + 12 * len(entries) + 4
    for tag in sorted(entries):
        kind, content = entries[tag]
        letter = {1: "B", 3: "H", 4: "I", 7: "B"}[kind]
        data = struct.pack(f"{order}{len(content)}{letter}", *content)
        if len(data) <= 4:
            field = data.ljust(4, b"\0")
        else:
            field = struct.pack(order + "I", after + len(values))
            values += data + b"\0" * (len(data) % 2)
        directory += struct.pack(order + "HHI", tag, kind, len(content)) + field
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return head + body + struct.pack(order + "H", len(entries)) + directory + b"\0" * 4 + values


def make_tiff():
    wide = RGB.astype("uint16") * 257
    for order, name in (("<", "little"), (">", "big")):
        for compression, how in ((1, "none"), (5, "lzw"), (8, "deflate")):
            for predictor in (1, 2) if compression != 1 else (1,):
                add(f"rgb_{name}_{how}_{predictor}.tif", "TIFF, RGB: none, LZW, Deflate; predictor",
                    tiff(RGB, 8, 2, order, compression, predictor=predictor))
                add(f"rgb16_{name}_{how}_{predictor}.tif", "TIFF, RGB of 16 bits",
                    tiff(wide, 16, 2, order, compression, predictor=predictor), "own")
    add("packbits.tif", "TIFF, PackBits", saved(IMAGE, "TIFF", compression="packbits"))
    for colors in (0, 1):
        for bits in (1, 2, 4, 8):
            add(f"grey_{bits}_{colors}.tif", "TIFF, gray of 1, 2, 4, 8 bits",
                tiff(GREY >> (8 - bits), bits, colors))
    add("grey_12.tif", "TIFF, gray of 12 bits", tiff(GREY.astype("uint16") << 4, 12, 1), "own")
    add("grey_16.tif", "TIFF, gray of 16 bits", tiff(GREY.astype("uint16") * 257, 16, 1), "own")
    indexed = IMAGE.quantize(256)
    table = numpy.frombuffer(indexed.palette.tobytes().ljust(768, b"\0"), "uint8").reshape(-1, 3)
    for factor in (256, 257):
        tags = {320: (3, [int(value) * factor for value in table.T.reshape(-1)])}
        add(f"palette_{factor}.tif", "TIFF, palette", tiff(numpy.asarray(indexed), 8, 3, tags=tags))
    few = IMAGE.quantize(16)
    table = numpy.frombuffer(few.palette.tobytes().ljust(48, b"\0"), "uint8").reshape(-1, 3)[:16]
    tags = {320: (3, [int(value) * 257 for value in table.T.reshape(-1)])}
    add("palette_4.tif", "TIFF, palette", tiff(numpy.asarray(few), 4, 3, tags=tags))
    rgba = numpy.dstack([RGB, ALPHA])
    for kind, what in ((0, "an unnamed channel"), (2, "alpha")):
        for compression in (1, 5, 8):
            for predictor in (1, 2) if compression != 1 else (1,):
                add(f"extra_{kind}_{compression}_{predictor}.tif",
                    "TIFF, RGB and a further channel (dropped), with predictor",
                    tiff(rgba, 8, 2, compression=compression, predictor=predictor,
                         tags={338: (3, [kind])}))
    add("grey_alpha.tif", "TIFF, gray and alpha (dropped)",
        tiff(numpy.dstack([GREY, ALPHA]), 8, 1, tags={338: (3, [2])}))
    for compression in (1, 5, 8):
        add(f"planar_{compression}.tif", "TIFF, planar", tiff(RGB, 8, 2, planar=2, compression=compression))
        add(f"tiled_{compression}.tif", "TIFF, tiled", tiff(RGB, 8, 2, tile=(32, 16), compression=compression))
        add(f"tiled_planar_{compression}.tif", "TIFF, tiled and planar (GDAL)",
            tiff(RGB, 8, 2, planar=2, tile=(32, 32), compression=compression))
    add("fill.tif", "TIFF, bits in reverse order", tiff(RGB, 8, 2, fill=2))
    add("fill_1.tif", "TIFF, bits in reverse order", tiff(GREY >> 7, 1, 0, fill=2))
    add("cmyk.tif", "TIFF, CMYK", saved(IMAGE.convert("CMYK"), "TIFF"))
    try:
        add("jpeg.tif", "TIFF, JPEG compression", saved(IMAGE, "TIFF", compression="jpeg", quality=90))
        add("jpeg_grey.tif", "TIFF, JPEG compression",
            saved(IMAGE.convert("L"), "TIFF", compression="jpeg"))
        ycbcr = saved(IMAGE.convert("YCbCr"), "TIFF", compression="jpeg", quality=90)
        add("jpeg_ycbcr.tif", "TIFF, JPEG compression", ycbcr)
        add("fax_4.tif", "TIFF, fax group 4", saved(IMAGE.convert("1"), "TIFF", compression="group4"))
        add("fax_3.tif", "TIFF, fax group 3", saved(IMAGE.convert("1"), "TIFF", compression="group3"),
            "fax compression, group 3")
    except (OSError, KeyError) as error:
        print("Pillow without libtiff:", error, file=sys.stderr)
    for orientation in range(1, 9):
        for kind, how in ((1, "BYTE"), (3, "SHORT"), (4, "LONG")):
            # Pillow passes a BYTE over; OpenCV does not.
            add(f"orientation_{orientation}_{kind}.tif", f"TIFF, orientation stored as {how}",
                tiff(RGB, 8, 2, tags={274: (kind, [orientation])}), "own" if kind == 1 else "equal")
    add("pages.tif", "TIFF, pages (the first)",
        saved(IMAGE, "TIFF", save_all=True, append_images=[IMAGE.rotate(180)]))
    add("float.tif", "TIFF, floating point", saved(IMAGE.convert("F"), "TIFF"), "floating-point")
    add("int32.tif", "TIFF, 32 bits", saved(IMAGE.convert("I"), "TIFF"), "signed values")
    add("signed.tif", "TIFF, signed", tiff(GREY, 8, 1, tags={339: (3, [2])}), "signed values")
    add("lab.tif", "TIFF, CIE L*a*b*", saved(IMAGE.convert("LAB"), "TIFF"), "L*a*b*")
    add("zstd.tif", "TIFF, Zstandard, LZMA, WebP, JPEG 2000",
        tiff(RGB, 8, 2, pieces=[b"x"] * 3, tags={259: (3, [50000])}), "Zstandard")
    add("cut.tif", "TIFF, cut", tiff(RGB, 8, 2)[:5000], "early")
    add("raw.tif", "TIFF, camera raw (DNG)", tiff(RGB, 8, 2, tags={50706: (1, [1, 4, 0, 0])}),
        "a camera raw image")


# JPEG XL ------------------------------------------------------------------------------------------


def make_jxl():
    """The files of `write_jxl.py`. Pillow reads them with pillow-jxl-plugin."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "jxl")
    kinds = {"animated": "animation (first frame)", "jpeg": "a JPEG packed without loss",
             "premultiplied": "colors multiplied by alpha", "cmyk": "CMYK", "cmyk_alpha": "CMYK"}
    for name in sorted(os.listdir(folder)):
        stem, ending = os.path.splitext(name)
        if ending != ".jxl":
            continue
        with open(os.path.join(folder, name), "rb") as file:
            content = file.read()
        plain = "lossy: " if "lossy" in stem else "lossless: "
        what = kinds.get(stem, plain + "RGB, gray, alpha (dropped), 8 and 16 bits")
        if stem.startswith("orientation"):
            what = "orientation 2 to 8"
        if stem == "lossless":
            add("cut.jxl", "JPEG XL, cut", content[: len(content) * 2 // 3], "early")
        add(f"jxl_{name}", f"JPEG XL, {what}", content, "own")


# What is not read ---------------------------------------------------------------------------------


def make_unread():
    box = lambda brand, *more: struct.pack(">I", 16 + 4 * len(more)) + b"ftyp" + brand + b"\0" * 4 + b"".join(more)
    for name, content, words in (
        ("photo.heic", box(b"heic", b"mif1", b"heic"), "a HEIC image"),
        ("heic.jpg", box(b"mif1", b"heic"), "a HEIC image"),
        ("x.avif", box(b"avif", b"mif1"), "an AVIF image"),
        ("x.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + b"\1" * 60, "a JPEG 2000 image"),
        ("x.j2k", b"\xff\x4f\xff\x51" + b"\1" * 60, "a JPEG 2000 image"),
        ("x.psd", b"8BPS\0\1" + b"\0" * 60, "a Photoshop file"),
        ("x.cr2", b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 60, "a camera raw image (Canon CR2)"),
        ("x.cr3", box(b"crx ", b"isom"), "a camera raw image (Canon CR3)"),
        ("x.nef", tiff(RGB, 8, 2), "a camera raw image"),
        ("named.tif", tiff(RGB, 8, 2, tags={254: (4, [1]), 330: (4, [8])}), "a camera raw image"),
        ("x.orf", b"IIRO\x08\0\0\0" + b"\0" * 60, "a camera raw image (Olympus ORF)"),
        ("x.rw2", b"IIU\0\x18\0\0\0" + b"\0" * 60, "a camera raw image (Panasonic RW2)"),
        ("x.raf", b"FUJIFILMCCD-RAW 0201" + b"\0" * 60, "a camera raw image (Fujifilm RAF)"),
        ("x.ico", saved(IMAGE, "ICO"), "an icon"),
        ("x.dds", saved(IMAGE, "DDS"), "a DDS image"),
        ("x.ppm", saved(IMAGE, "PPM"), "a PNM image"),
        ("x.tga", saved(IMAGE, "TGA"), "a TGA image"),
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        ("page.jpg", b"<!DOCTYPE html><title>404</title>", "an HTML page, not an image"),
        ("pointer.jpg", b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        ("archive.jpg", b"\x1f\x8b\x08\0" * 9, "a gzip archive, not an image"),
        ("zip.png", b"PK\3\4" * 9, "a ZIP archive, not an image"),
        ("x.pdf", b"%PDF-1.7\n", "a PDF document, not an image"),
        ("movie.jpg", box(b"mp42", b"isom"), "an MP4 or QuickTime video, not an image"),
        ("text.jpg", b"not found\n", "a text file, not an image"),
        ("empty.jpg", b"", "empty"),
    ):
        add(name, f"content of {words.removesuffix(', not an image')}", content, words)


# Comparison ---------------------------------------------------------------------------------------


def pillow(content):
    try:
        import pillow_jxl  # noqa: F401: it reads JPEG XL
    except ImportError:
        pass
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
        return numpy.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    except Exception as error:  # noqa: BLE001: it raises whatever it likes
        return type(error).__name__


def opencv(content):
    try:
        import cv2
    except ImportError:
        return None
    if not content:
        return "None"
    image = cv2.imdecode(numpy.frombuffer(content, "uint8"), cv2.IMREAD_COLOR)
    return "None" if image is None else image[..., ::-1].astype(int)


def ppm(path):
    with open(path, "rb") as file:
        width, height = map(int, file.readline().split()[1:3])
        return numpy.frombuffer(file.read(), "uint8").reshape(height, width, 3).astype(int)


def difference(ours, other):
    """In words, and as a number."""
    if isinstance(ours, str):
        return ("also refuses" if isinstance(other, str) else "reads"), None
    if isinstance(other, str):
        return "refuses", None
    if ours.shape != other.shape:
        return "another size", 999
    largest = int(abs(ours - other).max())
    return ("equal" if largest == 0 else f"up to {largest} level{'s' * (largest > 1)} away"), largest


def is_as_expected(expected, ours, largest):
    if expected == "equal":
        return not isinstance(ours, str) and largest == 0
    if expected == "own":
        return not isinstance(ours, str)
    if isinstance(expected, int):
        return not isinstance(ours, str) and largest is not None and largest <= expected
    return isinstance(ours, str) and expected in ours


def briefly(ours):
    """What damage there is depends on the encoder that was at hand."""
    if not isinstance(ours, str):
        return "read"
    return ours.split(":")[0] if ours.startswith("a damaged") else ours


def joined(words):
    return "; ".join(dict.fromkeys(words)) or "-"


def table(directory, decoded):
    with open(os.path.join(directory, "expected.json")) as file:
        listed = json.load(file)
    rows, wrong = {}, []
    for name, what, expected in listed:
        with open(os.path.join(directory, name), "rb") as file:
            content = file.read()
        path = os.path.join(decoded, name)
        if os.path.exists(path + ".ppm"):
            ours = ppm(path + ".ppm")
        else:
            with open(path + ".txt") as file:
                ours = file.read()
        by_pillow, by_opencv = pillow(content), opencv(content)
        words, largest = difference(ours, by_pillow)
        row = rows.setdefault(what, ([], [], []))
        row[0].append(briefly(ours))
        row[1].append(words)
        row[2].append("not installed" if by_opencv is None else difference(ours, by_opencv)[0])
        if not is_as_expected(expected, ours, largest):
            wrong.append(f"{name} ({what}): expected {expected}; ours {row[0][-1]}; Pillow {words}; OpenCV {row[2][-1]}")
    print("| file | alpaca-run | Pillow | OpenCV |\n| --- | --- | --- | --- |")
    for what, (ours, by_pillow, by_opencv) in rows.items():
        print(f"| {what} ({len(ours)}) | {joined(ours)} | {joined(by_pillow)} | {joined(by_opencv)} |")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def make(directory):
    for part in (make_jpeg, make_cjpeg, make_png, make_others, make_tiff, make_jxl, make_unread):
        part()
    os.makedirs(directory, exist_ok=True)
    for name, (_, content, _) in FILES.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(content)
    listed = [(name, what, expected) for name, (what, _, expected) in FILES.items()]
    with open(os.path.join(directory, "expected.json"), "w") as file:
        json.dump(listed, file)
    print(len(FILES), "files")
    return 0


if __name__ == "__main__":
    sys.exit(make(sys.argv[2]) if sys.argv[1] == "make" else table(*sys.argv[2:4]))
