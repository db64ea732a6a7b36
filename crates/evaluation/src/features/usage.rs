/// How often features were found in the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheUsage {
    /// Passes that were read from the cache.
    pub read: usize,
    /// Passes that were extracted.
    pub extracted: usize,
    /// Passes whose file was damaged; they were extracted anew.
    pub damaged: usize,
    /// Passes whose file this user's own processes have not written, or that cannot be read; they were extracted anew.
    pub foreign: usize,
}
