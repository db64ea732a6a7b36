"""Makes the fixtures of crates/tracking/tests: what the public packages' own protobufs and writers write for the calls that the test
`goldens.rs` makes. Needs tensorboard and, for its writer of logs (later versions have none in Python), wandb 0.25.1."""

import hashlib
import json
import math
import pathlib
import struct
import zlib

import wandb
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.summary.writer.record_writer import RecordWriter
from wandb.proto import wandb_internal_pb2 as pb

wandb._assert_is_internal_process = True
from wandb.sdk.internal.datastore import DataStore  # noqa: E402

OUT = pathlib.Path(__file__).parents[2] / "crates/tracking/tests/fixtures"
START = 1_700_000_000


def png(width, height):
    """A small picture in grey, made by hand so that no encoder's version shows."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    raw = b"".join(b"\0" + bytes((7 * row + column) % 256 for column in range(width)) for row in range(height))
    # Stored, not compressed.
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(raw), len(raw) ^ 0xFFFF) + raw + struct.pack(">I", zlib.adler32(raw))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", stored) + chunk(b"IEND", b"")


PICTURE = png(5, 3)


def tensorboard():
    """Two files: a session, and one that goes on from step 2."""
    long = "ä" * 300
    text = Summary.Value(
        tag="config",
        metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"), data_class="DATA_CLASS_TENSOR"),
        tensor=TensorProto(dtype="DT_STRING", string_val=["**ü**".encode()]),
    )
    text.tensor.tensor_shape.dim.add(size=1)
    hparams = HParamsPluginData()
    hparams.session_start_info.hparams["lr"].number_value = 0.5
    hparams.session_start_info.group_name = "run"
    hparams.session_start_info.start_time_secs = START
    session = Summary.Value(
        tag="_hparams_/session_start_info",
        metadata=SummaryMetadata(
            plugin_data=SummaryMetadata.PluginData(plugin_name="hparams", content=hparams.SerializeToString())
        ),
    )
    image = Summary.Image(height=3, width=5, colorspace=1, encoded_image_string=PICTURE)
    values = [("loss", 0.1), ("not a number", math.nan), ("", math.inf), (long, -math.inf)]
    first = [
        Event(wall_time=START, file_version="brain.Event:2"),
        Event(wall_time=START, summary=Summary(value=[session])),
        Event(wall_time=START + 0.5, summary=Summary(value=[text])),
        Event(wall_time=START + 1, step=1, summary=Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values])),
        Event(wall_time=START + 1, step=1, summary=Summary(value=[Summary.Value(tag="views", image=image)])),
    ]
    second = [
        Event(wall_time=START + 60, file_version="brain.Event:2"),
        Event(wall_time=START + 60, step=2, session_log=SessionLog(status=SessionLog.START)),
        Event(wall_time=START + 61, step=2, summary=Summary(value=[Summary.Value(tag="loss", simple_value=1e-300)])),
    ]
    for name, events in (("first", first), ("second", second)):
        with open(OUT / f"{name}.tfevents", "wb") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())


def timestamp(message, seconds, nanos=0):
    message.seconds, message.nanos = seconds, nanos


def row(step, runtime, items):
    """A history record, with the three of W&B's own at its end."""
    record = pb.Record()
    at = START + 0.25 + runtime
    for key, value in [*items, ("_timestamp", number(at)), ("_runtime", number(runtime)), ("_step", str(step))]:
        record.history.item.add(nested_key=[key], value_json=value)
    record.history.step.num = step
    return record


def number(value):
    return json.dumps(value).removesuffix(".0")


def w_and_b():
    long = "x" * 40_000
    digest = hashlib.sha256(PICTURE).hexdigest()
    path = f"media/images/a_view_1_{digest[:20]}.png"
    records = [pb.Record(header=pb.HeaderRecord(version_info=pb.VersionInfo(producer="golden 1.0")))]
    run = pb.Record()
    run.run.run_id, run.run.project, run.run.entity = "abcd1234", "project", "entity"
    run.run.run_group, run.run.display_name = "group", "näme"
    run.run.tags.extend(["one", "two"])
    for key, value in (("lr", "0.5"), ("model", '{"width":16}'), ("seed", "42")):
        run.run.config.update.add(key=key, value_json=value)
    timestamp(run.run.start_time, START, 250_000_000)
    records.append(run)
    environment = pb.Record()
    environment.environment.os, environment.environment.program = "linux", "golden 1.0"
    timestamp(environment.environment.started_at, START, 250_000_000)
    environment.environment.cpu_count, environment.environment.cpu_count_logical = 2, 4
    environment.environment.gpu_type = "none"
    environment.environment.memory.total = 1 << 33
    environment.environment.writer_id = "abcd1234"
    records.append(environment)
    for name in ("loss", "bad", "low"):
        metric = pb.Record()
        metric.metric.name, metric.metric.step_metric, metric.metric.options.defined = name, "step", True
        records.append(metric)
    records.append(row(0, 0.75, [("step", "10"), ("loss", "0.1"), ("bad", "NaN"), ("low", "-Infinity")]))
    files = pb.Record()
    files.files.files.add(path=path, type=pb.FilesItem.FileType.MEDIA)
    records.append(files)
    metric = pb.Record()
    metric.metric.name, metric.metric.step_metric, metric.metric.options.defined = "a view", "step", True
    records.append(metric)
    picture = {
        "_type": "image-file", "caption": "ü", "format": "png", "height": 3, "path": path, "sha256": digest,
        "size": len(PICTURE), "width": 5,
    }
    shown = json.dumps(picture, separators=(",", ":"), ensure_ascii=False)
    records.append(row(1, 1.0, [("step", "10"), ("a view", shown)]))
    stats = pb.Record()
    timestamp(stats.stats.timestamp, START, 250_000_000)
    stats.stats.item.add(key="cpu", value_json="12.5")
    stats.stats.item.add(key="proc.memory.rssMB", value_json="100")
    records.append(stats)
    output = pb.Record()
    output.output_raw.output_type = pb.OutputRawRecord.OutputType.STDOUT
    timestamp(output.output_raw.timestamp, START, 250_000_000)
    output.output_raw.line = "epoch 1\n"
    records.append(output)
    summary = pb.Record()
    held = {
        "_runtime": "1", "_step": "1", "_timestamp": "1700000001.25", "a view": shown, "bad": "NaN",
        # Longer than a block of the log.
        "gates": json.dumps([long]), "loss": "0.1", "low": "-Infinity", "step": "10",
    }
    for key, value in held.items():
        summary.summary.update.add(nested_key=[key], value_json=value)
    records.append(summary)
    end = pb.Record()
    end.exit.exit_code, end.exit.runtime = 3, 9
    records.append(end)
    path = OUT / "run-abcd1234.wandb"
    path.unlink(missing_ok=True)
    store = DataStore()
    store.open_for_write(str(path))
    for num, record in enumerate(records, 1):
        record.num = num
        store.write(record)
    store.close()


OUT.mkdir(parents=True, exist_ok=True)
(OUT / "picture.png").write_bytes(PICTURE)
tensorboard()
w_and_b()
