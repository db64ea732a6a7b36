//! Draws images with their views, actions and parameters as a labelled PNG.
//!
//! ```text
//! cargo run --release --example views                                    # the built-in set
//! cargo run --release --example views -- photo.jpg folder/ --size 64     # any images, at their own size
//! cargo run --release --example views -- --config configs/fashion_mnist_cpu.yaml --samples 0,10,20
//! cargo run --release --example views -- photo.jpg --parameters views.json    # also writes the parameters
//! cargo run --release --example views -- photo.jpg --replay views.json        # draws those again
//! ```

mod shared;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, ensure};
use clap::Parser;
use seqjepa::data::dataset::ImageFile;
use seqjepa::data::picture::{ViewRow, view_sheet};
use seqjepa::data::{AugmentParams, ImageView, Normalization, Split};
use seqjepa::prelude::*;
use seqjepa::train::RunData;

/// Draws source images with their observed views and target view.
#[derive(Parser)]
struct Arguments {
    /// Image files (PNG, JPEG), or folders of them, to draw instead of a data set.
    images: Vec<PathBuf>,
    /// The YAML config that names the data set and the augmentations; default: the built-in set.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Overrides one key of the config; may be given again and again.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    overrides: Vec<String>,
    /// Side of the views in pixels; default: the config's.
    #[arg(long)]
    size: Option<usize>,
    /// Indices of the training images, separated by commas; not for images of one's own.
    #[arg(long, value_delimiter = ',', default_value = "0,1,2,3,4,5", conflicts_with = "images")]
    samples: Vec<u32>,
    /// The epoch whose views are drawn, from 0.
    #[arg(long, default_value_t = 0)]
    epoch: u64,
    /// Writes the parameters of all views to a JSON file: a list of views for each image, the target last.
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Draws the views of such a file, instead of new ones.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// The picture.
    #[arg(long, default_value = "views.png")]
    output: PathBuf,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| draw(&arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn draw(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut overrides = arguments.overrides.clone();
    overrides.extend(arguments.size.map(|size| format!("model.img_size={size}")));
    let config = match &arguments.config {
        Some(path) => Config::load(path, &overrides)?,
        None => Config::parse("dataset: {name: synthetic}", "the built-in config", &overrides)?,
    };
    let sequences = config.sequence_config(config.dataset.seq_len, Normalization::IMAGENET)?;
    let replayed = arguments.replay.as_deref().map(read_parameters).transpose()?;
    let views = |number: usize, sample: u32, image: ImageView<'_>| -> anyhow::Result<Vec<AugmentParams>> {
        match &replayed {
            Some(all) => all.get(number).cloned().ok_or_else(|| {
                anyhow!("--replay: expected the views of {} images or more, found {}", number + 1, all.len())
            }),
            None => {
                Ok(sequences.sample(Split::Train, arguments.epoch, sample, image.height(), image.width()))
            }
        }
    };

    let (files, data);
    let mut rows = Vec::new();
    if arguments.images.is_empty() {
        data = RunData::load(&config, &mut ProgressBars::new())?.train;
        for (number, &sample) in arguments.samples.iter().enumerate() {
            let index = sample as usize;
            ensure!(index < data.len(), "--samples: expected indices below {}, found {sample}", data.len());
            let class = data.class_names()[data.label(index) as usize].clone();
            let (image, caption) = (data.image(index), vec![format!("image {sample}"), class]);
            rows.push(ViewRow { image, caption, views: views(number, sample, image)? });
        }
    } else {
        files = read_images(&arguments.images)?;
        for (number, file) in files.iter().enumerate() {
            let (image, name) = (file.image(), file.path().file_name().unwrap_or_default().display());
            let caption = vec![name.to_string(), format!("{} x {}", image.height(), image.width())];
            rows.push(ViewRow { image, caption, views: views(number, number as u32, image)? });
        }
    }

    let sheet = view_sheet(&rows)?;
    if let Some(path) = &arguments.parameters {
        let views: Vec<&Vec<AugmentParams>> = rows.iter().map(|row| &row.views).collect();
        fs::write(path, serde_json::to_string_pretty(&views)?)
            .with_context(|| format!("could not write {}", path.display()))?;
        println!("{}", path.display());
    }
    sheet
        .save(&arguments.output)
        .map_err(|error| anyhow!("could not write {}: {error}", arguments.output.display()))?;
    println!("{}", arguments.output.display());
    Ok(ExitCode::SUCCESS)
}

fn read_images(paths: &[PathBuf]) -> anyhow::Result<Vec<ImageFile>> {
    let mut files = Vec::new();
    for path in paths {
        for file in ImageFile::list(path)? {
            files.push(ImageFile::read(file)?);
        }
    }
    Ok(files)
}

fn read_parameters(path: &Path) -> anyhow::Result<Vec<Vec<AugmentParams>>> {
    let text =
        fs::read_to_string(path).map_err(|error| anyhow!("could not read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
}
