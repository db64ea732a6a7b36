//! The parts of TensorBoard's messages that are written here; fields have the numbers of its `.proto` files, which are named.
//! Readers know fields by number, so that those left out are as good as not set.

use std::collections::BTreeMap;

use prost::Message;

/// `event.proto`. Of the fields from `file_version` on, one alone is set.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    pub session_log: Option<SessionLog>,
}

/// `event.proto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionLog {
    /// [`SESSION_START`].
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// `SessionLog.SessionStatus.START`: a reader forgets what it has seen from this event's step on.
pub(super) const SESSION_START: i32 = 1;

/// `summary.proto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// `summary.proto`, `Summary.Value`. Of `simple_value`, `image` and `tensor` one alone is set, or none.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    pub image: Option<Image>,
    #[prost(message, optional, tag = "8")]
    pub tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
}

/// `summary.proto`, `Summary.Image`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub encoded_image_string: Vec<u8>,
}

/// `tensor.proto`, of strings.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    /// [`STRING`].
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: Option<Shape>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub string_val: Vec<Vec<u8>>,
}

/// `types.proto`, `DT_STRING`.
pub(super) const STRING: i32 = 7;

/// `tensor_shape.proto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub dim: Vec<Dimension>,
}

/// `tensor_shape.proto`, `TensorShapeProto.Dim`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Dimension {
    #[prost(int64, tag = "1")]
    pub size: i64,
}

/// `summary.proto`, `SummaryMetadata`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub plugin_data: Option<PluginData>,
    /// What kind of data a reader may expect: [`TENSORS`].
    #[prost(int32, tag = "4")]
    pub data_class: i32,
}

/// `summary.proto`, `DATA_CLASS_TENSOR`.
pub(super) const TENSORS: i32 = 2;

/// `summary.proto`, `SummaryMetadata.PluginData`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PluginData {
    #[prost(string, tag = "1")]
    pub plugin_name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub content: Vec<u8>,
}

/// `plugins/hparams/plugin_data.proto`. The version is 0, which is not written.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HParams {
    #[prost(message, optional, tag = "3")]
    pub session_start_info: Option<SessionStart>,
}

/// `plugins/hparams/plugin_data.proto`, `SessionStartInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    pub hparams: BTreeMap<String, HParam>,
    #[prost(string, tag = "4")]
    pub group_name: String,
    #[prost(double, tag = "5")]
    pub start_time_secs: f64,
}

/// `google/protobuf/struct.proto`, `Value`; one field alone is set.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HParam {
    #[prost(double, optional, tag = "2")]
    pub number_value: Option<f64>,
    #[prost(string, optional, tag = "3")]
    pub string_value: Option<String>,
    #[prost(bool, optional, tag = "4")]
    pub bool_value: Option<bool>,
}
