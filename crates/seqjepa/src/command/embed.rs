//! `embed`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use seqjepa_data::SequenceLayout;
use seqjepa_data::regular::read_regular;
use seqjepa_run::device::DeviceRequest;
use seqjepa_run::embed::{EmbeddedViews, Embedder, FeatureFormat, embed_files, list_images};
use seqjepa_run::progress::ProgressBars;

use super::arguments::{ModelArguments, hint_at_missing, shown, tell_not_followed, whole};
use super::device::describe_device;
use super::introduction::describe_classes;
use super::outputs::{LONGEST_TEXT, refuse_file_of_a_run, refuse_own_input};
use super::pool::on_the_pool;
use super::signals::{Stop, stoppable};
use super::terminal::{say, tell};

/// Most images at a time: more make nothing faster.
const MAX_BATCH: u64 = 1 << 16;

/// Embeds a folder of images with a trained model: z_t of each view and z_AGG, as SafeTensors or npy.
///
/// Without --views, each image is embedded as it is, one view. The centre square of each image is resized to `model.img_size` by
/// PIL's bicubic filter. docs/pytorch.md says what the files hold.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The folder; where it has one sub-folder a class, labels are written too.
    #[arg(long, value_name = "FOLDER")]
    images: PathBuf,
    /// Where the features go: NAME.safetensors, or NAME.npy for NAME.z_t.npy and NAME.z_agg.npy; NAME.json beside them.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Embeds so many augmented views of each image, and aggregates them; default: the image as it is.
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = whole::<usize>(1, SequenceLayout::MAX_VIEWS as u64))]
    views: Option<usize>,
    /// Seed of the augmented views.
    #[arg(long, default_value_t = 0, requires = "views", allow_negative_numbers = true, value_parser = whole::<u64>(0, u64::MAX))]
    seed: u64,
    /// Images at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 256, allow_negative_numbers = true, value_parser = whole::<usize>(1, MAX_BATCH))]
    batch_size: usize,
    /// auto, cpu, cuda[:n], vulkan[:n], metal[:n], rocm[:n], wgpu[:n] or remote:HOST:PORT[/n].
    #[arg(long, value_name = "NAME", default_value = "auto")]
    device: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    stoppable(|stop| on_the_pool(|| embed(arguments, stop)))
}

fn embed(arguments: &Arguments, stop: &Stop) -> anyhow::Result<ExitCode> {
    let output = &arguments.output;
    // Before the model is loaded, which takes longer.
    let format = FeatureFormat::of(output)?;
    let record = output.with_extension("json");
    refuse_record_of_others(&record, output, format)?;
    let arrays = ["z_t", "z_agg", "actions"].map(|name| output.with_extension(format!("{name}.npy")));
    let files =
        || [output, &record].into_iter().chain(arrays.iter().filter(|_| format == FeatureFormat::Npy));
    for file in files() {
        let given = [Some(arguments.model.checkpoint.as_path()), arguments.model.config.as_deref()];
        refuse_own_input(file, given.into_iter().flatten())?;
        refuse_file_of_a_run(file)?;
    }
    let (device, backend) = DeviceRequest::parse(&arguments.device)
        .and_then(|request| request.open_named())
        .map_err(|error| anyhow!("--device {}: {error}", arguments.device))?;
    let pretrained = hint_at_missing(arguments.model.source().load(&device), arguments.model.allow_missing)?;
    for file in files() {
        let read = [Some(pretrained.path.as_path()), arguments.model.config.as_deref()];
        refuse_own_input(file, read.into_iter().flatten())?;
    }
    tell_not_followed(&pretrained.not_followed);
    tell!("device: {}", describe_device(&arguments.device, backend));
    if !pretrained.native {
        let left_over: Vec<_> = pretrained.beside.iter().map(|(name, _)| name.clone()).collect();
        let left_over = if left_over.is_empty() { "nothing".into() } else { shown(&left_over) };
        say!("imported; left over in the file: {left_over}");
    }
    if !pretrained.missing.is_empty() {
        say!("not in the file, and not used: {}", shown(&pretrained.missing));
    }
    let seed = arguments.seed;
    let views =
        arguments.views.map_or(EmbeddedViews::Identity, |count| EmbeddedViews::Augmented { count, seed });
    let embedder = Embedder::new(&pretrained, views, &device)?;
    let normalization = embedder.normalization();
    let side = embedder.image_size();
    tell!(
        "{side}x{side} pixels, normalised by mean {:?} and standard deviation {:?}",
        normalization.mean,
        normalization.std
    );
    let images = list_images(&embedder, &arguments.images)?;
    tell!("{} images; {}", images.len(), describe_classes(images.class_names()));
    stop.begin();
    let bars = &mut ProgressBars::new();
    let embedded = embed_files(&embedder, &images, arguments.batch_size, output, &mut stop.watch(bars))?;
    for array in &embedded.arrays {
        say!("{} {:?} in {}", array.name, array.shape, output.with_file_name(&array.file).display());
    }
    say!("file names, labels and settings in {}", record.display());
    Ok(ExitCode::SUCCESS)
}

/// Refuses a NAME.json that describes other features than those of this output: they would get the labels of these.
fn refuse_record_of_others(record: &Path, output: &Path, format: FeatureFormat) -> anyhow::Result<()> {
    let text = match read_regular(record, LONGEST_TEXT) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.with_context(|| format!("could not look at {}", record.display()))?,
    };
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let own = |file: &str| match format {
        FeatureFormat::SafeTensors => *file == format!("{stem}.safetensors"),
        FeatureFormat::Npy => file.starts_with(&format!("{stem}.")) && file.ends_with(".npy"),
    };
    let files: Vec<_> = value["arrays"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|array| array["file"].as_str().unwrap_or_default())
        .collect();
    if files.is_empty() {
        bail!(
            "{}: expected no file or the record of earlier features, found another file; choose another --output",
            record.display()
        );
    }
    if let Some(other) = files.iter().find(|file| !own(file)) {
        bail!(
            "{}: expected no file or the record of {}, found that of {other}, whose labels it holds; choose another --output",
            record.display(),
            output.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_other_features_is_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let record = scratch.path().join("a.json");
        let check = |name: &str| {
            let output = scratch.path().join(name);
            refuse_record_of_others(&record, &output, FeatureFormat::of(&output).unwrap())
        };
        check("a.npy").unwrap();
        std::fs::write(&record, r#"{"arrays": [{"file": "a.z_t.npy"}, {"file": "a.z_agg.npy"}]}"#).unwrap();
        check("a.npy").unwrap();
        assert!(check("a.safetensors").unwrap_err().to_string().contains("a.z_t.npy"));
        std::fs::write(&record, r#"{"mine": 1}"#).unwrap();
        assert!(check("a.npy").unwrap_err().to_string().contains("another file"));
    }
}
