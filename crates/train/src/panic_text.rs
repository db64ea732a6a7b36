//! What backends report failures by.

use std::any::Any;

/// The text that a panic was given; empty if it was given something else.
///
/// ```
/// let panic = std::panic::catch_unwind(|| panic!("{} devices", 2)).unwrap_err();
/// assert_eq!(seqjepa_train::panic_text(&*panic), "2 devices");
/// ```
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}
