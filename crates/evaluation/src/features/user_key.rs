//! The secret by which the features that a user's own processes have written are told from all others.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hmac::{Hmac, Mac};
use seqjepa_train::storage::{Folder, StorageError};
use sha2::Sha256;

/// The file that holds it, readable for its user alone.
const FILE: &str = "features.key";
const LENGTH: usize = 32;

/// A random key, made once for a user and kept in `seqjepa` below the folder of such things: `$XDG_STATE_HOME`, else
/// `~/.local/state` (`%LOCALAPPDATA%` on Windows).
#[derive(Debug, Clone)]
pub(crate) struct UserKey([u8; LENGTH]);

impl UserKey {
    /// The key of this user. Where it cannot be kept, one of this process alone.
    pub(crate) fn get() -> &'static Self {
        static KEY: OnceLock<UserKey> = OnceLock::new();
        KEY.get_or_init(|| {
            let kept = state_folder().map(|folder| Self::keep_in(&folder));
            match kept {
                Some(Ok(key)) => key,
                Some(Err(error)) => {
                    tracing::warn!(%error, "features that are kept will be extracted anew by another process");
                    Self::random()
                }
                None => Self::random(),
            }
        })
    }

    /// Reads the key in a folder, or makes it.
    pub(crate) fn keep_in(path: &Path) -> Result<Self, StorageError> {
        let fail = |source| StorageError::new("create the folder", path, source);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path).map_err(fail)?;
        let folder = Folder::at(path);
        let read =
            || folder.read(FILE, LENGTH as u64).ok().and_then(|bytes| Some(Self(bytes.try_into().ok()?)));
        if let Some(key) = read() {
            return Ok(key);
        }
        let key = Self::random();
        folder.write(FILE, &key.0)?;
        // Another process may have been there at the same time: the one that is there in the end is it.
        Ok(read().unwrap_or(key))
    }

    fn random() -> Self {
        let mut key = [0; LENGTH];
        getrandom::fill(&mut key).expect("the system has random numbers");
        Self(key)
    }

    /// The same every time.
    #[cfg(test)]
    pub(crate) fn of_tests() -> Self {
        Self([7; LENGTH])
    }

    /// HMAC-SHA256 of a text.
    pub(crate) fn sign(&self, text: &[u8]) -> [u8; LENGTH] {
        self.mac(text).finalize().into_bytes().into()
    }

    /// Whether a text was signed with this key.
    pub(crate) fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        self.mac(text).verify_slice(signature).is_ok()
    }

    fn mac(&self, text: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        mac.chain_update(text)
    }
}

fn state_folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else {
        absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
    };
    folder.map(|folder| folder.join("seqjepa"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_user_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("state/seqjepa");
        let key = UserKey::keep_in(&folder).unwrap();
        assert_eq!(UserKey::keep_in(&folder).unwrap().0, key.0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
        }
        // What is no key is replaced.
        std::fs::write(folder.join(FILE), "short").unwrap();
        assert_ne!(UserKey::keep_in(&folder).unwrap().0, key.0);
    }

    /// RFC 4231, test case 1, with the key's 20 bytes filled up with zeros as HMAC itself does.
    #[test]
    fn signatures_are_hmac_sha256() {
        let mut key = [0; LENGTH];
        key[..20].fill(0x0b);
        let signature: String =
            UserKey(key).sign(b"Hi There").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signature, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        assert!(UserKey(key).has_signed(b"Hi There", &UserKey(key).sign(b"Hi There")));
        assert!(!UserKey(key).has_signed(b"Hi there", &UserKey(key).sign(b"Hi There")));
    }
}
