//! Files of features, and the folder of those that were extracted before.

mod cache;
mod file;
mod usage;
mod user_key;

pub(crate) use cache::FeatureCache;
pub use cache::clear_features;
pub(crate) use file::{FeatureFile, FeatureWriter, Section};
pub use usage::CacheUsage;
pub(crate) use user_key::UserKey;
