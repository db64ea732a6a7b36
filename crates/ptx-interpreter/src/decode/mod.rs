//! From statements to instructions: names become rows, mnemonics become operations, calls are put in line.

mod arithmetic;
mod control;
mod exchange;
mod matrix;
mod memory;
mod mnemonic;
mod names;
mod operands;
mod values;

use std::collections::HashMap;

use crate::fault::ModuleError;
use crate::instruction::{Decoded, Instruction};
use crate::memory::HostBlock;
use crate::module::{Kernel, ModuleVariable, Parameter};
use crate::registers::RegisterCounts;
use crate::syntax::{FunctionSyntax, Item, ModuleSyntax, Statement, VariableSyntax};
use crate::types::Space;
use mnemonic::Mnemonic;
use names::{Constants, Names, Symbol};

type Result<T> = std::result::Result<T, ModuleError>;

/// Decodes all kernels and places the variables of the module in memory.
pub(crate) fn module(syntax: &ModuleSyntax) -> Result<(Vec<Kernel>, Vec<ModuleVariable>)> {
    let mut symbols = HashMap::new();
    let mut variables = Vec::new();
    let mut shared = Layout::default();
    let mut dynamic = Vec::new();
    for variable in &syntax.variables {
        let symbol = match variable.space {
            Space::Shared if variable.is_extern || variable.size == 0 => {
                dynamic.push(variable);
                continue;
            }
            Space::Shared => Symbol { space: Space::Shared, value: shared.place(variable) as u64 },
            _ => {
                let placed = place_variable(variable)?;
                let symbol = Symbol { space: Space::Global, value: placed.memory.address() };
                variables.push(placed);
                symbol
            }
        };
        symbols.insert(variable.name.clone(), symbol);
    }
    let mut kernels = Vec::new();
    for function in syntax.functions.iter().filter(|function| function.is_kernel) {
        let mut decoder = Decoder::new(syntax, &symbols, shared);
        let kernel = decoder.kernel(function, &dynamic).map_err(|error| error.within(&function.name))?;
        variables.append(&mut decoder.variables);
        kernels.push(kernel);
    }
    Ok((kernels, variables))
}

fn place_variable(variable: &VariableSyntax) -> Result<ModuleVariable> {
    if variable.is_extern {
        let message = format!("the variable {} is declared elsewhere", variable.name);
        return Err(ModuleError::new(variable.line, message));
    }
    let memory = HostBlock::zeroed(variable.size, variable.alignment)
        .ok_or_else(|| ModuleError::new(variable.line, "no memory for a variable"))?;
    memory.write(0, &variable.initial);
    Ok(ModuleVariable { name: variable.name.clone(), size: variable.size, memory })
}

/// Variables one after the other.
#[derive(Debug, Clone, Copy, Default)]
struct Layout {
    bytes: usize,
}

impl Layout {
    fn place(&mut self, variable: &VariableSyntax) -> usize {
        let offset = self.bytes.next_multiple_of(variable.alignment.max(1));
        self.bytes = offset + variable.size;
        offset
    }
}

/// A jump whose target is not known yet.
struct Fixup {
    instruction: usize,
    /// Of an indexed branch, which of its targets.
    choice: Option<usize>,
    label: Label,
    line: u32,
}

/// A label, and the function put in line that it belongs to.
type Label = (usize, String);

struct Decoder<'a> {
    syntax: &'a ModuleSyntax,
    names: Names<'a>,
    constants: Constants,
    counts: RegisterCounts,
    code: Vec<Decoded>,
    labels: HashMap<Label, u32>,
    branch_targets: HashMap<Label, Vec<String>>,
    fixups: Vec<Fixup>,
    /// The functions that are being put in line, the innermost last, and how many have been.
    calls: Vec<String>,
    instance: usize,
    instances: usize,
    local: Layout,
    shared: Layout,
    variables: Vec<ModuleVariable>,
}

/// What a function's end is called among its labels.
const END: &str = "";

impl<'a> Decoder<'a> {
    fn new(syntax: &'a ModuleSyntax, symbols: &'a HashMap<String, Symbol>, shared: Layout) -> Self {
        Self {
            syntax,
            names: Names::new(symbols),
            constants: Constants::default(),
            counts: RegisterCounts::default(),
            code: Vec::new(),
            labels: HashMap::new(),
            branch_targets: HashMap::new(),
            fixups: Vec::new(),
            calls: Vec::new(),
            instance: 0,
            instances: 0,
            local: Layout::default(),
            shared,
            variables: Vec::new(),
        }
    }

    fn kernel(&mut self, function: &FunctionSyntax, dynamic: &[&VariableSyntax]) -> Result<Kernel> {
        let Some(body) = &function.body else {
            return Err(ModuleError::new(function.line, "the kernel has no body"));
        };
        self.names.open();
        let mut layout = Layout::default();
        let mut parameters = Vec::new();
        for parameter in &function.parameters {
            let offset = layout.place(parameter);
            parameters.push(Parameter { offset, size: parameter.size });
            let symbol = Symbol { space: Space::Parameter, value: offset as u64 };
            self.names.variable(&parameter.name, symbol);
        }
        // Static variables first, since the launch's part is behind them.
        for item in body {
            if let Item::Variable(variable) = item
                && variable.space == Space::Shared
                && variable.size > 0
            {
                let value = self.shared.place(variable) as u64;
                self.names.variable(&variable.name, Symbol { space: Space::Shared, value });
            }
        }
        let alignment = dynamic.iter().map(|variable| variable.alignment).max().unwrap_or(1).max(16);
        self.shared.bytes = self.shared.bytes.next_multiple_of(alignment);
        for variable in dynamic {
            let symbol = Symbol { space: Space::Shared, value: self.shared.bytes as u64 };
            self.names.variable(&variable.name, symbol);
        }
        self.body(body)?;
        self.push(function.line, None, Instruction::Exit);
        self.resolve()?;
        self.names.close();
        Ok(Kernel {
            name: function.name.clone(),
            parameters,
            parameter_bytes: layout.bytes,
            required_threads: function.required_threads,
            code: std::mem::take(&mut self.code),
            registers: self.counts,
            constant_words: self.constants.words(),
            constant_longs: self.constants.longs(),
            constant_predicates: self.constants.predicates(),
            special: self.constants.special(),
            shared_bytes: self.shared.bytes,
            local_bytes: self.local.bytes.next_multiple_of(16),
        })
    }

    fn push(&mut self, line: u32, guard: Option<(u32, bool)>, instruction: Instruction) {
        self.code.push(Decoded { guard, line, instruction });
    }

    /// The index of the next instruction.
    fn position(&self) -> u32 {
        u32::try_from(self.code.len()).expect("a kernel has fewer instructions than 2^32")
    }

    fn body(&mut self, items: &[Item]) -> Result<()> {
        self.names.open();
        for item in items {
            match item {
                Item::OpenScope => self.names.open(),
                Item::CloseScope => self.names.close(),
                Item::Label(name) => {
                    let position = self.position();
                    self.labels.insert((self.instance, name.clone()), position);
                }
                Item::Registers { ty, name, count } => self.declare_registers(*ty, name, *count),
                Item::Variable(variable) => self.declare_variable(variable)?,
                Item::BranchTargets { name, targets } => {
                    self.branch_targets.insert((self.instance, name.clone()), targets.clone());
                }
                Item::Statement(statement) => self.statement(statement)?,
            }
        }
        self.names.close();
        Ok(())
    }

    fn declare_variable(&mut self, variable: &VariableSyntax) -> Result<()> {
        let symbol = match variable.space {
            // Of a kernel, these have been placed before.
            Space::Shared if self.calls.is_empty() => return Ok(()),
            Space::Shared => Symbol { space: Space::Shared, value: self.shared.place(variable) as u64 },
            Space::Global | Space::Constant => {
                let placed = place_variable(variable)?;
                let symbol = Symbol { space: Space::Global, value: placed.memory.address() };
                self.variables.push(placed);
                symbol
            }
            // What a call is given and gives back is memory of the thread, as its local variables are.
            _ => Symbol { space: Space::Local, value: self.local.place(variable) as u64 },
        };
        self.names.variable(&variable.name, symbol);
        Ok(())
    }

    fn statement(&mut self, statement: &Statement) -> Result<()> {
        let mut mnemonic = Mnemonic::new(statement);
        let guard = match &statement.guard {
            Some(guard) => Some((self.named_predicate(&guard.name, statement.line)?, guard.negated)),
            None => None,
        };
        let instruction = match mnemonic.operation {
            "bra" | "brx" | "ret" | "exit" | "trap" | "call" | "bar" | "barrier" => {
                return self.control(statement, mnemonic, guard);
            }
            "ld" | "ldu" | "st" | "atom" | "red" | "cp" | "membar" | "fence" | "prefetch" | "prefetchu"
            | "discard" | "applypriority" => self.memory(statement, &mut mnemonic)?,
            "ldmatrix" | "mma" | "wmma" => self.matrix(statement, &mut mnemonic)?,
            "shfl" | "vote" | "match" | "redux" | "activemask" => self.exchange(statement, &mut mnemonic)?,
            "mov" | "cvt" | "cvta" | "setp" | "set" | "selp" | "slct" | "testp" | "isspacep" => {
                self.value(statement, &mut mnemonic)?
            }
            "nanosleep" => {
                mnemonic.parts.clear();
                Instruction::Nothing
            }
            "stmatrix" | "elect" | "griddepcontrol" => {
                return mnemonic.error("this needs compute capability 9.0, and the card has 8.6");
            }
            _ => self.arithmetic(statement, &mut mnemonic)?,
        };
        mnemonic.finish()?;
        self.push(statement.line, guard, instruction);
        Ok(())
    }

    /// Fills in the targets of jumps.
    fn resolve(&mut self) -> Result<()> {
        for fixup in &self.fixups {
            let Some(&position) = self.labels.get(&fixup.label) else {
                let message = format!("the label {} is not there", fixup.label.1);
                return Err(ModuleError::new(fixup.line, message));
            };
            match (&mut self.code[fixup.instruction].instruction, fixup.choice) {
                (Instruction::Branch { target }, None) => *target = position,
                (Instruction::BranchIndexed { targets, .. }, Some(choice)) => targets[choice] = position,
                _ => unreachable!("only branches are noted for later"),
            }
        }
        Ok(())
    }
}
