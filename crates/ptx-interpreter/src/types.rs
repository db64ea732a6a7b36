//! The types, address spaces, comparisons and roundings that mnemonics name.

/// The type of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ScalarType {
    Bits8,
    Bits16,
    Bits32,
    Bits64,
    Bits128,
    Unsigned8,
    Unsigned16,
    Unsigned32,
    Unsigned64,
    Signed8,
    Signed16,
    Signed32,
    Signed64,
    Half,
    HalfPair,
    Brain,
    BrainPair,
    Tensor32,
    Single,
    Double,
}

impl ScalarType {
    /// By its name without the dot.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "b8" => Self::Bits8,
            "b16" => Self::Bits16,
            "b32" => Self::Bits32,
            "b64" => Self::Bits64,
            "b128" => Self::Bits128,
            "u8" => Self::Unsigned8,
            "u16" => Self::Unsigned16,
            "u32" => Self::Unsigned32,
            "u64" => Self::Unsigned64,
            "s8" => Self::Signed8,
            "s16" => Self::Signed16,
            "s32" => Self::Signed32,
            "s64" => Self::Signed64,
            "f16" => Self::Half,
            "f16x2" => Self::HalfPair,
            "bf16" => Self::Brain,
            "bf16x2" => Self::BrainPair,
            "tf32" => Self::Tensor32,
            "f32" => Self::Single,
            "f64" => Self::Double,
            _ => return None,
        })
    }

    /// In bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Bits8 | Self::Unsigned8 | Self::Signed8 => 1,
            Self::Bits16 | Self::Unsigned16 | Self::Signed16 | Self::Half | Self::Brain => 2,
            Self::Bits32
            | Self::Unsigned32
            | Self::Signed32
            | Self::HalfPair
            | Self::BrainPair
            | Self::Tensor32
            | Self::Single => 4,
            Self::Bits64 | Self::Unsigned64 | Self::Signed64 | Self::Double => 8,
            Self::Bits128 => 16,
        }
    }

    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Self::Signed8 | Self::Signed16 | Self::Signed32 | Self::Signed64)
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(
            self,
            Self::Half
                | Self::HalfPair
                | Self::Brain
                | Self::BrainPair
                | Self::Tensor32
                | Self::Single
                | Self::Double
        )
    }
}

/// Where an address points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    /// The address itself tells which of the others it is in.
    Generic,
    Global,
    Shared,
    Local,
    /// The parameters of a kernel.
    Parameter,
    /// Memory that kernels only read; kept with the global memory.
    Constant,
}

/// How a result is rounded to the type's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Rounding {
    #[default]
    NearestEven,
    /// Ties away from zero.
    NearestAway,
    TowardsZero,
    Down,
    Up,
}

/// What an instruction on floating point does besides its sum or product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FloatMode {
    pub(crate) rounding: Rounding,
    /// Numbers below the normal ones count as zeros of their sign (`.ftz`).
    pub(crate) flush: bool,
    /// The result is brought into 0 to 1 (`.sat`).
    pub(crate) saturate: bool,
    /// A negative result becomes zero (`.relu`).
    pub(crate) rectify: bool,
    /// A minimum or maximum with NaN is NaN (`.NaN`).
    pub(crate) keep_nan: bool,
}

impl FloatMode {
    pub(crate) fn is_plain(self) -> bool {
        self.rounding == Rounding::NearestEven && !self.flush && !self.saturate && !self.rectify
    }
}

/// What `setp` asks of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// Those with `u`: also where one is NaN.
    UnorderedEqual,
    UnorderedNotEqual,
    UnorderedLess,
    UnorderedLessEqual,
    UnorderedGreater,
    UnorderedGreaterEqual,
    /// Neither is NaN.
    Numbers,
    /// One is NaN.
    NotNumbers,
}

impl Comparison {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "lt" | "lo" => Self::Less,
            "le" | "ls" => Self::LessEqual,
            "gt" | "hi" => Self::Greater,
            "ge" | "hs" => Self::GreaterEqual,
            "equ" => Self::UnorderedEqual,
            "neu" => Self::UnorderedNotEqual,
            "ltu" => Self::UnorderedLess,
            "leu" => Self::UnorderedLessEqual,
            "gtu" => Self::UnorderedGreater,
            "geu" => Self::UnorderedGreaterEqual,
            "num" => Self::Numbers,
            "nan" => Self::NotNumbers,
            _ => return None,
        })
    }
}
