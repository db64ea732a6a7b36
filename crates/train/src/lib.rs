//! Configuration, devices, the training loop, checkpoints and evaluation of seq-JEPA.
