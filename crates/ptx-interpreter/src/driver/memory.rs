//! Allocations and copies.

use std::ffi::{c_int, c_uint, c_void};

use super::errors::{SUCCESS, Status, failure};
use super::state::with_driver;
use super::{DevicePointer, Handle, put, put_if_wanted, to_handle};
use crate::device::OutsideMemory;

/// A copy from or to what is not allocated.
fn outside(_: OutsideMemory) -> Status {
    failure::INVALID_VALUE
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuMemAlloc_v2(pointer: *mut DevicePointer, size: usize) -> Status {
    with_driver(|driver| {
        if size == 0 {
            return Err(failure::INVALID_VALUE);
        }
        let address = driver.device.allocate(size).ok_or(failure::OUT_OF_MEMORY)?;
        // SAFETY: the caller gives a place for the result.
        unsafe { put(pointer, address) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemAllocAsync(pointer: *mut DevicePointer, size: usize, _stream: Handle) -> Status {
    // SAFETY: as of the function without a stream.
    unsafe { cuMemAlloc_v2(pointer, size) }
}

#[unsafe(no_mangle)]
pub(super) extern "C" fn cuMemFree_v2(pointer: DevicePointer) -> Status {
    with_driver(|driver| match pointer == 0 || driver.device.free(pointer) {
        true => Ok(()),
        false => Err(failure::INVALID_VALUE),
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFreeAsync(pointer: DevicePointer, _stream: Handle) -> Status {
    cuMemFree_v2(pointer)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemAllocHost_v2(pointer: *mut *mut c_void, size: usize) -> Status {
    with_driver(|driver| {
        let address = driver.device.allocate_on_host(size).ok_or(failure::OUT_OF_MEMORY)?;
        // SAFETY: the caller gives a place for the result.
        unsafe { put(pointer, std::ptr::with_exposed_provenance_mut(address as usize)) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemHostAlloc(pointer: *mut *mut c_void, size: usize, _flags: c_uint) -> Status {
    // SAFETY: as of the function without flags.
    unsafe { cuMemAllocHost_v2(pointer, size) }
}

#[unsafe(no_mangle)]
extern "C" fn cuMemFreeHost(pointer: *mut c_void) -> Status {
    cuMemFree_v2(pointer.expose_provenance() as u64)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemGetAddressRange_v2(
    base: *mut DevicePointer,
    size: *mut usize,
    pointer: DevicePointer,
) -> Status {
    with_driver(|driver| {
        let (start, bytes) = driver.device.allocation_of(pointer).ok_or(failure::NOT_FOUND)?;
        // SAFETY: the caller gives places for the results, or null.
        unsafe {
            put_if_wanted(base, start);
            put_if_wanted(size, bytes);
        }
        Ok(())
    })
}

/// Memory of the host that a caller names by address and size.
///
/// # Safety
///
/// There must be as many bytes to read at `pointer`, unless it is null.
unsafe fn host_bytes<'a>(pointer: *const c_void, size: usize) -> Result<&'a [u8], Status> {
    match (pointer.is_null(), size) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(failure::INVALID_VALUE),
        // SAFETY: by the caller's word.
        _ => Ok(unsafe { std::slice::from_raw_parts(pointer.cast(), size) }),
    }
}

/// The same to write.
///
/// # Safety
///
/// There must be as many bytes to write at `pointer`, unless it is null.
unsafe fn host_bytes_mut<'a>(pointer: *mut c_void, size: usize) -> Result<&'a mut [u8], Status> {
    match (pointer.is_null(), size) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(failure::INVALID_VALUE),
        // SAFETY: by the caller's word.
        _ => Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), size) }),
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuMemcpyHtoD_v2(
    to: DevicePointer,
    from: *const c_void,
    size: usize,
) -> Status {
    with_driver(|driver| {
        // SAFETY: the caller names memory to read.
        let bytes = unsafe { host_bytes(from, size) }?;
        driver.device.write(to, bytes).map_err(outside)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemcpyHtoDAsync_v2(
    to: DevicePointer,
    from: *const c_void,
    size: usize,
    _stream: Handle,
) -> Status {
    // SAFETY: as of the function without a stream.
    unsafe { cuMemcpyHtoD_v2(to, from, size) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuMemcpyDtoH_v2(to: *mut c_void, from: DevicePointer, size: usize) -> Status {
    with_driver(|driver| {
        // SAFETY: the caller names memory to write.
        let bytes = unsafe { host_bytes_mut(to, size) }?;
        driver.device.read(from, bytes).map_err(outside)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemcpyDtoHAsync_v2(
    to: *mut c_void,
    from: DevicePointer,
    size: usize,
    _stream: Handle,
) -> Status {
    // SAFETY: as of the function without a stream.
    unsafe { cuMemcpyDtoH_v2(to, from, size) }
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoD_v2(to: DevicePointer, from: DevicePointer, size: usize) -> Status {
    with_driver(|driver| driver.device.copy(to, from, size).map_err(outside))
}

#[unsafe(no_mangle)]
extern "C" fn cuMemcpyDtoDAsync_v2(
    to: DevicePointer,
    from: DevicePointer,
    size: usize,
    _stream: Handle,
) -> Status {
    cuMemcpyDtoD_v2(to, from, size)
}

/// `CUDA_MEMCPY2D`.
#[repr(C)]
struct Copy2D {
    source_x: usize,
    source_y: usize,
    source_kind: c_uint,
    source_host: *const c_void,
    source_device: DevicePointer,
    source_array: Handle,
    source_pitch: usize,
    target_x: usize,
    target_y: usize,
    target_kind: c_uint,
    target_host: *mut c_void,
    target_device: DevicePointer,
    target_array: Handle,
    target_pitch: usize,
    width: usize,
    height: usize,
}

const HOST: c_uint = 1;
const DEVICE: c_uint = 2;

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemcpy2DAsync_v2(copy: *const Copy2D, _stream: Handle) -> Status {
    // SAFETY: the caller gives a description of a copy, or null.
    let Some(copy) = (unsafe { copy.as_ref() }) else { return failure::INVALID_VALUE };
    for row in 0..copy.height {
        let from = (copy.source_y + row) * copy.source_pitch + copy.source_x;
        let to = (copy.target_y + row) * copy.target_pitch + copy.target_x;
        // SAFETY: the caller says that its memory has rows of this width and pitch.
        let status = unsafe {
            match (copy.source_kind, copy.target_kind) {
                (HOST, DEVICE) => cuMemcpyHtoD_v2(
                    copy.target_device + to as u64,
                    copy.source_host.byte_add(from),
                    copy.width,
                ),
                (DEVICE, HOST) => cuMemcpyDtoH_v2(
                    copy.target_host.byte_add(to),
                    copy.source_device + from as u64,
                    copy.width,
                ),
                (DEVICE, DEVICE) => cuMemcpyDtoD_v2(
                    copy.target_device + to as u64,
                    copy.source_device + from as u64,
                    copy.width,
                ),
                _ => failure::NOT_SUPPORTED,
            }
        };
        if status != SUCCESS {
            return status;
        }
    }
    SUCCESS
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemcpy2D_v2(copy: *const Copy2D) -> Status {
    // SAFETY: as of the function with a stream.
    unsafe { cuMemcpy2DAsync_v2(copy, to_handle(0)) }
}

fn fill(to: DevicePointer, pattern: &[u8], count: usize) -> Status {
    with_driver(|driver| driver.device.fill(to, pattern, count).map_err(outside))
}

#[unsafe(no_mangle)]
extern "C" fn cuMemsetD8_v2(to: DevicePointer, value: u8, count: usize) -> Status {
    fill(to, &[value], count)
}

#[unsafe(no_mangle)]
extern "C" fn cuMemsetD8Async(to: DevicePointer, value: u8, count: usize, _stream: Handle) -> Status {
    fill(to, &[value], count)
}

#[unsafe(no_mangle)]
extern "C" fn cuMemsetD16Async(to: DevicePointer, value: u16, count: usize, _stream: Handle) -> Status {
    fill(to, &value.to_le_bytes(), count)
}

#[unsafe(no_mangle)]
extern "C" fn cuMemsetD32Async(to: DevicePointer, value: u32, count: usize, _stream: Handle) -> Status {
    fill(to, &value.to_le_bytes(), count)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetDefaultMemPool(pool: *mut Handle, _device: c_int) -> Status {
    // SAFETY: the caller gives a place for the result.
    with_driver(|driver| unsafe { put(pool, to_handle(driver.handle())) })
}

/// What is given back is free at once, whatever a pool is told to keep.
#[unsafe(no_mangle)]
extern "C" fn cuMemPoolSetAttribute(_pool: Handle, _attribute: c_int, _value: *mut c_void) -> Status {
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn cuMemPoolTrimTo(_pool: Handle, _keep: usize) -> Status {
    SUCCESS
}
