//! A program's way through the driver, up to an error that it does not recover from.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{null_mut, with_exposed_provenance_mut};

use super::card::{cuDeviceGetAttribute, cuDeviceGetName, cuDriverGetVersion, cuInit, cuMemGetInfo_v2};
use super::errors::{SUCCESS, cuGetErrorName, failure};
use super::memory::{cuMemAlloc_v2, cuMemFree_v2, cuMemcpyDtoH_v2, cuMemcpyHtoD_v2};
use super::modules::{cuLaunchKernel, cuModuleGetFunction, cuModuleLoadData};
use super::streams::{cuEventCreate, cuEventElapsedTime, cuEventRecord, cuStreamSynchronize};
use super::unsupported::cuLaunchCooperativeKernel;
use super::{Handle, Status};

const PTX: &CStr = c".version 8.4
.target sm_86
.address_size 64
.visible .entry add(.param .u64 numbers, .param .u32 addend)
{
    .reg .b32 %r<5>;
    .reg .b64 %d<5>;
    ld.param.u64 %d1, [numbers];
    ld.param.u32 %r1, [addend];
    mov.u32 %r2, %tid.x;
    mul.wide.u32 %d2, %r2, 4;
    add.s64 %d3, %d1, %d2;
    ld.global.b32 %r3, [%d3];
    add.s32 %r4, %r3, %r1;
    st.global.b32 [%d3], %r4;
    ret;
}
";

fn name(status: Status) -> String {
    let mut text = std::ptr::null();
    // SAFETY: the place for the result is there, and what is written is text that lives for ever.
    unsafe {
        assert_eq!(cuGetErrorName(status, &mut text), SUCCESS);
        CStr::from_ptr(text).to_str().unwrap().to_owned()
    }
}

fn free_memory() -> usize {
    let (mut free, mut total) = (0, 0);
    // SAFETY: the places for the results are there.
    assert_eq!(unsafe { cuMemGetInfo_v2(&mut free, &mut total) }, SUCCESS);
    assert_eq!(total, 12 << 30);
    free
}

fn launch(function: Handle, threads: u32, mut address: u64, mut addend: u32) -> Status {
    let mut parameters: [*mut c_void; 2] = [(&raw mut address).cast(), (&raw mut addend).cast()];
    // SAFETY: there is a pointer for each parameter, to as many bytes as it has.
    unsafe {
        cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, 0, null_mut(), parameters.as_mut_ptr(), null_mut())
    }
}

#[test]
fn a_program_from_its_start_to_an_illegal_access() {
    let mut text = [0; 64];
    let (mut version, mut capability, mut cooperative) = (0, 0, 1);
    // SAFETY: the places for the results are there, and the buffer is as long as is said.
    unsafe {
        assert_eq!(cuInit(0), SUCCESS);
        assert_eq!(cuDriverGetVersion(&mut version), SUCCESS);
        assert_eq!(cuDeviceGetAttribute(&mut capability, 75, 0), SUCCESS);
        assert_eq!(cuDeviceGetAttribute(&mut cooperative, 95, 0), SUCCESS);
        assert_eq!(cuDeviceGetName(text.as_mut_ptr(), text.len() as c_int, 0), SUCCESS);
        assert_eq!(CStr::from_ptr(text.as_ptr()), c"NVIDIA GeForce RTX 3060");
        assert_eq!(cuDeviceGetName(text.as_mut_ptr(), text.len() as c_int, 1), failure::INVALID_DEVICE);
    }
    assert_eq!((version, capability, cooperative), (12_040, 8, 0));
    assert_eq!(cuLaunchCooperativeKernel(), failure::NOT_SUPPORTED);

    let (mut module, mut function) = (null_mut(), null_mut());
    // SAFETY: texts end with a zero, and the places for the results are there.
    unsafe {
        assert_eq!(
            cuModuleLoadData(&mut module, c".version 8.4\n.what".as_ptr().cast()),
            failure::INVALID_PTX
        );
        assert_eq!(cuModuleLoadData(&mut module, c"\x7fELF".as_ptr().cast()), failure::NO_BINARY_FOR_GPU);
        assert_eq!(cuModuleLoadData(&mut module, PTX.as_ptr().cast()), SUCCESS);
        assert_eq!(cuModuleGetFunction(&mut function, module, c"other".as_ptr()), failure::NOT_FOUND);
        assert_eq!(cuModuleGetFunction(&mut function, module, c"add".as_ptr()), SUCCESS);
    }

    let before = free_memory();
    let (mut address, mut start, mut end) = (0, null_mut(), null_mut());
    let numbers = [1u32, 2, 3, 4];
    let mut results = [0u32; 4];
    let mut elapsed = 0.0;
    // SAFETY: the places for the results are there, and the copies are of as many bytes as the arrays have.
    unsafe {
        assert_eq!(cuMemAlloc_v2(&mut address, 13 << 30), failure::OUT_OF_MEMORY);
        assert_eq!(cuMemAlloc_v2(&mut address, 16), SUCCESS);
        assert_eq!(before - free_memory(), 512);
        assert_eq!(cuMemcpyHtoD_v2(address, numbers.as_ptr().cast(), 16), SUCCESS);
        assert_eq!(cuMemcpyHtoD_v2(address + 4, numbers.as_ptr().cast(), 16), failure::INVALID_VALUE);
        assert_eq!(cuEventCreate(&mut start, 0), SUCCESS);
        assert_eq!(cuEventCreate(&mut end, 0), SUCCESS);
        assert_eq!(cuEventRecord(start, null_mut()), SUCCESS);
        assert_eq!(launch(function, 4, address, 10), SUCCESS);
        assert_eq!(cuEventRecord(end, null_mut()), SUCCESS);
        assert_eq!(cuEventElapsedTime(&mut elapsed, start, end), SUCCESS);
        assert_eq!(cuMemcpyDtoH_v2(results.as_mut_ptr().cast(), address, 16), SUCCESS);
    }
    assert_eq!(results, [11, 12, 13, 14]);
    assert!(elapsed > 0.0);
    assert_eq!(launch(with_exposed_provenance_mut(8), 4, address, 10), failure::INVALID_HANDLE);
    assert_eq!(launch(function, 2000, address, 10), failure::INVALID_VALUE);

    // A fifth number is not there. From then on, nothing goes.
    assert_eq!(name(launch(function, 5, address, 10)), "CUDA_ERROR_ILLEGAL_ADDRESS");
    assert_eq!(cuStreamSynchronize(null_mut()), failure::ILLEGAL_ADDRESS);
    assert_eq!(cuMemFree_v2(address), failure::ILLEGAL_ADDRESS);
    assert_eq!(launch(function, 4, address, 10), failure::ILLEGAL_ADDRESS);
}
