//! The stack machine that a pickle is a program for.
//!
//! Python's would call what the program names. This one calls nothing: it knows the functions that put tensors together by their
//! names, and makes of the results of all others objects without meaning, which take entries and attributes like any other. Objects
//! are held once, however often the program refers to them, so that time and memory grow with the program alone.

mod bytes;
mod machine;
mod memo;
mod tensors;

use std::borrow::Cow;
use std::collections::HashMap;

use self::machine::Machine;
use super::object::{Extent, Node, Value};

/// The longest pickle that is read, in bytes: that of a model with its optimizer has some hundred kilobytes.
pub(super) const MAX_PICKLE: usize = 64 << 20;

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
        Value::Text(at) => bytes::text(bytes, at as usize).map(Cow::Borrowed),
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
    let mut machine = Machine::new(bytes);
    let root = machine.run().map_err(|error| format!("{error} at byte {} of its pickle", machine.at))?;
    let Machine { nodes, at, storages, .. } = machine;
    Ok(Pickle { bytes, nodes, root, length: at, storages })
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
