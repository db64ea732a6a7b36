//! Image folders that are decoded on the fly: the same batches as from memory, and no more memory than allowed.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use seqjepa_data::dataset::{DatasetSource, ImageFiles, ImageFolder, ImageSource, PixelBuffer, Synthetic};
use seqjepa_data::{
    AugmentedImages, DataError, LoaderConfig, SequenceBatch, SequenceConfig, SequenceLoader, Split,
};
use tempfile::TempDir;

/// Side of the source images; the views are smaller.
const SIDE: usize = 24;
const IMAGE_BYTES: u64 = 3 * (SIDE * SIDE) as u64;

/// A folder of 30 training and 10 test images of many sizes, PNG and JPEG, in ten classes.
fn folder() -> (TempDir, ImageFolder) {
    let root = TempDir::new().unwrap();
    for (split, name, count) in [(Split::Train, "train", 30), (Split::Test, "val", 10)] {
        let synthetic =
            Synthetic { image_size: 40, train_images: 30, test_images: 10, ..Synthetic::default() };
        let images = synthetic.load(split).unwrap();
        for index in 0..count {
            let class = root.path().join(format!("{name}/{}", images.label(index).unwrap()));
            fs::create_dir_all(&class).unwrap();
            let image = RgbImage::from_raw(40, 40, images.image(index).pixels().to_vec()).unwrap();
            let (width, height) = (40 - index as u32 % 7, 30 + index as u32 % 5);
            let image = image::imageops::crop_imm(&image, 0, 0, width, height).to_image();
            image.save(class.join(format!("{index}.{}", ["png", "jpg"][index % 2]))).unwrap();
        }
    }
    let folder = ImageFolder::new(root.path(), SIDE);
    (root, folder)
}

fn epochs(images: Arc<dyn ImageSource>, split: Split, threads: usize) -> Vec<SequenceBatch> {
    let config = SequenceConfig::new(16, 2, Synthetic::NORMALIZATION).unwrap();
    let source = Arc::new(AugmentedImages::new(images, config).unwrap());
    let config = LoaderConfig { threads, split, drop_last: false, ..LoaderConfig::train(8, 5) };
    let loader = SequenceLoader::new(source, config).unwrap();
    (0..3).flat_map(|epoch| loader.epoch(epoch, 0)).map(|batch| batch.unwrap().into_inner()).collect()
}

#[test]
fn a_streamed_folder_gives_the_batches_of_the_same_folder_in_memory() {
    let (_root, folder) = folder();
    for split in [Split::Train, Split::Test] {
        let images = Arc::new(folder.load(split).unwrap());
        let (names, count) = (images.class_names().to_vec(), images.len() as u64);
        let expected = epochs(images, split, 2);
        // No room at all, room for less than one image, for three and a bit, for all.
        for cache in [0, IMAGE_BYTES - 1, 3 * IMAGE_BYTES + 100, u64::MAX] {
            for threads in [0, 3] {
                let files = Arc::new(folder.stream(split, cache).unwrap());
                assert_eq!(files.class_names(), names);
                assert!(
                    epochs(files.clone(), split, threads) == expected,
                    "{cache} bytes, {threads} threads"
                );
                let kept = (cache / IMAGE_BYTES).min(count) * IMAGE_BYTES;
                assert_eq!(files.cached_bytes(), kept, "{cache} bytes, {threads} threads");
            }
        }
    }
}

#[test]
fn the_cache_is_bounded_while_many_threads_fill_it() {
    let (_root, folder) = folder();
    let files = folder.stream(Split::Train, 4 * IMAGE_BYTES).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let files = &files;
            scope.spawn(move || {
                let mut buffer = PixelBuffer::default();
                for index in 0..files.len() {
                    files.image((index + thread * 3) % files.len(), &mut buffer).unwrap();
                    assert!(files.cached_bytes() <= 4 * IMAGE_BYTES);
                }
            });
        }
    });
    assert_eq!(files.cached_bytes(), 4 * IMAGE_BYTES);
}

#[test]
fn data_sets_stream_by_name() {
    let (root, folder) = folder();
    let source = DatasetSource::from_name("image_folder", root.path(), SIDE).unwrap();
    let streamed = source.stream(Split::Train, 0).unwrap();
    assert_eq!(streamed.fingerprint(), folder.stream(Split::Train, 1 << 20).unwrap().fingerprint());
    let synthetic = DatasetSource::from_name("synthetic", "", 32).unwrap();
    assert_eq!(synthetic.stream(Split::Test, 0).unwrap().len(), 1000);
}

#[test]
fn the_fingerprint_covers_paths_lengths_labels_and_side() {
    let (root, folder) = folder();
    let fingerprint = |folder: &ImageFolder| folder.stream(Split::Train, 0).unwrap().fingerprint();
    let first = fingerprint(&folder);
    assert_eq!(fingerprint(&folder), first);
    assert_ne!(fingerprint(&ImageFolder { image_size: 16, ..folder.clone() }), first);

    let file = root.path().join("train/0/0.png");
    let renamed = root.path().join("train/0/1.png");
    fs::rename(&file, &renamed).unwrap();
    let second = fingerprint(&folder);
    assert_ne!(second, first);
    let mut bytes = fs::read(&renamed).unwrap();
    bytes.push(0);
    fs::write(&renamed, bytes).unwrap();
    let third = fingerprint(&folder);
    assert!(third != first && third != second);
    fs::create_dir(root.path().join("train/another class")).unwrap();
    fs::copy(&renamed, root.path().join("train/another class/1.png")).unwrap();
    assert_ne!(fingerprint(&folder), third);
    // The same files elsewhere are the same data.
    let copy = TempDir::new().unwrap();
    fs::rename(root.path().join("train"), copy.path().join("train")).unwrap();
    let moved = ImageFolder::new(copy.path(), SIDE);
    let back = fingerprint(&moved);
    fs::rename(copy.path().join("train"), root.path().join("train")).unwrap();
    assert_eq!(fingerprint(&folder), back);
}

#[test]
fn a_broken_file_is_named_when_it_is_asked_for() {
    let (root, folder) = folder();
    let path = root.path().join("train/3/3.jpg");
    fs::write(&path, b"no image").unwrap();
    for cache in [0, u64::MAX] {
        let files = folder.stream(Split::Train, cache).unwrap();
        let index = files.paths().iter().position(|file| *file == path).unwrap();
        let mut buffer = PixelBuffer::default();
        for _ in 0..2 {
            let error = files.image(index, &mut buffer).unwrap_err();
            assert!(
                matches!(&error, DataError::UnsupportedImage { path: found, .. } if *found == path),
                "{error}"
            );
        }
        assert_eq!(files.cached_bytes(), 0);
        files.image(index + 1, &mut buffer).unwrap();
    }
}

#[test]
fn any_folder_of_images_can_be_listed() {
    let (root, _) = folder();
    let list = |path: &Path| ImageFiles::list(path, SIDE, 0);
    let files = list(&root.path().join("val")).unwrap();
    assert_eq!(files.names()[..2], ["0/0.png", "1/1.jpg"]);
    assert_eq!(files.labels(), Some(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9][..]));
    assert_eq!(files.class_names()[9], "9");
    assert_eq!((files.side(), files.max_size()), (SIDE, [SIDE; 2]));
    // One file in the root itself, and there are no classes.
    fs::copy(&files.paths()[0], root.path().join("val/x.png")).unwrap();
    let files = list(&root.path().join("val")).unwrap();
    assert_eq!((files.len(), files.labels(), files.class_names().len()), (11, None, 0));
    assert_eq!(files.label(3), None);

    assert!(matches!(list(&root.path().join("nowhere")), Err(DataError::Missing { .. })));
    let empty = TempDir::new().unwrap();
    assert!(matches!(list(empty.path()), Err(DataError::Missing { .. })));
    for side in [0, 1025] {
        let error = ImageFiles::list(root.path(), side, 0).unwrap_err();
        assert!(matches!(error, DataError::InvalidArgument { name: "image_size", .. }), "{error}");
    }
    RgbImage::from_pixel(3, 3, Rgb([1, 2, 3])).save(empty.path().join("a.png")).unwrap();
    let mut buffer = PixelBuffer::default();
    let files = list(empty.path()).unwrap();
    assert_eq!(files.image(0, &mut buffer).unwrap().pixels()[..3], [1, 2, 3]);
}

#[cfg(unix)]
#[test]
fn classes_without_a_utf8_name_stay_distinct() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let root = TempDir::new().unwrap();
    for name in [&b"caf\xe9"[..], b"caf\xea"] {
        let class = root.path().join(OsStr::from_bytes(name));
        fs::create_dir(&class).unwrap();
        for file in ["a.png", "b.png"] {
            RgbImage::new(4, 4).save(class.join(file)).unwrap();
        }
    }
    let files = ImageFiles::list(root.path(), SIDE, 0).unwrap();
    assert_eq!(
        (files.class_names(), files.labels()),
        (&["caf\\xE9", "caf\\xEA"].map(String::from)[..], Some(&[0, 0, 1, 1][..]))
    );
    assert_eq!(
        ImageFolder::new(root.path(), SIDE).load(Split::Train).unwrap().class_names(),
        files.class_names()
    );
}
