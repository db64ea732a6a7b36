//! Inference: features of images and folders, against PyTorch's and against the model's own pass.
//!
//! `../model/tests/goldens/embedding.safetensors` is what PyTorch makes of four images with the model of `legacy.pt`, a
//! checkpoint that torch wrote (`scripts/goldens/model.py`, functions `embedding` and `checkpoints`).

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use safetensors::SafeTensors;
use seqjepa_data::{AugmentedImages, ImageSet, ImageView, LoaderConfig, SequenceLoader};
use seqjepa_model::{export_tensors, read_tensors};
use seqjepa_nn::host;
use seqjepa_run::embed::{EmbedError, EmbeddedFiles, EmbeddedViews, Embedder, embed_folder};
use seqjepa_run::{Config, MayLack, Pretrained, PretrainedSource, Run, published_probes};
use seqjepa_train::observer::{Event, Observers, Stage};
use seqjepa_train::sequence_input;

/// The model of the script's checkpoints, on CIFAR-100's normalisation.
const CONFIG: &str = "
dataset: {name: cifar100_aug}
model: {width: 1, act_projdim: 8, num_enc_layers: 2, pred_hidden: 8}
";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/goldens").join(name)
}

/// A folder for one test, with the config of the golden model in it.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.yaml"), CONFIG).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn source(&self, checkpoint: PathBuf) -> PretrainedSource {
        PretrainedSource { checkpoint, config: Some(self.path("config.yaml")), ..PretrainedSource::default() }
    }

    fn pretrained(&self) -> Pretrained {
        self.source(golden("legacy.pt")).load(&Device::flex()).unwrap()
    }

    fn embedder(&self, views: EmbeddedViews) -> Embedder {
        Embedder::new(&self.pretrained(), views, &Device::flex()).unwrap()
    }

    /// Writes the golden images as PNG files.
    fn images(&self, folder: &str) -> PathBuf {
        let root = self.path(folder);
        for (name, height, width) in IMAGES {
            save(&root.join(format!("{name}.png")), &noise(name, height, width), height, width);
        }
        root
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn save(path: &Path, pixels: &[u8], height: usize, width: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let picture = image::RgbImage::from_raw(width as u32, height as u32, pixels.to_vec()).unwrap();
    picture.save(path).unwrap();
}

/// Names and sizes of the script's images.
const IMAGES: [(&str, usize, usize); 4] = [("a", 32, 32), ("b", 48, 80), ("c", 33, 21), ("d", 32, 32)];

/// The script's `units`: 24 bits a number from FNV-1a of the name and SplitMix64 of the index.
fn noise(name: &str, height: usize, width: usize) -> Vec<u8> {
    let name = format!("image.{name}");
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (0..(height * width * 3) as u64)
        .map(|index| {
            let mut bits = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            // The first of the 24 bits, as the fraction times 256 truncates them.
            ((bits ^ (bits >> 31)) >> 56) as u8
        })
        .collect()
}

/// Shape and values of an array in a SafeTensors file.
fn array(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    let words = tensor.data().chunks_exact(4);
    let values = words.map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect();
    (tensor.shape().to_vec(), values)
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(0.0_f32, |size, value| size.max(value.abs()));
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance * size, "{place}: {found} for {expected}, size {size}");
    }
}

fn embed(
    embedder: &Embedder,
    images: &Path,
    batch: usize,
    output: &Path,
) -> Result<EmbeddedFiles, EmbedError> {
    embed_folder(embedder, images, batch, output, &mut Observers::new())
}

/// f32 against f64 through 18 layers and two transformer layers: 1e-5 of the largest value. Pixels are the same bytes.
#[test]
fn an_imported_checkpoint_embeds_a_folder_as_pytorch_does() {
    let scratch = Scratch::new();
    let images = scratch.images("images");
    fs::write(images.join("notes.txt"), "no image").unwrap();
    let output = scratch.path("features.safetensors");
    let mut seen = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Progress { stage: Stage::Embedding, done, total, .. } = event {
            seen.push((*done, total.unwrap()));
        }
        Ok(())
    };
    let embedder = scratch.embedder(EmbeddedViews::Identity);
    let embedded = embed_folder(&embedder, &images, 3, &output, &mut observer).unwrap();
    assert_eq!(seen, [(3, 4), (4, 4)]);

    let expected = |name| array(&golden("embedding.safetensors"), name).1;
    let (shape, codes) = array(&output, "z_t");
    assert_eq!(shape, [4, 1, 8]);
    assert_close(&codes, &expected("codes"), 1e-5);
    let (shape, aggregate) = array(&output, "z_agg");
    assert_eq!(shape, [4, 16]);
    assert_close(&aggregate, &expected("aggregate"), 1e-5);

    assert_eq!(embedded.files, ["a.png", "b.png", "c.png", "d.png"]);
    assert_eq!((embedded.labels, embedded.mean), (None, [0.5071, 0.4867, 0.4408]));
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(scratch.path("features.json")).unwrap()).unwrap();
    assert_eq!(json["files"][1], "b.png");
    assert_eq!(json["arrays"][1]["shape"], serde_json::json!([4, 16]));
    assert_eq!(json["views"], "identity");
    assert_eq!(scratch.names(), ["config.yaml", "features.json", "features.safetensors", "images"]);
}

#[test]
fn npy_holds_the_same_numbers_one_array_a_file() {
    let scratch = Scratch::new();
    let images = scratch.images("images");
    let views = EmbeddedViews::Augmented { count: 2, seed: 3 };
    let embedder = scratch.embedder(views);
    embed(&embedder, &images, 4, &scratch.path("one.safetensors")).unwrap();
    embed(&embedder, &images, 4, &scratch.path("two.npy")).unwrap();
    for (name, shape) in [("z_t", vec![4, 2, 8]), ("z_agg", vec![4, 16]), ("actions", vec![4, 2, 9])] {
        let bytes = fs::read(scratch.path(&format!("two.{name}.npy"))).unwrap();
        // Version 1.0: magic, version, length of the header, header, data from a multiple of 64 bytes on.
        assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00");
        let data = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = std::str::from_utf8(&bytes[10..data]).unwrap();
        let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
        let expected = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({extents}), }}");
        assert_eq!((header.trim_end(), header.ends_with('\n'), data % 64), (expected.as_str(), true, 0));
        let words = bytes[data..].chunks_exact(4);
        let values: Vec<f32> = words.map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect();
        let expected = array(&scratch.path("one.safetensors"), name);
        assert_eq!((shape, values), expected, "{name}");
    }
}

#[test]
fn sub_folders_are_classes() {
    let scratch = Scratch::new();
    for (path, name) in [("dog/1.png", "a"), ("cat/2.png", "b"), ("dog/x/3.png", "c")] {
        save(&scratch.path("images").join(path), &noise(name, 32, 32), 32, 32);
    }
    let embedder = scratch.embedder(EmbeddedViews::Identity);
    let embedded = embed(&embedder, &scratch.path("images"), 2, &scratch.path("f.npy")).unwrap();
    assert_eq!(embedded.files, ["cat/2.png", "dog/1.png", "dog/x/3.png"]);
    assert_eq!(embedded.labels, Some(vec![0, 1, 1]));
    assert_eq!(embedded.class_names, ["cat", "dog"]);
}

/// Augmented views are the loader's: the embedding of an image set is the evaluation pass over it, to rounding (another
/// batch size is another order of sums).
#[test]
fn augmented_views_are_those_of_the_evaluation_pass() {
    let scratch = Scratch::new();
    let pretrained = scratch.pretrained();
    let views = EmbeddedViews::Augmented { count: 3, seed: 11 };
    let embedder = Embedder::new(&pretrained, views, &Device::flex()).unwrap();
    let pixels: Vec<u8> = (0..5).flat_map(|image| noise(&format!("set.{image}"), 32, 32)).collect();
    let set = Arc::new(ImageSet::new(pixels, 32, 32, vec![0; 5], vec!["one".into()]).unwrap());
    let images: Vec<ImageView> = (0..5).map(|image| set.image(image)).collect();
    let mut found = embedder.embed(&images[..2], 0).unwrap();
    let rest = embedder.embed(&images[2..], 2).unwrap();
    found.representations.extend(rest.representations);
    found.invariant.extend(rest.invariant);

    let sequence = pretrained.config.sequences(3, embedder.normalization()).unwrap();
    let source = Arc::new(AugmentedImages::new(set.clone(), sequence).unwrap());
    let loader = LoaderConfig::test(5, 11);
    let loader = SequenceLoader::new(source, loader).unwrap();
    let batch = loader.epoch(0, 0).next().unwrap().unwrap().into_inner();
    let input = sequence_input(batch, &Device::flex()).unwrap();
    let output = pretrained.method.evaluation_forward(input).unwrap();
    assert_close(&found.invariant, &host::read(output.representations.invariant), 1e-6);
    let first: Vec<f32> = found.representations.chunks(3 * 8).flat_map(|row| row[..8].to_vec()).collect();
    assert_close(&first, &host::read(output.representations.first), 1e-6);

    let other =
        Embedder::new(&pretrained, EmbeddedViews::Augmented { count: 3, seed: 12 }, &Device::flex()).unwrap();
    let [other, own] = [&other, &embedder].map(|embedder| embedder.embed(&images[..2], 0).unwrap());
    assert_ne!(other.representations, own.representations);
    assert_eq!(embedder.embed(&[], 0).unwrap().images, 0);
}

#[test]
fn a_run_trains_and_its_checkpoint_embeds_and_exports() {
    // ResNets of all depths and the vision transformer, from the config alone.
    for encoder in [
        "depth: 18, width: 4",
        "depth: 34, width: 2",
        "depth: 50, width: 2, cifar_resnet: false",
        "encoder: vit, vit_patch: 4, vit_width: 12, vit_depth: 2, vit_heads: 3",
    ] {
        let scratch = Scratch::new();
        let text = format!(
            "
run: {{name: tiny, seed: 7, device: flex, epochs: 1, output_dir: {}}}
dataset: {{name: synthetic, seq_len: 2, batch_size: 8, synthetic_train: 16, synthetic_val: 8, num_workers: 1}}
model: {{img_size: 32, {encoder}, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}}
eval: {{seq_len: 2, probe_epochs: 2, feature_passes: 1, batch_size: 8, probe_lr: 0.01}}
",
            scratch.path("run").display()
        );
        let config = Config::parse::<&str>(&text, "tiny", &[]).unwrap();
        let mut run = Run::start(config, &mut Observers::new()).unwrap();
        run.train(&mut Observers::new()).unwrap();
        assert!(run.rows()[0].get("ep_loss").unwrap().is_finite(), "{encoder}");
        run.evaluate(&mut Observers::new()).unwrap();

        // A native checkpoint brings its config.
        let source = PretrainedSource::from(run.folder().last_checkpoint().as_path());
        let native = source.load(&Device::flex()).unwrap();
        assert!(native.native && native.last_row.is_some());
        let embedder = Embedder::new(&native, EmbeddedViews::Identity, &Device::flex()).unwrap();
        let images = scratch.images("images");
        embed(&embedder, &images, 2, &scratch.path("native.safetensors")).unwrap();

        // Exported with its online probes and read again, it gives the same features.
        let probes = published_probes(&native.beside);
        let names: Vec<_> = probes.iter().map(|(name, _)| name.as_str()).collect();
        let expected =
            ["online_equiprobe.0", "online_equiprobe.2", "online_equiprobe.4", "online_linprobe.0"]
                .map(|probe| [format!("{probe}.bias"), format!("{probe}.weight")])
                .concat();
        assert_eq!(names, expected, "{encoder}");
        let mut tensors = native.method.state_dict();
        tensors.extend(probes);
        export_tensors(&tensors, &scratch.path("model.safetensors")).unwrap();
        let source = PretrainedSource {
            checkpoint: scratch.path("model.safetensors"),
            config: Some(run.folder().config()),
            ..PretrainedSource::default()
        };
        let imported = source.load(&Device::flex()).unwrap();
        assert_eq!(published_probes(&imported.beside).len(), 8);
        let embedder = Embedder::new(&imported, EmbeddedViews::Identity, &Device::flex()).unwrap();
        embed(&embedder, &images, 2, &scratch.path("imported.safetensors")).unwrap();
        for name in ["z_t", "z_agg"] {
            let features = ["native", "imported"]
                .map(|origin| array(&scratch.path(&format!("{origin}.safetensors")), name));
            assert_eq!(features[0], features[1], "{encoder}");
        }
    }
}

#[test]
fn what_cannot_be_embedded_is_one_message_and_leaves_nothing() {
    let scratch = Scratch::new();
    let good = scratch.images("images");
    let broken = scratch.images("broken");
    fs::write(broken.join("c.png"), &fs::read(broken.join("b.png")).unwrap()[..60]).unwrap();
    fs::create_dir(scratch.path("empty")).unwrap();
    fs::write(scratch.path("taken.json"), "{}").unwrap();
    let before = scratch.names();
    let embedder = scratch.embedder(EmbeddedViews::Identity);
    let output = scratch.path("features.safetensors");
    let cases: [(&Path, usize, &Path, &str); 6] = [
        (&broken, 2, &output, "c.png"),
        (&scratch.path("empty"), 2, &output, "empty"),
        (&scratch.path("absent"), 2, &output, "absent"),
        (&good, 0, &output, "batch size"),
        (&good, 2, &scratch.path("features.csv"), ".npy"),
        (&good, 2, &scratch.path("config.yaml/features.npy"), "config.yaml"),
    ];
    for (images, batch, output, words) in cases {
        let message = embed(&embedder, images, batch, output).unwrap_err().to_string();
        assert!(message.contains(words) && !message.contains('\n'), "{message}");
        assert_eq!(scratch.names(), before, "{message}");
    }
}

#[test]
fn checkpoints_that_do_not_fit_are_refused() {
    let scratch = Scratch::new();
    let load = |source: PretrainedSource| source.load(&Device::flex()).unwrap_err().to_string();
    // Without a config, only a native checkpoint will do.
    let message = load(PretrainedSource::from(golden("legacy.pt").as_path()));
    assert!(message.contains("legacy.pt") && message.contains("config"), "{message}");
    let message = load(scratch.source(scratch.path("absent.pth")));
    assert!(message.contains("absent.pth"), "{message}");
    // Another width, a part of a model, no model.
    let mut source = scratch.source(golden("legacy.pt"));
    source.overrides = vec!["model.width=2".into()];
    let message = load(source);
    assert!(message.contains("encoder.conv1.weight"), "{message}");
    let message = load(scratch.source(golden("half.safetensors")));
    assert!(message.contains("encoder.conv1.weight") && message.contains("missing"), "{message}");
    let message = load(scratch.source(golden("encoders.safetensors")));
    assert!(message.contains("encoder.conv1.weight"), "{message}");
    // A target encoder is not needed for features, and may be absent as a whole, but not in part.
    let mut source = scratch.source(golden("wrapped.pth"));
    let missing = source.load(&Device::flex()).unwrap().missing;
    assert!(!missing.is_empty() && missing.iter().all(|name| name.starts_with("target_encoder.")));
    source.may_lack = MayLack::Nothing;
    assert!(load(source).contains("target_encoder.conv1.weight"));
    let whole = read_tensors(&golden("legacy.pt")).unwrap();
    for absent in ["target_encoder.layer1.0.conv1.weight", "predictor.0.weight"] {
        let part = whole.iter().filter(|(name, _)| !name.ends_with(absent)).cloned().collect();
        export_tensors(&part, &scratch.path("part.safetensors")).unwrap();
        let mut source = scratch.source(scratch.path("part.safetensors"));
        let message = load(source.clone());
        assert!(message.contains("part.safetensors") && message.contains(absent), "{message}");
        source.may_lack = MayLack::Unneeded;
        assert_eq!(source.load(&Device::flex()).unwrap().missing, [absent]);
    }
    let part = whole.into_iter().filter(|(name, _)| !name.ends_with(".encoder.conv1.weight")).collect();
    export_tensors(&part, &scratch.path("part.safetensors")).unwrap();
    let mut source = scratch.source(scratch.path("part.safetensors"));
    source.may_lack = MayLack::Unneeded;
    assert!(load(source).contains("encoder.conv1.weight"));

    let pretrained = scratch.pretrained();
    let views = EmbeddedViews::Augmented { count: 0, seed: 0 };
    let message = Embedder::new(&pretrained, views, &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("observed_views"), "{message}");
}
