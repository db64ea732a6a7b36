//! Streams, whose work is always done, and events, which are times.

use std::ffi::{c_int, c_uint, c_void};
use std::time::Instant;

use super::errors::{SUCCESS, Status, failure};
use super::state::with_driver;
use super::{Handle, from_handle, put, to_handle};

/// `CUhostFn`.
type HostFunction = Option<unsafe extern "C" fn(*mut c_void)>;

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamCreate(stream: *mut Handle, _flags: c_uint) -> Status {
    // SAFETY: the caller gives a place for the result.
    with_driver(|driver| unsafe { put(stream, to_handle(driver.handle())) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamCreateWithPriority(
    stream: *mut Handle,
    flags: c_uint,
    _priority: c_int,
) -> Status {
    // SAFETY: as of the function without a priority.
    unsafe { cuStreamCreate(stream, flags) }
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamDestroy_v2(_stream: Handle) -> Status {
    with_driver(|_| Ok(()))
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn cuStreamSynchronize(_stream: Handle) -> Status {
    with_driver(|_| Ok(()))
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamQuery(_stream: Handle) -> Status {
    with_driver(|_| Ok(()))
}

#[unsafe(no_mangle)]
extern "C" fn cuStreamWaitEvent(_stream: Handle, event: Handle, _flags: c_uint) -> Status {
    with_driver(|driver| match driver.events.contains_key(&from_handle(event)) {
        true => Ok(()),
        false => Err(failure::INVALID_HANDLE),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamIsCapturing(_stream: Handle, is_capturing: *mut c_int) -> Status {
    // SAFETY: the caller gives a place for the result.
    with_driver(|_| unsafe { put(is_capturing, 0) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuLaunchHostFunc(_stream: Handle, function: HostFunction, data: *mut c_void) -> Status {
    let Some(function) = function else { return failure::INVALID_VALUE };
    // SAFETY: the caller wants this function to be called with its data, once.
    unsafe { function(data) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuEventCreate(event: *mut Handle, _flags: c_uint) -> Status {
    with_driver(|driver| {
        let handle = driver.handle();
        driver.events.insert(handle, None);
        // SAFETY: the caller gives a place for the result.
        unsafe { put(event, to_handle(handle)) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuEventDestroy_v2(event: Handle) -> Status {
    with_driver(|driver| driver.events.remove(&from_handle(event)).map(drop).ok_or(failure::INVALID_HANDLE))
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn cuEventRecord(event: Handle, _stream: Handle) -> Status {
    with_driver(|driver| {
        let time = driver.events.get_mut(&from_handle(event)).ok_or(failure::INVALID_HANDLE)?;
        *time = Some(Instant::now());
        Ok(())
    })
}

/// An event that was not recorded counts as having happened, too.
#[unsafe(no_mangle)]
extern "C" fn cuEventSynchronize(event: Handle) -> Status {
    cuEventQuery(event)
}

#[unsafe(no_mangle)]
extern "C" fn cuEventQuery(event: Handle) -> Status {
    with_driver(|driver| match driver.events.contains_key(&from_handle(event)) {
        true => Ok(()),
        false => Err(failure::INVALID_HANDLE),
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuEventElapsedTime(
    milliseconds: *mut f32,
    start: Handle,
    end: Handle,
) -> Status {
    with_driver(|driver| {
        let time = |event: Handle| driver.events.get(&from_handle(event)).ok_or(failure::INVALID_HANDLE);
        let (Some(start), Some(end)) = (*time(start)?, *time(end)?) else {
            return Err(failure::INVALID_HANDLE);
        };
        // What is measured by them is divided by, and is never nothing.
        let elapsed = (end.saturating_duration_since(start).as_secs_f32() * 1e3).max(5e-4);
        // SAFETY: the caller gives a place for the result.
        unsafe { put(milliseconds, elapsed) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuEventElapsedTime_v2(milliseconds: *mut f32, start: Handle, end: Handle) -> Status {
    // SAFETY: as of the function that this is the newer name of.
    unsafe { cuEventElapsedTime(milliseconds, start, end) }
}
