//! seq-JEPA in Rust: a self-supervised world model of images and their augmentations.
