//! PyTorch's layer, initialisation and optimizer semantics on the Burn framework.
