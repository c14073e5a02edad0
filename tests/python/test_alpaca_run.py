"""Tests of the Python module. They need the program:

ALPACA_RUN_PROGRAM=target/release/alpaca-run PYTHONPATH=python python -m unittest discover tests/python
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import alpaca_run
from alpaca_run import _frames, _program, _settings, _tables
from workshop import PROGRAM, png

try:
    import pandas
except ImportError:
    pandas = None
try:
    import polars
except ImportError:
    polars = None
try:
    import duckdb
except ImportError:
    duckdb = None

needs_pandas = unittest.skipIf(pandas is None, "needs pandas: `pip install pandas`")
needs_polars = unittest.skipIf(polars is None, "needs polars: `pip install polars`")
needs_duckdb = unittest.skipIf(duckdb is None, "needs duckdb: `pip install duckdb`")

# Names that readers of tables take for numbers, truth values or nothing.
CLASSES = ["007", "1e5", "NA", "nan", "not alpaca", "null", "true"]
PIPELINE = """
version: 1
name: tiny
dataset: { directory: images, image_size: 32, split: { validation: 0.25, by: stratified } }
model: { base: mobilenet_v2, width: 0.35, weights: builtin }
stages:
  probe: { fit: { logistic: { l2: 1.0 } } }
  transfer:
    train: { from: probe, freeze: all, epochs: 2, optimizer: { adam: { learning_rate: 0.001 } } }
"""


def setUpModule():
    if PROGRAM is not None:
        WithRuns.train()


def tearDownModule():
    if PROGRAM is not None:
        shutil.rmtree(WithRuns.root)


@unittest.skipIf(PROGRAM is None, "needs the program: set ALPACA_RUN_PROGRAM to its path")
class WithRuns(unittest.TestCase):
    """Has two tiny runs, `tiny` and `tiny-2`."""

    @classmethod
    def train(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp())
        rng = random.Random(1)
        for number, name in enumerate(CLASSES):
            (cls.root / "images" / name).mkdir(parents=True)
            color = (number * 36, 255 - number * 36, number * 71 % 256)
            for image in range(8):
                path = cls.root / "images" / name / f"{image:03}.png"
                path.write_bytes(png(color, rng))
        (cls.root / "tiny.yaml").write_text(PIPELINE)
        cls.start("-S", "seed=1")
        cls.start("-S", "seed=2", "-S", "stages.transfer.epochs=3")
        cls.runs = cls.root / "runs"
        cls.run_1 = alpaca_run.Run(cls.runs / "tiny")

    @classmethod
    def start(cls, *options):
        command = [PROGRAM, "run", "tiny.yaml", "--cache-dir", "cache", "--quiet", *options]
        done = subprocess.run(command, cwd=cls.root, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def image(self, index=0, name="007"):
        return self.root / "images" / name / f"{index:03}.png"

    def copy(self, name):
        """A copy of the first run that a test may damage."""
        to = pathlib.Path(tempfile.mkdtemp(dir=self.root)) / name
        shutil.copytree(self.run_1.path, to)
        return to

    def refused(self, sentence, call):
        with self.assertRaises(alpaca_run.RunError) as caught:
            call()
        self.assertIn(sentence, str(caught.exception))
        return caught.exception


class Facts(WithRuns):
    def test_files(self):
        self.assertEqual(self.run_1.name, "tiny")
        self.assertEqual(self.run_1.status, "finished")
        self.assertEqual(self.run_1.classes, CLASSES)
        self.assertEqual(self.run_1.manifest["name"], "tiny")
        self.assertEqual(self.run_1.summary["n_images"], 14)

    def test_settings_have_dotted_names_and_types(self):
        settings = self.run_1.settings
        self.assertEqual(settings["stages.transfer.train.epochs"], 2)
        self.assertEqual(settings["model.width"], 0.35)
        self.assertEqual(settings["dataset.directory"], "images")
        self.assertIs(settings["dataset.resize.antialias"], True)

    def test_events_skip_a_half_written_line(self):
        path = self.copy("running")
        whole = list(alpaca_run.Run(path).events())
        self.assertIn("run_started", whole[0]["event"])
        self.assertIn("run_finished", whole[-1]["event"])
        with open(path / "events.jsonl", "ab") as file:
            file.write(b'{"time": "\xc3')
        self.assertEqual(list(alpaca_run.Run(path).events()), whole)

    def test_verify(self):
        self.assertIn("match the manifest", self.run_1.verify())
        path = self.copy("changed")
        with open(path / "metrics.csv", "a") as file:
            file.write("x")
        error = self.refused("changed: metrics.csv", alpaca_run.Run(path).verify)
        self.assertEqual(error.exit_code, 1)

    def test_what_is_not_a_run_is_refused(self):
        self.refused("there is no directory `nothing`", lambda: alpaca_run.Run("nothing"))
        images = self.root / "images"
        self.refused("is not a run directory", lambda: alpaca_run.Run(images))

    def test_an_unfinished_run(self):
        path = self.copy("unfinished")
        for name in ("manifest.json", "metrics.json", "predictions.csv", "out_of_fold.csv"):
            (path / name).unlink()
        run = alpaca_run.Run(path)
        self.assertEqual(run.status, "broken")
        for read in (lambda: run.manifest, lambda: run.summary, run.predictions):
            self.refused("so it is not a finished run", read)
        self.refused("fits a head", run.out_of_fold)
        self.assertIn("broken", repr(run))
        self.assertIn("broken", run._repr_html_())

    def test_the_current_directory_may_change(self):
        before = os.getcwd()
        try:
            os.chdir(self.root)
            run = alpaca_run.Run("runs/tiny")
            os.chdir("images")
            self.assertEqual(run.classes, CLASSES)
        finally:
            os.chdir(before)

    def test_how_it_looks(self):
        self.assertRegex(repr(self.run_1), r"^<Run tiny: finished, val/loss \d\.\d{4}, val/acc")
        self.assertIn("<td>transfer</td>", self.run_1._repr_html_())
        manifest = self.run_1.manifest
        manifest["stages"][1]["name"] = "<script>"
        path = self.copy("<b>")
        (path / "manifest.json").write_text(json.dumps(manifest))
        html = alpaca_run.Run(path)._repr_html_()
        self.assertNotIn("<script>", html)
        self.assertIn("&lt;b&gt;", html)

    def test_runs(self):
        found = alpaca_run.runs(self.runs)
        self.assertEqual([run.name for run in found], ["tiny", "tiny-2"])
        self.assertEqual(found[0], self.run_1)
        self.assertEqual(alpaca_run.runs(self.root / "nothing"), [])


class Tables(WithRuns):
    @needs_pandas
    def test_pandas(self):
        metrics = self.run_1.metrics()
        self.assertEqual(
            list(metrics.columns)[:4], ["stage", "epoch", "train/loss", "train/accuracy"]
        )
        self.assertEqual(metrics["epoch"].dtype, "int64")
        self.assertEqual(metrics["val/loss"].dtype, "float64")
        self.assertEqual(self.run_1.timings()["images"].dtype, "int64")
        splits = self.run_1.splits()
        self.assertEqual(len(splits), 56)
        self.assertEqual(sorted(splits["label"].unique()), CLASSES)
        predictions = self.run_1.predictions()
        self.assertEqual(predictions["correct"].dtype, "bool")
        self.assertEqual(sorted(predictions["label"].unique()), CLASSES)
        self.assertEqual(predictions["probability/nan"].dtype, "float64")
        self.assertEqual(len(self.run_1.out_of_fold()), 42)

    @needs_polars
    def test_polars(self):
        predictions = self.run_1.predictions(engine="polars")
        self.assertEqual(predictions["label"].dtype, polars.Utf8)
        self.assertEqual(sorted(predictions["label"].unique()), CLASSES)
        self.assertEqual(predictions["correct"].dtype, polars.Boolean)
        self.assertEqual(predictions["probability/1e5"].dtype, polars.Float64)
        self.assertEqual(self.run_1.metrics(engine="polars")["epoch"].dtype, polars.Int64)
        self.assertEqual(len(alpaca_run.table(self.runs, engine="polars")), 2)

    @needs_pandas
    def test_plain_names(self):
        metrics = self.run_1.metrics(names="plain")
        self.assertEqual(list(metrics.val_loss), list(self.run_1.metrics()["val/loss"]))
        self.assertIn("probability_not_alpaca", self.run_1.predictions(names="plain").columns)

    def test_plain_names_are_unique(self):
        names = ["a/b", "a b", "A-B", "a_b_2", "class", "1x", "é/日本", "???", "!"]
        plain = ["a_b", "a_b_2", "A_B_3", "a_b_2_2", "class", "_1x", "é_日本", "column", "column_2"]
        self.assertEqual(_frames.plain_names(names), plain)

    def test_a_line_that_is_being_written_is_left_out(self):
        path = self.copy("running")
        n = len(_tables.read(path / "metrics.csv", _tables.METRICS)[0].values)
        with open(path / "metrics.csv", "ab") as file:
            file.write(b"transfer,9,0.1,0.1,0.1,0.1,0.1,0.1,0.0")
        self.assertEqual(len(_tables.read(path / "metrics.csv", _tables.METRICS)[0].values), n)

    def test_cells(self):
        text = 'path,target,sample_weight,group\n"a,""b.png",,2.5,\nNA,1e5,,007\n'
        columns = _tables.parse(text, _tables.SPLITS, "splits.csv")
        values = [['a,"b.png', "NA"], [None, 1e5], [2.5, None], ["", "007"]]
        self.assertEqual([column.values for column in columns], values)
        wrong = lambda: _tables.parse("epoch\nx\n", _tables.METRICS, "metrics.csv")
        self.refused("column `epoch` of `metrics.csv`", wrong)
        short = lambda: _tables.parse("a,b\n1\n", _tables.METRICS, "metrics.csv")
        self.refused("row 2 of `metrics.csv` has 1 cells", short)
        self.assertEqual(_tables.parse("", _tables.METRICS, "metrics.csv"), [])

    def test_missing_values(self):
        columns = [
            _tables.Column("number", _tables.Kind.NUMBER, [None, 1.5]),
            _tables.Column("integer", _tables.Kind.INTEGER, [None, 1]),
            _tables.Column("truth", _tables.Kind.TRUTH, [None, True]),
            _tables.Column("text", _tables.Kind.TEXT, [None, ""]),
        ]
        for engine, library in (("pandas", pandas), ("polars", polars)):
            with self.subTest(engine):
                if library is None:
                    self.skipTest(f"needs {engine}")
                frame = _frames.frame(columns, engine, "exact")
                missing = (
                    frame.isna() if engine == "pandas" else frame.select(polars.all().is_null())
                )
                for column in columns:
                    self.assertEqual(list(missing[column.name]), [True, False])
                self.assertEqual(list(frame["text"])[1], "")

    @needs_pandas
    def test_table_of_runs(self):
        table = alpaca_run.table(self.runs, names="plain")
        self.assertEqual(list(table.status), ["finished", "finished"])
        self.assertEqual(list(table.seed), [1, 2])
        self.assertEqual(list(table.stages_transfer_train_epochs), [2, 3])
        self.assertNotIn("model_width", table.columns)
        self.assertEqual(table.val_loss.dtype, "float64")
        self.assertEqual(str(table.time.dt.tz), "UTC")
        self.assertEqual(len(alpaca_run.table(self.root / "nothing")), 0)

    @needs_pandas
    def test_values_of_different_types(self):
        found = _settings.listed(self.runs)
        found[0]["values"] = {"same": 1, "number": 1, "freeze": "all", "list": [1], "first": True}
        found[1]["values"] = {"same": 1, "number": 0.5, "freeze": 3, "list": [2]}
        with mock.patch.object(_settings, "listed", return_value=found):
            table = alpaca_run.table(self.runs)
        self.assertNotIn("same", table.columns)
        self.assertEqual(list(table["number"]), [1.0, 0.5])
        self.assertEqual(list(table["freeze"]), ["all", "3"])
        self.assertEqual(list(table["list"]), ["[1]", "[2]"])
        self.assertEqual(list(table["first"].isna()), [False, True])

    def test_unknown_engines_and_names_are_refused(self):
        self.refused("must be 'pandas' or 'polars'", lambda: self.run_1.metrics(engine="dask"))
        self.refused("must be 'exact' or 'plain'", lambda: self.run_1.metrics(names="sql"))

    def test_a_missing_library_is_named(self):
        with mock.patch.dict(sys.modules, {"polars": None}):
            self.refused("pip install polars", lambda: self.run_1.metrics(engine="polars"))

    @needs_duckdb
    def test_duckdb_reads_the_files(self):
        epochs = duckdb.sql(f"""SELECT max("val/accuracy") FROM '{self.run_1.path}/metrics.csv'""")
        self.assertGreaterEqual(epochs.fetchall()[0][0], 0)
        text = "types={'label': 'VARCHAR', 'predicted': 'VARCHAR'}"
        file = f"read_csv('{self.run_1.path}/predictions.csv', {text})"
        rows = duckdb.sql(f"SELECT label, count(*) FROM {file} GROUP BY label ORDER BY label")
        self.assertEqual(rows.fetchall(), [(name, 2) for name in CLASSES])

    @needs_duckdb
    @needs_pandas
    def test_duckdb_reads_plain_names(self):
        images = self.run_1.predictions(names="plain")
        self.assertEqual(len(images), 14)
        query = "SELECT avg(probability_not_alpaca), count(*) FILTER (correct) FROM images"
        mean, correct = duckdb.sql(query).fetchall()[0]
        self.assertAlmostEqual(mean, images.probability_not_alpaca.mean())
        self.assertEqual(correct, images.correct.sum())
        found = alpaca_run.table(self.runs, names="plain")
        best = duckdb.sql("SELECT run, time, val_loss, seed FROM found ORDER BY val_loss")
        self.assertEqual(len(best.fetchall()), len(found))


class Predict(WithRuns):
    @needs_pandas
    def test_the_probabilities_are_those_of_the_run(self):
        known = self.run_1.predictions()
        paths = [self.root / "images" / alpaca_run.path_of(path) for path in known["path"]]
        answers = self.run_1.predict(paths)
        self.assertEqual([str(path) for path in paths], list(answers["path"]))
        self.assertEqual(list(answers["predicted"]), list(known["predicted"]))
        for name in CLASSES:
            column = f"probability/{name}"
            self.assertEqual(list(answers[column]), list(known[column]))
        self.assertTrue(answers["error"].isna().all())

    @needs_pandas
    def test_unreadable_files_have_an_error_and_no_class(self):
        answers = self.run_1.predict([self.image(), self.root / "nothing.png"])
        self.assertEqual(list(answers["predicted"].isna()), [False, True])
        self.assertEqual(list(answers["error"].isna()), [True, False])

    @needs_pandas
    def test_likeliest_classes(self):
        answers = self.run_1.predict(str(self.image()), top=2)
        self.assertEqual(list(answers["rank"]), [1, 2])
        self.assertGreaterEqual(*answers["probability"])
        self.assertEqual(len(self.run_1.predict(self.root / "images", top=7)), 56 * 7)
        bad = self.run_1.predict(self.root / "nothing.png", top=2)
        self.assertTrue(bad["predicted"].isna().all())

    @needs_pandas
    def test_many_images(self):
        paths = [self.image(n % 8) for n in range(1500)]
        whole = self.run_1.predict(paths)
        with mock.patch.object(_program, "_room", lambda: 20_000):
            with mock.patch.object(_program, "call", side_effect=_program.call) as calls:
                parts = self.run_1.predict(paths)
        self.assertGreater(calls.call_count, 2)
        pandas.testing.assert_frame_equal(whole, parts)

    def test_batches_fit_into_a_command(self):
        paths = [f"{'directory/' * 20}{number}.jpg" for number in range(50_000)]
        batches = list(_program.batches(paths))
        self.assertEqual([path for batch in batches for path in batch], paths)
        self.assertGreater(len(batches), 1)
        for batch in batches:
            subprocess.run([sys.executable, "-c", "", *batch], check=True)

    @needs_pandas
    def test_names_that_look_like_options(self):
        directory = self.root / "odd"
        directory.mkdir()
        for name in ("-", "--json", "-x.png"):
            shutil.copy(self.image(), directory / name)
        before = os.getcwd()
        try:
            os.chdir(directory)
            answers = self.run_1.predict(["-", "--json", b"-x.png"])
        finally:
            os.chdir(before)
        self.assertEqual(list(answers["path"]), ["./-", "--json", "-x.png"])
        self.assertTrue(answers["error"].isna().all())

    def test_errors_are_those_of_the_program(self):
        self.refused("no images to predict", lambda: self.run_1.predict([]))
        wrong = lambda: self.run_1.predict(self.image(), options=["--threshold", "0.5"])
        error = self.refused("`--threshold` does not apply to this model", wrong)
        self.assertEqual(error.exit_code, 2)
        self.assertNotIn("error:", str(error))


class Paths(unittest.TestCase):
    def test_ordinary_names_stay(self):
        for name in ("a.jpg", "not alpaca/b", "café", "a\\b", "\\xe4", "\\x", "1e5"):
            self.assertEqual(alpaca_run.path_of(name), pathlib.Path(name))

    @unittest.skipIf(os.name == "nt", "names are text on Windows")
    def test_other_bytes(self):
        names = {"b\\xE4r.jpg": b"b\xe4r.jpg", "a\\\\b\\xFF": b"a\\b\xff", "b\\\\xE4": b"b\\xE4"}
        for text, name in names.items():
            self.assertEqual(os.fsencode(alpaca_run.path_of(text)), name)


@unittest.skipUnless(sys.platform == "linux", "names are text on this system")
class OddNames(WithRuns):
    @needs_pandas
    def test_a_path_in_a_table_leads_to_its_file(self):
        name = os.fsencode(self.root) + b"/b\xe4r\x1b.png"
        shutil.copy(self.image(), name)
        answers = self.run_1.predict(name)
        self.assertTrue(answers["path"][0].endswith("/b\\xE4r\\x1B.png"))
        self.assertEqual(os.fsencode(alpaca_run.path_of(answers["path"][0])), name)

    def test_a_run_whose_name_is_not_text(self):
        path = os.fsdecode(os.fsencode(self.root) + b"/odd-runs/r\xff")
        shutil.copytree(self.run_1.path, path)
        (run,) = alpaca_run.runs(self.root / "odd-runs")
        self.assertEqual(run.status, "finished")
        repr(run).encode()
        run._repr_html_().encode()


class Program(WithRuns):
    def python(self, *arguments, **variables):
        path = str(pathlib.Path(alpaca_run.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": path, **variables}
        command = [sys.executable, "-m", "alpaca_run", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    def test_the_module_runs_the_program(self):
        self.assertRegex(self.python("--version").stdout, r"^alpaca-run \d")
        done = self.python("verify", "nothing")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no directory `nothing`", done.stderr)

    def test_a_missing_program(self):
        done = self.python("--version", ALPACA_RUN_PROGRAM="", PATH="")
        if done.returncode == 0:
            self.skipTest("the program is installed next to Python")
        self.assertIn("pip install alpaca-run", done.stderr)
        done = self.python("--version", ALPACA_RUN_PROGRAM="/nothing")
        self.assertIn("ALPACA_RUN_PROGRAM is `/nothing`", done.stderr)

    def test_no_library_is_imported(self):
        code = "import sys, alpaca_run; sys.exit(bool({'pandas', 'polars'} & set(sys.modules)))"
        subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    unittest.main()
