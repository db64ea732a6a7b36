//! Contexts: there is one, of the only card.

use std::cell::Cell;
use std::ffi::{c_int, c_uint};

use super::errors::{SUCCESS, Status, failure, status};
use super::state::with_driver;
use super::{Handle, from_handle, put, put_if_wanted, to_handle};

const CONTEXT: u64 = 0x10;

thread_local! {
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut Handle, device: c_int) -> Status {
    if device != 0 {
        return failure::INVALID_DEVICE;
    }
    // SAFETY: the caller gives a place for the result.
    status(unsafe { put(context, to_handle(CONTEXT)) })
}

#[unsafe(no_mangle)]
extern "C" fn cuDevicePrimaryCtxRelease_v2(_device: c_int) -> Status {
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn cuCtxSetCurrent(context: Handle) -> Status {
    match from_handle(context) {
        known @ (0 | CONTEXT) => {
            CURRENT.set(known);
            SUCCESS
        }
        _ => failure::INVALID_CONTEXT,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxGetCurrent(context: *mut Handle) -> Status {
    // SAFETY: the caller gives a place for the result.
    status(unsafe { put(context, to_handle(CURRENT.get())) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxGetDevice(device: *mut c_int) -> Status {
    // SAFETY: the caller gives a place for the result.
    status(unsafe { put(device, 0) })
}

#[unsafe(no_mangle)]
extern "C" fn cuCtxSynchronize() -> Status {
    with_driver(|_| Ok(()))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxGetStreamPriorityRange(least: *mut c_int, greatest: *mut c_int) -> Status {
    // SAFETY: the caller gives places for the results, or null.
    unsafe {
        put_if_wanted(least, 0);
        put_if_wanted(greatest, -5);
    }
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn cuCtxSetFlags(_flags: c_uint) -> Status {
    SUCCESS
}
