//! Jumps, calls, ends and barriers.

use super::mnemonic::Mnemonic;
use super::{Decoder, END, Fixup, Result};
use crate::instruction::{Instruction, Width};
use crate::syntax::{FunctionSyntax, Operand, Statement};

type Guard = Option<(u32, bool)>;

impl Decoder<'_> {
    pub(super) fn control(
        &mut self,
        statement: &Statement,
        mut mnemonic: Mnemonic,
        guard: Guard,
    ) -> Result<()> {
        // That all lanes go the same way is seen, not believed.
        mnemonic.take("uni");
        match mnemonic.operation {
            "bra" => {
                let label = Self::label(statement, 0)?;
                self.jump(statement, guard, label);
            }
            "brx" => {
                mnemonic.take("idx");
                let list = Self::label(statement, 1)?;
                let Some(targets) = self.branch_targets.get(&(self.instance, list)).cloned() else {
                    return mnemonic.error("the list of targets is not there");
                };
                let index = self.source(statement, 0, Width::Word)?;
                for (choice, target) in targets.iter().enumerate() {
                    self.fixups.push(Fixup {
                        instruction: self.code.len(),
                        choice: Some(choice),
                        label: (self.instance, target.clone()),
                        line: statement.line,
                    });
                }
                let targets = vec![0; targets.len()].into_boxed_slice();
                self.push(statement.line, guard, Instruction::BranchIndexed { index, targets });
            }
            "ret" if !self.calls.is_empty() => self.jump(statement, guard, END.to_owned()),
            "ret" | "exit" => self.push(statement.line, guard, Instruction::Exit),
            "trap" => self.push(statement.line, guard, Instruction::Trap),
            "call" => self.call(statement, &mnemonic, guard)?,
            _ => {
                let instruction = self.barrier(statement, &mut mnemonic)?;
                self.push(statement.line, guard, instruction);
            }
        }
        mnemonic.finish()
    }

    fn label(statement: &Statement, index: usize) -> Result<String> {
        match Self::operand(statement, index)? {
            Operand::Name(name) => Ok(name.clone()),
            other => Self::error(statement, format!("{other:?} is no label")),
        }
    }

    fn jump(&mut self, statement: &Statement, guard: Guard, label: String) {
        self.fixups.push(Fixup {
            instruction: self.code.len(),
            choice: None,
            label: (self.instance, label),
            line: statement.line,
        });
        self.push(statement.line, guard, Instruction::Branch { target: 0 });
    }

    fn barrier(&mut self, statement: &Statement, mnemonic: &mut Mnemonic) -> Result<Instruction> {
        mnemonic.take("cta");
        if mnemonic.take("warp") {
            mnemonic.take("sync");
            return Ok(Instruction::WarpBarrier { members: self.source(statement, 0, Width::Word)? });
        }
        // `bar.sync` is `barrier.sync.aligned`.
        let aligned = mnemonic.take("aligned") || mnemonic.operation == "bar";
        if !mnemonic.take("sync") {
            return mnemonic.unknown();
        }
        let barrier = self.source(statement, 0, Width::Word)?;
        let threads = match statement.operands.get(1) {
            Some(_) => Some(self.source(statement, 1, Width::Word)?),
            None => None,
        };
        Ok(Instruction::BlockBarrier { aligned, barrier, threads })
    }

    /// Puts the body of a function in line, its parameters and results being the variables of the caller.
    fn call(&mut self, statement: &Statement, mnemonic: &Mnemonic, guard: Guard) -> Result<()> {
        if guard.is_some() {
            return mnemonic.error("a call that some lanes skip is not supported");
        }
        let is_list = |index: usize| matches!(statement.operands.get(index), Some(Operand::List(_)));
        let at = usize::from(is_list(0));
        let name = Self::label(statement, at)?;
        let list = |index: usize| match statement.operands.get(index) {
            Some(Operand::List(operands)) => operands.as_slice(),
            _ => &[],
        };
        let results = if at == 1 { list(0) } else { &[] };
        let parameters = list(at + 1);
        let function = self
            .syntax
            .functions
            .iter()
            .find(|function| function.name == name && !function.is_kernel && function.body.is_some());
        let Some(function) = function else {
            return mnemonic.error(format!("the function {name} is not in the module"));
        };
        if self.calls.contains(&name) {
            return mnemonic.error(format!("{name} calls itself, which is not supported"));
        }
        let bindings = self.bindings(statement, function, results, parameters)?;
        self.names.enter();
        for (name, symbol) in bindings {
            self.names.variable(&name, symbol);
        }
        self.calls.push(name.clone());
        self.instances += 1;
        let caller = std::mem::replace(&mut self.instance, self.instances);
        let body = function.body.as_deref().unwrap_or_default();
        self.body(body).map_err(|error| error.within(&name))?;
        let end = self.position();
        self.labels.insert((self.instance, END.to_owned()), end);
        self.instance = caller;
        self.calls.pop();
        self.names.leave();
        Ok(())
    }

    fn bindings(
        &self,
        statement: &Statement,
        function: &FunctionSyntax,
        results: &[Operand],
        parameters: &[Operand],
    ) -> Result<Vec<(String, super::Symbol)>> {
        if results.len() != function.results.len() || parameters.len() != function.parameters.len() {
            return Self::error(statement, format!("{} takes other parameters", function.name));
        }
        let formal = function.results.iter().chain(&function.parameters);
        let actual = results.iter().chain(parameters);
        formal
            .zip(actual)
            .map(|(formal, actual)| match actual {
                Operand::Name(name) => match self.names.find_variable(name) {
                    Some(symbol) => Ok((formal.name.clone(), symbol)),
                    None => Self::error(statement, format!("{name} is no variable")),
                },
                other => Self::error(statement, format!("the parameter {other:?} is not supported")),
            })
            .collect()
    }
}
