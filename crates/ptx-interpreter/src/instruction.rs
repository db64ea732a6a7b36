//! Instructions as they are executed: operands are indices of rows, constants among them, and names are resolved.

use crate::types::{Comparison, FloatMode, ScalarType, Space};

/// The index of a row of words or of longs; which, the instruction says.
pub(crate) type Row = u32;

/// The index of a predicate.
pub(crate) type Predicate = u32;

/// A row that nobody reads or writes.
pub(crate) const NO_ROW: Row = Row::MAX;

/// An instruction, its guard and where it stands in the text.
#[derive(Debug, Clone)]
pub(crate) struct Decoded {
    /// Executed by the lanes for which it holds; negated by the flag.
    pub(crate) guard: Option<(Predicate, bool)>,
    pub(crate) line: u32,
    pub(crate) instruction: Instruction,
}

/// The integer types that arithmetic is done in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntegerType {
    Unsigned16,
    Signed16,
    Unsigned32,
    Signed32,
    Unsigned64,
    Signed64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum IntegerUnary {
    Not,
    Negate,
    Absolute,
}

/// Those whose result is a word for each type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BitCount {
    Ones,
    LeadingZeros,
    /// The position of the highest bit that differs from the sign, or all ones.
    Highest,
    /// How far it must be shifted to the left to be the highest.
    HighestShift,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum IntegerBinary {
    Add,
    /// Held at the ends of the type.
    AddSaturating,
    Subtract,
    SubtractSaturating,
    Multiply,
    MultiplyHigh,
    Divide,
    Remainder,
    Minimum,
    Maximum,
    And,
    Or,
    Xor,
}

/// Which half of a product is added to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Product {
    Low,
    High,
    Wide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatType {
    Half,
    Brain,
    Single,
    Double,
    HalfPair,
    BrainPair,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum FloatUnary {
    Negate,
    Absolute,
    SquareRoot,
    ReciprocalSquareRoot,
    Reciprocal,
    PowerOfTwo,
    LogarithmOfTwo,
    Sine,
    Cosine,
    Tangent,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum FloatBinary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
    /// The second's magnitude with the first's sign.
    CopySign,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Logic {
    And,
    Or,
    Xor,
}

/// How values of several registers become one or the other way round.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packing {
    WordOfHalves,
    LongOfWords,
    LongOfHalves,
    HalfOfBytes,
    WordOfBytes,
}

/// An address, of which each lane has its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    pub(crate) space: Space,
    pub(crate) base: Base,
    pub(crate) offset: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Base {
    None,
    Word(Row),
    Long(Row),
}

/// The width of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Half,
    Word,
    Long,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum AtomicOperation {
    Add,
    Minimum,
    Maximum,
    And,
    Or,
    Xor,
    Exchange,
    CompareAndSwap,
    /// Up to a limit, then zero.
    Increment,
    /// Down to zero, then the limit.
    Decrement,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ShuffleMode {
    Index,
    Up,
    Down,
    Butterfly,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// A product of matrices by a warp, each operand spread over the lanes.
#[derive(Debug, Clone)]
pub(crate) struct MatrixProduct {
    pub(crate) shape: MatrixShape,
    pub(crate) fragments: Fragments,
    pub(crate) a_type: ScalarType,
    pub(crate) b_type: ScalarType,
    pub(crate) c_type: ScalarType,
    pub(crate) d_type: ScalarType,
    pub(crate) a: Vec<Row>,
    pub(crate) b: Vec<Row>,
    pub(crate) c: Vec<Row>,
    pub(crate) d: Vec<Row>,
}

/// Rows of A, columns of B, columns of A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MatrixShape {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
}

/// Which lane holds which element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fragments {
    /// As PTX lays it down for `mma.sync`.
    Documented,
    /// As this program pleases, for `wmma`.
    Opaque,
}

/// A matrix of `wmma` read from or written to memory.
#[derive(Debug, Clone)]
pub(crate) struct MatrixAccess {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) is_row_major: bool,
    pub(crate) ty: ScalarType,
    pub(crate) address: Address,
    /// Elements from a row, or column, to the next.
    pub(crate) stride: Row,
    pub(crate) registers: Vec<Row>,
}

/// What a lane does.
#[derive(Debug, Clone)]
pub(crate) enum Instruction {
    Nothing,
    // Integers.
    IntegerUnary {
        operation: IntegerUnary,
        ty: IntegerType,
        rows: [Row; 2],
    },
    CountBits {
        count: BitCount,
        ty: IntegerType,
        rows: [Row; 2],
    },
    ReverseBits {
        is_long: bool,
        rows: [Row; 2],
    },
    IntegerBinary {
        operation: IntegerBinary,
        ty: IntegerType,
        rows: [Row; 3],
    },
    ShiftLeft {
        ty: IntegerType,
        rows: [Row; 3],
    },
    ShiftRight {
        ty: IntegerType,
        rows: [Row; 3],
    },
    MultiplyWide {
        ty: IntegerType,
        rows: [Row; 3],
    },
    MultiplyAdd {
        product: Product,
        ty: IntegerType,
        rows: [Row; 4],
    },
    /// With the carry of the last that set it, or borrow.
    AddWithCarry {
        subtract: bool,
        use_carry: bool,
        set_carry: bool,
        is_long: bool,
        rows: [Row; 3],
    },
    SumOfDifference {
        is_signed: bool,
        rows: [Row; 4],
    },
    DotBytes {
        a_signed: bool,
        b_signed: bool,
        rows: [Row; 4],
    },
    ExtractBits {
        ty: IntegerType,
        rows: [Row; 4],
    },
    InsertBits {
        is_long: bool,
        rows: [Row; 5],
    },
    PermuteBytes {
        rows: [Row; 4],
    },
    FunnelShift {
        left: bool,
        clamp: bool,
        rows: [Row; 4],
    },
    LogicTable {
        table: u8,
        rows: [Row; 4],
    },
    // Floating point.
    FloatUnary {
        operation: FloatUnary,
        ty: FloatType,
        mode: FloatMode,
        rows: [Row; 2],
    },
    FloatBinary {
        operation: FloatBinary,
        ty: FloatType,
        mode: FloatMode,
        rows: [Row; 3],
    },
    FusedMultiplyAdd {
        ty: FloatType,
        mode: FloatMode,
        rows: [Row; 4],
    },
    // Types and moves.
    Convert {
        from: ScalarType,
        to: ScalarType,
        to_integral: Option<crate::types::Rounding>,
        mode: FloatMode,
        saturate: bool,
        from_long: bool,
        to_width: Width,
        rows: [Row; 2],
    },
    ConvertPair {
        to: FloatType,
        mode: FloatMode,
        rows: [Row; 3],
    },
    MoveWord {
        rows: [Row; 2],
    },
    MoveLong {
        rows: [Row; 2],
    },
    Pack {
        packing: Packing,
        target: Row,
        parts: [Row; 4],
    },
    Unpack {
        packing: Packing,
        source: Row,
        parts: [Row; 4],
    },
    // Predicates.
    Compare {
        comparison: Comparison,
        ty: ScalarType,
        flush: bool,
        target: Predicate,
        inverse: Option<Predicate>,
        rows: [Row; 2],
        combine: Option<(Logic, Predicate, bool)>,
    },
    SetByPredicate {
        is_float: bool,
        target: Row,
        predicate: Predicate,
    },
    Select {
        is_long: bool,
        rows: [Row; 3],
        predicate: Predicate,
    },
    SelectBySign {
        is_long: bool,
        is_float: bool,
        rows: [Row; 4],
    },
    PredicateBinary {
        logic: Logic,
        target: Predicate,
        operands: [Predicate; 2],
    },
    PredicateNot {
        target: Predicate,
        operand: Predicate,
    },
    PredicateMove {
        target: Predicate,
        operand: Predicate,
    },
    TestFloat {
        is_long: bool,
        class: FloatClass,
        target: Predicate,
        row: Row,
    },
    IsInSpace {
        space: Space,
        target: Predicate,
        row: Row,
    },
    // Memory.
    Load {
        ty: ScalarType,
        width: Width,
        count: u8,
        address: Address,
        targets: [Row; 4],
    },
    Store {
        size: u8,
        is_long: bool,
        count: u8,
        address: Address,
        sources: [Row; 4],
    },
    Atomic {
        operation: AtomicOperation,
        ty: ScalarType,
        address: Address,
        target: Row,
        operands: [Row; 2],
    },
    /// The bytes of the source that are copied; zeros follow up to the size.
    CopyAsync {
        size: u8,
        to: Address,
        from: Address,
        source_size: Row,
    },
    LoadMatrix {
        count: u8,
        transpose: bool,
        address: Address,
        targets: [Row; 4],
    },
    LoadFragment(Box<MatrixAccess>),
    StoreFragment(Box<MatrixAccess>),
    MatrixProduct(Box<MatrixProduct>),
    // Between the lanes of a warp; each with the row of the lanes that take part.
    Shuffle {
        mode: ShuffleMode,
        target: Row,
        valid: Option<Predicate>,
        value: Row,
        operand: Row,
        bounds: Row,
        members: Row,
    },
    VoteBallot {
        target: Row,
        predicate: Predicate,
        negated: bool,
        members: Row,
    },
    VotePredicate {
        vote: Vote,
        target: Predicate,
        predicate: Predicate,
        negated: bool,
        members: Row,
    },
    Match {
        all: bool,
        is_long: bool,
        target: Row,
        valid: Option<Predicate>,
        value: Row,
        members: Row,
    },
    Reduce {
        operation: IntegerBinary,
        ty: IntegerType,
        target: Row,
        value: Row,
        members: Row,
    },
    WarpBarrier {
        members: Row,
    },
    ActiveMask {
        target: Row,
    },
    // Clocks.
    ClockWord {
        target: Row,
    },
    ClockLong {
        target: Row,
    },
    // Control.
    Branch {
        target: u32,
    },
    BranchIndexed {
        index: Row,
        targets: Box<[u32]>,
    },
    Exit,
    Trap,
    BlockBarrier {
        aligned: bool,
        barrier: Row,
        threads: Option<Row>,
    },
}

/// What `testp` asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FloatClass {
    Finite,
    Infinite,
    Number,
    NotNumber,
    Normal,
    Subnormal,
}
