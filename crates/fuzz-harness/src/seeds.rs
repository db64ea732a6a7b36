//! The first inputs of every target: small, valid, and one of each kind that the target tells apart.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, RgbImage};
use seqjepa_data::{AugmentParams, AugmentPolicy, Split, ViewKey};
use seqjepa_run::Config;
use tar::EntryType;

use crate::{checkpoint, idx, npy, pickle};

/// The seeds of the target called `name`.
///
/// # Panics
/// If there is no such target.
#[must_use]
pub fn of(name: &str) -> Vec<Vec<u8>> {
    match name {
        "archive" => archive(),
        "augmentation" => augmentation(),
        "checkpoint" => checkpoint(),
        "cifar" => cifar(),
        "config" => config(),
        "idx" => idx(),
        "import" => import(),
        "npy" => npy(),
        "picture" => picture(),
        "tracking" => tracking(),
        _ => panic!("no target is called {name}"),
    }
}

/// A mode byte and what follows.
fn with_mode(mode: u8, rest: &[u8]) -> Vec<u8> {
    [&[mode], rest].concat()
}

fn tracking() -> Vec<Vec<u8>> {
    let events = include_bytes!("../../tracking/tests/fixtures/first.tfevents");
    let resumed = include_bytes!("../../tracking/tests/fixtures/second.tfevents");
    let log = &include_bytes!("../../tracking/tests/fixtures/run-abcd1234.wandb")[..1600];
    vec![
        with_mode(0b000, events),
        with_mode(0b100, events),
        with_mode(0b000, resumed),
        with_mode(0b000, &events[..200]),
        // The event alone, without its frame.
        with_mode(0b010, &resumed[83..109]),
        with_mode(0b001, log),
        with_mode(0b101, log),
        with_mode(0b001, &log[..700]),
        with_mode(0b011, &log[14..33]),
        with_mode(0b011, &log[40..161]),
        with_mode(0b001, b":W&B"),
    ]
}

fn archive() -> Vec<Vec<u8>> {
    use EntryType::{Directory, Link, Regular, Symlink, XGlobalHeader, XHeader};
    let tar = |entries: &[(&str, EntryType, &[u8])]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            // Set by hand: the library refuses to write the names that must not be extracted.
            let field = header.as_old_mut().name.as_mut_slice();
            field[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_entry_type(*kind);
            if *kind == Symlink {
                header.set_link_name("../witness").expect("a short name");
            }
            header.set_cksum();
            builder.append(&header, *content).expect("memory takes all bytes");
        }
        builder.into_inner().expect("memory takes all bytes")
    };
    let good = tar(&[("set/", Directory, b""), ("set/train.bin", Regular, b"content")]);
    let pax = b"20 path=set/longer\n";
    let tars = [
        tar(&[("set/../../witness", Regular, b"written")]),
        tar(&[("/tmp/witness", Regular, b"written")]),
        tar(&[("set/link", Symlink, b""), ("set/link/file", Regular, b"written")]),
        tar(&[("set/hard", Link, b"")]),
        tar(&[("x", XHeader, pax), ("set/short", Regular, b"content")]),
        tar(&[("g", XGlobalHeader, b"10 a=b\n"), ("set/file", Regular, b"content")]),
        good.clone(),
    ];
    let mut seeds: Vec<_> = tars.iter().map(|tar| with_mode(2, tar)).collect();
    seeds.push(with_mode(1, &idx::gzip(&good)));
    seeds.push(with_mode(0, &good));
    seeds
}

fn augmentation() -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = (0..200_u32).map(|i| (i * 89 % 253) as u8).collect();
    let mut rng = ViewKey { seed: 42, split: Split::Train, epoch: 0, sample: 0, view: 0 }.rng();
    let policy = AugmentPolicy::target(16);
    let params: AugmentParams = policy.sample(&mut rng, 24, 20);
    vec![
        with_mode(0, &bytes),
        with_mode(1, &bytes),
        with_mode(2, &serde_json::to_vec(&params).expect("plain data")),
        with_mode(3, &serde_json::to_vec(&policy).expect("plain data")),
    ]
}

fn cifar() -> Vec<Vec<u8>> {
    let names = |count: u8| (0..count).map(|i| format!("{i}\n")).collect::<String>().into_bytes();
    vec![
        with_mode(0b0100, &[19, 99, 7]),
        with_mode(0b0101, &[9, 7]),
        with_mode(0b0110, &[0, 0]),
        with_mode(0b0000, &[0; 3074]),
        with_mode(0b1000, &names(100)),
        with_mode(0b1001, &names(10)),
    ]
}

fn config() -> Vec<Vec<u8>> {
    let with = |overrides: &[&str]| {
        Config::parse(checkpoint::TINY, "tiny", overrides).expect("a valid config").to_yaml().into_bytes()
    };
    vec![
        with(&[]),
        with(&["model.encoder=vit", "dataset.name=synthetic", "eval.protocols=[exact, linear, paper]"]),
        b"run:\n  name: a\n\0run.epochs=2\0optim.lr=1e-3".to_vec(),
        b"a: &a [1, 2]\nb: *a\n".to_vec(),
        b"gating: {loss_max: 0.5}\nlogging:\n  wandb: {enabled: 0}\n".to_vec(),
    ]
}

/// The header of a checkpoint in YAML.
fn header(overrides: &[&str]) -> String {
    let config = Config::parse(checkpoint::TINY, "tiny", overrides).expect("a valid config").to_yaml();
    let indented: String = config.lines().map(|line| format!("  {line}\n")).collect();
    format!("format: 1\nepoch: 1\nstep: 3\nrows:\n- epoch: 1\n  ep_loss: 0.5\nconfig:\n{indented}")
}

const JSON: &str = r#"{"__metadata__":{"seqjepa":"format: 1"},"agg_token":{"dtype":"F32","shape":[1,1,8],"data_offsets":[0,32]}}"#;

fn checkpoint() -> Vec<Vec<u8>> {
    vec![
        with_mode(0, &checkpoint::around(&header(&[]))),
        with_mode(1, header(&[]).as_bytes()),
        with_mode(1, header(&["model.width=512", "model.depth=50"]).as_bytes()),
        with_mode(1, header(&["model.encoder=vit", "model.ema=false"]).as_bytes()),
        [&[2, 32, 0], JSON.as_bytes()].concat(),
    ]
}

fn import() -> Vec<Vec<u8>> {
    let pickle = pickle::state_dict(16);
    vec![
        with_mode(0, &pickle::legacy(12)),
        with_mode(1, &pickle),
        with_mode(1, b"cos\nsystem\n(S'touch executed'\ntR."),
        [&[2, 32, 0], JSON.as_bytes()].concat(),
        with_mode(
            0,
            &[
                &48_u64.to_le_bytes()[..],
                b"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                b"0",
            ]
            .concat(),
        ),
    ]
}

fn idx() -> Vec<Vec<u8>> {
    let (images, labels) = (idx::file(&[2, 28, 28], 2 * 784), idx::file(&[2], 2));
    vec![
        with_mode(0b000, &images),
        with_mode(0b000, &idx::gzip(&images)),
        with_mode(0b010, &images),
        with_mode(0b001, &labels),
        with_mode(0b101, &idx::gzip(&labels)),
        with_mode(0b011, &labels),
    ]
}

fn npy() -> Vec<Vec<u8>> {
    let numbers: Vec<u8> = (0..12).flat_map(|i| (f64::from(i) / 3.0).to_le_bytes()).collect();
    let text: Vec<u8> = "/a/1/\0/b/2/x".chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
    vec![
        with_mode(0, &npy::file("<f8", "False", "(12,)", &numbers)),
        with_mode(0, &npy::file(">f8", "True", "(3, 4)", &numbers)),
        with_mode(0, &npy::file("<f4", "False", "(2, 3, 4)", &numbers)),
        with_mode(0, &npy::file("<f2", "False", "()", &numbers[..2])),
        with_mode(0, &npy::file("|O", "False", "(1,)", &numbers)),
        with_mode(0, &npy::file("|b1", "False", "(4294967296, 4294967296)", &numbers)),
        with_mode(1, &npy::file("<i8", "False", "(12,)", &numbers)),
        with_mode(1, &npy::file(">u8", "False", "(12,)", &numbers)),
        with_mode(1, &npy::file("|u1", "False", "(2, 48)", &numbers)),
        with_mode(2, &npy::file("<U6", "False", "(2,)", &text)),
        with_mode(2, &npy::file("<U4294967295", "False", "(2,)", &text)),
        with_mode(2, &npy::file("<U3", "False", "(2,)", &[255; 24])),
        with_mode(3, &npy::file("<f8", "False", "(3, 1, 2, 2)", &numbers)),
        with_mode(3, &npy::file("<f4", "False", "(6, 2, 2)", &numbers)),
        with_mode(3, &npy::file("<f8", "False", "(0, 2, 2)", &[])),
    ]
}

fn picture() -> Vec<Vec<u8>> {
    let rgb = RgbImage::from_fn(13, 9, |x, y| image::Rgb([(x * 19) as u8, (y * 28) as u8, 90]));
    let rgb = DynamicImage::from(rgb);
    let pictures = [
        (rgb.clone(), ImageFormat::Png),
        (rgb.clone().into_luma8().into(), ImageFormat::Png),
        (rgb.clone().into_rgba16().into(), ImageFormat::Png),
        (rgb.clone(), ImageFormat::Jpeg),
        (rgb.into_luma8().into(), ImageFormat::Jpeg),
    ];
    let encode = |(image, format): (DynamicImage, ImageFormat)| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("memory takes all bytes");
        bytes.into_inner()
    };
    pictures.into_iter().map(encode).collect()
}

/// Writes the seeds of every target below `folder`, as `TARGET/seed-N`.
///
/// # Errors
/// Those of the file system.
pub fn write_all(folder: &Path) -> std::io::Result<()> {
    for target in crate::TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in of(target.name).into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
