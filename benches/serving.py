#!/usr/bin/env python3
"""A model over HTTP under load: requests per second, response times, and what is refused.

    benches/serving.py --model RUN --images DIR [--clients 1 8 64] [--seconds 5] [--program FILE]

Each client sends one image at a time over a connection of its own, as fast as it gets answers. With
`--max-waiting` below the number of clients, some of them are refused. Needs a release build.
"""

import argparse
import http.client
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ROOT / "target" / "release" / "alpaca-run"


class Server:
    """`alpaca-run serve-model` on any free port."""

    def __init__(self, program, model, waiting):
        command = [program, "serve-model", model, "--listen", "127.0.0.1:0"]
        command += ["--max-waiting", str(waiting)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        address = self.process.stdout.readline().strip()
        if not address:
            sys.exit(f"{program} serve-model {model} has not started")
        self.host = re.fullmatch(r"http://(.*)/", address)[1]

    def memory(self):
        """Resident MiB; `None` where the system does not say."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        return int(re.search(r"VmRSS:\s*(\d+)", status)[1]) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def client(server, images, until, times, refused, lock):
    """Sends images until a time."""
    connection = http.client.HTTPConnection(server.host, timeout=60)
    own, n_refused, at = [], 0, 0
    while time.perf_counter() < until:
        start = time.perf_counter()
        connection.request("POST", "/predict", images[at % len(images)], {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        body = response.read()
        if response.status == 200:
            own.append(time.perf_counter() - start)
        elif response.status == 429:
            n_refused += 1
            time.sleep(0.005)
        else:
            sys.exit(f"status {response.status}: {body.decode()}")
        at += 1
    with lock:
        times.extend(own)
        refused.append(n_refused)


def load(server, images, n_clients, seconds):
    """The response times with a number of clients, and the number of refused requests."""
    times, refused, lock = [], [], threading.Lock()
    until = time.perf_counter() + seconds
    arguments = server, images, until, times, refused, lock
    threads = [threading.Thread(target=client, args=arguments) for _ in range(n_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times), sum(refused)


def alone(program, model, images):
    """Images per second of `predict` on the same files."""
    command = [program, "predict", model, *images, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(re.search(r"(\d+) images/s", done.stderr)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="run directory or exported file")
    parser.add_argument("--images", type=Path, required=True, help="directory of images")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--max-waiting", type=int, default=32)
    parser.add_argument("--program", type=Path, default=OURS)
    arguments = parser.parse_args()
    paths = sorted(p for p in arguments.images.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    images = [path.read_bytes() for path in paths]
    rate = alone(arguments.program, arguments.model, paths)
    print(f"`predict` alone: {rate:.0f} images/s")
    with Server(arguments.program, arguments.model, arguments.max_waiting) as server:
        for n_clients in arguments.clients:
            times, n_refused = load(server, images, n_clients, arguments.seconds)
            if not times:
                sys.exit("no request was answered")
            at = lambda share: 1000 * times[min(len(times) - 1, int(share * len(times)))]
            memory = server.memory()
            line = {
                "clients": n_clients,
                "requests/s": round(len(times) / arguments.seconds),
                "median_ms": round(at(0.5), 1),
                "p99_ms": round(at(0.99), 1),
                "refused": n_refused,
                "MiB": memory and round(memory),
            }
            print(json.dumps(line))


if __name__ == "__main__":
    main()
