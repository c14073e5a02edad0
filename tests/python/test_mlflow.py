"""Tests runs on a server of MLflow. They need the program, as test_alpaca_run.py does."""

import csv
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

from workshop import Workshop, needs


class Refusing(http.server.BaseHTTPRequestHandler):
    """A server that refuses everything after some requests."""

    n_left = 0
    body = b'{"error_code": "PERMISSION_DENIED", "message": "not for you"}'

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        answer, status = self.body, 403
        if self.server.n_left > 0:
            self.server.n_left -= 1
            answer, status = b'{"experiment": {"experiment_id": "1"}}', 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def files(directory):
    """All files below a directory with their content."""
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


@needs()
class WithoutServer(unittest.TestCase):
    def setUp(self):
        self.workshop = Workshop()
        self.addCleanup(self.workshop.close)
        self.workshop.program("run", "small.yaml", "-q", "--until", "transfer")

    def test_a_server_that_is_down_or_refuses_leaves_the_run_as_it_is(self):
        run = self.workshop.path / "runs" / "small"
        before = files(run)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        said = self.workshop.program("runs", "export", "--mlflow", url, code=1)
        self.assertIn(f"the MLflow server at {url} does not answer", said)
        self.assertIn("use the same command again", said)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
        server.seen, server.n_left = [], 1
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_port}"
        os.environ["MLFLOW_TRACKING_TOKEN"] = "secret"
        self.addCleanup(os.environ.pop, "MLFLOW_TRACKING_TOKEN")
        said = self.workshop.program("runs", "export", "--mlflow", url, code=1)
        self.assertIn("refuses `runs/search`: not for you", said)
        self.assertEqual({token for _, token in server.seen}, {"Bearer secret"})
        said = self.workshop.program("runs", "export", "--mlflow", "here", code=2)
        self.assertIn("`here` is not the URL of an MLflow server", said)
        self.assertEqual(files(run), before)


@needs("mlflow")
class Mlflow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.workshop = Workshop()
        cls.addClassCleanup(cls.workshop.close)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path = cls.workshop.path
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--backend-store-uri", f"sqlite:///{path}/mlflow.db", "--workers", "1"]
        command += ["--artifacts-destination", str(path / "artifacts")]
        cls.server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=path)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.terminate)
        cls.url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{cls.url}/health")
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def test_runs_are_there_once_and_complete(self):
        self.workshop.program("run", "small.yaml", "-q", "-S", "augmentation=[random_flip: both]")
        run = self.workshop.path / "runs" / "small"
        import mlflow

        client = mlflow.MlflowClient(self.url)
        for _ in range(2):
            said = self.workshop.program("runs", "export", "--mlflow", self.url, "--experiment", "it's")
            self.assertIn("runs/small -> MLflow run ", said)
            experiment = client.get_experiment_by_name("it's")
            [found] = client.search_runs([experiment.experiment_id])
            self.assertIn(found.info.run_id, said)
        self.assertEqual((found.info.run_name, found.info.status), ("small", "FINISHED"))
        self.assertEqual(found.data.params["stages.transfer.train.epochs"], "3")
        self.assertEqual(found.data.params["augmentation.0.random_flip"], "both")
        with open(run / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        for column in ("train/loss", "val/accuracy", "learning_rate"):
            history = client.get_metric_history(found.info.run_id, column)
            sent = [(metric.step, metric.value) for metric in history]
            self.assertEqual(sent, [(int(row["epoch"]), float(row[column])) for row in rows])
        measured = json.loads((run / "metrics.json").read_text())
        self.assertEqual(found.data.metrics["log_loss"], measured["log_loss"])
        place = self.workshop.path / "artifacts" / experiment.experiment_id / found.info.run_id / "artifacts"
        sent = {str(path.relative_to(place)): content for path, content in files(place).items()}
        for name in ("report.html", "manifest.json", "plots/loss.svg"):
            self.assertEqual(sent[name], (run / name).read_bytes())
        self.assertFalse(any(name.startswith("weights") for name in sent))


if __name__ == "__main__":
    unittest.main()
