//! A stand-in for NVIDIA's driver library, `libcuda.so.1`, that interprets PTX on the processor, so that the CUDA path of Burn and
//! CubeCL can be tested on a machine without a GPU. `scripts/cuda_on_processor.sh` runs a program with it.
//!
//! It says that it is an NVIDIA GeForce RTX 3060: compute capability 8.6, 28 multiprocessors, warps of 32, 12 GiB. Kernels run to their
//! end when they are launched, their blocks spread over the processor's cores, and every access to memory is checked: one that lies
//! outside of all live allocations ends the launch with an error, as a card does, and with a message on standard error that says where.
//! What of PTX is not known is refused when the module is loaded, by the instruction's name, kernel and line.
//!
//! What it cannot tell: times, how much of a card a kernel keeps busy, the order in which real warps run, and how NVIDIA's compiler takes
//! the PTX. Functions that a card computes approximately (`ex2.approx`, `div.full` and their like) are as exact here as the processor's
//! own. And of how threads wait for each other:
//!
//! - Warps of a block run one after the other from barrier to barrier, lanes of a warp together, and `cp.async` copies at once. That a
//!   `cp.async.wait_group`, `bar.sync` or `__syncwarp` is missing is therefore not always seen.
//! - Only as many blocks run at a time as the processor has cores. A block that waits for one that has not begun waits for ever, so that
//!   cooperative launches are not supported.
//! - Of a warp, those that are furthest behind run first. A lane that spins until another lane of its warp has written something hangs,
//!   and lanes that meet at a barrier of the warp must come to the same instruction, not to another with the same mask.
//! - Loads and stores are plain ones of the host, whatever `.relaxed` or `.volatile` says, so that a data race of a kernel is one of this
//!   program, too, and undefined in Rust. That is accepted in a tool for tests: were each element accessed atomically, loops over lanes
//!   would not become vector instructions. Atomic operations are the host's, and what is done between barriers of a block is one thread's.
//!
//! # Environment variables
//!
//! - `PTX_INTERPRETER_MEMORY`: the memory of the card, in bytes or as in `11.5GiB`; 12 GiB if it is not set.
//! - `PTX_INTERPRETER_DRIVER`: the version of CUDA that the driver says it is for; 12040, which is 12.4, if it is not set.
//! - `PTX_INTERPRETER_COMPUTE`: `off` keeps account of memory and launches and computes nothing.
//! - `PTX_INTERPRETER_PROFILE`: a file that a line of JSON is written to for each launch: kernel, grid, block, dynamic shared memory,
//!   instructions by warps and by lanes, bytes of global memory read and written, seconds.
//! - `PTX_INTERPRETER_DUMP`: a folder that the PTX of each module is written to.
//!
//! # How it works
//!
//! Text becomes a tree (`syntax`), and that, instructions whose operands are indices of rows (`decode`, `instruction`): a row holds a
//! register's values in all lanes of a warp, so that what an instruction does is a loop over 32 values (`execute`), which is compiled to
//! vector instructions. A warp is kept as groups of lanes that are at the same instruction; the group that is furthest behind runs first,
//! and groups that meet become one (`warp`). A block's warps take turns between barriers (`block`). Calls of functions are put in line.
//!
//! # In Rust
//!
//! ```
//! use ptx_interpreter::{Device, LaunchShape, Module};
//!
//! let module = Module::parse(
//!     ".version 8.4
//!      .target sm_86
//!      .visible .entry double(.param .u64 numbers) {
//!          .reg .b32 %r<3>;
//!          .reg .b64 %d<4>;
//!          ld.param.u64 %d1, [numbers];
//!          mov.u32 %r1, %tid.x;
//!          mul.wide.u32 %d2, %r1, 4;
//!          add.s64 %d3, %d1, %d2;
//!          ld.global.b32 %r2, [%d3];
//!          shl.b32 %r2, %r2, 1;
//!          st.global.b32 [%d3], %r2;
//!          ret;
//!      }",
//! )?;
//! let mut device = Device::new(1 << 20);
//! let numbers = device.allocate(8).ok_or("no memory")?;
//! device.write(numbers, &[3, 0, 0, 0, 4, 0, 0, 0])?;
//! let shape = LaunchShape { grid: [1, 1, 1], block: [2, 1, 1], dynamic_shared: 0 };
//! device.launch(&module, "double", &shape, &numbers.to_le_bytes())?;
//! let mut bytes = [0; 8];
//! device.read(numbers, &mut bytes)?;
//! assert_eq!(bytes, [6, 0, 0, 0, 8, 0, 0, 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "an interpreter of machine words takes them apart and changes their signs"
)]

mod block;
mod decode;
mod device;
mod driver;
mod execute;
mod fault;
mod instruction;
mod launch;
mod memory;
mod module;
mod profile;
mod registers;
mod settings;
mod special;
mod syntax;
#[cfg(test)]
mod tests;
mod types;
mod warp;

pub use device::{Device, LaunchReport, LaunchShape, OutsideMemory};
pub use fault::{Fault, FaultKind, LaunchError, ModuleError};
pub use module::{Module, Parameter};
