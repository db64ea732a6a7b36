//! How the process's allocator deals with freed memory.

/// Has the C library's allocator keep what is freed for what is allocated next, instead of giving it back to the system.
///
/// A training step allocates and frees hundreds of megabytes. glibc returns them after every step, and the system clears each page
/// anew for the next: that took a third of a step's time. Call this at the start of a program that trains; it holds for the whole
/// process, whose memory then stays at its peak. It does nothing where the C library is not glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [
        // All blocks, however large, from the one heap that grows and is never trimmed.
        (libc::M_MMAP_MAX, 0),
        (libc::M_ARENA_MAX, 1),
        (libc::M_TRIM_THRESHOLD, -1),
        (libc::M_TOP_PAD, 64 << 20),
    ] {
        // SAFETY: changes a setting of the allocator, which serves every request as before. A refused one changes nothing.
        unsafe { libc::mallopt(parameter, value) };
    }
}
