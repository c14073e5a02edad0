"""Numbers from a formula, which `tests/it/networks.rs` has too: those of a tensor follow from its
name."""

import numpy


def fnv1a(name):
    """The 32-bit FNV-1a hash of a name."""
    digest = 0x811C9DC5
    for byte in name.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest


def numbers(name, n):
    """`n` numbers from 0 to 1 for a tensor."""
    with numpy.errstate(over="ignore"):
        x = numpy.arange(n, dtype=numpy.uint32) * numpy.uint32(2654435761)
        x += numpy.uint32(fnv1a(name))
        x ^= x >> numpy.uint32(16)
        x *= numpy.uint32(0x7FEB352D)
        x ^= x >> numpy.uint32(15)
        x *= numpy.uint32(0x846CA68B)
        x ^= x >> numpy.uint32(16)
    return x.astype(numpy.float64) / 2.0**32


def pixels(seed, side):
    """Two images of pixel values from 0 to 255."""
    values = numbers(f"pixels {seed}", 2 * side * side * 3).reshape(2, side, side, 3)
    return numpy.floor(values * 256).astype(numpy.float32)
