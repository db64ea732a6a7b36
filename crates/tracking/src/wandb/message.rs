//! The parts of W&B's messages that are written here; fields have the numbers of the public client's `wandb_internal.proto`.
//! Readers know fields by number, so that those left out are as good as not set.

use prost::Message;

/// `google/protobuf/timestamp.proto`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoTimestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// `Record`: one entry of the log. Of the fields but `num`, one alone is set.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    /// Counts the records of a file, from 1.
    #[prost(int64, tag = "1")]
    pub num: i64,
    #[prost(message, optional, tag = "2")]
    pub history: Option<History>,
    #[prost(message, optional, tag = "3")]
    pub summary: Option<Updates>,
    #[prost(message, optional, tag = "5")]
    pub config: Option<Updates>,
    #[prost(message, optional, tag = "6")]
    pub files: Option<Files>,
    #[prost(message, optional, tag = "7")]
    pub stats: Option<Stats>,
    #[prost(message, optional, tag = "12")]
    pub metric: Option<Metric>,
    #[prost(message, optional, tag = "13")]
    pub output_raw: Option<Output>,
    #[prost(message, optional, tag = "17")]
    pub run: Option<Run>,
    #[prost(message, optional, tag = "18")]
    pub exit: Option<Exit>,
    #[prost(message, optional, tag = "21")]
    pub header: Option<Header>,
    #[prost(message, optional, tag = "26")]
    pub environment: Option<Environment>,
}

/// `RunRecord`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Run {
    #[prost(string, tag = "1")]
    pub run_id: String,
    #[prost(string, tag = "2")]
    pub entity: String,
    #[prost(string, tag = "3")]
    pub project: String,
    #[prost(message, optional, tag = "4")]
    pub config: Option<Updates>,
    #[prost(string, tag = "6")]
    pub run_group: String,
    #[prost(string, tag = "8")]
    pub display_name: String,
    #[prost(string, repeated, tag = "10")]
    pub tags: Vec<String>,
    #[prost(message, optional, tag = "17")]
    pub start_time: Option<ProtoTimestamp>,
}

/// `ConfigRecord` and `SummaryRecord`, which are alike.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Updates {
    #[prost(message, repeated, tag = "1")]
    pub update: Vec<Item>,
    #[prost(message, repeated, tag = "2")]
    pub remove: Vec<Item>,
}

/// `ConfigItem`, `SummaryItem`, `HistoryItem` and `StatsItem`, which are alike in what is used of them. A key is given whole,
/// as the one part of `nested_key` where there is such a field: `key` may be split at dots.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Item {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, repeated, tag = "2")]
    pub nested_key: Vec<String>,
    #[prost(string, tag = "16")]
    pub value_json: String,
}

/// `HistoryRecord`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct History {
    #[prost(message, repeated, tag = "1")]
    pub item: Vec<Item>,
    #[prost(message, optional, tag = "2")]
    pub step: Option<Step>,
}

/// `HistoryStep`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Step {
    #[prost(int64, tag = "1")]
    pub num: i64,
}

/// `StatsRecord`, of type `SYSTEM` (0).
#[derive(Clone, PartialEq, Message)]
pub(super) struct Stats {
    #[prost(message, optional, tag = "2")]
    pub timestamp: Option<ProtoTimestamp>,
    #[prost(message, repeated, tag = "3")]
    pub item: Vec<Item>,
}

/// `MetricRecord`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub step_metric: String,
    #[prost(message, optional, tag = "6")]
    pub options: Option<MetricOptions>,
}

/// `MetricOptions`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MetricOptions {
    /// Defined by the user, not by the client.
    #[prost(bool, tag = "3")]
    pub defined: bool,
}

/// `OutputRawRecord`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Output {
    /// [`STANDARD_OUTPUT`].
    #[prost(int32, tag = "1")]
    pub output_type: i32,
    #[prost(message, optional, tag = "2")]
    pub timestamp: Option<ProtoTimestamp>,
    #[prost(string, tag = "3")]
    pub line: String,
}

/// `OutputRawRecord.OutputType.STDOUT`.
pub(super) const STANDARD_OUTPUT: i32 = 1;

/// `RunExitRecord`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Exit {
    #[prost(int32, tag = "1")]
    pub exit_code: i32,
    /// Seconds.
    #[prost(int32, tag = "2")]
    pub runtime: i32,
}

/// `FilesRecord`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Files {
    #[prost(message, repeated, tag = "1")]
    pub files: Vec<File>,
}

/// `FilesItem`; the policy is `NOW` (0).
#[derive(Clone, PartialEq, Message)]
pub(super) struct File {
    /// Below the run's folder `files`.
    #[prost(string, tag = "1")]
    pub path: String,
    /// [`MEDIA`].
    #[prost(int32, tag = "3")]
    pub kind: i32,
}

/// `FilesItem.FileType.MEDIA`.
pub(super) const MEDIA: i32 = 2;

/// `HeaderRecord`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Header {
    #[prost(message, optional, tag = "1")]
    pub version_info: Option<Version>,
}

/// `VersionInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Version {
    /// Who has written the file.
    #[prost(string, tag = "1")]
    pub producer: String,
}

/// `EnvironmentRecord`: what becomes `wandb-metadata.json`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Environment {
    #[prost(string, tag = "1")]
    pub os: String,
    #[prost(message, optional, tag = "3")]
    pub started_at: Option<ProtoTimestamp>,
    #[prost(string, tag = "6")]
    pub program: String,
    #[prost(uint32, tag = "16")]
    pub cpu_count: u32,
    #[prost(uint32, tag = "17")]
    pub cpu_count_logical: u32,
    #[prost(string, tag = "18")]
    pub gpu_type: String,
    #[prost(message, optional, tag = "21")]
    pub memory: Option<Memory>,
    #[prost(string, tag = "199")]
    pub writer_id: String,
}

/// `MemoryInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Memory {
    /// Bytes.
    #[prost(uint64, tag = "1")]
    pub total: u64,
}
