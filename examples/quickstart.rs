//! Trains on the built-in data set.
fn main() {}
