//! The token of remote devices.

/// The variable of the environment that holds it, since arguments and configs are seen by others.
pub(super) const TOKEN: &str = "SEQJEPA_REMOTE_TOKEN";

/// What the environment says, if it says something.
pub(super) fn token() -> Option<String> {
    std::env::var(TOKEN).ok().filter(|token| !token.is_empty())
}
