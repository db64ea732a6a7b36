//! The stack machine that a pickle is a program for.
//!
//! Python's would call what the program names. This one calls nothing: it knows the functions that put tensors together by their
//! names, and makes of the results of all others objects without meaning, which take entries and attributes like any other. Objects
//! are held once, however often the program refers to them, so that time and memory grow with the program alone.

use std::borrow::Cow;
use std::collections::HashMap;

use super::object::{Class, Element, Extent, Node, Object, Storage, StoredTensor, Value};

/// The longest pickle that is read, in bytes: that of a model with its optimizer has some hundred kilobytes.
pub(super) const MAX_PICKLE: usize = 64 << 20;
/// Containers, tensors and storages of one pickle.
const MAX_NODES: usize = 1 << 20;
/// Values on the stack and in containers.
const MAX_VALUES: usize = 1 << 23;
/// Axes of a tensor.
const MAX_AXES: usize = 64;
/// Bytes of a text that may name something; longer ones name nothing.
const MAX_NAME: usize = 1024;
/// Arguments that calls look at.
const MAX_ARGUMENTS: usize = 8;

/// What a pickle holds.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    bytes: &'a [u8],
    nodes: Vec<Node>,
    /// The object that the program leaves behind.
    pub(super) root: Value,
    /// Bytes of the program.
    pub(super) length: usize,
    /// The storages that it refers to, by key.
    pub(super) storages: HashMap<String, Extent>,
}

impl Pickle<'_> {
    pub(super) fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(number) => self.nodes.get(number as usize),
            _ => None,
        }
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A text, or a whole number as text: what names an entry.
    pub(super) fn name(&self, value: Value) -> Option<Cow<'_, str>> {
        name(self.bytes, &self.nodes, value)
    }

    pub(super) fn integer(&self, value: Value) -> Option<i64> {
        integer(&self.nodes, value)
    }
}

fn name<'a>(bytes: &'a [u8], nodes: &[Node], value: Value) -> Option<Cow<'a, str>> {
    match value {
        Value::Text(at) => text(bytes, at as usize).map(Cow::Borrowed),
        _ => integer(nodes, value).map(|number| number.to_string().into()),
    }
}

fn integer(nodes: &[Node], value: Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(number.into()),
        Value::Node(node) => match nodes.get(node as usize)? {
            Node::Int(number) => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

/// Runs the program at the start of `bytes`.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle<'_>, String> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        nodes: Vec::new(),
        memo: Memo::default(),
        kept: 0,
        storages: HashMap::new(),
    };
    let root = machine.run().map_err(|error| format!("{error} at byte {} of its pickle", machine.at))?;
    let Machine { nodes, at, storages, .. } = machine;
    Ok(Pickle { bytes, nodes, root, length: at, storages })
}

/// Values by number: those of ever higher ones side by side, as picklers give them.
#[derive(Default)]
struct Memo {
    first: Vec<Value>,
    others: HashMap<u32, Value>,
}

impl Memo {
    fn put(&mut self, number: u32, value: Value) {
        let length = self.first.len();
        match self.first.get_mut(number as usize) {
            Some(place) => *place = value,
            None if number as usize == length => self.first.push(value),
            None => {
                self.others.insert(number, value);
            }
        }
    }

    fn get(&self, number: u32) -> Option<Value> {
        self.first.get(number as usize).or_else(|| self.others.get(&number)).copied()
    }

    fn len(&self) -> usize {
        self.first.len() + self.others.len()
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    /// Heights of the stack at its marks.
    marks: Vec<u32>,
    nodes: Vec<Node>,
    memo: Memo,
    /// Values in containers.
    kept: usize,
    storages: HashMap<String, Extent>,
}

type Step<T = ()> = Result<T, String>;

impl<'a> Machine<'a> {
    fn run(&mut self) -> Step<Value> {
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

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, length: usize) -> Step<&'a [u8]> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.get(..length));
        let found = found.ok_or_else(|| "expected more bytes, found the end".to_owned())?;
        self.at += length;
        Ok(found)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("as many bytes were taken"))
    }

    fn length32(&mut self) -> Step<usize> {
        let length = u32::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| format!("expected a length of memory, found {length}"))
    }

    fn length64(&mut self) -> Step<usize> {
        let length = u64::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| format!("expected a length of memory, found {length}"))
    }

    /// A line without its end.
    fn line(&mut self) -> Step<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| "expected a line, found the end".to_owned())?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn class_by_lines(&mut self) -> Step<Class> {
        let (module, name) = (self.line()?, self.line()?);
        Ok(match (std::str::from_utf8(module), std::str::from_utf8(name)) {
            (Ok(module), Ok(name)) => Class::of(module, name),
            _ => Class::Unknown,
        })
    }

    fn memo_number(&mut self, opcode: u8) -> Step<u32> {
        match opcode {
            b'h' | b'q' => Ok(self.byte()?.into()),
            b'j' | b'r' => Ok(u32::from_le_bytes(self.array()?)),
            _ => {
                let line = std::str::from_utf8(self.line()?).unwrap_or_default();
                line.parse().map_err(|_| format!("expected a number, found {line:?}"))
            }
        }
    }

    /// The height below which the last mark lets nobody reach.
    fn floor(&self) -> usize {
        self.marks.last().map_or(0, |height| *height as usize)
    }

    fn push(&mut self, value: Value) -> Step {
        if self.stack.len() + self.kept >= MAX_VALUES {
            return Err(format!("expected at most {MAX_VALUES} values, found more"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn push_text(&mut self, at: usize) -> Step {
        let at = count(at)?;
        self.push(Value::Text(at))
    }

    fn push_integer(&mut self, value: Option<i64>) -> Step {
        match value {
            None => self.push(Value::Other),
            Some(value) => match i32::try_from(value) {
                Ok(value) => self.push(Value::Int(value)),
                Err(_) => self.push_node(Node::Int(value)),
            },
        }
    }

    fn push_node(&mut self, node: Node) -> Step {
        self.kept += node.len();
        let value = self.add(node)?;
        self.push(value)
    }

    fn add(&mut self, node: Node) -> Step<Value> {
        if self.nodes.len() >= MAX_NODES {
            return Err(format!("expected at most {MAX_NODES} objects, found more"));
        }
        self.nodes.push(node);
        Ok(Value::Node(count(self.nodes.len() - 1)?))
    }

    fn pop(&mut self) -> Step<Value> {
        if self.stack.len() <= self.floor() {
            return Err(underflow());
        }
        self.stack.pop().ok_or_else(underflow)
    }

    fn top(&self) -> Step<Value> {
        match self.stack.last() {
            Some(value) if self.stack.len() > self.floor() => Ok(*value),
            _ => Err(underflow()),
        }
    }

    fn pop_mark(&mut self) -> Step<Vec<Value>> {
        let height = self.marks.pop().ok_or_else(underflow)?;
        Ok(self.stack.split_off(height as usize))
    }

    fn node_mut(&mut self, value: Value) -> Option<&mut Node> {
        match value {
            Value::Node(number) => self.nodes.get_mut(number as usize),
            _ => None,
        }
    }

    /// Appends to the sequence on top; what is on top may as well be an object without meaning.
    fn extend(&mut self, more: &[Value]) -> Step {
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
    fn set(&mut self, more: &[Value]) -> Step {
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

    fn sequence(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Node(number) => match self.nodes.get(number as usize)? {
                Node::Sequence(items) => Some(items),
                _ => None,
            },
            _ => None,
        }
    }

    /// The first arguments of a call. One tuple may be given to any number of calls, so that the rest of it is left alone.
    fn arguments(&self, value: Value) -> Vec<Value> {
        let fields = self.sequence(value).unwrap_or_default();
        fields[..fields.len().min(MAX_ARGUMENTS)].to_vec()
    }

    fn integer(&self, value: Value) -> Option<i64> {
        integer(&self.nodes, value)
    }

    fn natural(&self, value: Value) -> Option<u64> {
        self.integer(value).and_then(|value| u64::try_from(value).ok())
    }

    /// What `('storage', type, key, location, elements[, view])` stands for; other ids mean nothing here.
    fn persistent(&mut self, id: Value) -> Step {
        let fields = self.arguments(id);
        let text = |value| name_of(self.bytes, value);
        if fields.len() < 5 || text(fields[0]) != Some("storage") {
            return self.push(Value::Other);
        }
        let refuse = |what: &str| Err(format!("expected {what} of a storage, found another object"));
        let class = match fields[1] {
            Value::Class(class) => class,
            // As text in files of the first versions.
            value => text(value).map_or(Class::Unknown, |name| Class::of("torch", name)),
        };
        let (element, strange, size) = match class {
            Class::Storage(element, size) => (element, element.is_none(), size.into()),
            Class::UntypedStorage => (None, false, 1),
            _ => return refuse("the type"),
        };
        let Some(key) = name(self.bytes, &self.nodes, fields[2]) else { return refuse("the key") };
        let key = key.into_owned();
        let Some(elements) = self.natural(fields[4]) else { return refuse("the length") };
        let offset = match fields.get(5).and_then(|view| self.sequence(*view)) {
            None => 0,
            Some(view) => match view.get(1).and_then(|offset| self.natural(*offset)) {
                Some(offset) => offset,
                None => return refuse("the view"),
            },
        };
        let extent = Extent { elements, size };
        let known = self.storages.entry(key.clone()).or_insert(extent);
        if *known != extent {
            return Err(format!("expected storage `{key}` of the length that it had before, found another"));
        }
        self.push_node(Node::Storage(Box::new(Storage { key, extent, element, strange, offset })))
    }

    /// The result of a call that is known; an object without meaning of any other.
    fn call(&mut self, callable: Value, arguments: Value) -> Step<Value> {
        let class = match callable {
            Value::Class(class) => class,
            _ => Class::Unknown,
        };
        let fields = self.arguments(arguments);
        match class {
            Class::RebuildTensor => self.tensor(&fields, 4, None),
            Class::RebuildTensorV2 => self.tensor(&fields, 6, None),
            Class::RebuildTensorV3 => match fields.get(6) {
                Some(Value::Class(Class::Element(element))) => self.tensor(&fields, 7, Some(*element)),
                // Of a type that Burn lacks.
                _ => Ok(Value::Other),
            },
            Class::RebuildParameter => Ok(fields.first().copied().unwrap_or(Value::Other)),
            Class::RebuildFromType => match fields[..] {
                // One level: what it calls puts a tensor together.
                [function, _, arguments, ..] if function != callable => self.call(function, arguments),
                _ => Ok(Value::Other),
            },
            Class::Sequence => match fields[..] {
                [] => self.add(Node::Sequence(Vec::new())),
                [only] if self.sequence(only).is_some() => Ok(only),
                _ => self.add(Node::Object(Box::new(Object::new()))),
            },
            Class::Dictionary => {
                let items = fields.first().and_then(|items| self.sequence(*items)).unwrap_or_default();
                let pair = |item: &Value| match self.sequence(*item) {
                    Some([key, value]) => Some((*key, *value)),
                    _ => None,
                };
                let entries: Vec<_> = items.iter().filter_map(pair).collect();
                self.kept += 2 * entries.len();
                self.add(Node::Dictionary(entries))
            }
            _ => self.add(Node::Object(Box::new(Object::new()))),
        }
    }

    /// `(storage, offset, shape, stride, ...)`, of the storage's type or of this one.
    fn tensor(&mut self, fields: &[Value], least: usize, element: Option<Element>) -> Step<Value> {
        if fields.len() < least {
            return Err(format!("expected {least} arguments of a tensor, found {}", fields.len()));
        }
        let storage = match fields[0] {
            Value::Node(number) => match self.nodes.get(number as usize) {
                Some(Node::Storage(storage)) => storage,
                _ => return Err("expected the storage of a tensor, found another object".into()),
            },
            _ => return Err("expected the storage of a tensor, found another object".into()),
        };
        let element = match (storage.element, element) {
            _ if storage.strange => None,
            (None, None) => {
                return Err(format!("expected the type of storage `{}`, found none", storage.key));
            }
            (Some(of_storage), Some(own)) if of_storage != own => {
                return Err(format!("expected one type of storage `{}`, found two", storage.key));
            }
            (of_storage, own) => of_storage.or(own),
        };
        let extents = |value: Value, what: &str| -> Step<Vec<usize>> {
            let items = self.sequence(value).filter(|items| items.len() <= MAX_AXES);
            let items =
                items.ok_or_else(|| format!("expected the {what} of a tensor, found another object"))?;
            let extent = |item: &Value| self.natural(*item).and_then(|extent| usize::try_from(extent).ok());
            let extents: Option<Vec<_>> = items.iter().map(extent).collect();
            extents.ok_or_else(|| format!("expected whole numbers in the {what} of a tensor, found others"))
        };
        let (shape, stride) = (extents(fields[2], "shape")?, extents(fields[3], "stride")?);
        if shape.len() != stride.len() {
            return Err(format!("expected {} strides of a tensor, found {}", shape.len(), stride.len()));
        }
        let offset = self.natural(fields[1]).and_then(|offset| offset.checked_add(storage.offset));
        let offset =
            offset.ok_or_else(|| "expected the place of a tensor, found another object".to_owned())?;
        // Within what the storage says it holds; what it does hold is another question.
        let size = element.filter(|_| storage.element.is_none()).map_or(1, Element::size) as u64;
        let reach = reach(offset, &shape, &stride).and_then(|reach| reach.checked_mul(size));
        if reach.is_none_or(|reach| reach > storage.extent.elements) {
            return Err(format!(
                "expected a tensor within the {} elements of storage `{}`, found one of shape {shape:?} from {offset}",
                storage.extent.elements, storage.key
            ));
        }
        let tensor = StoredTensor { storage: storage.key.clone(), element, offset, shape, stride };
        self.add(Node::Tensor(Box::new(tensor)))
    }
}

/// One past the last element of a tensor; the start for one without elements.
fn reach(offset: u64, shape: &[usize], stride: &[usize]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    let last = shape.iter().zip(stride).try_fold(offset, |sum, (extent, stride)| {
        let step = (*extent as u64 - 1).checked_mul(*stride as u64)?;
        sum.checked_add(step)
    });
    last?.checked_add(1)
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

/// A whole number in two's complement; none of more than 64 bits.
fn long(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let (low, high) = bytes.split_at(bytes.len().min(8));
    let mut value = [fill; 8];
    value[..low.len()].copy_from_slice(low);
    let value = i64::from_le_bytes(value);
    (high.iter().all(|byte| *byte == fill) && (value < 0) == negative).then_some(value)
}

fn name_of(bytes: &[u8], value: Value) -> Option<&str> {
    match value {
        Value::Text(at) => text(bytes, at as usize),
        _ => None,
    }
}

/// The text whose opcode is at `at`; none if it is not UTF-8, or too long to name anything.
fn text(bytes: &[u8], at: usize) -> Option<&str> {
    let (opcode, rest) = bytes.get(at..)?.split_first()?;
    let line = || {
        let line = &rest[..rest.len().min(MAX_NAME + 1)];
        Some(&line[..line.iter().position(|byte| *byte == b'\n')?])
    };
    let text = match opcode {
        b'U' | 0x8c => rest.get(1..)?.get(..usize::from(*rest.first()?))?,
        b'T' | b'X' => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?
        }
        0x8d => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?
        }
        b'S' | b'V' => line()?,
        _ => return None,
    };
    if text.len() > MAX_NAME {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    // In quotes. Escapes occur in no name of a tensor.
    Some(if *opcode == b'S' { text.trim().trim_matches(['\'', '"']) } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(bytes: &[u8]) -> Result<Option<String>, String> {
        let pickle = read(bytes)?;
        Ok(pickle.name(pickle.root).map(Cow::into_owned))
    }

    #[test]
    fn whole_numbers_and_texts_of_every_protocol() {
        for (bytes, expected) in [
            (&b"I42\n."[..], "42"),
            (b"L42L\n.", "42"),
            (b"K\x2a.", "42"),
            (b"M\x2a\x01.", "298"),
            (b"J\xff\xff\xff\xff.", "-1"),
            (b"\x8a\x01\xff.", "-1"),
            (b"\x8a\x05\0\0\0\0\x01.", "4294967296"),
            (b"\x8b\x02\0\0\0\x2a\0.", "42"),
            (b"S'a b'\n.", "a b"),
            (b"Va b\n.", "a b"),
            (b"U\x03a b.", "a b"),
            (b"T\x03\0\0\0a b.", "a b"),
            (b"X\x03\0\0\0a b.", "a b"),
            (b"\x80\x04\x95\x05\0\0\0\0\0\0\0\x8c\x03a b.", "a b"),
            (b"\x8d\x03\0\0\0\0\0\0\0a b.", "a b"),
            (b"K\x01q\x000h\x00.", "1"),
        ] {
            assert_eq!(root(bytes).unwrap().as_deref(), Some(expected), "{bytes:?}");
        }
        for bytes in
            [&b"N."[..], b"\x88.", b"G\0\0\0\0\0\0\0\0.", b"\x8a\x09\0\0\0\0\0\0\0\0\x01.", b"C\x01a."]
        {
            assert_eq!(root(bytes).unwrap(), None);
        }
    }

    #[test]
    fn programs_that_are_none_are_refused() {
        for bytes in [
            &b""[..],
            b".",
            b"(.",
            b"0.",
            b"K",
            b"R.",
            b"h\x05.",
            b"\xff.",
            b"\x80\x09.",
            b"e.",
            b"}(K\x01u.",
            b"X\xff\xff\xff\xff",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
            b"I5",
            b"\x85.",
            b"gx\n.",
            b"K\x01(\x85.",
            b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
            b"K\x01\x93.",
        ] {
            let error = root(bytes).unwrap_err();
            assert!(error.contains("expected") && error.contains("found"), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn calls_are_not_made() {
        let pickle = read(b"cos\nsystem\n(S'touch here'\ntR.").unwrap();
        assert!(matches!(pickle.node(pickle.root), Some(Node::Object(_))));
    }

    #[test]
    fn a_memo_of_any_numbers_takes_no_memory_for_those_between() {
        assert_eq!(root(b"K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff.").unwrap().as_deref(), Some("7"));
    }
}
