//! The numbers that functions return, and their names.

use std::ffi::{CStr, c_char};

use super::put;

/// `CUresult`.
pub(super) type Status = i32;

/// All went well.
pub(super) const SUCCESS: Status = 0;

/// What may go wrong.
pub(super) mod failure {
    use super::Status;

    pub(in super::super) const INVALID_VALUE: Status = 1;
    pub(in super::super) const OUT_OF_MEMORY: Status = 2;
    pub(in super::super) const NOT_INITIALIZED: Status = 3;
    pub(in super::super) const INVALID_DEVICE: Status = 101;
    pub(in super::super) const INVALID_CONTEXT: Status = 201;
    pub(in super::super) const NO_BINARY_FOR_GPU: Status = 209;
    pub(in super::super) const INVALID_PTX: Status = 218;
    pub(in super::super) const INVALID_HANDLE: Status = 400;
    pub(in super::super) const NOT_FOUND: Status = 500;
    pub(in super::super) const NOT_READY: Status = 600;
    pub(in super::super) const ILLEGAL_ADDRESS: Status = 700;
    pub(in super::super) const LAUNCH_TIMEOUT: Status = 702;
    pub(in super::super) const ILLEGAL_INSTRUCTION: Status = 715;
    pub(in super::super) const MISALIGNED_ADDRESS: Status = 716;
    pub(in super::super) const NOT_SUPPORTED: Status = 801;
    pub(in super::super) const UNKNOWN: Status = 999;
}

fn described(status: Status) -> Option<(&'static CStr, &'static CStr)> {
    Some(match status {
        SUCCESS => (c"CUDA_SUCCESS", c"no error"),
        failure::INVALID_VALUE => (c"CUDA_ERROR_INVALID_VALUE", c"invalid argument"),
        failure::OUT_OF_MEMORY => (c"CUDA_ERROR_OUT_OF_MEMORY", c"out of memory"),
        failure::NOT_INITIALIZED => (c"CUDA_ERROR_NOT_INITIALIZED", c"initialization error"),
        failure::INVALID_DEVICE => (c"CUDA_ERROR_INVALID_DEVICE", c"invalid device ordinal"),
        failure::INVALID_CONTEXT => (c"CUDA_ERROR_INVALID_CONTEXT", c"invalid device context"),
        failure::NO_BINARY_FOR_GPU => (c"CUDA_ERROR_NO_BINARY_FOR_GPU", c"only PTX can be loaded here"),
        failure::INVALID_PTX => (c"CUDA_ERROR_INVALID_PTX", c"PTX that cannot be interpreted"),
        failure::INVALID_HANDLE => (c"CUDA_ERROR_INVALID_HANDLE", c"invalid resource handle"),
        failure::NOT_FOUND => (c"CUDA_ERROR_NOT_FOUND", c"named symbol not found"),
        failure::NOT_READY => (c"CUDA_ERROR_NOT_READY", c"device not ready"),
        failure::ILLEGAL_ADDRESS => (c"CUDA_ERROR_ILLEGAL_ADDRESS", c"an illegal memory access"),
        failure::LAUNCH_TIMEOUT => (c"CUDA_ERROR_LAUNCH_TIMEOUT", c"threads wait for each other for ever"),
        failure::ILLEGAL_INSTRUCTION => (c"CUDA_ERROR_ILLEGAL_INSTRUCTION", c"a kernel stopped itself"),
        failure::MISALIGNED_ADDRESS => (c"CUDA_ERROR_MISALIGNED_ADDRESS", c"misaligned address"),
        failure::NOT_SUPPORTED => (c"CUDA_ERROR_NOT_SUPPORTED", c"not supported by the interpreter"),
        failure::UNKNOWN => (c"CUDA_ERROR_UNKNOWN", c"unknown error"),
        _ => return None,
    })
}

/// What a function returns.
pub(super) fn status(result: Result<(), Status>) -> Status {
    match result {
        Ok(()) => SUCCESS,
        Err(failure) => failure,
    }
}

/// The name of a number.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuGetErrorName(error: Status, text: *mut *const c_char) -> Status {
    let name = described(error).map_or(std::ptr::null(), |(name, _)| name.as_ptr());
    // SAFETY: the caller gives a place for a pointer.
    let written = unsafe { put(text, name) };
    status(written.and(if name.is_null() { Err(failure::INVALID_VALUE) } else { Ok(()) }))
}

/// What a number means.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuGetErrorString(error: Status, text: *mut *const c_char) -> Status {
    let meaning = described(error).map_or(std::ptr::null(), |(_, meaning)| meaning.as_ptr());
    // SAFETY: the caller gives a place for a pointer.
    let written = unsafe { put(text, meaning) };
    status(written.and(if meaning.is_null() { Err(failure::INVALID_VALUE) } else { Ok(()) }))
}
