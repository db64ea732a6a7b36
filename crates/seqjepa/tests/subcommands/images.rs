//! Folders of images, and `views`.

use std::fs;

use crate::common::{scratch, seqjepa, stderr, stdout};
use crate::support::{checkpoint, fails, images, succeeds};

#[test]
fn views_are_drawn_and_drawn_again_and_no_file_is_cut() {
    let scratch = scratch();
    images(scratch.path());
    succeeds(
        scratch.path(),
        ["views", "images", "--size", "24", "--output", "a.png", "--parameters", "views.json"],
    );
    succeeds(scratch.path(), ["views", "images", "--replay", "views.json", "--output", "b.png"]);
    let [a, b] = ["a.png", "b.png"].map(|name| fs::read(scratch.path().join(name)).unwrap());
    assert!(a == b, "the replayed picture differs");
    // A format that is not written, and an input as output: the old files stay.
    fs::write(scratch.path().join("keep.webp"), "old").unwrap();
    let error = fails(scratch.path(), ["views", "images/a/0.png", "--output", "keep.webp"]);
    assert!(error.contains(".png"), "{error}");
    assert_eq!(fs::read(scratch.path().join("keep.webp")).unwrap(), b"old");
    let image = fs::read(scratch.path().join("images/a/0.png")).unwrap();
    let error = fails(scratch.path(), ["views", "images/a/0.png", "--output", "images/a/0.png"]);
    assert!(error.contains("is read"), "{error}");
    assert_eq!(fs::read(scratch.path().join("images/a/0.png")).unwrap(), image);
    // A file that asks for views without measure.
    let huge = fs::read_to_string(scratch.path().join("views.json")).unwrap();
    let huge = huge.replace("\"output_height\": 24", "\"output_height\": 4000000000");
    fs::write(scratch.path().join("huge.json"), huge).unwrap();
    let error = fails(scratch.path(), ["views", "images", "--replay", "huge.json", "--output", "c.png"]);
    assert!(error.contains("1024"), "{error}");
    assert!(succeeds(scratch.path(), ["views", "--samples", "0,3"]).contains("views.png"));
}

#[test]
fn damaged_images_are_refused_left_out_or_used_and_counted() {
    let scratch = scratch();
    let root = images(scratch.path());
    let cut = root.join("a/2.png");
    let whole = fs::read(&cut).unwrap();
    fs::write(&cut, &whole[..whole.len() - 30]).unwrap();
    let model = checkpoint(scratch.path());
    let embed = |policy: &'static str| {
        let set = format!("dataset.truncated_images={policy}");
        let arguments =
            ["embed", "--checkpoint", model.to_str().unwrap(), "--images", "images", "--set", &set];
        seqjepa(scratch.path(), arguments.into_iter().chain(["--output", "f.safetensors"]))
    };
    let refused = embed("error");
    assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
    for part in ["a/2.png", "byte offset", "dataset.truncated_images=skip"] {
        assert!(stderr(&refused).contains(part), "{part}: {}", stderr(&refused));
    }
    assert!(!scratch.path().join("f.safetensors").exists());
    for (policy, images, said) in
        [("skip", "7 images; 2 classes: a, b", "left out"), ("accept", "8 images;", "damaged")]
    {
        let output = embed(policy);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains(images), "{}", stdout(&output));
        assert!(
            stderr(&output).contains("1 of 8 images") && stderr(&output).contains(said),
            "{}",
            stderr(&output)
        );
    }
    let error = fails(scratch.path(), ["views", "images", "--size", "8"]);
    assert!(error.contains("truncated_images"), "{error}");
    let views = ["views", "images", "--size", "8", "--set", "dataset.truncated_images=skip"];
    assert!(stderr(&seqjepa(scratch.path(), views)).contains("1 of 8 images"));
}

#[test]
fn folders_of_splits_are_known_by_their_usual_names() {
    let scratch = scratch();
    let root = images(scratch.path());
    for split in ["Training", "Test"] {
        for class in ["a", "b"] {
            let folder = scratch.path().join("set").join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..4 {
                fs::copy(root.join(format!("{class}/{number}.png")), folder.join(format!("{number}.png")))
                    .unwrap();
            }
        }
    }
    let text = succeeds(
        scratch.path(),
        [
            "train",
            "--config",
            "tiny.yaml",
            "--dry-run",
            "--no-timing",
            "--set",
            "dataset.name=image_folder",
            "--set",
            "dataset.data_root=set",
            "--set",
            "dataset.batch_size=4",
        ],
    );
    for part in ["8 training and 8 test images", "2 classes: a, b"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
