//! `views`.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use image::{ImageFormat, RgbImage};
use seqjepa_data::dataset::ImageFile;
use seqjepa_data::picture::{SheetRows, ViewRow, sequence_sheet, view_sheet};
use seqjepa_data::regular::read_regular;
use seqjepa_data::{AugmentParams, ImageView, Normalization, PixelBuffer, PixelFormat, SequenceKey, Split};
use seqjepa_run::Config;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::registry::{DataSetEntry, Registry, open_images};
use seqjepa_train::storage::{read_json, write_atomically};

use super::arguments::{Overrides, whole};
use super::failure::as_typed;
use super::outputs::{
    LONGEST_TEXT, expect_ending, refuse_existing_below, refuse_file_of_a_run, refuse_own_input,
};
use super::pool::on_the_pool;
use super::terminal::{note, say};

/// Images that one picture may show.
const MAX_IMAGES: usize = 500;

/// Longest side of a view in pixels, and most views of an image.
const MAX_SIDE: usize = 1024;
const MAX_VIEWS: usize = 257;

/// Most memory that a picture may take with what is drawn in it, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// Draws images with their views, actions and parameters as a labelled picture.
///
/// Images of one's own at their own size, or without PATH those of a config's data set; without a config those of the built-in
/// set. --parameters keeps the parameters, --replay draws them again, to the same bytes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Image files, or folders of them, to draw instead of a data set.
    #[arg(value_name = "PATH")]
    images: Vec<PathBuf>,
    /// The YAML config that names the data set and the augmentations; default: the built-in set.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    set: Overrides,
    /// Side of the views in pixels; default: the config's.
    #[arg(long, value_name = "PIXELS", allow_negative_numbers = true, value_parser = whole::<usize>(0, u64::MAX))]
    size: Option<usize>,
    /// Indices of the training images, separated by commas; not for images of one's own.
    #[arg(
        long,
        value_name = "INDICES",
        value_delimiter = ',',
        default_value = "0,1,2,3,4,5",
        allow_negative_numbers = true,
        value_parser = whole::<u32>(0, u64::from(u32::MAX)),
        conflicts_with = "images"
    )]
    samples: Vec<u32>,
    /// The epoch whose views are drawn, from 0.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = whole::<u64>(0, u64::MAX))]
    epoch: u64,
    /// Writes the parameters of all views to a JSON file: a list of views for each image, the target last.
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Draws the views of such a file, instead of new ones.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// The picture, a PNG or JPEG file.
    #[arg(long, value_name = "FILE", default_value = "views.png")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    on_the_pool(|| views(arguments))
}

fn views(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let output = &arguments.output;
    picture_format(output)?;
    let files = list_images(&arguments.images)?;
    let read = || {
        let given = arguments.config.iter().chain(&arguments.replay).chain(&files);
        given.map(PathBuf::as_path)
    };
    refuse_own_input(output, read())?;
    refuse_file_of_a_run(output)?;
    if let Some(path) = &arguments.parameters {
        expect_ending(path, "json")?;
        refuse_own_input(path, read().chain([output.as_path()]))?;
        refuse_file_of_a_run(path)?;
    }
    let mut overrides = arguments.set.overrides.clone();
    let size = arguments.size.map(|size| (format!("model.img_size={size}"), format!("--size {size}")));
    overrides.extend(size.iter().map(|(over, _)| over.clone()));
    let config = match &arguments.config {
        Some(path) => Config::load(path, &overrides),
        None => Config::parse("dataset: {name: synthetic}", "the built-in config", &overrides),
    };
    let config = config.map_err(|error| as_typed(error, size.as_slice()))?;
    if files.is_empty() && config.dataset.name != "synthetic" {
        refuse_existing_below(output, &config.dataset.data_root)?;
    }
    let registry = Registry::standard();
    let entry = registry.data_set(&config)?;
    if !entry.augments() {
        save(&other_sheet(arguments, &config, entry)?, output)?;
        say!("{}", output.display());
        return Ok(ExitCode::SUCCESS);
    }
    let replayed = arguments.replay.as_deref().map(Replay::read).transpose()?;

    let drawing = Drawing { split: Split::Train, epoch: arguments.epoch, samples: arguments.samples.clone() };
    let drawn = if arguments.images.is_empty() {
        drawing.draw(&config, replayed.as_ref())?
    } else {
        drawing.draw_files(&config, &files, replayed.as_ref())?
    };
    let sheet = drawn.sheet()?;
    if let Some(path) = &arguments.parameters {
        let mut text = serde_json::to_vec_pretty(&drawn.parameters())?;
        text.push(b'\n');
        write_atomically(path, &text)?;
        say!("{}", path.display());
    }
    save(&sheet, output)?;
    say!("{}", output.display());
    Ok(ExitCode::SUCCESS)
}

/// Sequences of a data set whose views are no augmentations, and so cannot be made of other images or from kept parameters.
fn other_sheet(arguments: &Arguments, config: &Config, entry: &dyn DataSetEntry) -> anyhow::Result<RgbImage> {
    for (given, name) in [
        (!arguments.images.is_empty(), "PATH"),
        (arguments.parameters.is_some(), "--parameters"),
        (arguments.replay.is_some(), "--replay"),
    ] {
        let set = &config.dataset.name;
        ensure!(!given, "{name}: expected a data set whose views are augmentations, found {set}");
    }
    check_count(arguments.samples.len())?;
    // Known without the data, as is that the config fits them.
    let width = entry.actions(config)?.width();
    let side = config.model.img_size.max(160) as u64 + 24 * (width as u64 + 2);
    let views = (arguments.samples.len() * (config.dataset.seq_len + 1)) as u64;
    check_memory(3 * side * side * views)?;
    let train = entry.open(config, &mut ProgressBars::new())?.train;
    let (seed, split, epoch) = (config.run.seed, Split::Train, arguments.epoch);
    Ok(sequence_sheet(&*train, SheetRows { seed, split, epoch, samples: &arguments.samples })?)
}

/// Which views of which images.
#[derive(Debug)]
pub(super) struct Drawing {
    pub(super) split: Split,
    pub(super) epoch: u64,
    /// Indices into the training split.
    pub(super) samples: Vec<u32>,
}

/// Images with the parameters of their views.
#[derive(Debug)]
pub(super) struct Drawn(Vec<Row>);

#[derive(Debug)]
struct Row {
    pixels: Vec<u8>,
    format: PixelFormat,
    height: usize,
    width: usize,
    caption: Vec<String>,
    views: Vec<AugmentParams>,
}

impl Drawing {
    /// Images of the data set that a config names, with new views or with `replayed` ones.
    pub(super) fn draw(&self, config: &Config, replayed: Option<&Replay>) -> anyhow::Result<Drawn> {
        check_count(self.samples.len())?;
        let [images, _] = open_images(config, &mut ProgressBars::new())?;
        let mut buffer = PixelBuffer::default();
        let mut rows = Vec::new();
        for (number, &sample) in self.samples.iter().enumerate() {
            let index = sample as usize;
            ensure!(
                index < images.len(),
                "--samples: expected indices below {}, found {sample}",
                images.len()
            );
            let class = images.label(index).and_then(|label| images.class_names().get(label as usize));
            let caption = [Some(format!("image {sample}")), class.cloned()].into_iter().flatten().collect();
            let image = images.image(index, &mut buffer)?;
            let views = self.views(config, image, number, sample, replayed)?;
            rows.push(Row::new(image, caption, views));
        }
        Ok(Drawn(rows))
    }

    /// Image files at their own size.
    fn draw_files(
        &self,
        config: &Config,
        files: &[PathBuf],
        replayed: Option<&Replay>,
    ) -> anyhow::Result<Drawn> {
        check_count(files.len())?;
        let mut rows = Vec::new();
        let (mut left_out, mut damaged, mut bytes) = (0, 0, 0);
        for (number, sample) in (0..files.len()).zip(0_u32..) {
            let Some(file) = config.dataset.truncated_images.read(&files[number])? else {
                left_out += 1;
                continue;
            };
            damaged += usize::from(file.is_damaged());
            let image = file.image();
            bytes += image.pixels().len() as u64;
            check_memory(bytes)?;
            let name = file.path().file_name().unwrap_or_default().display().to_string();
            let caption = vec![name, format!("{} x {}", image.height(), image.width())];
            let views = self.views(config, image, number, sample, replayed)?;
            rows.push(Row::new(image, caption, views));
        }
        if left_out + damaged > 0 {
            note!(
                "warning: {left_out} of {} images cannot be read and are left out, {damaged} are damaged",
                files.len()
            );
        }
        Ok(Drawn(rows))
    }

    /// The views of the image with this number among those drawn.
    fn views(
        &self,
        config: &Config,
        image: ImageView<'_>,
        number: usize,
        sample: u32,
        replayed: Option<&Replay>,
    ) -> anyhow::Result<Vec<AugmentParams>> {
        let Some(all) = replayed else {
            let sequences = config.sequences(config.dataset.seq_len, Normalization::IMAGENET)?;
            let key = SequenceKey { seed: config.run.seed, split: self.split, epoch: self.epoch, sample };
            return Ok(sequences.sample(key, image.height(), image.width()));
        };
        all.of(number, image)
    }
}

impl Row {
    fn new(image: ImageView<'_>, caption: Vec<String>, views: Vec<AugmentParams>) -> Self {
        let (height, width) = (image.height(), image.width());
        Self { pixels: image.pixels().to_vec(), format: image.format(), height, width, caption, views }
    }
}

impl Drawn {
    /// The picture.
    pub(super) fn sheet(&self) -> anyhow::Result<RgbImage> {
        check_memory(self.bytes())?;
        let rows: Result<Vec<_>, _> = self
            .0
            .iter()
            .map(|row| {
                let image = match row.format {
                    PixelFormat::Rgb => ImageView::new(&row.pixels, row.height, row.width),
                    PixelFormat::Gray => ImageView::gray(&row.pixels, row.height, row.width),
                }?;
                Ok(ViewRow { image, caption: row.caption.clone(), views: row.views.clone() })
            })
            .collect::<Result<Vec<_>, seqjepa_data::AugmentError>>();
        Ok(view_sheet(&rows?)?)
    }

    /// About what drawing takes: all views, and a picture with places as large as the largest.
    fn bytes(&self) -> u64 {
        let views = || self.0.iter().flat_map(|row| &row.views);
        let side = |longest: Option<usize>| longest.unwrap_or(0).max(160) as u64 + 64;
        let width = side(views().map(|view| view.output_width).max());
        let height = side(views().map(|view| view.output_height).max());
        let columns = self.0.iter().map(|row| row.views.len() as u64 + 1).max().unwrap_or(0);
        let drawn: u64 = views().map(|view| view.output_len() as u64).sum();
        let sources: u64 = self.0.iter().map(|row| row.pixels.len() as u64).sum();
        sources + drawn + 3 * width * height * columns * self.0.len() as u64
    }

    fn parameters(&self) -> Vec<&Vec<AugmentParams>> {
        self.0.iter().map(|row| &row.views).collect()
    }
}

/// Writes a picture in the format that its name says, whole or not at all.
pub(super) fn save(sheet: &RgbImage, path: &Path) -> anyhow::Result<()> {
    let mut bytes = Cursor::new(Vec::new());
    sheet
        .write_to(&mut bytes, picture_format(path)?)
        .with_context(|| format!("could not encode {}", path.display()))?;
    Ok(write_atomically(path, bytes.get_ref())?)
}

fn picture_format(path: &Path) -> anyhow::Result<ImageFormat> {
    match ImageFormat::from_path(path) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => Ok(format),
        _ => bail!("output {}: expected a name ending in .png or .jpg", path.display()),
    }
}

fn check_count(images: usize) -> anyhow::Result<()> {
    ensure!(images <= MAX_IMAGES, "expected at most {MAX_IMAGES} images in a picture, found {images}");
    Ok(())
}

fn check_memory(bytes: u64) -> anyhow::Result<()> {
    ensure!(
        bytes <= MAX_BYTES,
        "expected images and views of at most {} MiB in a picture, found {} MiB: draw fewer or smaller ones",
        MAX_BYTES >> 20,
        bytes >> 20
    );
    Ok(())
}

fn list_images(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(ImageFile::list(path)?);
    }
    Ok(files)
}

/// The parameters of views that were kept in a file.
#[derive(Debug)]
pub(super) struct Replay {
    path: PathBuf,
    /// Those of each image.
    views: Vec<Vec<AugmentParams>>,
}

impl Replay {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = read_regular(path, LONGEST_TEXT).with_context(|| format!("could not read {name}"))?;
        let views: Vec<Vec<AugmentParams>> = read_json(&text).map_err(|found| {
            anyhow!(
                "{name}: expected a list of views for each image, as --parameters writes it, found {found}"
            )
        })?;
        for (number, views) in views.iter().enumerate() {
            ensure!(
                views.len() <= MAX_VIEWS,
                "{name}: image {number}: expected at most {MAX_VIEWS} views, found {}",
                views.len()
            );
            for view in views {
                let (height, width) = (view.output_height, view.output_width);
                ensure!(
                    height.max(width) <= MAX_SIDE,
                    "{name}: image {number}: expected views of at most {MAX_SIDE} pixels a side, found {height} x {width}"
                );
            }
        }
        Ok(Self { path: path.to_owned(), views })
    }

    /// The views of the image with this number, all of which can be made of it.
    fn of(&self, number: usize, image: ImageView<'_>) -> anyhow::Result<Vec<AugmentParams>> {
        let name = self.path.display();
        let found = self.views.len();
        let views = self.views.get(number).cloned().with_context(|| {
            format!("--replay {name}: expected the views of {} images or more, found {found}", number + 1)
        })?;
        let (height, width) = (image.height(), image.width());
        for (place, view) in (1..).zip(&views) {
            view.validate(height, width).with_context(|| {
                format!(
                    "--replay {name}: image {number}, of {height} x {width} pixels: expected views that can be made of it, found \
                     view {place}"
                )
            })?;
        }
        Ok(views)
    }
}
