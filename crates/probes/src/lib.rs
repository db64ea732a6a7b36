//! Online and frozen probes, and their metrics, on any representation.
