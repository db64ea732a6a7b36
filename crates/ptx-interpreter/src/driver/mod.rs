//! The functions of NVIDIA's driver that CUDA programs call, by their names in `cuda.h`.
//!
//! Work is done when it is asked for, so that streams have nothing to wait for. Handles are numbers that are looked up, whatever the caller
//! makes of them.

#![allow(non_snake_case, reason = "these are the names that programs look for")]

mod card;
mod context;
mod errors;
mod memory;
mod modules;
mod state;
mod streams;
#[cfg(test)]
mod tests;
mod unsupported;

use std::ffi::c_void;

use errors::{Status, failure};

/// A handle: a number in the shape of a pointer.
type Handle = *mut c_void;

/// An address on the card.
type DevicePointer = u64;

fn to_handle(number: u64) -> Handle {
    std::ptr::without_provenance_mut(number as usize)
}

fn from_handle(handle: Handle) -> u64 {
    handle.addr() as u64
}

/// Writes a result to where the caller wants it.
///
/// # Safety
///
/// `target` must be null or point to a place for a `T`.
unsafe fn put<T>(target: *mut T, value: T) -> Result<(), Status> {
    if target.is_null() {
        return Err(failure::INVALID_VALUE);
    }
    // SAFETY: the pointer is not null, and the caller vouches for the rest.
    unsafe { target.write(value) };
    Ok(())
}

/// Writes a result where the caller may not want it.
///
/// # Safety
///
/// As of `put`.
unsafe fn put_if_wanted<T>(target: *mut T, value: T) {
    // SAFETY: by the caller's word. That the pointer is null is no failure.
    let _ = unsafe { put(target, value) };
}
