//! Special registers: where a thread is, and how large the launch is.

use crate::warp::Surroundings;

/// A value that a lane is given when its warp starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SpecialRegister {
    Thread(usize),
    BlockSize(usize),
    Block(usize),
    GridSize(usize),
    Lane,
    Warp,
    Warps,
    /// The lanes that are equal to, below, above this one.
    LaneMask {
        equal: bool,
        below: bool,
        above: bool,
    },
    /// Shared memory: what the launch adds, and all of it.
    DynamicShared,
    TotalShared,
    Zero,
    One,
}

impl SpecialRegister {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let axis = |name: &str| ["x", "y", "z"].iter().position(|axis| *axis == name);
        if let Some((register, part)) = name.split_once('.') {
            let axis = axis(part)?;
            return Some(match register {
                "%tid" => Self::Thread(axis),
                "%ntid" => Self::BlockSize(axis),
                "%ctaid" => Self::Block(axis),
                "%nctaid" => Self::GridSize(axis),
                // A cluster is one block.
                "%clusterid" => Self::Block(axis),
                "%nclusterid" => Self::GridSize(axis),
                "%cluster_ctaid" => Self::Zero,
                "%cluster_nctaid" => Self::One,
                _ => return None,
            });
        }
        Some(match name {
            "%laneid" => Self::Lane,
            "%warpid" => Self::Warp,
            "%nwarpid" => Self::Warps,
            "%lanemask_eq" => Self::LaneMask { equal: true, below: false, above: false },
            "%lanemask_lt" => Self::LaneMask { equal: false, below: true, above: false },
            "%lanemask_le" => Self::LaneMask { equal: true, below: true, above: false },
            "%lanemask_gt" => Self::LaneMask { equal: false, below: false, above: true },
            "%lanemask_ge" => Self::LaneMask { equal: true, below: false, above: true },
            "%dynamic_smem_size" => Self::DynamicShared,
            "%total_smem_size" => Self::TotalShared,
            "%smid" | "%cluster_ctarank" | "%gridid" => Self::Zero,
            "%nsmid" | "%cluster_nctarank" => Self::One,
            _ => return None,
        })
    }
}

/// What a lane of a warp reads.
pub(crate) fn value(register: SpecialRegister, around: &Surroundings, warp: u32, lane: u32) -> u32 {
    let thread = warp * 32 + lane;
    let [x, y, _] = around.block;
    match register {
        SpecialRegister::Thread(0) => thread % x,
        SpecialRegister::Thread(1) => thread / x % y,
        SpecialRegister::Thread(_) => thread / (x * y),
        SpecialRegister::BlockSize(axis) => around.block[axis],
        SpecialRegister::Block(axis) => around.position[axis],
        SpecialRegister::GridSize(axis) => around.grid[axis],
        SpecialRegister::Lane => lane,
        SpecialRegister::Warp => warp,
        SpecialRegister::Warps => around.threads().div_ceil(32),
        SpecialRegister::LaneMask { equal, below, above } => {
            let own = 1u32 << lane;
            let lower = own - 1;
            (if equal { own } else { 0 })
                | (if below { lower } else { 0 })
                | (if above { !(own | lower) } else { 0 })
        }
        SpecialRegister::DynamicShared => around.dynamic_shared,
        SpecialRegister::TotalShared => u32::try_from(around.shared_bytes).unwrap_or(u32::MAX),
        SpecialRegister::Zero => 0,
        SpecialRegister::One => 1,
    }
}
