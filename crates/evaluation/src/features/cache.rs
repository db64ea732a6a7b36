//! The folder of features that were extracted before.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::SystemTime;

use seqjepa_train::storage::{Folder, StorageError};
use serde::Serialize;

use super::file::{FeatureFile, FeatureWriter, Refused, Section};
use super::usage::CacheUsage;
use super::user_key::UserKey;
use crate::error::EvaluationError;
use crate::fingerprint::text_sha256;

const ENDING: &str = ".features";

/// Where extracted features stay, and how much of the disk they may take.
#[derive(Debug)]
pub(crate) struct FeatureCache {
    /// `None`: nothing is kept.
    folder: Option<Folder>,
    limit: u64,
    user: UserKey,
    /// Files that this evaluation uses; they are not evicted for its own sake.
    used: RefCell<HashSet<String>>,
    usage: Cell<CacheUsage>,
}

impl FeatureCache {
    pub(crate) fn new(folder: Option<Folder>, limit: u64, user: UserKey) -> Self {
        Self { folder, limit, user, used: RefCell::default(), usage: Cell::default() }
    }

    pub(crate) fn usage(&self) -> CacheUsage {
        self.usage.get()
    }

    /// The features that `key` describes in full: from the cache, or written by `extract` and then kept.
    ///
    /// A file that is damaged, or that this user has not written, is said to be so in the log and replaced.
    pub(crate) fn get(
        &self,
        key: &impl Serialize,
        sections: Vec<Section>,
        extract: impl FnOnce(&mut FeatureWriter) -> Result<(), EvaluationError>,
    ) -> Result<FeatureFile, EvaluationError> {
        let key = text_sha256(&serde_json::to_string(key).expect("a key is plain data"));
        let name = format!("{key}{ENDING}");
        let mut usage = self.usage.get();
        if let Some(folder) = &self.folder {
            let path = folder.path().join(&name);
            let path = path.display();
            match FeatureFile::open(folder, &name, &key, &self.user, &sections) {
                Ok(file) => {
                    file.touch();
                    self.used.borrow_mut().insert(name);
                    usage.read += 1;
                    self.usage.set(usage);
                    tracing::info!(%path, "read features from the cache");
                    return Ok(file);
                }
                Err(Refused::Absent) => {}
                Err(Refused::Foreign(problem)) => {
                    usage.foreign += 1;
                    tracing::warn!(%path, problem, "kept features are not read: extracting anew");
                }
                Err(Refused::Damaged(problem)) => {
                    usage.damaged += 1;
                    tracing::warn!(%path, problem, "kept features are damaged: extracting anew");
                }
            }
        }
        usage.extracted += 1;
        self.usage.set(usage);
        let bytes = sections.iter().map(Section::bytes).sum();
        let keep = self.make_room(bytes, &name);
        let scratch = Folder::at(&std::env::temp_dir());
        let folder = self.folder.as_ref().unwrap_or(&scratch);
        // Of processes that were killed, where a file that is being written has a name.
        folder.remove_leftovers();
        let mut writer = FeatureWriter::create(folder, &name, &key, &self.user, sections)?;
        extract(&mut writer)?;
        Ok(writer.finish(keep)?)
    }

    /// Removes the files that were longest unused until `bytes` more fit; whether they do.
    fn make_room(&self, bytes: u64, name: &str) -> bool {
        let Some(folder) = &self.folder else { return false };
        let used = self.used.borrow();
        let mut total = bytes;
        let mut old = Vec::new();
        for file in files(folder).filter(|file| file != name) {
            let Ok(metadata) = folder.open(&file, u64::MAX).and_then(|open| {
                open.metadata().map_err(|source| StorageError::new("read", folder.path(), source))
            }) else {
                continue;
            };
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
            if folder.remove(&file).is_ok() {
                tracing::info!(file, "removed old features to make room");
                total -= length;
            }
        }
        let fits = total <= self.limit;
        if fits {
            self.used.borrow_mut().insert(name.to_owned());
        }
        fits
    }
}

fn files(folder: &Folder) -> impl Iterator<Item = String> {
    let names = folder.names().unwrap_or_default().into_iter();
    names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(ENDING))
}

/// Removes the features in a folder, once the figures made of them are safe.
///
/// They serve an evaluation that is cut short; another one would rather encode again than find hundreds of megabytes kept.
pub fn clear_features(folder: &Folder) {
    for file in files(folder) {
        if let Err(error) = folder.remove(&file) {
            tracing::warn!(%error, "features are left");
        }
    }
    // Only an empty folder goes.
    let _ = std::fs::remove_dir(folder.path());
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn cache_in(folder: Option<&Path>, limit: u64) -> FeatureCache {
        FeatureCache::new(folder.map(Folder::at), limit, UserKey::of_tests())
    }

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
        let cache = cache_in(Some(&folder), 1 << 20);
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(cache.usage(), CacheUsage { read: 0, extracted: 1, damaged: 0, foreign: 0 });
        let cache = cache_in(Some(&folder), 1 << 20);
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(cache.usage(), CacheUsage { read: 1, extracted: 0, damaged: 0, foreign: 0 });
        assert_eq!(fetch(&cache, "ab"), [2.0; 100]);
        assert_eq!(cache.usage(), CacheUsage { read: 1, extracted: 1, damaged: 0, foreign: 0 });
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = cache_in(Some(scratch.path()), 1 << 20);
        fetch(&cache, "abc");
        let file = fs::read_dir(scratch.path()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 0x40;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(cache.usage(), CacheUsage { read: 0, extracted: 2, damaged: 1, foreign: 0 });
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(cache.usage().read, 1);
    }

    #[test]
    fn nothing_is_kept_without_a_folder_or_room() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = cache_in(None, 1 << 20);
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        let cache = cache_in(Some(scratch.path()), 10);
        assert_eq!(fetch(&cache, "abc"), [3.0; 100]);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_longest_unused_file_makes_room() {
        let scratch = tempfile::tempdir().unwrap();
        // Two files of 400 bytes and their headers fit, three do not.
        let limit = 1600;
        let cache = || cache_in(Some(scratch.path()), limit);
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
