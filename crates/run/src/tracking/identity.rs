use std::hash::{BuildHasher, RandomState};

use seqjepa_tracking::wandb::RunId;
use seqjepa_train::storage::Folder;
use serde::{Deserialize, Serialize};

/// The file of a run folder that says which W&B run it is.
const FILE: &str = "wandb.json";

/// Which W&B run a run is, and where that lies: a run that goes on is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub id: String,
    /// The folder in that which is called `wandb`.
    pub folder: String,
}

impl Identity {
    /// That of the run in `root`, if it has one.
    pub(super) fn read(root: &Folder) -> Option<(RunId, String)> {
        let bytes = root.read(FILE, 4096).ok()?;
        let Self { id, folder } = serde_json::from_slice(&bytes).ok()?;
        // A name alone, so that a folder that somebody else has made leads to nothing outside of itself.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let named = folder.starts_with("offline-run-") && folder.len() <= 200 && folder.bytes().all(plain);
        named.then_some((RunId::new(id).ok()?, folder))
    }

    /// Keeps it.
    pub(super) fn write(&self, root: &Folder) -> Result<(), seqjepa_train::storage::StorageError> {
        let mut text = serde_json::to_vec(self).expect("names are plain data");
        text.push(b'\n');
        root.write(FILE, &text)
    }
}

/// An id that no other run has: from the system's randomness, which nothing else of a run is drawn from.
pub(super) fn new_id() -> RunId {
    RunId::from_bytes(RandomState::new().hash_one(std::process::id()).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_leads_nowhere_else() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Folder::at(scratch.path());
        root.make().unwrap();
        assert!(Identity::read(&root).is_none());
        let own = Identity { id: "abc".into(), folder: "offline-run-20260101_000000-abc".into() };
        own.write(&root).unwrap();
        let (id, folder) = Identity::read(&root).unwrap();
        assert_eq!((id.as_str(), folder), ("abc", own.folder));
        for (id, folder) in [("abc", "offline-run-/../../x"), ("../x", "offline-run-1"), ("abc", "elsewhere")]
        {
            Identity { id: id.into(), folder: folder.into() }.write(&root).unwrap();
            assert!(Identity::read(&root).is_none(), "{id} {folder}");
        }
        assert_ne!(new_id(), new_id());
    }
}
