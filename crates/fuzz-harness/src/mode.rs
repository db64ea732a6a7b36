/// The first byte of an input, as switches.
#[derive(Clone, Copy, Debug)]
pub struct Mode(u8);

impl Mode {
    /// Splits an input into its switches and the rest; nothing of an empty one.
    #[must_use]
    pub fn split(data: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = data.split_first()?;
        Some((Self(*first), rest))
    }

    /// Switch `bit`, 0 to 7.
    #[must_use]
    pub fn has(self, bit: u8) -> bool {
        self.0 >> bit & 1 == 1
    }

    /// The two lowest bits as a choice of four.
    #[must_use]
    pub fn choice(self) -> u8 {
        self.0 & 3
    }
}
