"""See scripts/check_tracking.sh: check.py SEQJEPA ENVIRONMENT"""

import importlib.util
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import wandb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto import wandb_internal_pb2 as pb
from wandb_server import Server

SEQJEPA, ENVIRONMENT = sys.argv[1], pathlib.Path(sys.argv[2])
CONFIG = """
run: {name: tracked, seed: 7, device: flex, epochs: 6, checkpoint_steps: 3}
dataset: {name: synthetic, seq_len: 2, batch_size: 8, synthetic_train: 64, synthetic_val: 16, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adamw, lr: 0.001, probe_hidden: 16}
gating: {linacc_test_min: 100}
eval: {protocols: [exact], seq_len: 2, max_seq_len: 2, feature_passes: 1, batch_size: 8, candidates: 4, other_candidates: 4, bootstrap: 10}
logging:
  log_every: 2
  tensorboard: true
  wandb: {enabled: true, project: checked, entity: someone, group: all, tags: [one, two], mode: offline}
"""
STEPS_PER_EPOCH, EPOCHS = 8, 6
CHARTS = {"accuracy", "recovery_by_group", "recovery_by_parameter", "leakage_by_group", "leakage_by_parameter", "confusion"}
MAPS = {f"map_{of}_{kind}" for of in ("z1", "z_agg") for kind in ("pca", "tsne", "umap")}
PICTURES = {f"report/{name}" for name in CHARTS | MAPS}
SECRET = "0123456789abcdef0123456789abcdef01234567"


def say(text):
    print(text, flush=True)


def same(expected, found, what, single=False):
    """Whether two figures are the same to the last bit (of single precision, in TensorBoard)."""
    if expected is None:
        assert not math.isfinite(found), (what, expected, found)
        return
    if single:
        import numpy

        expected = float(numpy.float32(expected))
    assert expected == found, (what, expected, found)


def variables(**more):
    own = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    return {**own, "WANDB_API_KEY": SECRET, "WANDB_SILENT": "true", **more}


def train(folder):
    """Trains, kills it in its third epoch, and resumes it."""
    config, run = folder / "config.yaml", folder / "run"
    config.write_text(CONFIG)
    process = subprocess.Popen(
        [SEQJEPA, "train", "--config", config, "--set", f"run.output_dir={run}"],
        env=variables(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )
    metrics = run / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.002)
    process.kill()
    process.wait()
    held = metrics.read_bytes().count(b"\n")
    assert held < EPOCHS, "the run ended before it could be killed"
    done = subprocess.run([SEQJEPA, "resume", run], env=variables(), capture_output=True, text=True, timeout=300)
    # The gates fail: exit code 3.
    assert done.returncode == 3, (done.returncode, done.stderr)
    say(f"killed after {held} of {EPOCHS} epochs, and resumed")
    return run, [json.loads(line) for line in metrics.read_text().splitlines()]


def check_picture(png, width, height):
    """Whether a file is a picture of that size on which something is drawn, and a small one."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        picture.load()
        assert picture.format == "PNG" and picture.size == (width, height)
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 8
    assert len(png) < 200_000, len(png)


def check_tensorboard(run, rows):
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    events.Reload()
    values = 0
    for name in rows[0]:
        scalars = events.Scalars(name)
        assert [s.step for s in scalars] == [row["epoch"] * STEPS_PER_EPOCH for row in rows], name
        for row, scalar in zip(rows, scalars, strict=True):
            same(row[name], scalar.value, name, single=True)
            values += 1
    logged = list(range(2, EPOCHS * STEPS_PER_EPOCH + 1, 2))
    for name in ("train/loss", "train/learning_rate"):
        assert [s.step for s in events.Scalars(name)] == logged, name
    (image,) = events.Images("views")
    assert image.encoded_image_string.startswith(b"\x89PNG") and image.width > 100
    drawn = [name for name in events.Tags()["images"] if name.startswith("report/")]
    assert set(drawn) == PICTURES, drawn
    for name in drawn:
        (image,) = events.Images(name)
        assert image.step == EPOCHS * STEPS_PER_EPOCH
        check_picture(image.encoded_image_string, image.width, image.height)
    texts = {name: events.Tensors(name)[0].tensor_proto.string_val[0].decode() for name in ("config", "gates")}
    assert "epochs: 6" in texts["config"] and "gates: failed" in texts["gates"]
    card = json.loads((run / "evaluation.json").read_text())
    for figure in card["figures"]:
        name = f"frozen/{figure['protocol']['name']}/{figure['name']}"
        if figure["trained"]["value"] is not None:
            (scalar,) = events.Scalars(name)
            same(figure["trained"]["value"], scalar.value, name, single=True)
            values += 1
    from tensorboard.plugins.hparams import metadata

    assert "_hparams_/session_start_info" in events.summary_metadata
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    parsed = metadata.parse_session_start_info_plugin_data(content)
    assert parsed.hparams["run.seed"].number_value == 7
    files = len(list((run / "tensorboard").iterdir()))
    say(f"TensorBoard's EventAccumulator: {values} values of {files} files are those of the run; {len(drawn)} charts")


def datastore():
    """The reader of an earlier version, over the protobufs of this one."""
    wandb._assert_is_internal_process = True
    path = ENVIRONMENT / "earlier/wandb/sdk/internal/datastore.py"
    spec = importlib.util.spec_from_file_location("earlier_datastore", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DataStore()


def check_wandb(folder, rows):
    (log,) = folder.glob("*.wandb")
    store = datastore()
    store.open_for_scan(str(log))
    records = []
    while (data := store.scan_data()) is not None:
        record = pb.Record()
        record.ParseFromString(data)
        # Nothing that this version's messages do not know.
        assert record.SerializeToString() == data
        assert record.ListFields(), "an empty record"
        records.append(record)
    assert [record.num for record in records] == list(range(1, len(records) + 1))
    kinds = [record.WhichOneof("record_type") for record in records]
    assert kinds[:3] == ["header", "run", "environment"] and kinds.count("run") == 1
    assert kinds[-1] == "exit" and kinds.count("exit") == 1
    settings = records[1].run
    assert (settings.project, settings.run_group, list(settings.tags)) == ("checked", "all", ["one", "two"])
    config = {item.key: json.loads(item.value_json) for item in settings.config.update}
    assert config["run"]["seed"] == 7 and config["backend"] == "flex"
    history, summary = [], {}
    for record in records:
        if record.WhichOneof("record_type") == "history":
            row = {item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
            assert len(row) == len(record.history.item), "a name is there twice"
            assert row["_step"] == record.history.step.num == len(history)
            history.append(row)
        for item in record.summary.update:
            summary[item.nested_key[0]] = json.loads(item.value_json)
    values = compare_history(history, rows)
    check_summary(summary, folder.parents[1], rows)
    pictures = {name: value for row in history for name, value in row.items() if name.startswith("report/")}
    assert set(pictures) == PICTURES, list(pictures)
    for picture in pictures.values():
        check_picture((folder / "files" / picture["path"]).read_bytes(), picture["width"], picture["height"])
    size = sum(picture["size"] for picture in pictures.values())
    assert size < 500_000, size
    for record in records:
        for file in record.files.files:
            assert (folder / "files" / file.path).is_file(), file.path
    lines = [record.output_raw.line for record in records if record.WhichOneof("record_type") == "output_raw"]
    assert "".join(lines) == (folder / "files/output.log").read_text()
    assert kinds.count("stats") >= 1
    say(f"W&B's datastore and protobufs: {len(records)} records; {values} values are those of the run; {len(pictures)} charts of {size} bytes")
    return history, summary, config


def compare_history(history, rows):
    values = 0
    epochs = [row for row in history if "epoch" in row]
    for row, logged in zip(rows, epochs, strict=True):
        assert logged["step"] == row["epoch"] * STEPS_PER_EPOCH
        for name, value in row.items():
            same(value, logged[name], name)
            values += 1
    steps = [row["step"] for row in history if "train/loss" in row]
    assert steps == list(range(2, EPOCHS * STEPS_PER_EPOCH + 1, 2)), steps
    views = [row["views"] for row in history if "views" in row]
    assert len(views) == 1 and views[0]["_type"] == "image-file"
    return values


def check_summary(summary, run, rows):
    verdict = json.loads((run / "gates.json").read_text())
    assert (summary["gates/passed"], summary["gates/reasons"]) == (verdict["passed"], verdict["reasons"])
    same(rows[-1]["ep_loss"], summary["ep_loss"], "ep_loss")
    card = json.loads((run / "evaluation.json").read_text())
    figures = 0
    for figure in card["figures"]:
        name = f"frozen/{figure['protocol']['name']}/{figure['name']}"
        for key, side in ((name, "trained"), (f"{name}/random_init", "random")):
            if figure[side]["value"] is not None:
                same(figure[side]["value"], summary[key], key)
                figures += 1
    assert figures > 10


def check_sync(folder, rows, history, summary, config):
    """`wandb sync`, twice, to a stand-in for the server: the second time replaces the first."""
    for time_ in ("first", "second"):
        with Server() as server:
            environment = variables(WANDB_BASE_URL=server.url, WANDB_ERROR_REPORTING="false")
            environment["WANDB_SILENT"] = "false"
            command = [ENVIRONMENT / "bin/wandb", "sync", "--include-synced", folder]
            # The client keeps logs of its own where it is run.
            done = subprocess.run(
                command, env=environment, cwd=folder.parents[2], capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0 and "Finished syncing" in done.stderr, done.stderr
            assert not server.unknown, server.unknown
            (sent,) = server.runs.values()
        stream = sent["streams"]["wandb-history.jsonl"]
        lines = [json.loads(stream[at]) for at in range(len(stream))]
        assert len(lines) == len(history)
        for expected, line in zip(history, lines, strict=True):
            for name, value in expected.items():
                got = line[name]
                # In its lines the client writes what is no number of JSON as a text.
                if isinstance(value, float) and not math.isfinite(value):
                    assert str(got) in ("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"), (name, got)
                else:
                    assert got == value, (name, value, got)
        (last,) = sent["streams"]["wandb-summary.json"].values()
        shown = json.loads(last)
        for name in ("ep_loss", "gates/passed", "gates/reasons"):
            assert shown[name] == summary[name], name
        assert all(name in shown for name in summary if name.startswith("frozen/")), sorted(shown)
        told = json.loads(sent["upserts"][0]["config"])
        assert told["run"]["value"] == config["run"], told["run"]
        assert sent["upserts"][0]["displayName"] == "tracked" and sent["upserts"][0]["project"] == "checked"
        assert sent["complete"] is True and sent["exit_code"] == 0
        assert any(name.startswith("media/images/views") for name in sent["files"]), list(sent["files"])
        charts = [name for name in sent["files"] if name.startswith("media/images/report_")]
        assert len(charts) == len(PICTURES), list(sent["files"])
        assert "output.log" in sent["files"] and "config.yaml" in sent["files"], list(sent["files"])
        say(f"wandb sync, the {time_} time: {len(lines)} rows, summary, config and {len(sent['files'])} files arrived")


def check_online(folder):
    """`mode: online` runs the client that is installed, and says what to type where none is."""
    for name, path in (("sent", f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}"), ("typed", "/nonexistent")):
        run = folder / name
        with Server() as server:
            environment = variables(WANDB_BASE_URL=server.url, PATH=path, WANDB_ERROR_REPORTING="false")
            command = [SEQJEPA, "train", "--config", folder / "config.yaml", "--set", f"run.output_dir={run}"]
            command += ["--set", "logging.wandb.mode=online", "--set", "logging.wandb.sync_checkpoints=true"]
            command += ["--skip-evaluation"]
            done = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 3, done.stderr
            said = done.stdout + done.stderr
            if name == "sent":
                assert "W&B run: sent" in said, said
                (sent,) = server.runs.values()
                rows = [json.loads(line) for line in sent["streams"]["wandb-history.jsonl"].values()]
                assert [row["epoch"] for row in rows if "epoch" in row] == list(range(1, EPOCHS + 1))
            else:
                assert not server.runs and "wandb sync " in said, said
    say("mode: online sends the run by the client that is installed, and says what to type where there is none")


def check_secrets(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), f"the key is in {path}"
    say("no file below the run folder holds the key")


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="check-tracking-"))
    try:
        run, rows = train(folder)
        assert [row["epoch"] for row in rows] == list(range(1, EPOCHS + 1))
        check_tensorboard(run, rows)
        (wandb_folder,) = (run / "wandb").glob("offline-run-*")
        read = check_wandb(wandb_folder, rows)
        check_sync(wandb_folder, rows, *read)
        check_online(folder)
        check_secrets(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
