//! Modules, their kernels, and launches.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::Arc;
use std::time::Instant;

use super::errors::{SUCCESS, Status, failure};
use super::state::{Driver, Function, tell, with_driver};
use super::{DevicePointer, Handle, from_handle, put, put_if_wanted, to_handle};
use crate::device::{LaunchShape, MAX_SHARED};
use crate::fault::{FaultKind, LaunchError};
use crate::module::Module;

/// Shared memory that a block may have without asking.
const USUAL_SHARED: usize = 48 << 10;

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuModuleLoadData(module: *mut Handle, image: *const c_void) -> Status {
    with_driver(|driver| {
        if image.is_null() {
            return Err(failure::INVALID_VALUE);
        }
        // SAFETY: the caller gives text with a zero at its end, or else a file whose first bytes tell that it is none.
        let text = unsafe { CStr::from_ptr(image.cast::<c_char>()) };
        let Some(text) = text.to_str().ok().filter(|text| text.contains(".version")) else {
            tell("a module that is no PTX cannot be loaded");
            return Err(failure::NO_BINARY_FOR_GPU);
        };
        let handle = load(driver, text)?;
        // SAFETY: the caller gives a place for the result.
        unsafe { put(module, to_handle(handle)) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleLoadDataEx(
    module: *mut Handle,
    image: *const c_void,
    _count: c_uint,
    _options: *mut c_int,
    _values: *mut *mut c_void,
) -> Status {
    // SAFETY: as of the function without options.
    unsafe { cuModuleLoadData(module, image) }
}

fn load(driver: &mut Driver, text: &str) -> Result<u64, Status> {
    let parsed = Module::parse(text);
    if let Some(folder) = &driver.settings.dump {
        let kernel = parsed.as_ref().ok().and_then(|module| module.kernel_names().next()).unwrap_or("unread");
        let name: String = kernel.chars().take(100).collect();
        let path = folder.join(format!("{:05}_{name}.ptx", driver.dumped));
        driver.dumped += 1;
        if let Err(error) = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text)) {
            tell(&format!("{}: {error}", path.display()));
        }
    }
    let module = parsed.map_err(|error| {
        tell(&format!("a module cannot be loaded: {error}"));
        failure::INVALID_PTX
    })?;
    let handle = driver.handle();
    driver.modules.insert(handle, Arc::new(module));
    Ok(handle)
}

#[unsafe(no_mangle)]
extern "C" fn cuModuleUnload(module: Handle) -> Status {
    with_driver(|driver| {
        let handle = from_handle(module);
        driver.functions.retain(|_, function| function.module_handle != handle);
        driver.modules.remove(&handle).map(drop).ok_or(failure::INVALID_HANDLE)
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn cuModuleGetFunction(
    function: *mut Handle,
    module: Handle,
    name: *const c_char,
) -> Status {
    with_driver(|driver| {
        let module_handle = from_handle(module);
        let module = driver.modules.get(&module_handle).ok_or(failure::INVALID_HANDLE)?;
        // SAFETY: the caller gives a name with a zero at its end.
        let name = unsafe { name_of(name) }?;
        if module.parameters(&name).is_none() {
            return Err(failure::NOT_FOUND);
        }
        let found =
            Function { module: Arc::clone(module), module_handle, name, max_dynamic_shared: USUAL_SHARED };
        let handle = driver.handle();
        driver.functions.insert(handle, found);
        // SAFETY: the caller gives a place for the result.
        unsafe { put(function, to_handle(handle)) }
    })
}

/// # Safety
///
/// `name` must be null or end with a zero.
unsafe fn name_of(name: *const c_char) -> Result<String, Status> {
    if name.is_null() {
        return Err(failure::INVALID_VALUE);
    }
    // SAFETY: by the caller's word.
    let name = unsafe { CStr::from_ptr(name) };
    name.to_str().map(str::to_owned).map_err(|_| failure::INVALID_VALUE)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuModuleGetGlobal_v2(
    pointer: *mut DevicePointer,
    size: *mut usize,
    module: Handle,
    name: *const c_char,
) -> Status {
    with_driver(|driver| {
        let module = driver.modules.get(&from_handle(module)).ok_or(failure::INVALID_HANDLE)?;
        // SAFETY: the caller gives a name with a zero at its end.
        let name = unsafe { name_of(name) }?;
        let variable =
            module.variables.iter().find(|variable| variable.name == name).ok_or(failure::NOT_FOUND)?;
        // SAFETY: the caller gives places for the results, or null.
        unsafe {
            put_if_wanted(pointer, variable.memory.address());
            put_if_wanted(size, variable.size);
        }
        Ok(())
    })
}

const SHARED_SIZE: c_int = 1;
const LOCAL_SIZE: c_int = 3;
const MAX_DYNAMIC_SHARED: c_int = 8;

#[unsafe(no_mangle)]
extern "C" fn cuFuncSetAttribute(function: Handle, attribute: c_int, value: c_int) -> Status {
    with_driver(|driver| {
        let function = driver.functions.get_mut(&from_handle(function)).ok_or(failure::INVALID_HANDLE)?;
        if attribute == MAX_DYNAMIC_SHARED {
            let value = usize::try_from(value).map_err(|_| failure::INVALID_VALUE)?;
            let kernel = function.module.kernel(&function.name).ok_or(failure::NOT_FOUND)?;
            if kernel.shared_bytes + value > MAX_SHARED {
                return Err(failure::INVALID_VALUE);
            }
            function.max_dynamic_shared = value;
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuFuncGetAttribute(value: *mut c_int, attribute: c_int, function: Handle) -> Status {
    with_driver(|driver| {
        let function = driver.functions.get(&from_handle(function)).ok_or(failure::INVALID_HANDLE)?;
        let kernel = function.module.kernel(&function.name).ok_or(failure::NOT_FOUND)?;
        let found = match attribute {
            0 => 1024,
            SHARED_SIZE => kernel.shared_bytes as c_int,
            LOCAL_SIZE => kernel.local_bytes as c_int,
            MAX_DYNAMIC_SHARED => function.max_dynamic_shared as c_int,
            // Registers of a thread, and the version of the architecture.
            4 => 64,
            5 | 6 => 86,
            _ => 0,
        };
        // SAFETY: the caller gives a place for the result.
        unsafe { put(value, found) }
    })
}

#[unsafe(no_mangle)]
extern "C" fn cuFuncSetCacheConfig(_function: Handle, _config: c_int) -> Status {
    SUCCESS
}

/// Where a launch finds its parameters.
#[derive(Clone, Copy)]
struct Parameters {
    /// A pointer to each.
    each: *mut *mut c_void,
    /// Or a list of what follows, of all of them in one buffer.
    packed: *mut *mut c_void,
}

const PACKED_POINTER: usize = 1;

impl Parameters {
    /// The bytes of all parameters.
    ///
    /// # Safety
    ///
    /// The pointers must be what the driver's documentation wants of a launch of this kernel.
    unsafe fn bytes(self, function: &Function) -> Result<Vec<u8>, Status> {
        let kernel = function.module.kernel(&function.name).ok_or(failure::NOT_FOUND)?;
        let mut bytes = vec![0; kernel.parameter_bytes];
        if !self.packed.is_null() {
            // SAFETY: the list begins with a key and a pointer to the buffer, by the caller's word.
            let (key, buffer) = unsafe { (self.packed.read().addr(), self.packed.add(1).read()) };
            if key != PACKED_POINTER || buffer.is_null() {
                return Err(failure::INVALID_VALUE);
            }
            // SAFETY: the buffer holds all parameters, by the caller's word.
            return Ok(unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), bytes.len()) }.to_vec());
        }
        for (index, parameter) in kernel.parameters.iter().enumerate() {
            if self.each.is_null() {
                return Err(failure::INVALID_VALUE);
            }
            // SAFETY: there is a pointer for each parameter, by the caller's word.
            let pointer = unsafe { self.each.add(index).read() };
            if pointer.is_null() {
                return Err(failure::INVALID_VALUE);
            }
            // SAFETY: and it points to as many bytes as the parameter has.
            let value = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), parameter.size) };
            bytes[parameter.offset..parameter.offset + parameter.size].copy_from_slice(value);
        }
        Ok(bytes)
    }
}

/// # Safety
///
/// As of `Parameters::bytes`.
unsafe fn launch(function: Handle, shape: LaunchShape, parameters: Parameters) -> Status {
    with_driver(|driver| {
        let function = driver.functions.get(&from_handle(function)).ok_or(failure::INVALID_HANDLE)?.clone();
        if shape.dynamic_shared as usize > function.max_dynamic_shared {
            tell(&format!("{}: {} bytes of dynamic shared memory", function.name, shape.dynamic_shared));
            return Err(failure::INVALID_VALUE);
        }
        // SAFETY: by the caller's word.
        let parameters = unsafe { parameters.bytes(&function) }?;
        let start = Instant::now();
        match driver.device.launch(&function.module, &function.name, &shape, &parameters) {
            Ok(report) => {
                if let Some(profile) = &mut driver.profile
                    && let Err(error) = profile.launch(&function.name, &shape, &report, start.elapsed())
                {
                    tell(&format!("the profile cannot be written: {error}"));
                    driver.profile = None;
                }
                Ok(())
            }
            Err(error) => {
                tell(&error.to_string());
                let fault = match error {
                    LaunchError::Invalid(_) => return Err(failure::INVALID_VALUE),
                    LaunchError::OutOfMemory(_) => return Err(failure::OUT_OF_MEMORY),
                    LaunchError::Fault(fault) => fault,
                };
                let status = match fault.kind {
                    FaultKind::IllegalAddress => failure::ILLEGAL_ADDRESS,
                    FaultKind::MisalignedAddress => failure::MISALIGNED_ADDRESS,
                    FaultKind::Deadlock => failure::LAUNCH_TIMEOUT,
                    FaultKind::Trap => failure::ILLEGAL_INSTRUCTION,
                };
                driver.broken = Some(status);
                Err(status)
            }
        }
    })
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "the driver's own")]
pub(super) unsafe extern "C" fn cuLaunchKernel(
    function: Handle,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    dynamic_shared: c_uint,
    _stream: Handle,
    each: *mut *mut c_void,
    packed: *mut *mut c_void,
) -> Status {
    let grid = [grid_x, grid_y, grid_z];
    let block = [block_x, block_y, block_z];
    // SAFETY: the parameters are those that the driver's documentation asks for.
    unsafe { launch(function, LaunchShape { grid, block, dynamic_shared }, Parameters { each, packed }) }
}

/// `CUlaunchConfig`.
#[repr(C)]
struct LaunchConfiguration {
    grid: [c_uint; 3],
    block: [c_uint; 3],
    dynamic_shared: c_uint,
    stream: Handle,
    attributes: *mut c_void,
    attribute_count: c_uint,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuLaunchKernelEx(
    configuration: *const LaunchConfiguration,
    function: Handle,
    each: *mut *mut c_void,
    packed: *mut *mut c_void,
) -> Status {
    // SAFETY: the caller gives a configuration, or null.
    let Some(configuration) = (unsafe { configuration.as_ref() }) else { return failure::INVALID_VALUE };
    let LaunchConfiguration { grid, block, dynamic_shared, .. } = *configuration;
    // SAFETY: the parameters are those that the driver's documentation asks for.
    unsafe { launch(function, LaunchShape { grid, block, dynamic_shared }, Parameters { each, packed }) }
}

/// By threads and shared memory, which is what limits blocks here.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
    blocks: *mut c_int,
    function: Handle,
    threads: c_int,
    dynamic_shared: usize,
) -> Status {
    with_driver(|driver| {
        let function = driver.functions.get(&from_handle(function)).ok_or(failure::INVALID_HANDLE)?;
        let kernel = function.module.kernel(&function.name).ok_or(failure::NOT_FOUND)?;
        let shared = kernel.shared_bytes + dynamic_shared + (1 << 10);
        let by_threads = 1536 / threads.max(1);
        let by_shared = c_int::try_from((100 << 10) / shared).unwrap_or(16);
        // SAFETY: the caller gives a place for the result.
        unsafe { put(blocks, by_threads.min(by_shared).min(16)) }
    })
}
