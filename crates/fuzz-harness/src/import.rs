//! The import of PyTorch checkpoints and SafeTensors files.

use std::io::{Cursor, Write};

use burn::tensor::Device;
use seqjepa_model::{SeqJepa, import_tensors, read_tensors};
use seqjepa_nn::tensor_specs;
use seqjepa_run::Config;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::checkpoint::TINY;
use crate::{Mode, safetensors_file, scratch};

/// Bytes of each storage of a built file.
const STORAGE: usize = 4096;

thread_local! {
    static MODEL: SeqJepa = {
        let config = Config::parse::<&str>(TINY, "tiny", &[]).expect("a valid config");
        config.seq_jepa(9).init(0, &Device::flex()).expect("a valid model")
    };
}

/// A checkpoint in the ZIP form of PyTorch 1.6 and later with this `data.pkl` and four storages.
fn around(pickle: &[u8]) -> Vec<u8> {
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut file = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, content: &[u8]| {
        file.start_file(name, stored).expect("memory takes all bytes");
        file.write_all(content).expect("memory takes all bytes");
    };
    add("archive/data.pkl", pickle);
    add("archive/byteorder", b"little");
    for key in 0..4 {
        add(&format!("archive/data/{key}"), &[0; STORAGE]);
    }
    add("archive/version", b"3\n");
    file.finish().expect("memory takes all bytes").into_inner()
}

/// Choices: 0 the bytes are the file; 1 they are the pickle of a file in ZIP form; 2 they are the header in JSON of a
/// SafeTensors file with zeros for data.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = Mode::split(data) else { return };
    let file = match mode.choice() {
        1 => Some(around(rest)),
        2 => safetensors_file::from_header(rest),
        _ => Some(rest.to_vec()),
    };
    let Some(file) = file else { return };
    let path = scratch::write("import.pth", &file);
    let tensors = match read_tensors(&path) {
        Ok(tensors) => tensors,
        Err(error) => return assert!(error.to_string().contains("import.pth"), "{error} names no file"),
    };
    assert!(tensors.is_sorted_by(|left, right| left.0 <= right.0));
    for (name, data) in &tensors {
        assert_eq!(data.as_bytes().len(), data.num_elements() * data.dtype().size(), "{name}");
    }
    let count = tensors.len();
    let model = MODEL.with(Clone::clone);
    let specs = tensor_specs(&model);
    if let Ok(import) = import_tensors(model, tensors) {
        assert_eq!(tensor_specs(&import.module), specs);
        assert_eq!(import.used.len() + import.missing.len() + import.counters.len(), specs.len());
        assert_eq!(import.used.len() + import.left_over.len(), count);
    }
}
