//! Checkpoints of this project, read for a resume and for their model.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;
use safetensors::tensor::{Dtype, TensorView};
use seqjepa_nn::StateDict;
use seqjepa_run::{Config, PretrainedSource, Registry, RunCheckpoint};

use crate::{Mode, safetensors_file, scratch};

/// The config of the smallest model.
pub(crate) const TINY: &str =
    "run: {device: cpu}\nmodel: {width: 1, pred_hidden: 4, num_enc_layers: 1, act_projdim: 4}\n";

thread_local! {
    static MODEL: StateDict = {
        let config = Config::parse::<&str>(TINY, "tiny", &[]).expect("a valid config");
        let method = Registry::standard().method(&config).expect("a valid config");
        method.init(0, &Device::flex()).expect("a valid model").state_dict()
    };
}

/// The tensors of the tiny model under this header: a file of format 1, which has no digest.
pub(crate) fn around(header: &str) -> Vec<u8> {
    MODEL.with(|model| {
        let views = model.iter().map(|(name, data)| {
            let dtype = if data.dtype().is_float() { Dtype::F32 } else { Dtype::I64 };
            let view = TensorView::new(dtype, data.shape().to_vec(), data.as_bytes()).expect("whole tensors");
            (format!("model.{name}"), view)
        });
        let metadata = HashMap::from([("seqjepa".to_owned(), header.to_owned())]);
        safetensors::serialize(views, Some(metadata)).expect("names of their own")
    })
}

/// Choices: 0 the bytes are the file; 1 they are the header in YAML, around the tensors of a tiny model; 2 they are the
/// header in JSON of a file with zeros for data.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = Mode::split(data) else { return };
    let file = match mode.choice() {
        1 => Some(around(&String::from_utf8_lossy(rest))),
        2 => safetensors_file::from_header(rest),
        _ => Some(rest.to_vec()),
    };
    let Some(file) = file else { return };
    let path = scratch::write("checkpoint.safetensors", &file);
    if let Ok(checkpoint) = RunCheckpoint::load(&path) {
        reads_back(&checkpoint, &path.with_file_name("again.safetensors"));
    }
    // Where a model fits its config and its tensors it can be used.
    if let Ok(pretrained) = PretrainedSource::from(path.as_path()).load(&Device::flex()) {
        let count = pretrained.method_config.parameter_count();
        assert!(count * 4 <= file.len() as u64, "{count} parameters from {} bytes", file.len());
    }
}

fn reads_back(checkpoint: &RunCheckpoint, path: &Path) {
    checkpoint.save(path).expect("a writable folder");
    let again = RunCheckpoint::load(path).expect("what was just saved");
    assert_eq!(again.digest(), checkpoint.digest());
    assert!(again.record.config == checkpoint.record.config);
    let lines = |checkpoint: &RunCheckpoint| -> Vec<Cow<'static, str>> {
        checkpoint.progress.rows.iter().map(|row| format!("{row:?}").into()).collect()
    };
    assert_eq!(lines(&again), lines(checkpoint));
    let end = |checkpoint: &RunCheckpoint| format!("{:?}", checkpoint.progress.history);
    assert_eq!(end(&again), end(checkpoint));
}
