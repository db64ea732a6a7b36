//! Whether a layer trains or evaluates.

/// What a layer whose behaviour differs between training and evaluation shall do.
///
/// PyTorch keeps this as a flag inside each module, Burn derives it from the device. Here it is an
/// argument: a frozen encoder cannot move its statistics by accident, and an EMA target can run in
/// training mode without gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch norm normalises with the batch's statistics and updates its running statistics.
    Train,
    /// Batch norm normalises with its running statistics and leaves them alone.
    Eval,
}
