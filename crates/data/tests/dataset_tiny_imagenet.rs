//! Tiny ImageNet's layout, written by the tests themselves.

#![allow(clippy::cast_possible_truncation, reason = "colours of tests")]

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use proptest::prelude::*;
use seqjepa_data::dataset::{DatasetSource, ImageSet, TinyImageNet, TruncatedImages};
use seqjepa_data::{AugmentPolicy, DataError, Normalization, PixelBuffer, Split};
use tempfile::TempDir;

/// In the order of the labels, which is not that of the letters.
const WNIDS: [&str; 3] = ["n02124075", "n04067472", "n01443537"];

fn write(path: impl AsRef<Path>, image: impl Into<DynamicImage>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    image.into().save_with_format(path, image::ImageFormat::Jpeg).unwrap();
}

fn plain(value: u8) -> RgbImage {
    RgbImage::from_pixel(64, 64, Rgb([value; 3]))
}

/// Three classes, two training images each, and four validation images.
fn folder() -> TempDir {
    let root = TempDir::new().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::write(at("wnids.txt"), WNIDS.join("\n")).unwrap();
    fs::write(
        at("words.txt"),
        "n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\nn02124075\tEgyptian cat\n",
    )
    .unwrap();
    for (class, wnid) in WNIDS.iter().enumerate() {
        for index in 0..2 {
            let value = (100 * index + 20 * class) as u8;
            write(at(&format!("train/{wnid}/images/{wnid}_{index}.JPEG")), plain(value));
        }
        fs::write(at(&format!("train/{wnid}/{wnid}_boxes.txt")), "n_0.JPEG\t0\t0\t63\t63").unwrap();
    }
    let mut annotations = String::new();
    for index in [3, 0, 2, 1] {
        write(at(&format!("val/images/val_{index}.JPEG")), plain(50 * index as u8));
        annotations += &format!("val_{index}.JPEG\t{}\t0\t32\t44\t62\n", WNIDS[index % 3]);
    }
    fs::write(at("val/val_annotations.txt"), annotations).unwrap();
    root
}

fn load(root: &TempDir, split: Split) -> Result<ImageSet, DataError> {
    TinyImageNet::new(root.path()).load(split)
}

fn first_bytes(set: &ImageSet) -> Vec<u8> {
    (0..set.len()).map(|index| set.image(index).pixels()[0]).collect()
}

#[test]
fn labels_are_lines_of_wnids() {
    let root = folder();
    let train = load(&root, Split::Train).unwrap();
    assert_eq!((train.len(), train.height(), train.width()), (6, 64, 64));
    assert_eq!(train.labels(), Some(&[0, 0, 1, 1, 2, 2][..]));
    assert_eq!(first_bytes(&train), [0, 100, 20, 120, 40, 140]);
    assert_eq!(train.class_names(), ["Egyptian cat", "n04067472", "goldfish"]);
    let val = load(&root, Split::Test).unwrap();
    // As the annotations list them.
    assert_eq!((val.labels(), first_bytes(&val)), (Some(&[0, 0, 2, 1][..]), vec![150, 0, 100, 50]));
    assert_eq!(val.class_names(), train.class_names());

    // Without names, and in a folder of the archive's name.
    fs::remove_file(root.path().join("words.txt")).unwrap();
    let outer = TempDir::new().unwrap();
    fs::rename(root.path(), outer.path().join("tiny-imagenet-200")).unwrap();
    let unnamed = load(&outer, Split::Train).unwrap();
    assert_eq!((unnamed.pixels(), unnamed.class_names()), (train.pixels(), &WNIDS.map(String::from)[..]));
}

#[test]
fn files_are_decoded_when_they_are_asked_for() {
    let root = folder();
    let loaded = load(&root, Split::Test).unwrap();
    let source = DatasetSource::from_name("tiny_imagenet_aug", root.path(), 32).unwrap();
    for cache in [0, 1 << 20] {
        let streamed = source.stream(Split::Test, cache).unwrap();
        let mut buffer = PixelBuffer::default();
        for index in 0..loaded.len() {
            assert_eq!(streamed.image(index, &mut buffer).unwrap(), loaded.image(index));
            assert_eq!(streamed.label(index), loaded.label(index));
        }
    }
    assert_eq!(source.normalization(), Normalization::TINY_IMAGENET);
    assert_eq!(AugmentPolicy::observed(TinyImageNet::SIDE).blur_kernel_size, 7);
}

#[test]
fn grey_images_become_rgb() {
    let root = folder();
    let path = root.path().join("train/n02124075/images/n02124075_0.JPEG");
    write(path, GrayImage::from_pixel(64, 64, Luma([77])));
    assert_eq!(load(&root, Split::Train).unwrap().image(0).pixels()[..3], [77; 3]);
}

#[test]
fn classes_of_one_name_are_told_apart() {
    let root = folder();
    let words = "n02124075\tcrane\nn04067472\tcrane, machine\nn01443537\tgoldfish\n";
    fs::write(root.path().join("words.txt"), words).unwrap();
    let names = load(&root, Split::Test).unwrap();
    assert_eq!(names.class_names(), ["n02124075", "n04067472", "goldfish"]);
}

#[test]
fn damaged_images_are_refused_or_left_out() {
    let root = folder();
    let path = root.path().join("train/n04067472/images/n04067472_1.JPEG");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = load(&root, Split::Train).unwrap_err();
    assert!(matches!(&error, DataError::DamagedImage { path: found, .. } if *found == path), "{error}");
    let skipping = TinyImageNet { truncated_images: TruncatedImages::Skip, ..TinyImageNet::new(root.path()) };
    assert_eq!(skipping.load(Split::Train).unwrap().labels(), Some(&[0, 0, 1, 2, 2][..]));
}

#[test]
fn what_is_missing_is_named() {
    let root = folder();
    let missing = |path: &str, split| {
        let whole = root.path().join(path);
        let away = root.path().join("away");
        fs::rename(&whole, &away).unwrap();
        let error = load(&root, split).unwrap_err();
        assert!(matches!(&error, DataError::Missing { path: found, .. } if *found == whole), "{error}");
        fs::rename(&away, &whole).unwrap();
    };
    missing("wnids.txt", Split::Train);
    missing("wnids.txt", Split::Test);
    missing("train", Split::Train);
    missing("train/n01443537/images", Split::Train);
    missing("val/val_annotations.txt", Split::Test);
    missing("val/images", Split::Test);
    missing("val/images/val_2.JPEG", Split::Test);
    load(&root, Split::Train).unwrap();
    load(&root, Split::Test).unwrap();
}

#[test]
fn what_does_not_fit_is_refused_at_its_offset() {
    let root = folder();
    let malformed = |name: &str, text: &str, split, at: u64, what: &str| {
        let good = fs::read(root.path().join(name)).unwrap();
        fs::write(root.path().join(name), text).unwrap();
        let error = load(&root, split).unwrap_err();
        let DataError::Malformed { path, offset, field, .. } = &error else { panic!("{error}") };
        assert_eq!((path, *offset, *field), (&root.path().join(name), at, what), "{error}");
        fs::write(root.path().join(name), good).unwrap();
    };
    let (train, test) = (Split::Train, Split::Test);
    malformed("wnids.txt", "n02124075\n\nn02124075\n", train, 11, "class identifier");
    malformed("wnids.txt", "n02124075\n../../etc\n", train, 10, "class identifier");
    malformed("wnids.txt", "\n", train, 0, "number of classes");
    malformed("words.txt", "n02124075\tcat\nn04067472 reel\n", train, 14, "line");
    let list = "val/val_annotations.txt";
    malformed(list, "val_0.JPEG\tn02124075\nval_1.JPEG\tn99999999\n", test, 21, "class identifier");
    malformed(list, "val_0.JPEG\tn02124075\nval_0.JPEG\tn02124075\n", test, 21, "file name");
    malformed(list, "../images/val_0.JPEG\tn02124075\n", test, 0, "file name");
    malformed(list, "val_0.JPEG n02124075\n", test, 0, "annotation");
    malformed(list, "", test, 0, "number of annotations");
    fs::write(root.path().join(list), [0x76, 0xff]).unwrap();
    assert!(matches!(load(&root, test), Err(DataError::Malformed { offset: 1, .. })));

    fs::create_dir(root.path().join("train/n00000001")).unwrap();
    let error = load(&root, train).unwrap_err();
    assert!(
        matches!(&error, DataError::Malformed { path, field: "class folder", .. } if path.ends_with("n00000001")),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever the lists hold: a data set or an error, never a panic.
    #[test]
    fn arbitrary_lists_never_panic(
        wnids in "[n0-9/.\n\t ]{0,40}", annotations in "[val_0-9.JPEGn\n\t/]{0,80}", words in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let root = TempDir::new().unwrap();
        fs::create_dir_all(root.path().join("val/images")).unwrap();
        fs::create_dir_all(root.path().join("train")).unwrap();
        fs::write(root.path().join("wnids.txt"), wnids).unwrap();
        fs::write(root.path().join("words.txt"), words).unwrap();
        fs::write(root.path().join("val/val_annotations.txt"), annotations).unwrap();
        prop_assert!(load(&root, Split::Train).is_err());
        prop_assert!(load(&root, Split::Test).is_err());
    }
}
