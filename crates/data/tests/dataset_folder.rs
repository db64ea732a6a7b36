//! Image folders, written by the tests themselves.

#![allow(clippy::cast_possible_truncation, reason = "colours of tests")]

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use seqjepa_data::dataset::{ImageFiles, ImageFolder, ImageSet, TruncatedImages};
use seqjepa_data::{DataError, ImageSource, PixelBuffer, Split};
use tempfile::TempDir;

fn write(path: impl AsRef<Path>, image: impl Into<DynamicImage>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    image.into().save(path).unwrap();
}

fn plain(side: u32, color: [u8; 3]) -> RgbImage {
    RgbImage::from_pixel(side, side, Rgb(color))
}

fn load(root: &TempDir, split: Split) -> Result<ImageSet, DataError> {
    ImageFolder::new(root.path(), 8).load(split)
}

/// The first pixel of every image.
fn first_pixels(set: &ImageSet) -> Vec<[u8; 3]> {
    (0..set.len()).map(|index| set.image(index).pixels()[..3].try_into().unwrap()).collect()
}

#[test]
fn divided_roots_use_train_and_test_or_val() {
    for test_name in ["test", "val"] {
        let root = TempDir::new().unwrap();
        write(root.path().join("train/dog/b.png"), plain(8, [1, 0, 0]));
        write(root.path().join("train/dog/a.PNG"), plain(8, [2, 0, 0]));
        write(root.path().join("train/cat/images/deep.png"), plain(8, [3, 0, 0]));
        write(root.path().join(test_name).join("dog/x.png"), plain(8, [4, 0, 0]));
        fs::write(root.path().join("train/cat/readme.txt"), "not an image").unwrap();
        fs::write(root.path().join("train/cat/.hidden.png"), "not an image").unwrap();

        let train = load(&root, Split::Train).unwrap();
        assert_eq!(train.class_names(), ["cat", "dog"]);
        assert_eq!(train.labels(), Some(&[0, 1, 1][..]));
        assert_eq!(first_pixels(&train), [[3, 0, 0], [2, 0, 0], [1, 0, 0]]);
        let test = load(&root, Split::Test).unwrap();
        assert_eq!((test.labels(), test.class_names()), (Some(&[1][..]), train.class_names()));
    }
}

#[test]
fn an_undivided_root_is_divided_by_seed_class_by_class() {
    let root = TempDir::new().unwrap();
    for (class, count) in [("a", 10), ("b", 5), ("c", 2)] {
        for index in 0..count {
            let color = [class.as_bytes()[0], index, 0];
            write(root.path().join(format!("{class}/{index}.png")), plain(8, color));
        }
    }
    let folder = ImageFolder { test_fraction: 0.3, ..ImageFolder::new(root.path(), 8) };
    let (train, test) = (folder.load(Split::Train).unwrap(), folder.load(Split::Test).unwrap());
    let count = |set: &ImageSet| {
        [0, 1, 2].map(|class| set.labels().unwrap().iter().filter(|&&label| label == class).count())
    };
    assert_eq!((count(&train), count(&test)), ([7, 3, 1], [3, 2, 1]));
    let mut both = [first_pixels(&train), first_pixels(&test)].concat();
    both.sort_unstable();
    both.dedup();
    assert_eq!(both.len(), 17, "an image is in both splits");

    assert_eq!(folder.load(Split::Test).unwrap(), test);
    let other = ImageFolder { seed: 1, ..folder }.load(Split::Test).unwrap();
    assert_ne!(first_pixels(&other), first_pixels(&test));
}

#[test]
fn every_colour_type_becomes_rgb() {
    let root = TempDir::new().unwrap();
    let at = |name: &str| root.path().join("train/x").join(name);
    write(at("1.png"), GrayImage::from_pixel(8, 8, Luma([77])));
    write(at("2.png"), RgbaImage::from_pixel(8, 8, Rgba([10, 20, 30, 0])));
    write(at("3.png"), ImageBuffer::<Rgb<u16>, _>::from_pixel(8, 8, Rgb([65535_u16, 32768, 0])));
    // A number for Pillow, and so clipped, not scaled.
    write(at("4.png"), ImageBuffer::<Luma<u16>, _>::from_pixel(8, 8, Luma([25700_u16])));
    write(at("5.jpg"), plain(8, [128, 128, 128]));
    let pixels = first_pixels(&load(&root, Split::Train).unwrap());
    assert_eq!(pixels, [[77; 3], [10, 20, 30], [255, 128, 0], [255; 3], [128; 3]]);
}

#[test]
fn the_centre_square_is_resized_without_aliasing() {
    let root = TempDir::new().unwrap();
    // 24x16: the centre 16x16 is a checkerboard of single pixels, the margins are red.
    let wide = RgbImage::from_fn(24, 16, |x, y| match x {
        4..20 if (x + y) % 2 == 0 => Rgb([255; 3]),
        4..20 => Rgb([0; 3]),
        _ => Rgb([255, 0, 0]),
    });
    write(root.path().join("train/x/wide.png"), wide.clone());
    write(root.path().join("train/x/tall.png"), DynamicImage::from(wide).rotate90());
    write(root.path().join("train/x/small.png"), plain(3, [9, 8, 7]));
    let set = load(&root, Split::Train).unwrap();
    assert_eq!(first_pixels(&set)[0], [9, 8, 7], "sorted: small, tall, wide");
    for index in [1, 2] {
        for rgb in set.image(index).pixels().chunks(3) {
            // Half of each colour; picking single pixels would give 0 or 255.
            assert!(rgb.iter().all(|value| (112..=144).contains(value)), "{rgb:?}");
        }
    }
}

#[test]
fn a_corrupt_image_is_named() {
    let root = TempDir::new().unwrap();
    for index in 0..20 {
        write(root.path().join(format!("train/x/{index:02}.png")), plain(8, [0; 3]));
    }
    let path = root.path().join("train/x/13.png");
    let whole = fs::read(&path).unwrap();
    for broken in [&whole[..whole.len() / 2], b"GIF89a", b""] {
        fs::write(&path, broken).unwrap();
        let error = load(&root, Split::Train).unwrap_err();
        let (DataError::DamagedImage { path: found, .. } | DataError::UnsupportedImage { path: found, .. }) =
            &error
        else {
            panic!("{error}");
        };
        assert_eq!(*found, path);
    }
}

#[test]
fn a_huge_declared_size_is_refused() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("train/x/bomb.png");
    write(&path, plain(8, [0; 3]));
    let mut bytes = fs::read(&path).unwrap();
    // Width and height of the PNG's header, with its checksum made right again.
    bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    fs::write(&path, bytes).unwrap();
    let error = load(&root, Split::Train).unwrap_err();
    assert!(matches!(&error, DataError::TooLarge { origin, .. } if *origin == path), "{error}");
}

#[test]
fn incomplete_folders_are_refused() {
    let root = TempDir::new().unwrap();
    let missing = |path: &str| {
        let split = if path.starts_with("test") { Split::Test } else { Split::Train };
        let error = load(&root, split).unwrap_err();
        assert!(matches!(&error, DataError::Missing { path: found, .. } if found.ends_with(path)), "{error}");
    };
    missing("CLASS");
    fs::create_dir_all(root.path().join("train/empty")).unwrap();
    missing("train/empty/*.png");
    write(root.path().join("train/empty/a.png"), plain(8, [0; 3]));
    missing("test");
    write(root.path().join("test/unknown/a.png"), plain(8, [0; 3]));
    let error = load(&root, Split::Test).unwrap_err();
    assert!(matches!(&error, DataError::Malformed { found, .. } if found == "unknown"), "{error}");

    let nowhere = ImageFolder::new(root.path().join("nowhere"), 8);
    assert!(matches!(nowhere.load(Split::Train), Err(DataError::Missing { .. })));
}

#[test]
fn settings_out_of_range_are_refused() {
    let root = TempDir::new().unwrap();
    let good = ImageFolder::new(root.path(), 8);
    for folder in [
        ImageFolder { image_size: 0, ..good.clone() },
        ImageFolder { image_size: 100_000, ..good.clone() },
        ImageFolder { test_fraction: 0.0, ..good.clone() },
        ImageFolder { test_fraction: f64::NAN, ..good },
    ] {
        assert!(matches!(folder.load(Split::Train), Err(DataError::InvalidArgument { .. })), "{folder:?}");
    }
}

#[test]
fn splits_are_recognised_by_usual_names() {
    let root = TempDir::new().unwrap();
    for (split, count) in [("Train", 3), ("Test", 2)] {
        for class in ["ant", "bee", "cat"] {
            for index in 0..count {
                write(root.path().join(split).join(class).join(format!("{index}.png")), plain(8, [1, 2, 3]));
            }
        }
    }
    let (train, test) = (load(&root, Split::Train).unwrap(), load(&root, Split::Test).unwrap());
    assert_eq!(train.class_names(), ["ant", "bee", "cat"]);
    assert_eq!((train.len(), test.len()), (9, 6));
}

#[test]
fn test_classes_are_matched_by_name() {
    let root = TempDir::new().unwrap();
    for class in ["ant", "bee", "cat"] {
        write(root.path().join("train").join(class).join("0.png"), plain(8, [1, 2, 3]));
    }
    for class in ["ant", "cat"] {
        write(root.path().join("test").join(class).join("0.png"), plain(8, [1, 2, 3]));
    }
    let test = load(&root, Split::Test).unwrap();
    assert_eq!(
        (test.labels(), test.class_names()),
        (Some(&[0, 2][..]), &["ant", "bee", "cat"].map(String::from)[..])
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_no_file_is_taken_twice() {
    use std::os::unix::fs::symlink;
    let root = TempDir::new().unwrap();
    for (class, color) in [("a", 1), ("b", 2)] {
        for index in 0..4 {
            write(root.path().join(format!("{class}/{index}.png")), plain(8, [color, index, 0]));
        }
    }
    symlink("..", root.path().join("b/up")).unwrap();
    symlink("0.png", root.path().join("b/again.png")).unwrap();
    symlink("nowhere", root.path().join("b/dangling.png")).unwrap();
    symlink(".", root.path().join("self")).unwrap();
    let folder = ImageFolder::new(root.path(), 8);
    let images = |split| folder.load(split).unwrap();
    let mut pixels = [first_pixels(&images(Split::Train)), first_pixels(&images(Split::Test))].concat();
    assert_eq!(images(Split::Train).class_names(), ["a", "b"]);
    pixels.sort_unstable();
    let expected: Vec<_> =
        [1, 2].into_iter().flat_map(|class| (0..4).map(move |index| [class, index, 0])).collect();
    assert_eq!(pixels, expected);
    assert_eq!(ImageFiles::list(root.path(), 8, 0).unwrap().len(), 8);

    // A class folder that lies elsewhere is as good as any.
    let linked = TempDir::new().unwrap();
    for class in ["a", "b"] {
        symlink(root.path().join(class), linked.path().join(class)).unwrap();
    }
    let train = load(&linked, Split::Train).unwrap();
    assert_eq!((train.class_names(), train.len()), (&["a", "b"].map(String::from)[..], 6));
    // Two names of one class would give its images two labels.
    symlink(root.path().join("a"), linked.path().join("c")).unwrap();
    let error = load(&linked, Split::Train).unwrap_err();
    assert!(matches!(&error, DataError::Malformed { field: "class folder", .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_left_out() {
    let root = TempDir::new().unwrap();
    for index in 0..2 {
        write(root.path().join(format!("a/{index}.png")), plain(8, [1, 2, 3]));
    }
    std::os::unix::fs::symlink("/dev/zero", root.path().join("a/zero.png")).unwrap();
    std::os::unix::net::UnixListener::bind(root.path().join("a/socket.png")).unwrap();
    let files = ImageFiles::list(root.path(), 8, 0).unwrap();
    assert_eq!(files.len(), 2);
}

/// A folder of twelve pictures, two of them cut and one that is none.
fn damaged_folder() -> TempDir {
    let root = TempDir::new().unwrap();
    for split in ["train", "test"] {
        for index in 0..12_u8 {
            let noise = RgbImage::from_fn(40, 40, |x, y| {
                Rgb([(x * 31 + y * y * 7) as u8, index, ((x ^ y) * 5) as u8])
            });
            write(
                root.path().join(format!("{split}/x/{index:02}.{}", if index < 6 { "png" } else { "jpg" })),
                noise,
            );
        }
    }
    for cut in ["03.png", "07.jpg"] {
        let path = root.path().join("train/x").join(cut);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    }
    root
}

#[test]
fn damaged_pictures_are_refused_left_out_or_used() {
    let root = damaged_folder();
    let folder = |truncated_images| ImageFolder { truncated_images, ..ImageFolder::new(root.path(), 8) };
    let error = folder(TruncatedImages::Error).load(Split::Train).unwrap_err();
    assert!(matches!(error, DataError::DamagedImage { .. }), "{error}");

    let skipping = folder(TruncatedImages::Skip);
    let set = skipping.load(Split::Train).unwrap();
    let files = skipping.stream(Split::Train, 0).unwrap();
    assert_eq!((set.len(), files.len(), files.left_out().len()), (10, 10, 2));
    let accepting = folder(TruncatedImages::Accept);
    let whole = accepting.load(Split::Train).unwrap();
    let all = accepting.stream(Split::Train, 0).unwrap();
    assert_eq!((whole.len(), all.len(), all.damaged()), (12, 12, 2));
    let mut buffer = PixelBuffer::default();
    for (set, files) in [(&set, &files), (&whole, &all)] {
        assert_eq!(set.labels(), files.labels());
        for index in 0..set.len() {
            assert_eq!(set.image(index), files.image(index, &mut buffer).unwrap());
        }
    }

    // A page that was saved under the name of a picture.
    fs::write(root.path().join("train/x/05.png"), "<!DOCTYPE html>").unwrap();
    let error = accepting.load(Split::Train).unwrap_err();
    assert!(matches!(error, DataError::UnsupportedImage { .. }), "{error}");
    assert_eq!(skipping.load(Split::Train).unwrap().len(), 9);
}
