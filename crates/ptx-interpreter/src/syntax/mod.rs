//! PTX as text: tokens, and the tree of declarations and statements that they form.

mod parse;
mod tokens;

pub(crate) use parse::parse;

use crate::types::{ScalarType, Space};

/// A module as it is written.
#[derive(Debug, Default)]
pub(crate) struct ModuleSyntax {
    pub(crate) variables: Vec<VariableSyntax>,
    pub(crate) functions: Vec<FunctionSyntax>,
}

/// A variable, of a module or of a function's body.
#[derive(Debug, Clone)]
pub(crate) struct VariableSyntax {
    pub(crate) line: u32,
    pub(crate) space: Space,
    pub(crate) name: String,
    pub(crate) alignment: usize,
    /// In bytes; zero for an array without a size, whose extent the launch gives.
    pub(crate) size: usize,
    /// What it starts with, if that is said; shorter than `size` where zeros follow.
    pub(crate) initial: Vec<u8>,
    pub(crate) is_extern: bool,
}

/// A kernel or a function.
#[derive(Debug)]
pub(crate) struct FunctionSyntax {
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) is_kernel: bool,
    /// Of a function that returns something.
    pub(crate) results: Vec<VariableSyntax>,
    pub(crate) parameters: Vec<VariableSyntax>,
    /// The exact number of threads of a block that `.reqntid` asks for.
    pub(crate) required_threads: Option<[u32; 3]>,
    /// `None` where it is only declared.
    pub(crate) body: Option<Vec<Item>>,
}

/// What a body consists of.
#[derive(Debug)]
pub(crate) enum Item {
    /// `{`: names declared from here on go out of scope with the next `CloseScope` of this depth.
    OpenScope,
    CloseScope,
    Label(String),
    Registers {
        /// `None` for predicates.
        ty: Option<ScalarType>,
        name: String,
        /// `%r<9>` declares `%r0` to `%r8`.
        count: Option<u32>,
    },
    Variable(VariableSyntax),
    /// The list that an indexed branch chooses from.
    BranchTargets {
        name: String,
        targets: Vec<String>,
    },
    Statement(Statement),
}

/// An instruction with its operands.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) line: u32,
    pub(crate) guard: Option<PredicateSyntax>,
    /// `ld.global.v4.b32`.
    pub(crate) mnemonic: String,
    pub(crate) operands: Vec<Operand>,
}

/// A predicate, perhaps negated.
#[derive(Debug, Clone)]
pub(crate) struct PredicateSyntax {
    pub(crate) name: String,
    pub(crate) negated: bool,
}

/// An operand as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// A register, a special register, a variable, a label or a function.
    Name(String),
    /// `!%p1`.
    Negated(String),
    /// `%p1|%p2`.
    Pair(String, String),
    Integer(u64),
    /// `0f3F800000`.
    Single(u32),
    /// `0d3FF0000000000000`.
    Double(u64),
    /// `{%r1, %r2}`.
    Vector(Vec<Operand>),
    /// `[%rd1+8]`.
    Address {
        base: Option<String>,
        offset: i64,
    },
    /// The parameters or results of a call.
    List(Vec<Operand>),
    /// `_`: a result that nobody wants.
    Sink,
}
