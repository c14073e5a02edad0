"""Many short tasks on HyperQueue or Slurm, with workers and servers killed on the way.

    python3 benches/cluster.py hyperqueue --kills 10
    python3 benches/cluster.py slurm --kills 10
    python3 benches/cluster.py hyperqueue --kills 10 --shards 1000
    python3 benches/cluster.py slurm --runs 200 --epochs 0 --loop
    python3 benches/cluster.py hyperqueue --shards 200 --group 1 --nodes 8

The tasks are the runs of a sweep, or with `--shards` predictions for the images of shards. With no
epochs, runs only fit a head, so that the scheduler takes most of the time. `--loop` also runs the
command of each task without a scheduler, as many at a time as this machine has processors.

HyperQueue: `hq` is in the PATH, or ALPACA_HQ names it. Slurm: Debian's packages munge, slurmctld, slurmd
and slurm-client; run it as root. Everything runs on this machine: workers or nodes with two processors
each, which share the processors that there are. Compares the files of the tasks with those of one
process, and counts what was computed twice.
"""

import argparse
import filecmp
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/alpaca-run"
VOLATILE = {"events.jsonl", "manifest.json", "timings.csv"}

PIPELINE = """
version: 1
seed: 7
dataset: {{ directory: {images}, image_size: 32, batch_size: 10 }}
augmentation: [{{ random_flip: both }}]
model: {{ base: mobilenet_v2, width: 0.35, weights: none }}
stages:
  transfer: {{ train: {{ freeze: all, epochs: 5 }} }}
  finetune: {{ train: {{ unfreeze_from: 120, epochs: {epochs} }} }}
sweep:
  over: {{ stages.finetune.optimizer.adam.learning_rate: {{ from: 1e-5, to: 1e-3, points: {arms}, scale: log }} }}
"""

HEADS = """
version: 1
seed: 7
dataset: {{ directory: {images}, image_size: 32 }}
model: {{ base: mobilenet_v2, width: 0.35, weights: none }}
stages:
  head: {{ fit: {{ logistic: {{ l2: 1.0 }} }} }}
sweep:
  over: {{ stages.head.logistic.l2: {{ from: 1e-3, to: 1e3, points: {arms}, scale: log }} }}
"""

# What tasks may use, for the settings file.
SETTINGS = "cluster: { cpus: 1, retries: 20 }\n"

SLURM = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=27817
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdTimeout=15
SlurmdParameters=config_overrides
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
NodeName=n[1-{nodes}] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[27101-2710{nodes}] CPUs=2 RealMemory=4000
PartitionName=main Nodes=n[1-{nodes}] Default=YES MaxTime=INFINITE State=UP
"""


OPERATOR = """
while sleep 2; do
    sinfo --noheader | grep -q drain && scontrol update NodeName=n[1-{nodes}] State=RESUME
    for job in $(squeue --noheader --array --states=PD --format='%i %r' | grep -i held | cut -d' ' -f1); do
        scontrol release $job
    done
done
"""


class HyperQueue:
    def __init__(self, folder, nodes):
        self.hq = os.environ.get("ALPACA_HQ", "hq")
        self.folder, self.workers, self.nodes = folder, [], nodes
        os.environ["HQ_SERVER_DIR"] = str(folder)
        self.server()
        for _ in range(self.nodes):
            self.worker()

    def server(self):
        command = [self.hq, "server", "start", "--host", "localhost", "--journal", f"{self.folder}/journal"]
        self.log = open(f"{self.folder}/server.log", "a")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        time.sleep(1)

    def worker(self):
        command = [self.hq, "worker", "start", "--cpus", "2", "--heartbeat", "2s"]
        self.workers.append(subprocess.Popen(command, stdout=self.log, stderr=self.log))

    def kill(self, number):
        if number % 4 == 3:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            for worker in self.workers:
                worker.wait()
            self.workers = []
            self.server()
            for _ in range(self.nodes):
                self.worker()
            return "server"
        worker = self.workers.pop(0)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self.worker()
        return "worker"

    def stop(self):
        for process in [*self.workers, self.process]:
            process.kill()


class Slurm:
    def __init__(self, folder, nodes):
        self.folder, self.nodes = folder, nodes
        folder.chmod(0o755)
        (folder / "state").mkdir()
        conf = folder / "slurm.conf"
        conf.write_text(SLURM.format(folder=folder, nodes=nodes))
        os.environ["SLURM_CONF"] = str(conf)
        subprocess.run("mkdir -p /run/munge; chown munge: /run/munge; pgrep -x munged >/dev/null || su -s /bin/sh munge -c 'munged --force'", shell=True, check=True)
        self.controller()
        for node in range(1, nodes + 1):
            self.node(node)
        time.sleep(3)
        # What an operator does after a controller died: it may give numbers of tasks twice, which nodes
        # refuse; then Slurm holds both.
        self.operator = subprocess.Popen(["sh", "-c", OPERATOR.format(nodes=nodes)])

    def controller(self):
        subprocess.run(["slurmctld", "-f", os.environ["SLURM_CONF"]], check=True)

    def node(self, node):
        subprocess.run(["slurmd", "-N", f"n{node}", "-f", os.environ["SLURM_CONF"]], check=True)

    def pid(self, name):
        return int((self.folder / f"{name}.pid").read_text())

    def kill(self, number):
        if number % 4 == 3:
            os.kill(self.pid("slurmctld"), signal.SIGKILL)
            time.sleep(1)
            self.controller()
            return "slurmctld"
        node = number % self.nodes + 1
        os.kill(self.pid(f"slurmd-n{node}"), signal.SIGKILL)
        # The processes of its tasks, too: a lost machine.
        jobs = subprocess.run(["pgrep", "-f", f"slurmstepd: .*n{node}|slurmstepd"], capture_output=True, text=True)
        for pid in jobs.stdout.split()[:2]:
            subprocess.run(["pkill", "-KILL", "-P", pid])
            subprocess.run(["kill", "-KILL", pid])
        time.sleep(2)
        self.node(node)
        return f"node n{node}"

    def stop(self):
        self.operator.kill()
        subprocess.run(["scancel", "-u", "root"])
        for name in ["slurmctld", *(f"slurmd-n{node}" for node in range(1, self.nodes + 1))]:
            try:
                os.kill(self.pid(name), signal.SIGKILL)
            except (OSError, ValueError):
                pass


def lasting(directory):
    """The files of results that do not tell the time, and not those about tasks."""
    paths = (path.relative_to(directory) for path in directory.rglob("*") if path.is_file())
    return sorted(path for path in paths if path.name not in VOLATILE and path.parts[0] != "jobs")


def timed(words):
    began = time.monotonic()
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.monotonic() - began, done.stderr


class Sweep:
    """A sweep of many runs."""

    def __init__(self, folder, arguments):
        self.folder = folder
        text = PIPELINE if arguments.epochs else HEADS
        text = text.format(images=ROOT / "data/alpacas", arms=arguments.runs, epochs=arguments.epochs)
        (folder / "many.yaml").write_text(text)

    def words(self, place, *more):
        cache = ["--cache-dir", self.folder / f"cache-{place}"]
        words = ["sweep", self.folder / "many.yaml", "--runs-dir", self.folder / place, *cache]
        return [PROGRAM, *words, *more]

    def home(self, place):
        return self.folder / place / "many-sweep"

    def check(self, home):
        runs = [path.parent for path in home.glob("arm-*/manifest.json")]
        manifests = [json.loads((run / "manifest.json").read_text()) for run in runs]
        again = sum("transfer" not in m["volatile"]["reused"] for m in manifests)
        if any(stage["name"] == "transfer" for stage in manifests[0]["stages"]):
            print(f"runs that trained the shared stage themselves: {again}")


class Shards:
    """Predictions for the images of many shards."""

    def __init__(self, folder, arguments):
        self.folder, self.group = folder, arguments.group
        pipeline = folder / "small.yaml"
        pipeline.write_text(HEADS.format(images=ROOT / "data/alpacas", arms=2).split("sweep:")[0])
        timed([PROGRAM, pipeline, "--runs-dir", folder / "runs", "--no-cache"])
        images = sorted((ROOT / "data/alpacas").rglob("*.jpg")) or sorted((ROOT / "data/alpacas").rglob("*.png"))
        for number in range(arguments.shards):
            with tarfile.open(folder / f"t-{number:05}.tar", "w") as shard:
                for image in random.sample(images, 20):
                    shard.add(image, f"{image.parent.name}/{image.name}")

    def words(self, place, *more):
        words = ["shard", "predict", self.folder / "runs/small", "--shards", self.folder / "t-*.tar"]
        words += ["--out", self.folder / place, "--group", self.group, "--no-cache"]
        return [PROGRAM, *words, *more]

    def home(self, place):
        return self.folder / place

    def check(self, home):
        pass


def loop(work, home):
    """The time that the commands of the tasks take without a scheduler."""
    dry = [str(word) for word in work.words("loop", "--on", "local", "--dry-run")]
    text = subprocess.run(dry, capture_output=True, text=True, check=True).stdout
    commands = [line for line in text.splitlines() if " jobs run " in line]
    # What the tasks compute, as the command that submits writes it.
    target = work.home("loop") / "jobs"
    target.mkdir(parents=True)
    for name in ["pipeline.yaml", "jobs/work.json"]:
        if (home / name).exists():
            shutil.copy(home / name, work.home("loop") / name)
    began = time.monotonic()
    subprocess.run(
        ["xargs", "-P", str(os.cpu_count()), "-I", "{}", "sh", "-c", "{} >/dev/null 2>&1"],
        input="\n".join(commands), text=True, check=True,
    )
    return time.monotonic() - began, len(commands)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("on", choices=["hyperqueue", "slurm", "local"])
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--shards", type=int, default=0)
    parser.add_argument("--group", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=4, choices=range(1, 9))
    parser.add_argument("--loop", action="store_true")
    arguments = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "settings.yaml").write_text(SETTINGS)
        os.environ["ALPACA_SETTINGS"] = str(folder / "settings.yaml")
        work = (Shards if arguments.shards else Sweep)(folder, arguments)
        alone, _ = timed(work.words("alone"))
        state = folder / "state-of-scheduler"
        state.mkdir()
        engine = {"hyperqueue": HyperQueue, "slurm": Slurm}.get(arguments.on)
        engine = engine and engine(state, arguments.nodes)
        killed, over = [], threading.Event()

        def killer():
            # Faster than one process takes on this machine, since several take less.
            while len(killed) < arguments.kills and not over.wait(max(alone / (arguments.kills + 1) / 3, 2)):
                killed.append(engine.kill(len(killed)))

        thread = threading.Thread(target=killer)
        thread.start()
        try:
            there, said = timed(work.words("there", "--on", arguments.on))
        finally:
            over.set()
            thread.join()
            if engine:
                engine.stop()
        a, b = work.home("alone"), work.home("there")
        files = lasting(a)
        same = files == lasting(b) and all(filecmp.cmp(a / path, b / path, shallow=False) for path in files)
        outcomes = [json.loads(path.read_text()) for path in (b / "jobs/outcomes").glob("*.json")]
        print(f"{arguments.on}: {len(outcomes)} tasks, killed: {', '.join(killed) or 'nothing'}")
        print(f"in one process {alone:.1f} s, there {there:.1f} s")
        if arguments.loop:
            seconds, n = loop(work, b)
            print(f"in a loop {seconds:.1f} s; {(there - seconds) / n * 1000:+.0f} ms for each of {n} tasks")
        print(f"{sum(o['failure'] is not None for o in outcomes)} tasks failed")
        work.check(b)
        print(f"{len(files)} files, {'the same bytes' if same else 'DIFFERENT'}")
        print("\n".join(line for line in said.splitlines() if "again" in line or "answer" in line))


main()
