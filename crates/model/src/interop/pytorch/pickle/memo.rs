//! What a pickle has put aside to refer to again.

use std::collections::HashMap;

use super::super::object::Value;

/// Values by number: those of ever higher ones side by side, as picklers give them.
#[derive(Default)]
pub(super) struct Memo {
    first: Vec<Value>,
    others: HashMap<u32, Value>,
}

impl Memo {
    pub(super) fn put(&mut self, number: u32, value: Value) {
        let length = self.first.len();
        match self.first.get_mut(number as usize) {
            Some(place) => *place = value,
            None if number as usize == length => self.first.push(value),
            None => {
                self.others.insert(number, value);
            }
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<Value> {
        self.first.get(number as usize).or_else(|| self.others.get(&number)).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.others.len()
    }
}
