//! The machine: its stack, its objects and its opcodes.

use std::collections::HashMap;

use super::super::object::{Class, Extent, Node, Object, Value};
use super::bytes::{long, name_of};
use super::integer;
use super::memo::Memo;

/// Containers, tensors and storages of one pickle.
const MAX_NODES: usize = 1 << 20;
/// Values on the stack and in containers.
const MAX_VALUES: usize = 1 << 23;
/// Arguments that calls look at.
const MAX_ARGUMENTS: usize = 8;

pub(super) struct Machine<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) stack: Vec<Value>,
    /// Heights of the stack at its marks.
    pub(super) marks: Vec<u32>,
    pub(super) nodes: Vec<Node>,
    pub(super) memo: Memo,
    /// Values in containers.
    pub(super) kept: usize,
    pub(super) storages: HashMap<String, Extent>,
}
pub(super) type Step<T = ()> = Result<T, String>;

impl<'a> Machine<'a> {
    /// Before the first opcode of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            nodes: Vec::new(),
            memo: Memo::default(),
            kept: 0,
            storages: HashMap::new(),
        }
    }

    /// Runs to the end; gives what the program leaves behind.
    pub(super) fn run(&mut self) -> Step<Value> {
        loop {
            let start = self.at;
            let opcode = self.byte()?;
            match opcode {
                b'.' => return self.pop(),
                0x80 => {
                    let protocol = self.byte()?;
                    if protocol > 5 {
                        return Err(format!("expected pickle protocol 0 to 5, found {protocol}"));
                    }
                }
                // The length of a frame, which matters to those who read piece by piece.
                0x95 => {
                    self.take(8)?;
                }

                // None, True, False; floats.
                b'N' | 0x88 | 0x89 => self.push(Value::Other)?,
                b'F' => {
                    self.line()?;
                    self.push(Value::Other)?;
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Other)?;
                }
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(value))?;
                }
                b'K' => {
                    let value = self.byte()?;
                    self.push(Value::Int(value.into()))?;
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()))?;
                }
                b'I' | b'L' => {
                    let line = self.line()?;
                    let digits = std::str::from_utf8(line).unwrap_or_default().trim_end_matches('L');
                    // Booleans are spelt 00 and 01; what is wider than 64 bits counts nothing here.
                    self.push_integer(digits.parse().ok())?;
                }
                0x8a | 0x8b => {
                    let length = if opcode == 0x8a { self.byte()?.into() } else { self.length32()? };
                    let value = long(self.take(length)?);
                    self.push_integer(value)?;
                }

                // Texts stay where they are.
                b'S' | b'V' => {
                    self.line()?;
                    self.push_text(start)?;
                }
                b'U' | 0x8c => {
                    let length = self.byte()?;
                    self.take(length.into())?;
                    self.push_text(start)?;
                }
                b'T' | b'X' => {
                    let length = self.length32()?;
                    self.take(length)?;
                    self.push_text(start)?;
                }
                0x8d => {
                    let length = self.length64()?;
                    self.take(length)?;
                    self.push_text(start)?;
                }
                // Bytes.
                b'C' => {
                    let length = self.byte()?;
                    self.take(length.into())?;
                    self.push(Value::Other)?;
                }
                b'B' => {
                    let length = self.length32()?;
                    self.take(length)?;
                    self.push(Value::Other)?;
                }
                0x8e | 0x96 => {
                    let length = self.length64()?;
                    self.take(length)?;
                    self.push(Value::Other)?;
                }
                // A buffer out of band, and that it is for reading alone.
                0x97 => self.push(Value::Other)?,
                0x98 => {}

                b'(' => self.marks.push(count(self.stack.len())?),
                b')' | b']' | 0x8f => self.push_node(Node::Sequence(Vec::new()))?,
                b'}' => self.push_node(Node::Dictionary(Vec::new()))?,
                b't' | b'l' | 0x91 => {
                    let items = self.pop_mark()?;
                    self.push_node(Node::Sequence(items))?;
                }
                0x85..=0x87 => {
                    let height = self.stack.len().checked_sub(usize::from(opcode - 0x84));
                    let height = height.filter(|height| *height >= self.floor()).ok_or_else(underflow)?;
                    let items = self.stack.split_off(height);
                    self.push_node(Node::Sequence(items))?;
                }
                b'd' => {
                    let items = self.pop_mark()?;
                    self.push_node(Node::Dictionary(pairs(&items)?))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(&[item])?;
                }
                b'e' | 0x90 => {
                    let items = self.pop_mark()?;
                    self.extend(&items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_mark()?;
                    self.set(&items)?;
                }

                b'0' => {
                    if self.stack.len() == self.floor() && !self.marks.is_empty() {
                        self.marks.pop();
                    } else {
                        self.pop()?;
                    }
                }
                b'1' => {
                    self.pop_mark()?;
                }
                b'2' => {
                    let top = self.top()?;
                    self.push(top)?;
                }

                b'q' | b'r' | b'p' => {
                    let number = self.memo_number(opcode)?;
                    let top = self.top()?;
                    self.memo.put(number, top);
                }
                0x94 => {
                    let number = count(self.memo.len())?;
                    let top = self.top()?;
                    self.memo.put(number, top);
                }
                b'h' | b'j' | b'g' => {
                    let number = self.memo_number(opcode)?;
                    let value = self.memo.get(number);
                    let value =
                        value.ok_or_else(|| format!("expected object {number} of its memo, found none"))?;
                    self.push(value)?;
                }

                b'c' => {
                    let class = self.class_by_lines()?;
                    self.push(Value::Class(class))?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let text = |value| name_of(self.bytes, value);
                    let class = match (text(module), text(name)) {
                        (Some(module), Some(name)) => Class::of(module, name),
                        _ => Class::Unknown,
                    };
                    self.push(Value::Class(class))?;
                }
                // Classes by numbers that only the program that wrote them knows.
                0x82..=0x84 => {
                    self.take(1 << (opcode - 0x82))?;
                    self.push(Value::Class(Class::Unknown))?;
                }
                b'P' => {
                    self.line()?;
                    self.push(Value::Other)?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    self.persistent(id)?;
                }
                b'R' => {
                    let arguments = self.pop()?;
                    let callable = self.pop()?;
                    let result = self.call(callable, arguments)?;
                    self.push(result)?;
                }
                // New objects of a class with arguments, by four ways to say so.
                0x81 => {
                    self.pop()?;
                    self.pop()?;
                    self.push_node(Node::Object(Box::new(Object::new())))?;
                }
                0x92 => {
                    for _ in 0..3 {
                        self.pop()?;
                    }
                    self.push_node(Node::Object(Box::new(Object::new())))?;
                }
                b'o' => {
                    self.pop_mark()?;
                    self.push_node(Node::Object(Box::new(Object::new())))?;
                }
                b'i' => {
                    self.class_by_lines()?;
                    self.pop_mark()?;
                    self.push_node(Node::Object(Box::new(Object::new())))?;
                }
                b'b' => {
                    let state = self.pop()?;
                    let top = self.top()?;
                    // Attributes of a dictionary (`_metadata`), a list, a tensor are no entries of theirs.
                    if let Some(Node::Object(object)) = self.node_mut(top) {
                        object.state = state;
                    }
                }
                other => return Err(format!("expected an opcode, found the byte {other:#04x}")),
            }
        }
    }
    /// The height below which the last mark lets nobody reach.
    pub(super) fn floor(&self) -> usize {
        self.marks.last().map_or(0, |height| *height as usize)
    }

    pub(super) fn push(&mut self, value: Value) -> Step {
        if self.stack.len() + self.kept >= MAX_VALUES {
            return Err(format!("expected at most {MAX_VALUES} values, found more"));
        }
        self.stack.push(value);
        Ok(())
    }

    pub(super) fn push_text(&mut self, at: usize) -> Step {
        let at = count(at)?;
        self.push(Value::Text(at))
    }

    pub(super) fn push_integer(&mut self, value: Option<i64>) -> Step {
        match value {
            None => self.push(Value::Other),
            Some(value) => match i32::try_from(value) {
                Ok(value) => self.push(Value::Int(value)),
                Err(_) => self.push_node(Node::Int(value)),
            },
        }
    }

    pub(super) fn push_node(&mut self, node: Node) -> Step {
        self.kept += node.len();
        let value = self.add(node)?;
        self.push(value)
    }

    pub(super) fn add(&mut self, node: Node) -> Step<Value> {
        if self.nodes.len() >= MAX_NODES {
            return Err(format!("expected at most {MAX_NODES} objects, found more"));
        }
        self.nodes.push(node);
        Ok(Value::Node(count(self.nodes.len() - 1)?))
    }

    pub(super) fn pop(&mut self) -> Step<Value> {
        if self.stack.len() <= self.floor() {
            return Err(underflow());
        }
        self.stack.pop().ok_or_else(underflow)
    }

    pub(super) fn top(&self) -> Step<Value> {
        match self.stack.last() {
            Some(value) if self.stack.len() > self.floor() => Ok(*value),
            _ => Err(underflow()),
        }
    }

    pub(super) fn pop_mark(&mut self) -> Step<Vec<Value>> {
        let height = self.marks.pop().ok_or_else(underflow)?;
        Ok(self.stack.split_off(height as usize))
    }

    pub(super) fn node_mut(&mut self, value: Value) -> Option<&mut Node> {
        match value {
            Value::Node(number) => self.nodes.get_mut(number as usize),
            _ => None,
        }
    }

    /// Appends to the sequence on top; what is on top may as well be an object without meaning.
    pub(super) fn extend(&mut self, more: &[Value]) -> Step {
        let top = self.top()?;
        match self.node_mut(top) {
            Some(Node::Sequence(items)) => items.extend_from_slice(more),
            Some(Node::Object(object)) => object.items.extend_from_slice(more),
            _ => return Ok(()),
        }
        self.kept += more.len();
        Ok(())
    }

    /// Sets entries of the dictionary on top.
    pub(super) fn set(&mut self, more: &[Value]) -> Step {
        let (top, more) = (self.top()?, pairs(more)?);
        let length = 2 * more.len();
        match self.node_mut(top) {
            Some(Node::Dictionary(entries)) => entries.extend(more),
            Some(Node::Object(object)) => object.entries.extend(more),
            _ => return Ok(()),
        }
        self.kept += length;
        Ok(())
    }

    pub(super) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Node(number) => match self.nodes.get(number as usize)? {
                Node::Sequence(items) => Some(items),
                _ => None,
            },
            _ => None,
        }
    }

    /// The first arguments of a call. One tuple may be given to any number of calls, so that the rest of it is left alone.
    pub(super) fn arguments(&self, value: Value) -> Vec<Value> {
        let fields = self.sequence(value).unwrap_or_default();
        fields[..fields.len().min(MAX_ARGUMENTS)].to_vec()
    }

    pub(super) fn integer(&self, value: Value) -> Option<i64> {
        integer(&self.nodes, value)
    }

    pub(super) fn natural(&self, value: Value) -> Option<u64> {
        self.integer(value).and_then(|value| u64::try_from(value).ok())
    }
}

fn count(number: usize) -> Step<u32> {
    u32::try_from(number).map_err(|_| format!("expected less than 2^32 objects, found {number}"))
}

fn underflow() -> String {
    "expected an object on the stack, found none".to_owned()
}

fn pairs(items: &[Value]) -> Step<Vec<(Value, Value)>> {
    if !items.len().is_multiple_of(2) {
        return Err("expected a value of every key, found a key without one".into());
    }
    Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}
