//! The folder of features that were extracted before.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::file::{FeatureFile, FeatureWriter, Section};
use super::usage::CacheUsage;
use crate::error::EvaluationError;
use crate::fingerprint::text_sha256;

const EXTENSION: &str = "features";

/// Where extracted features stay, and how much of the disk they may take.
#[derive(Debug)]
pub(crate) struct FeatureCache {
    /// `None`: nothing is kept.
    folder: Option<PathBuf>,
    limit: u64,
    /// Files that this evaluation uses; they are not evicted for its own sake.
    used: RefCell<HashSet<PathBuf>>,
    usage: Cell<CacheUsage>,
}

impl FeatureCache {
    pub(crate) fn new(folder: Option<&Path>, limit: u64) -> Self {
        let folder = folder.map(Path::to_owned);
        Self { folder, limit, used: RefCell::default(), usage: Cell::default() }
    }

    pub(crate) fn usage(&self) -> CacheUsage {
        self.usage.get()
    }

    /// The features that `key` describes in full: from the cache, or written by `extract` and then kept.
    ///
    /// A file that is damaged is said to be so in the log and replaced.
    pub(crate) fn get(
        &self,
        key: &impl Serialize,
        sections: Vec<Section>,
        extract: impl FnOnce(&mut FeatureWriter) -> Result<(), EvaluationError>,
    ) -> Result<FeatureFile, EvaluationError> {
        let key = text_sha256(&serde_json::to_string(key).expect("a key is plain data"));
        let path = self.folder.as_ref().map(|folder| folder.join(format!("{key}.{EXTENSION}")));
        let mut usage = self.usage.get();
        if let Some(path) = path.as_ref().filter(|path| path.exists()) {
            self.used.borrow_mut().insert(path.clone());
            match FeatureFile::open(path, &key, &sections) {
                Ok(file) => {
                    // The oldest files are evicted first; this one was needed just now. Not being able to say so is no
                    // reason to stop.
                    let now = fs::File::options().append(true).open(path);
                    let _ = now.and_then(|file| file.set_modified(SystemTime::now()));
                    usage.read += 1;
                    self.usage.set(usage);
                    tracing::info!(path = %path.display(), "read features from the cache");
                    return Ok(file);
                }
                Err(problem) => {
                    usage.damaged += 1;
                    tracing::warn!(path = %path.display(), problem, "cached features are damaged: extracting anew");
                }
            }
        }
        usage.extracted += 1;
        self.usage.set(usage);
        let bytes = sections.iter().map(Section::bytes).sum();
        let kept = path.filter(|path| self.make_room(bytes, path));
        let scratch = std::env::temp_dir();
        let folder = self.folder.as_deref().unwrap_or(&scratch);
        let mut writer = FeatureWriter::create(folder, &key, sections)?;
        extract(&mut writer)?;
        Ok(writer.finish(kept.as_deref())?)
    }

    /// Removes the files that were longest unused until `bytes` more fit; whether they do.
    fn make_room(&self, bytes: u64, path: &Path) -> bool {
        let Some(folder) = &self.folder else { return false };
        let used = self.used.borrow();
        let mut total = bytes;
        let mut old = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (file, metadata) = (entry.path(), entry.metadata());
            let ours = file.extension().is_some_and(|extension| extension == EXTENSION);
            let Some(metadata) = metadata.ok().filter(|_| ours && file != path) else { continue };
            total += metadata.len();
            if !used.contains(&file) {
                old.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), file));
            }
        }
        drop(used);
        old.sort();
        for (_, length, file) in old {
            if total <= self.limit {
                break;
            }
            if fs::remove_file(&file).is_ok() {
                tracing::info!(path = %file.display(), "removed old features to make room");
                total -= length;
            }
        }
        let fits = total <= self.limit;
        if fits {
            self.used.borrow_mut().insert(path.to_owned());
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Vec<Section> {
        vec![Section::new("x", 1, 100)]
    }

    fn fetch(cache: &FeatureCache, key: &str) -> Vec<f32> {
        let write = |writer: &mut FeatureWriter| Ok(writer.append("x", &[key.len() as f32; 100])?);
        cache.get(&key, section(), write).unwrap().read("x").unwrap()
    }

    #[test]
    fn a_second_evaluation_reads_what_the_first_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("features");
        let cache = FeatureCache::new(Some(&folder), 1 << 20);
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(cache.usage(), CacheUsage { read: 0, extracted: 1, damaged: 0 });
        let cache = FeatureCache::new(Some(&folder), 1 << 20);
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(cache.usage(), CacheUsage { read: 1, extracted: 0, damaged: 0 });
        assert_eq!(fetch(&cache, "ab"), [2.0; 100]);
        assert_eq!(cache.usage(), CacheUsage { read: 1, extracted: 1, damaged: 0 });
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = FeatureCache::new(Some(scratch.path()), 1 << 20);
        fetch(&cache, "abc");
        let file = fs::read_dir(scratch.path()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 0x40;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(cache.usage(), CacheUsage { read: 0, extracted: 2, damaged: 1 });
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(cache.usage().read, 1);
    }

    #[test]
    fn nothing_is_kept_without_a_folder_or_room() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = FeatureCache::new(None, 1 << 20);
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        let cache = FeatureCache::new(Some(scratch.path()), 10);
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_longest_unused_file_makes_room() {
        let scratch = tempfile::tempdir().unwrap();
        // Two files of 400 bytes and their headers fit, three do not.
        let limit = 1500;
        let cache = || FeatureCache::new(Some(scratch.path()), limit);
        fetch(&cache(), "a");
        let oldest = fs::read_dir(scratch.path()).unwrap().next().unwrap().unwrap().path();
        let past = SystemTime::now() - std::time::Duration::from_secs(60);
        fs::File::options().append(true).open(&oldest).unwrap().set_modified(past).unwrap();
        fetch(&cache(), "bb");
        fetch(&cache(), "ccc");
        assert!(!oldest.exists());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
    }
}
