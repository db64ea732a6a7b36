//! Augmentation throughput.
fn main() {}
