//! Picture files of every kind against Pillow's `Image.open(file).convert("RGB")`, to the byte: the fixture is made by
//! `scripts/goldens/pictures.py`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use seqjepa_data::DataError;
use seqjepa_data::dataset::ImageFile;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Neither cut nor corrupted.
    whole: bool,
    /// SHA-256 of what Pillow reads; none where it raises.
    strict: Option<String>,
    /// The same with `LOAD_TRUNCATED_IMAGES`.
    truncated: Option<String>,
    /// Width and height.
    size: Option<[usize; 2]>,
}

fn archive() -> PathBuf {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures.tar.gz");
    std::env::var_os("SEQJEPA_PICTURES").map_or(committed, PathBuf::from)
}

/// The cases, with the files in a folder.
fn unpacked() -> (TempDir, Vec<Case>) {
    let folder = TempDir::new().unwrap();
    let bytes = flate2::read::GzDecoder::new(File::open(archive()).unwrap());
    tar::Archive::new(bytes).unpack(folder.path()).unwrap();
    let cases = serde_json::from_slice(&fs::read(folder.path().join("cases.json")).unwrap()).unwrap();
    (folder, cases)
}

fn digest(file: &ImageFile) -> String {
    Sha256::digest(file.image().pixels()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is wrong with the answer to a case, if anything.
///
/// Of damaged files, not all pixels are those of Pillow: see `close`.
fn fault(case: &Case, path: &Path) -> Option<String> {
    if case.name.starts_with("not_") {
        let refused = |file| matches!(file, Err(DataError::UnsupportedImage { .. }));
        let both = refused(ImageFile::read(path)) && refused(ImageFile::read_damaged(path));
        return (!both).then(|| format!("{:?}", ImageFile::read(path)));
    }
    let same = |file: &ImageFile, expected: &String| {
        case.size == Some([file.image().width(), file.image().height()]) && digest(file) == *expected
    };
    let corrupt = case.name.starts_with("corrupt_");
    match (ImageFile::read(path), &case.strict) {
        (Ok(file), Some(expected)) if corrupt || same(&file, expected) => {}
        // Nothing but the mark of its end is missing.
        (Ok(_), None) if case.name.starts_with("cut_") && case.name.ends_with(".gif") => {}
        // Stricter than Pillow, which passes over warnings of its decoder.
        (Err(DataError::UnsupportedImage { .. }), _) if corrupt => return None,
        (Err(DataError::DamagedImage { .. }), _) if !case.whole => {}
        (Ok(file), _) => return Some(format!("{} instead of {:?}", digest(&file), case.strict)),
        (Err(error), _) => return Some(error.to_string()),
    }
    // The vector code of Pillow's decoder rounds coefficients that no encoder writes in another way, its libjpeg-turbo (3.2) smooths
    // incomplete progressive files otherwise than the one here, and a GIF ends at another row.
    let mut ends = vec!["prog.jpg", "palette.gif"];
    if std::env::var_os("SEQJEPA_PICTURES").is_some() {
        // One in a hundred cut PNGs ends at another row, and one in fifty JPEGs is cut where made-up coefficients are large.
        ends.extend(["png", "jpg"]);
    }
    let close = corrupt || ends.iter().any(|end| case.name.ends_with(end));
    match (ImageFile::read_damaged(path), &case.truncated) {
        (Ok(file), Some(expected)) if same(&file, expected) || (!case.whole && close) => {
            (case.whole && file.is_damaged()).then(|| "called damaged".into())
        }
        (Err(_), None) => None,
        (Ok(file), _) => Some(format!("of what is left, {} instead of {:?}", digest(&file), case.truncated)),
        (Err(DataError::UnsupportedImage { .. }), _) if corrupt => None,
        (Err(error), Some(_)) => Some(format!("what is left was not read: {error}")),
    }
}

#[test]
fn pictures_are_read_as_pillow_reads_them() {
    let (folder, cases) = unpacked();
    assert!(cases.len() > 300, "{} cases", cases.len());
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut report = String::new();
    for case in &cases {
        *kinds.entry(case.name.split('_').next().unwrap()).or_default() += 1;
        if let Some(fault) = fault(case, &folder.path().join(&case.name)) {
            writeln!(report, "{}: {fault}", case.name).unwrap();
        }
    }
    assert!(report.is_empty(), "{} of {} differ:\n{report}", report.lines().count(), cases.len());
    for kind in ["jpeg", "mpo", "png", "webp", "gif", "tiff", "bmp", "pnm", "cut", "corrupt", "not"] {
        assert!(kinds.contains_key(kind), "no case of {kind}");
    }
}

#[test]
fn a_cut_picture_is_named_with_its_place() {
    let (folder, cases) = unpacked();
    for case in cases.iter().filter(|case| case.name.starts_with("cut_60")) {
        let path = folder.path().join(&case.name);
        let length = fs::metadata(&path).unwrap().len();
        let error = ImageFile::read(&path).unwrap_err();
        assert!(
            matches!(&error, DataError::DamagedImage { path: found, offset, .. } if *found == path && *offset <= length),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let error = ImageFile::read("/dev/zero").unwrap_err();
    assert!(matches!(error, DataError::NotRegular { .. }), "{error}");
    let folder = TempDir::new().unwrap();
    let error = ImageFile::read(folder.path()).unwrap_err();
    assert!(matches!(error, DataError::NotRegular { .. }), "{error}");
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sparse.jpg");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let mut start = [0; 2];
    File::open(&path).unwrap().read_exact(&mut start).unwrap();
    let error = ImageFile::read(&path).unwrap_err();
    assert!(matches!(error, DataError::TooLarge { found, .. } if found == 1 << 40), "{error}");
}
