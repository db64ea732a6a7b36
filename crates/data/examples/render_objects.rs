//! Renders a folder of simple objects in the layout of 3DIEBench, and a sheet of some of its views.
//!
//! ```text
//! cargo run --release -p seqjepa-data --example render_objects -- --help
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use seqjepa_data::render::RenderedObjects;
use seqjepa_data::{SequenceKey, SequenceScratch, SequenceSlot, SequenceSource, Split};

const HELP: &str = "\
Renders simple objects into a folder in the layout of 3DIEBench: CLASS/OBJECT/image_K.jpg, latent_K.npy and the lists.

Usage: render_objects [OPTIONS] [FOLDER]

  FOLDER        where the data go; it must not exist yet
  --train N     training objects, 1 to 1000000 [1000]
  --test N      test objects, 1 to 1000000 [250]
  --classes N   2 to 10 [10]
  --views N     views of every object, 2 to 1024 [50]
  --size N      side of the views in pixels, 8 to 512 [64]
  --seed N      seed of objects and views [0]
  --ood         angles within 90 to 180 degrees to either side, as in 3DIEBench-OOD
  --sheet FILE  also write a PNG of views of training objects, a row for each class
  --help        this text
";

struct Arguments {
    objects: RenderedObjects,
    folder: Option<PathBuf>,
    sheet: Option<PathBuf>,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it does")]
fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}; --help lists what is taken");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(written) => {
            written.iter().for_each(|path| println!("{}", path.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments; `None` where help is asked for.
fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments { objects: RenderedObjects::default(), folder: None, sheet: None };
    let objects = &mut arguments.objects;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
        let number =
            |value: String| value.parse().map_err(|_| format!("`{word}` needs a number, found `{value}`"));
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--train" => objects.train_objects = number(value()?)?,
            "--test" => objects.test_objects = number(value()?)?,
            "--classes" => objects.classes = number(value()?)?,
            "--views" => objects.views_per_object = number(value()?)?,
            "--size" => objects.image_size = number(value()?)?,
            "--seed" => objects.seed = value()?.parse().map_err(|_| "`--seed` needs a number".to_owned())?,
            "--ood" => objects.ood = true,
            "--sheet" => arguments.sheet = Some(value()?.into()),
            _ if word.starts_with('-') => return Err(format!("unknown argument `{word}`")),
            _ if arguments.folder.is_none() => arguments.folder = Some(word.into()),
            _ => return Err(format!("one folder, found `{word}` too")),
        }
    }
    if arguments.folder.is_none() && arguments.sheet.is_none() {
        return Err("expected a folder or --sheet".to_owned());
    }
    Ok(Some(arguments))
}

fn run(arguments: &Arguments) -> Result<Vec<&Path>, Box<dyn std::error::Error>> {
    let Arguments { objects, folder, sheet } = arguments;
    if let Some(folder) = folder {
        objects.write(folder)?;
    }
    if let Some(sheet) = sheet {
        write_sheet(objects, sheet)?;
    }
    Ok(folder.iter().chain(sheet).map(PathBuf::as_path).collect())
}

/// Three views of each of two objects, a row for each class.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes of pixels and small numbers"
)]
fn write_sheet(objects: &RenderedObjects, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    const VIEWS: usize = 3;
    const OBJECTS: usize = 2;
    const GAP: u32 = 4;
    let (side, classes) = (objects.image_size, objects.classes);
    let cell = side as u32 + GAP;
    let objects = RenderedObjects { train_objects: OBJECTS * classes, ..objects.clone() };
    let sequences = objects.sequences(Split::Train, VIEWS)?;
    let (width, height) = (cell * (VIEWS * OBJECTS) as u32 + GAP, cell * classes as u32 + GAP);
    let mut sheet = image::RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    let layout = sequences.layout();
    let mut observed = vec![0.0; VIEWS * layout.view_len()];
    let mut parameters = vec![0.0; (VIEWS + 1) * layout.actions.width()];
    let normalization = RenderedObjects::NORMALIZATION;
    for sample in 0..OBJECTS * classes {
        let key = SequenceKey { seed: 0, split: Split::Train, epoch: 0, sample: sample as u32 };
        let slot = SequenceSlot { observed: &mut observed, target: None, parameters: &mut parameters };
        sequences.fill(key, &mut SequenceScratch::default(), slot)?;
        for (view, values) in observed.chunks_exact(layout.view_len()).enumerate() {
            let column = (sample / classes * VIEWS + view) as u32;
            for (place, value) in values.iter().enumerate() {
                let (channel, place) = (place / (side * side), place % (side * side));
                let (x, y) = (GAP + column * cell + (place % side) as u32, place / side);
                let y = GAP + (sample % classes) as u32 * cell + y as u32;
                let byte = (value * normalization.std[channel] + normalization.mean[channel]) * 255.0;
                sheet.get_pixel_mut(x, y).0[channel] = byte.round() as u8;
            }
        }
    }
    sheet.save(path)?;
    Ok(())
}
