//! A server that is gone, as an error.

use std::any::Any;

use seqjepa_train::panic_text;

/// What Burn says of it: of values that are waited for, of a session on a thread that has ended.
const WORDS: [&str; 4] = [
    "Failed to read tensor: RecvError",
    "Remote response channel closed",
    "Failed to open a remote session",
    "Service call failed",
];

/// Whether a panic is that of a connection to a server of devices that was lost.
pub(crate) fn is_lost_connection(panic: &(dyn Any + Send)) -> bool {
    let text = panic_text(panic);
    WORDS.iter().any(|words| text.contains(words))
}
