"""Shared code of the peer scripts."""

import json
import time


def rate(work, images, seconds):
    """Median images per second of `work`, repeated for `seconds` after two rounds to warm up."""
    work()
    work()
    times = []
    start = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    times.sort()
    return images / times[len(times) // 2]


def report(figures):
    print(json.dumps(figures), flush=True)
