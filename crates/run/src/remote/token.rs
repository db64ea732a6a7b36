use std::sync::RwLock;

static TOKEN: RwLock<Option<String>> = RwLock::new(None);

/// The token that this process presents to servers from now on, of which [`DeviceServer::with_token`](super::DeviceServer::with_token)
/// wants one. No part of a config, since a run folder and its cards hold that.
pub fn present_token(token: String) {
    *TOKEN.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(token);
}

pub(super) fn token() -> Option<String> {
    TOKEN.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}
