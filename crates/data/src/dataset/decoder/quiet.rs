//! Decoders that may panic on damaged files.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::{Decoded, Fault};

thread_local! {
    /// Whether this thread is inside [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder. Fuzzing found files on which decoders of this ecosystem panic: that is an error of the file like any other, and
/// its text does not reach standard error.
pub(super) fn guarded(decode: impl FnOnce() -> Result<Decoded, Fault>) -> Result<Decoded, Fault> {
    silence();
    let before = GUARDED.replace(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(before);
    decoded.unwrap_or_else(|_| {
        Err(Fault::damaged(0, "data that the decoder does not expect: it gave up within the file"))
    })
}

/// Puts a hook before the one that is there, which passes on every panic but those of guarded decoders.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.try_with(Cell::get).unwrap_or(false) {
                next(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_fault() {
        let fault = guarded(|| panic!("as decoders do")).unwrap_err();
        assert!(matches!(fault, Fault::Damaged(_)));
        assert!(!GUARDED.get());
    }
}
