//! Compiled kernels and autotune's findings are there for the next run (`run.kernel_cache`), or are refused where a build keeps none.
//!
//! What keeps them is seen with the features `cuda` and `kernel-cache`, and a card or the like of it.

mod common;

use common::tiny;
use seqjepa_run::Run;
use seqjepa_train::observer::Observers;

#[cfg(not(feature = "kernel-cache"))]
#[test]
fn a_build_that_keeps_none_refuses_a_folder_for_them() {
    let scratch = tempfile::tempdir().unwrap();
    let [root, cache] = ["run", "cache"].map(|name| scratch.path().join(name));
    let config = tiny(&root, &[&format!("run.kernel_cache={}", cache.display())]);
    let message = Run::start(config, &mut Observers::new()).unwrap_err().to_string();
    for part in ["`run.kernel_cache`", "feature `kernel-cache`", &cache.display().to_string()] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!root.exists() && !cache.exists(), "something was written");
}

#[cfg(all(feature = "cuda", feature = "kernel-cache"))]
mod cuda {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::common::figures;
    use super::*;

    /// The figures of a run on the card, with its kernels in `cache`.
    fn figures_of_run(root: &Path, cache: &Path) -> Vec<(usize, String, u64)> {
        let cache = format!("run.kernel_cache={}", cache.display());
        let overrides = [cache.as_str(), "run.device=cuda", "run.device_check=quick", "run.epochs=1"];
        let mut run = Run::start(tiny(root, &overrides), &mut Observers::new()).unwrap();
        run.train(&mut Observers::new()).unwrap();
        figures(run.rows())
    }

    /// The one file of kernels in a cache.
    fn file_in(cache: &Path) -> PathBuf {
        let files = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
        let mut files = files.filter(|path| path.extension().is_some_and(|name| name == "cache"));
        let file = files.next().expect("a cache of one program on one card");
        assert_eq!(files.next(), None);
        file
    }

    #[test]
    fn the_next_run_takes_the_kernels_and_a_broken_file_is_made_anew() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = |name: &str| scratch.path().join(name);
        let cache = folder("cache");
        let first = figures_of_run(&folder("first"), &cache);
        let file = file_in(&cache);
        let kept = fs::read(&file).unwrap();
        assert!(kept.len() > 100_000, "{} bytes of kernels", kept.len());

        fs::write(&file, &kept[..kept.len() / 2]).unwrap();
        assert_eq!(figures_of_run(&folder("second"), &cache), first);
        // What this process has compiled it still has.
        assert_eq!(fs::read(file_in(&cache)).unwrap().len(), kept.len());
    }
}
