//! Files that are damaged, malicious or no checkpoints: refused with one message, without a panic, without running
//! anything, and without memory for what they only claim to hold.

mod common;
#[path = "../../fuzz-harness/tests/watching/mod.rs"]
mod watching;

use burn::tensor::Device;
use common::{golden, tiny_config};
use proptest::prelude::*;
use seqjepa_model::{ExchangeError, SeqJepa, import_tensors, read_tensors};
use std::path::Path;
use std::sync::atomic::Ordering;
use watching::{LARGEST, Watching};

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// No request of any test here comes near this; a file that says it holds gigabytes would.
const MODEST: usize = 64 << 20;

fn model() -> SeqJepa {
    tiny_config().init(5, &Device::flex()).expect("a valid configuration")
}

/// Imports a file of this content.
fn import(content: &[u8]) -> Result<SeqJepa, ExchangeError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    std::fs::write(&path, content).expect("a writable folder");
    let result = model().import(&path).map(|imported| imported.module);
    assert!(LARGEST.load(Ordering::Relaxed) < MODEST, "asked for {} bytes", LARGEST.load(Ordering::Relaxed));
    result
}

#[track_caller]
fn assert_refused(content: &[u8]) {
    let message = import(content).expect_err("no checkpoint").to_string();
    assert!(message.contains("expected") || message.contains("cannot"), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn files_that_are_no_checkpoints_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let import = |path: &Path| model().import(path).expect_err("not a checkpoint").to_string();

    let absent = folder.path().join("absent.pth");
    assert!(import(&absent).contains("absent.pth"));

    for (name, bytes) in [
        ("empty.pth", &b""[..]),
        ("text.pth", b"These are not weights."),
        ("header.safetensors", b"\xff\xff\xff\xff\0\0\0\0{"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a writable folder");
        let message = import(&path);
        assert!(message.contains(name) && message.contains("expected"), "{message}");
    }

    let strangers = import_tensors(model(), read_tensors(&golden("parts.safetensors")).expect("tensors"));
    let message = strangers.expect_err("no tensor of this model").to_string();
    assert!(message.contains("encoder.conv1.weight") && message.contains("aggregator"), "{message}");
}

#[test]
fn a_pickle_is_never_executed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = folder.path().join("executed");
    let path = folder.path().join("evil.pth");
    // Unpickling this in Python runs `os.system("touch ..")`.
    let pickle = format!("cos\nsystem\n(S'touch {}'\ntR.", trace.display());
    std::fs::write(&path, pickle).expect("a writable folder");
    model().import(&path).expect_err("a call is not a checkpoint");
    assert!(!trace.exists());
}

#[test]
fn sizes_that_are_only_declared_are_not_allocated() {
    // `torch.zeros(1).expand(1, 1, 2 ** 31)`: one stored element, 8 GiB of tensor.
    let message =
        import(&std::fs::read(golden("vast.pt")).expect("a fixture")).expect_err("8 GiB").to_string();
    assert!(message.contains("8589934592"), "{message}");

    let safetensors = |header: &str, data: &[u8]| {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    };
    for header in [
        r#"{"agg_token":{"dtype":"F32","shape":[1,1,4611686018427387904],"data_offsets":[0,8]}}"#,
        r#"{"agg_token":{"dtype":"F32","shape":[1,1,2147483648],"data_offsets":[0,8589934592]}}"#,
        r#"{"agg_token":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#,
        r#"{"agg_token":{"dtype":"F32","shape":[1,1,2],"data_offsets":[8,0]}}"#,
    ] {
        assert_refused(&safetensors(header, &[0; 8]));
    }
    // A header of 2^63 bytes.
    assert_refused(&[&(1_u64 << 63).to_le_bytes()[..], b"{}"].concat());
}

/// `torch.save` compresses nothing: an archive that unpacks to far more than it holds is no checkpoint.
#[test]
fn what_unpacks_to_far_more_than_it_holds_is_refused() {
    use std::io::{Cursor, Write};
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    let mut file = ZipWriter::new(Cursor::new(Vec::new()));
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    file.start_file("archive/data.pkl", deflated).expect("memory takes all bytes");
    // Each `]` of a pickle is a list.
    file.write_all(&vec![b']'; 8 << 20]).expect("memory takes all bytes");
    let bytes = file.finish().expect("memory takes all bytes").into_inner();
    assert!(bytes.len() < 1 << 16);
    let message = import(&bytes).expect_err("a bomb").to_string();
    assert!(message.contains("8388608 bytes"), "{message}");

    // A TAR header, as files before PyTorch 0.2 begin; its sparse entries are as long as they say.
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let message = import(&tar).expect_err("a TAR archive").to_string();
    assert!(message.contains("TAR"), "{message}");
}

#[test]
fn truncated_files_are_refused() {
    let fixtures = ["legacy.pt", "wrapped.pth", "storages.pth", "half.safetensors"];
    for name in fixtures {
        let whole = std::fs::read(golden(name)).expect("a fixture");
        import(&whole).expect("a checkpoint");
        for part in 0..40 {
            assert_refused(&whole[..whole.len() * part / 40]);
        }
        assert_refused(&whole[..whole.len() - 1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever bytes are changed, the answer is a model or an error.
    #[test]
    fn damaged_files_do_no_harm(
        name in prop::sample::select(vec!["legacy.pt", "wrapped.pth", "half.safetensors"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        start in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(golden(name)).expect("a fixture");
        // Half of the cases damage the first kilobytes, where the names and shapes of legacy files are.
        let reach = if start { bytes.len().min(4096) } else { bytes.len() };
        for (place, value) in changes {
            bytes[place.index(reach)] = value;
        }
        drop(import(&bytes));
    }
}

/// A file in ZIP form with this pickle.
fn around(pickle: &[u8]) -> Vec<u8> {
    use std::io::{Cursor, Write};
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut file = ZipWriter::new(Cursor::new(Vec::new()));
    file.start_file("archive/data.pkl", stored).expect("memory takes all bytes");
    file.write_all(pickle).expect("memory takes all bytes");
    file.finish().expect("memory takes all bytes").into_inner()
}

/// Programs that make much of little: more memory than 32 bytes for one of theirs, or more time than one look at each. Those that are
/// quadratic would not end here within minutes.
#[test]
fn pickles_cost_what_they_are_long() {
    const BYTES: usize = 1 << 20;
    let repeated =
        |start: &[u8], piece: &[u8], end: &[u8]| [start, &piece.repeat(BYTES / piece.len()), end].concat();
    let text = |length: usize| {
        [b"X", &u32::try_from(length).expect("a length").to_le_bytes()[..], &vec![b'k'; length]].concat()
    };
    let args = [&b"(cos\nsystem\nq\x000("[..], &b"N".repeat(BYTES / 2), b"tq\x01"].concat();
    for (what, pickle) in [
        ("a list of None", repeated(b"](", b"N", b"e.")),
        ("a tuple of None", repeated(b"(", b"N", b"t.")),
        ("nested lists", repeated(b"", b"]", &[&b"a".repeat(BYTES - 1)[..], b"."].concat())),
        ("nested tuples", repeated(b")", b"\x85", b".")),
        ("marks", repeated(b"", b"(", b"N.")),
        ("lists side by side", repeated(b"(", b"]", b"l.")),
        ("memoized", repeated(b"(", b"N\x94", b"t.")),
        ("a doubled list", repeated(b"]", b"q\x00(h\x00h\x00t", b".")),
        ("one tuple of arguments", repeated(&args, b"(h\x00h\x01R0", b".")),
        (
            "one long name of classes",
            repeated(&[&text(BYTES)[..], b"\x94("].concat(), b"h\x00h\x00\x930", b"N."),
        ),
        ("one long key", repeated(&[&text(BYTES)[..], b"\x94}("].concat(), b"h\x00N", b"u.")),
        ("a memo with gaps", repeated(b"N", b"r\xff\xff\xff\x7f", b".")),
    ] {
        LARGEST.store(0, Ordering::Relaxed);
        let error = import(&around(&pickle)).expect_err("no model").to_string();
        assert!(error.contains("file"), "{what}: {error}");
        let largest = LARGEST.load(Ordering::Relaxed);
        assert!(largest <= 32 * pickle.len(), "{what}: asked for {largest} bytes for {}", pickle.len());
    }
}
