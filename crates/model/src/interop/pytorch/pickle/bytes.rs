//! Numbers, lines and texts of a program.

use super::super::object::{Class, Value};
use super::machine::{Machine, Step};

/// Bytes of a text that may name something; longer ones name nothing.
const MAX_NAME: usize = 1024;

impl<'a> Machine<'a> {
    pub(super) fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn take(&mut self, length: usize) -> Step<&'a [u8]> {
        let found = self.bytes.get(self.at..).and_then(|rest| rest.get(..length));
        let found = found.ok_or_else(|| "expected more bytes, found the end".to_owned())?;
        self.at += length;
        Ok(found)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("as many bytes were taken"))
    }

    pub(super) fn length32(&mut self) -> Step<usize> {
        let length = u32::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| format!("expected a length of memory, found {length}"))
    }

    pub(super) fn length64(&mut self) -> Step<usize> {
        let length = u64::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| format!("expected a length of memory, found {length}"))
    }

    /// A line without its end.
    pub(super) fn line(&mut self) -> Step<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| "expected a line, found the end".to_owned())?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    pub(super) fn class_by_lines(&mut self) -> Step<Class> {
        let (module, name) = (self.line()?, self.line()?);
        Ok(match (std::str::from_utf8(module), std::str::from_utf8(name)) {
            (Ok(module), Ok(name)) => Class::of(module, name),
            _ => Class::Unknown,
        })
    }

    pub(super) fn memo_number(&mut self, opcode: u8) -> Step<u32> {
        match opcode {
            b'h' | b'q' => Ok(self.byte()?.into()),
            b'j' | b'r' => Ok(u32::from_le_bytes(self.array()?)),
            _ => {
                let line = std::str::from_utf8(self.line()?).unwrap_or_default();
                line.parse().map_err(|_| format!("expected a number, found {line:?}"))
            }
        }
    }
}

/// A whole number in two's complement; none of more than 64 bits.
pub(super) fn long(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let (low, high) = bytes.split_at(bytes.len().min(8));
    let mut value = [fill; 8];
    value[..low.len()].copy_from_slice(low);
    let value = i64::from_le_bytes(value);
    (high.iter().all(|byte| *byte == fill) && (value < 0) == negative).then_some(value)
}

pub(super) fn name_of(bytes: &[u8], value: Value) -> Option<&str> {
    match value {
        Value::Text(at) => text(bytes, at as usize),
        _ => None,
    }
}

/// The text whose opcode is at `at`; none if it is not UTF-8, or too long to name anything.
pub(super) fn text(bytes: &[u8], at: usize) -> Option<&str> {
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
