//! The frozen evaluation: features of a frozen model, and the probes on them.
