//! Reads declarations and statements from tokens.

use super::tokens::{Token, tokens};
use super::{FunctionSyntax, Item, ModuleSyntax, Operand, PredicateSyntax, Statement, VariableSyntax};
use crate::fault::ModuleError;
use crate::types::{ScalarType, Space};

/// Reads a module.
pub(crate) fn parse(text: &str) -> Result<ModuleSyntax, ModuleError> {
    Parser { tokens: tokens(text)?, at: 0 }.module()
}

struct Parser {
    tokens: Vec<(Token, u32)>,
    at: usize,
}

type Parsed<T> = Result<T, ModuleError>;

impl Parser {
    fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(_, line)| *line)
    }

    fn error<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(ModuleError::new(self.line(), message))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn peek_word(&self) -> Option<&str> {
        match self.peek() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn is_sign(&self, sign: char) -> bool {
        self.peek() == Some(&Token::Sign(sign))
    }

    fn take_sign(&mut self, sign: char) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect_sign(&mut self, sign: char) -> Parsed<()> {
        if self.take_sign(sign) {
            return Ok(());
        }
        self.error(format!("expected {sign:?}, found {:?}", self.peek()))
    }

    fn word(&mut self) -> Parsed<String> {
        let Some(word) = self.peek_word() else {
            return self.error(format!("expected a word, found {:?}", self.peek()));
        };
        let word = word.to_owned();
        self.at += 1;
        Ok(word)
    }

    /// Passes over everything up to the end of the line: of a directive that only debuggers read.
    fn skip_line(&mut self) {
        let line = self.line();
        while self.at < self.tokens.len() && self.tokens[self.at].1 == line {
            self.at += 1;
        }
    }

    /// Passes over `{ … }`.
    fn skip_braces(&mut self) -> Parsed<()> {
        self.expect_sign('{')?;
        let mut depth = 1;
        while depth > 0 {
            match self.peek() {
                Some(Token::Sign('{')) => depth += 1,
                Some(Token::Sign('}')) => depth -= 1,
                None => return self.error("braces that do not close"),
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    fn module(mut self) -> Parsed<ModuleSyntax> {
        let mut module = ModuleSyntax::default();
        let mut is_extern = false;
        while self.peek().is_some() {
            let line = self.line();
            match self.word()?.as_str() {
                ".version" | ".target" | ".address_size" | ".file" | ".loc" => {
                    self.at -= 1;
                    self.skip_line();
                }
                ".section" => {
                    self.word()?;
                    self.skip_braces()?;
                }
                ".pragma" => {
                    self.at += 1;
                    self.expect_sign(';')?;
                }
                ".extern" => is_extern = true,
                ".visible" | ".weak" | ".common" => {}
                ".entry" => {
                    module.functions.push(self.function(true, line)?);
                    is_extern = false;
                }
                ".func" => {
                    module.functions.push(self.function(false, line)?);
                    is_extern = false;
                }
                directive @ (".global" | ".const" | ".shared") => {
                    let space = match directive {
                        ".global" => Space::Global,
                        ".const" => Space::Constant,
                        _ => Space::Shared,
                    };
                    let mut variable = self.variable(space)?;
                    variable.is_extern = is_extern;
                    module.variables.push(variable);
                    self.expect_sign(';')?;
                    is_extern = false;
                }
                other => return self.error(format!("the directive {other} is not known")),
            }
        }
        Ok(module)
    }

    fn function(&mut self, is_kernel: bool, line: u32) -> Parsed<FunctionSyntax> {
        let results = if self.is_sign('(') { self.parameters()? } else { Vec::new() };
        let name = self.word()?;
        let parameters = if self.is_sign('(') { self.parameters()? } else { Vec::new() };
        let mut required_threads = None;
        while let Some(directive) = self.peek_word().map(str::to_owned) {
            self.at += 1;
            match directive.as_str() {
                ".reqntid" => {
                    let mut sizes = [1; 3];
                    for (size, value) in sizes.iter_mut().zip(self.numbers()?) {
                        *size = u32::try_from(value).or_else(|_| self.error("a block too large"))?;
                    }
                    required_threads = Some(sizes);
                }
                ".maxntid" | ".minnctapersm" | ".maxnreg" | ".maxnctapersm" => {
                    self.numbers()?;
                }
                ".noreturn" => {}
                ".pragma" => {
                    self.at += 1;
                    self.take_sign(';');
                }
                other => return self.error(format!("the directive {other} of {name} is not known")),
            }
        }
        let body =
            if self.take_sign(';') { None } else { Some(self.body().map_err(|error| error.within(&name))?) };
        Ok(FunctionSyntax { name, line, is_kernel, results, parameters, required_threads, body })
    }

    /// Numbers between commas.
    fn numbers(&mut self) -> Parsed<Vec<u64>> {
        let mut numbers = vec![self.integer()?];
        while self.take_sign(',') {
            numbers.push(self.integer()?);
        }
        Ok(numbers)
    }

    fn parameters(&mut self) -> Parsed<Vec<VariableSyntax>> {
        self.expect_sign('(')?;
        let mut parameters = Vec::new();
        while !self.take_sign(')') {
            let directive = self.word()?;
            if directive != ".param" {
                return self.error(format!("a parameter of the kind {directive}"));
            }
            parameters.push(self.variable(Space::Parameter)?);
            self.take_sign(',');
        }
        Ok(parameters)
    }

    /// What follows the address space of a declaration, up to but not with its `;`, `,` or `)`.
    fn variable(&mut self, space: Space) -> Parsed<VariableSyntax> {
        let line = self.line();
        let mut alignment = None;
        let mut ty = None;
        let mut elements = 1;
        let name = loop {
            let word = self.word()?;
            match word.as_str() {
                ".align" => {
                    let value = self.integer()?;
                    // Of what a pointer points to, where a type has been given.
                    if ty.is_none() {
                        alignment = usize::try_from(value).ok();
                    }
                }
                ".v2" => elements = 2,
                ".v4" => elements = 4,
                ".attribute" => {
                    self.expect_sign('(')?;
                    while !self.take_sign(')') {
                        self.at += 1;
                    }
                }
                ".ptr" | ".global" | ".shared" | ".const" | ".local" => {}
                _ if word.starts_with('.') => {
                    ty = ScalarType::named(&word[1..]);
                    if ty.is_none() {
                        return self.error(format!("the type {word} is not known"));
                    }
                }
                _ => break word,
            }
        };
        let Some(ty) = ty else { return self.error(format!("the variable {name} has no type")) };
        let mut size = ty.size() * elements;
        while self.take_sign('[') {
            let length = if self.is_sign(']') { 0 } else { self.integer()? };
            size = usize::try_from(length)
                .ok()
                .and_then(|length| size.checked_mul(length))
                .map_or_else(|| self.error("an array too large"), Ok)?;
            self.expect_sign(']')?;
        }
        let mut initial = Vec::new();
        if self.take_sign('=') {
            self.initial(ty, &mut initial)?;
            size = size.max(initial.len());
        }
        let alignment = alignment.unwrap_or(ty.size() * elements);
        Ok(VariableSyntax { line, space, name, alignment, size, initial, is_extern: false })
    }

    /// A value, or values in braces, as bytes.
    fn initial(&mut self, ty: ScalarType, bytes: &mut Vec<u8>) -> Parsed<()> {
        if self.take_sign('{') {
            while !self.take_sign('}') {
                self.initial(ty, bytes)?;
                self.take_sign(',');
            }
            return Ok(());
        }
        let value = match self.operand()? {
            Operand::Integer(value) | Operand::Double(value) => value,
            Operand::Single(bits) => bits.into(),
            other => return self.error(format!("an initial value {other:?} is not supported")),
        };
        bytes.extend_from_slice(&value.to_le_bytes()[..ty.size().min(8)]);
        Ok(())
    }

    fn body(&mut self) -> Parsed<Vec<Item>> {
        self.expect_sign('{')?;
        let mut items = Vec::new();
        let mut depth = 1;
        while depth > 0 {
            if self.take_sign('{') {
                depth += 1;
                items.push(Item::OpenScope);
                continue;
            }
            if self.take_sign('}') {
                depth -= 1;
                items.push(Item::CloseScope);
                continue;
            }
            if self.is_sign('@') {
                items.push(Item::Statement(self.statement()?));
                continue;
            }
            let Some(word) = self.peek_word().map(str::to_owned) else {
                return self.error(format!("expected an instruction, found {:?}", self.peek()));
            };
            if self.tokens.get(self.at + 1).is_some_and(|(token, _)| *token == Token::Sign(':')) {
                self.at += 2;
                items.push(match self.peek_word() {
                    Some(".branchtargets") => {
                        self.at += 1;
                        let mut targets = vec![self.word()?];
                        while self.take_sign(',') {
                            targets.push(self.word()?);
                        }
                        self.expect_sign(';')?;
                        Item::BranchTargets { name: word, targets }
                    }
                    _ => Item::Label(word),
                });
                continue;
            }
            match word.as_str() {
                ".loc" | ".file" => self.skip_line(),
                ".pragma" => {
                    self.at += 2;
                    self.expect_sign(';')?;
                }
                ".reg" => {
                    self.at += 1;
                    self.registers(&mut items)?;
                }
                ".local" | ".shared" | ".param" | ".global" | ".const" => {
                    self.at += 1;
                    let space = match word.as_str() {
                        ".local" => Space::Local,
                        ".shared" => Space::Shared,
                        ".param" => Space::Parameter,
                        ".global" => Space::Global,
                        _ => Space::Constant,
                    };
                    items.push(Item::Variable(self.variable(space)?));
                    self.expect_sign(';')?;
                }
                _ if word.starts_with('.') => {
                    return self.error(format!("the directive {word} is not known"));
                }
                _ => items.push(Item::Statement(self.statement()?)),
            }
        }
        // The brace of the body itself.
        items.pop();
        Ok(items)
    }

    fn registers(&mut self, items: &mut Vec<Item>) -> Parsed<()> {
        let word = self.word()?;
        let ty = match word.as_str() {
            ".pred" => None,
            _ => match ScalarType::named(word.trim_start_matches('.')) {
                Some(ty) => Some(ty),
                None => return self.error(format!("registers of the type {word}")),
            },
        };
        loop {
            let name = self.word()?;
            let mut count = None;
            if self.take_sign('<') {
                let value = self.integer()?;
                count = Some(u32::try_from(value).or_else(|_| self.error("too many registers"))?);
                self.expect_sign('>')?;
            }
            items.push(Item::Registers { ty, name, count });
            if !self.take_sign(',') {
                return self.expect_sign(';');
            }
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let line = self.line();
        let mut guard = None;
        if self.take_sign('@') {
            let negated = self.take_sign('!');
            guard = Some(PredicateSyntax { name: self.word()?, negated });
        }
        let mnemonic = self.word()?;
        let mut operands = Vec::new();
        while !self.take_sign(';') {
            operands.push(self.operand()?);
            if !self.take_sign(',') && !self.is_sign(';') {
                return self.error(format!("an operand of {mnemonic} followed by {:?}", self.peek()));
            }
        }
        Ok(Statement { line, guard, mnemonic, operands })
    }

    fn operand(&mut self) -> Parsed<Operand> {
        if self.take_sign('{') {
            return Ok(Operand::Vector(self.operands_until('}')?));
        }
        if self.take_sign('(') {
            return Ok(Operand::List(self.operands_until(')')?));
        }
        if self.take_sign('[') {
            return self.address();
        }
        if self.take_sign('!') {
            return Ok(Operand::Negated(self.word()?));
        }
        if self.take_sign('-') {
            return match self.operand()? {
                Operand::Integer(value) => Ok(Operand::Integer(value.wrapping_neg())),
                other => self.error(format!("a minus before {other:?}")),
            };
        }
        let word = self.word()?;
        if word.starts_with(|character: char| character.is_ascii_digit()) {
            return self.number(&word);
        }
        if self.take_sign('|') {
            return Ok(Operand::Pair(word, self.word()?));
        }
        Ok(if word == "_" { Operand::Sink } else { Operand::Name(word) })
    }

    fn operands_until(&mut self, end: char) -> Parsed<Vec<Operand>> {
        let mut operands = Vec::new();
        while !self.take_sign(end) {
            operands.push(self.operand()?);
            self.take_sign(',');
        }
        Ok(operands)
    }

    /// `base+offset]`, after its bracket.
    fn address(&mut self) -> Parsed<Operand> {
        let mut base = None;
        let mut offset = 0i64;
        let mut is_negative = false;
        while !self.take_sign(']') {
            if self.take_sign('+') {
                continue;
            }
            if self.take_sign('-') {
                is_negative = true;
                continue;
            }
            let is_number =
                self.peek_word().is_some_and(|word| word.starts_with(|first: char| first.is_ascii_digit()));
            if is_number {
                let value = self.integer()?.cast_signed();
                offset = offset.wrapping_add(if is_negative { value.wrapping_neg() } else { value });
                is_negative = false;
            } else if base.is_none() {
                base = Some(self.word()?);
            } else {
                return self.error("an address of two names");
            }
        }
        Ok(Operand::Address { base, offset })
    }

    fn integer(&mut self) -> Parsed<u64> {
        match self.operand()? {
            Operand::Integer(value) => Ok(value),
            other => self.error(format!("expected a whole number, found {other:?}")),
        }
    }

    fn number(&self, word: &str) -> Parsed<Operand> {
        let parsed = if let Some(digits) = strip(word, "0f") {
            u32::from_str_radix(digits, 16).ok().map(Operand::Single)
        } else if let Some(digits) = strip(word, "0d") {
            u64::from_str_radix(digits, 16).ok().map(Operand::Double)
        } else if let Some(digits) = strip(word, "0x") {
            u64::from_str_radix(digits.trim_end_matches('U'), 16).ok().map(Operand::Integer)
        } else if let Some(digits) = strip(word, "0b") {
            u64::from_str_radix(digits.trim_end_matches('U'), 2).ok().map(Operand::Integer)
        } else if word.contains('.') {
            word.parse().ok().map(|value: f64| Operand::Double(value.to_bits()))
        } else {
            word.trim_end_matches('U').parse().ok().map(Operand::Integer)
        };
        parsed.map_or_else(|| self.error(format!("the number {word} cannot be read")), Ok)
    }
}

/// What follows a prefix of one's choice of case.
fn strip<'a>(word: &'a str, prefix: &str) -> Option<&'a str> {
    word.strip_prefix(prefix).or_else(|| word.strip_prefix(&prefix.to_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Vec<Item> {
        let mut module = parse(&format!(".visible .entry k() {{ {text} }}")).unwrap();
        module.functions.remove(0).body.unwrap()
    }

    #[test]
    fn operands_of_every_form() {
        let items = body(
            "@!%p1 op.b32 %r1, -5, 0f3F800000, 0d3FF0000000000000, {%r1, _}, [%rd1+-16], [8], %p1|%p2, !%p3;",
        );
        let [Item::Statement(statement)] = items.as_slice() else { panic!("{items:?}") };
        assert!(statement.guard.as_ref().unwrap().negated);
        assert_eq!(statement.operands.len(), 9);
        assert_eq!(statement.operands[1], Operand::Integer((-5i64).cast_unsigned()));
        assert_eq!(statement.operands[2], Operand::Single(0x3f80_0000));
        assert_eq!(statement.operands[3], Operand::Double(0x3ff0_0000_0000_0000));
        assert_eq!(statement.operands[5], Operand::Address { base: Some("%rd1".into()), offset: -16 });
        assert_eq!(statement.operands[6], Operand::Address { base: None, offset: 8 });
    }

    #[test]
    fn declarations_with_sizes_and_initial_values() {
        let module = parse(
            ".version 8.4\n.target sm_86\n.address_size 64\n\
             .extern .shared .align 16 .b8 dynamic[];\n\
             .global .align 4 .b32 table[3] = {1, -1};\n\
             .visible .entry k(.param .u64 .ptr .global .align 1 k_param_0,\n.param .align 8 .b8 k_param_1[40])\n\
             .reqntid 32, 2\n{\nret;\n}",
        )
        .unwrap();
        assert!(module.variables[0].is_extern);
        assert_eq!((module.variables[0].size, module.variables[0].alignment), (0, 16));
        assert_eq!(module.variables[1].size, 12);
        assert_eq!(module.variables[1].initial, [1, 0, 0, 0, 255, 255, 255, 255]);
        let kernel = &module.functions[0];
        assert_eq!(kernel.required_threads, Some([32, 2, 1]));
        assert_eq!((kernel.parameters[0].size, kernel.parameters[0].alignment), (8, 8));
        assert_eq!((kernel.parameters[1].size, kernel.parameters[1].alignment), (40, 8));
    }

    #[test]
    fn the_line_and_the_kernel_of_what_is_wrong() {
        let error = parse(".visible .entry k()\n{\n.nonsense;\n}").unwrap_err();
        assert_eq!((error.line, error.function.as_deref()), (3, Some("k")));
    }
}
