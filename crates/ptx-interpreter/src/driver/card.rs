//! What the card says of itself: a GeForce RTX 3060.

use std::ffi::{c_char, c_int, c_uint};

use super::errors::{Status, failure, status};
use super::put;
use super::state::{with_any_driver, with_driver};
use crate::device::{MAX_BLOCK, MAX_GRID, MAX_SHARED, MAX_THREADS};

const NAME: &str = "NVIDIA GeForce RTX 3060";
const BUS: &str = "0000:01:00.0";

/// The only card.
fn check(device: c_int) -> Result<(), Status> {
    if device == 0 { Ok(()) } else { Err(failure::INVALID_DEVICE) }
}

/// Copies text with its final zero to a buffer, cut to its length.
///
/// # Safety
///
/// `target` must be null or have room for `length` characters.
unsafe fn put_text(target: *mut c_char, length: c_int, text: &str) -> Result<(), Status> {
    let room = usize::try_from(length).unwrap_or(0);
    if target.is_null() || room == 0 {
        return Err(failure::INVALID_VALUE);
    }
    for (index, byte) in text.bytes().take(room - 1).chain([0]).enumerate() {
        // SAFETY: at most `room` characters are written.
        unsafe { target.add(index).write(byte as c_char) };
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn cuInit(_flags: c_uint) -> Status {
    with_any_driver(|_| Ok(()))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> Status {
    // SAFETY: the caller gives a place for the result.
    with_any_driver(|driver| unsafe { put(version, driver.settings.driver) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> Status {
    // SAFETY: the caller gives a place for the result.
    with_any_driver(|_| unsafe { put(count, 1) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> Status {
    // SAFETY: the caller gives a place for the result.
    status(check(ordinal).and_then(|()| unsafe { put(device, 0) }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, length: c_int, device: c_int) -> Status {
    // SAFETY: the caller says how long its buffer is.
    status(check(device).and_then(|()| unsafe { put_text(name, length, NAME) }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetPCIBusId(name: *mut c_char, length: c_int, device: c_int) -> Status {
    // SAFETY: the caller says how long its buffer is.
    status(check(device).and_then(|()| unsafe { put_text(name, length, BUS) }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetUuid(uuid: *mut [u8; 16], device: c_int) -> Status {
    // SAFETY: the caller gives a place for the result.
    status(check(device).and_then(|()| unsafe { put(uuid, *b"PTX interpreter\0") }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetUuid_v2(uuid: *mut [u8; 16], device: c_int) -> Status {
    // SAFETY: as of the function that this is the newer name of.
    unsafe { cuDeviceGetUuid(uuid, device) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetLuid(luid: *mut [u8; 8], mask: *mut c_uint, device: c_int) -> Status {
    // SAFETY: the caller gives places for the results.
    status(check(device).and_then(|()| unsafe { put(luid, [0; 8]).and_then(|()| put(mask, 1)) }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, device: c_int) -> Status {
    with_any_driver(|driver| {
        check(device)?;
        // SAFETY: the caller gives a place for the result.
        unsafe { put(bytes, driver.device.total_memory() as usize) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> Status {
    with_driver(|driver| {
        // SAFETY: the caller gives places for the results.
        unsafe {
            put(free, driver.device.free_memory() as usize)?;
            put(total, driver.device.total_memory() as usize)
        }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuDeviceGetAttribute(
    value: *mut c_int,
    attribute: c_int,
    device: c_int,
) -> Status {
    // SAFETY: the caller gives a place for the result.
    status(check(device).and_then(|()| unsafe { put(value, attribute_value(attribute)) }))
}

/// By the numbers of `CUdevice_attribute`; zero is what a card says of what it lacks.
fn attribute_value(attribute: c_int) -> c_int {
    match attribute {
        // Threads of a block, blocks of a grid.
        1 => MAX_THREADS as c_int,
        2 => MAX_BLOCK[0] as c_int,
        3 => MAX_BLOCK[1] as c_int,
        4 => MAX_BLOCK[2] as c_int,
        5 => MAX_GRID[0] as c_int,
        6 => MAX_GRID[1] as c_int,
        7 => MAX_GRID[2] as c_int,
        // Shared memory of a block, constant memory, threads of a warp, pitch, registers.
        8 => 48 << 10,
        9 => 64 << 10,
        10 => 32,
        11 => c_int::MAX,
        12 | 82 => 65_536,
        // The clock in kHz, alignment of textures.
        13 => 1_777_000,
        14 => 512,
        // Copies beside kernels, multiprocessors, mapping of memory of the host, concurrent kernels.
        15 | 19 | 31 => 1,
        16 => 28,
        // The bus.
        33 => 1,
        // The memory's clock in kHz and its width in bits, the cache's size.
        36 => 7_501_000,
        37 => 192,
        38 => 2_304 << 10,
        // Threads of a multiprocessor, engines that copy, one address space.
        39 => 1_536,
        40 => 2,
        41 => 1,
        // The compute capability.
        75 => 8,
        76 => 6,
        // Priorities of streams, caches of global and local memory.
        78..=80 => 1,
        // Shared memory of a multiprocessor, of a block that asks for it, and that is reserved.
        81 => 100 << 10,
        97 => MAX_SHARED as c_int,
        111 => 1 << 10,
        // Managed memory, pools of memory. Cooperative launches (95) are not among them: see `cuLaunchCooperativeKernel`.
        83 | 115 => 1,
        // Blocks of a multiprocessor.
        106 => 16,
        _ => 0,
    }
}
