//! Saliency maps of STL-10, or of a procedural stand-in for it: as a sheet of image, map and glimpses to look at, or as a NumPy
//! file that `SaliencyMaps::open` reads.
//!
//! ```text
//! cargo run --release -p seqjepa-data --example saliency_maps -- --stand-in /tmp/stand-in --sheet /tmp/sheet.png
//! ```

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels of a sheet, none below 0"
)]

use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{Rgb, RgbImage};
use npyz::WriterBuilder;
use seqjepa_data::dataset::{Saliency, SaliencyMaps, Stl10Images, Stl10Part, Stl10StandIn};
use seqjepa_data::{
    GlimpseConfig, Glimpses, ImageSource, PixelBuffer, SequenceKey, SequenceScratch, SequenceSlot,
    SequenceSource, Split,
};

const HELP: &str = "\
Saliency maps by centre-surround contrast (not the paper's DeepGaze IIE), or given ones, of STL-10's images.

usage: saliency_maps (--data FOLDER | --stand-in FOLDER) [--part PART] [--maps PATH] (--sheet FILE | --npy FILE) [--images N]

  --data FOLDER      stl10_binary, or the folder that holds it
  --stand-in FOLDER  writes a procedural set of the same layout there, if there is none, and takes that
  --part PART        unlabelled (as it is), train or test
  --maps PATH        draws these maps: a .npy file of all, or a folder with one an image
  --sheet FILE       draws a PNG: in each row an image with the borders of its glimpses (first red, then yellow, green,
                     blue, target white), its map, and the glimpses
  --npy FILE         writes the maps as float32, [images, 1, 96, 96], each of sum 1
  --images N         takes the first N images; 8 for a sheet, all for a file
";

const SIDE: usize = 96;

/// How many pixels a pixel of an image becomes along a side.
const SCALE: u32 = 2;

#[derive(Default)]
struct Arguments {
    data: Option<PathBuf>,
    stand_in: Option<PathBuf>,
    part: Stl10Part,
    maps: Option<PathBuf>,
    sheet: Option<PathBuf>,
    npy: Option<PathBuf>,
    images: Option<usize>,
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = parse(std::env::args().skip(1))? else {
        print!("{HELP}");
        return Ok(());
    };
    let root = match (arguments.data, arguments.stand_in) {
        (Some(root), None) => root,
        (None, Some(root)) => {
            if !root.join("stl10_binary").exists() {
                fs::create_dir_all(&root)?;
                Stl10StandIn::default().write(&root)?;
            }
            root
        }
        _ => return Err("expected one of --data and --stand-in; see --help".into()),
    };
    let images = Arc::new(Stl10Images::open(&root, arguments.part, 0)?);
    let saliency = match &arguments.maps {
        Some(path) => Saliency::Maps(SaliencyMaps::open(path)?),
        None => Saliency::contrast(&*images, 0),
    };
    match (arguments.sheet, arguments.npy) {
        (Some(path), None) => {
            let count = arguments.images.unwrap_or(8).min(images.len());
            draw(Glimpses::new(images, saliency, GlimpseConfig::new(4))?, count)?.save(&path)?;
            println!("{}: {count} images", path.display());
        }
        (None, Some(path)) => {
            let count = arguments.images.unwrap_or(images.len()).min(images.len());
            write_npy(&images, &saliency, count, &path)?;
            println!("{}: {count} maps", path.display());
        }
        _ => return Err("expected one of --sheet and --npy; see --help".into()),
    }
    Ok(())
}

/// `None` where help is asked for.
fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, Box<dyn Error>> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        if word == "--help" || word == "-h" {
            return Ok(None);
        }
        let value = words.next().ok_or_else(|| format!("expected a value after {word}; see --help"))?;
        match word.as_str() {
            "--data" => arguments.data = Some(value.into()),
            "--stand-in" => arguments.stand_in = Some(value.into()),
            "--part" => arguments.part = serde_json::from_value(value.into())?,
            "--maps" => arguments.maps = Some(value.into()),
            "--sheet" => arguments.sheet = Some(value.into()),
            "--npy" => arguments.npy = Some(value.into()),
            "--images" => arguments.images = Some(value.parse()?),
            _ => return Err(format!("unknown argument {word}; see --help").into()),
        }
    }
    Ok(Some(arguments))
}

/// Writes the maps of the first images; the file is complete or absent.
fn write_npy(
    images: &Stl10Images,
    saliency: &Saliency,
    count: usize,
    path: &Path,
) -> Result<(), Box<dyn Error>> {
    let partial = path.with_extension("npy.partial");
    let side = SIDE as u64;
    let mut writer = npyz::WriteOptions::<f32>::new()
        .default_dtype()
        .shape(&[count as u64, 1, side, side])
        .writer(BufWriter::new(File::create(&partial)?))
        .begin_nd()?;
    let (mut buffer, mut bytes, mut map) = (PixelBuffer::default(), Vec::new(), vec![0.0; SIDE * SIDE]);
    for index in 0..count {
        saliency.weights(index, images.image(index, &mut buffer)?, &mut bytes, &mut map)?;
        writer.extend(map.iter().copied())?;
    }
    writer.finish()?;
    fs::rename(partial, path)?;
    Ok(())
}

fn draw(source: Glimpses, count: usize) -> Result<RgbImage, Box<dyn Error>> {
    const COLORS: [[u8; 3]; 5] =
        [[255, 40, 40], [255, 220, 0], [40, 220, 40], [60, 120, 255], [255, 255, 255]];
    let size = source.config().glimpse_size;
    let views = source.config().observed_views + 1;
    let pitch = SIDE as u32 * SCALE + 8;
    let glimpse_pitch = size as u32 * SCALE + 8;
    let width = 2 * pitch + views as u32 * glimpse_pitch;
    let mut sheet = RgbImage::from_pixel(width, u32::try_from(count)? * pitch, Rgb([90; 3]));
    let (mut buffer, mut bytes, mut map) = (PixelBuffer::default(), Vec::new(), vec![0.0; SIDE * SIDE]);
    let view_len = source.layout().view_len();
    for sample in 0..u32::try_from(count)? {
        let top = sample * pitch + 4;
        let image = source.images().image(sample as usize, &mut buffer)?;
        source.saliency().weights(sample as usize, image, &mut bytes, &mut map)?;
        let pixel = |place: usize| [0, 1, 2].map(|channel| image.pixels()[3 * place + channel]);
        put(&mut sheet, [4, top], SIDE, pixel);
        let largest = map.iter().fold(0.0_f32, |largest, weight| largest.max(*weight));
        put(&mut sheet, [4 + pitch, top], SIDE, |place| [byte(255.0 * map[place] / largest); 3]);

        let mut observed = vec![0.0; (views - 1) * view_len];
        let mut target = vec![0.0; view_len];
        let mut parameters = vec![0.0; views * 2];
        let slot =
            SequenceSlot { observed: &mut observed, target: Some(&mut target), parameters: &mut parameters };
        let key = SequenceKey { seed: 42, split: Split::Train, epoch: 0, sample };
        source.fill(key, &mut SequenceScratch::default(), slot)?;
        let glimpses = observed.chunks_exact(view_len).chain([&target[..]]);
        for (view, (glimpse, point)) in glimpses.zip(parameters.chunks_exact(2)).enumerate() {
            let normalization = source.config().normalization;
            let left = 4 + 2 * pitch + u32::try_from(view)? * glimpse_pitch;
            put(&mut sheet, [left, top], size, |place| {
                [0, 1, 2].map(|channel| {
                    let value = glimpse[channel * size * size + place];
                    byte(255.0 * (value * normalization.std[channel] + normalization.mean[channel]))
                })
            });
            let corner = [1, 0].map(|axis| point[axis] * SIDE as f32 - 0.5 * size as f32);
            frame(&mut sheet, [4, top], corner, size as f32, COLORS[view % COLORS.len()]);
        }
    }
    Ok(sheet)
}

/// Draws a square picture with its top left corner at `corner`.
fn put(sheet: &mut RgbImage, corner: [u32; 2], side: usize, pixel: impl Fn(usize) -> [u8; 3]) {
    for place in 0..side * side {
        for sub in 0..SCALE * SCALE {
            let x = corner[0] + (place % side) as u32 * SCALE + sub % SCALE;
            let y = corner[1] + (place / side) as u32 * SCALE + sub / SCALE;
            sheet.put_pixel(x, y, Rgb(pixel(place)));
        }
    }
}

/// Draws the border of a glimpse, as far as it is on the image.
fn frame(sheet: &mut RgbImage, corner: [u32; 2], [left, top]: [f32; 2], size: f32, color: [u8; 3]) {
    let last = SIDE as f32 * SCALE as f32 - 1.0;
    let steps = size as u32 * SCALE;
    for step in 0..steps {
        let along = step as f32;
        for [x, y] in [[along, 0.0], [along, steps as f32 - 1.0], [0.0, along], [steps as f32 - 1.0, along]] {
            let [x, y] = [left * SCALE as f32 + x, top * SCALE as f32 + y];
            if (0.0..=last).contains(&x) && (0.0..=last).contains(&y) {
                sheet.put_pixel(corner[0] + x as u32, corner[1] + y as u32, Rgb(color));
            }
        }
    }
}

fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}
