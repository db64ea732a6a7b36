//! The frame of a `.wandb` file: a head of seven bytes, then the log format of LevelDB
//! (<https://github.com/google/leveldb/blob/main/doc/log_format.md>) in blocks of 32 KiB, of which the first is seven bytes
//! shorter. Other than LevelDB's, the checksum is zlib's plain CRC-32, over the type and the data.

use std::io::{self, Read};

/// `:W&B`, the magic number 0xBEE1 and version 0.
pub(super) const HEAD: [u8; 7] = *b":W&B\xe1\xbe\x00";

const BLOCK: usize = 1 << 15;

/// Checksum (4 bytes), length (2), type (1) of a piece.
const PIECE_HEAD: usize = 7;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// The longest record that is read and written: more than a reader would take, and a bound on what a damaged file may ask for.
pub(super) const LONGEST: usize = 1 << 28;

/// One record, framed for a file that has `position` bytes so far.
pub(super) fn frame(position: u64, data: &[u8]) -> Vec<u8> {
    let block = BLOCK as u64;
    let mut left = BLOCK - usize::try_from(position % block).expect("less than a block");
    let mut framed = Vec::with_capacity(data.len() + 4 * PIECE_HEAD);
    if left < PIECE_HEAD {
        framed.resize(left, 0);
        left = BLOCK;
    }
    let (mut rest, mut first) = (data, true);
    loop {
        let (piece, after) = rest.split_at(rest.len().min(left - PIECE_HEAD));
        let kind = match (first, after.is_empty()) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        let length = u16::try_from(piece.len()).expect("less than a block");
        framed.extend(checksum(kind, piece).to_le_bytes());
        framed.extend(length.to_le_bytes());
        framed.push(kind);
        framed.extend(piece);
        if after.is_empty() {
            return framed;
        }
        (rest, first, left) = (after, false, BLOCK);
    }
}

fn checksum(kind: u8, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(data);
    hasher.finalize()
}

/// Reads records one by one.
#[derive(Debug)]
pub(super) struct Records<R> {
    from: R,
    position: u64,
}

impl<R: Read> Records<R> {
    /// Those after the head, which has been read.
    pub(super) fn after_head(from: R) -> Self {
        Self { from, position: HEAD.len() as u64 }
    }

    /// The next whole record and where it ends; `None` at the end, and at the first that is damaged or cut short.
    pub(super) fn next(&mut self) -> io::Result<Option<(Vec<u8>, u64)>> {
        let (mut record, mut expected) = (Vec::new(), [FULL, FIRST]);
        loop {
            let Some((kind, piece)) = self.piece()? else { return Ok(None) };
            if !expected.contains(&kind) || record.len() + piece.len() > LONGEST {
                return Ok(None);
            }
            record.extend(piece);
            if matches!(kind, FULL | LAST) {
                return Ok(Some((record, self.position)));
            }
            expected = [MIDDLE, LAST];
        }
    }

    fn piece(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        let left = BLOCK - usize::try_from(self.position % BLOCK as u64).expect("less than a block");
        if left < PIECE_HEAD {
            let Some(padding) = self.exactly(left)? else { return Ok(None) };
            if padding.iter().any(|byte| *byte != 0) {
                return Ok(None);
            }
        }
        let Some(head) = self.exactly(PIECE_HEAD)? else { return Ok(None) };
        let length = u16::from_le_bytes([head[4], head[5]]);
        let Some(data) = self.exactly(length.into())? else { return Ok(None) };
        let whole = head[..4] == checksum(head[6], &data).to_le_bytes();
        Ok(whole.then_some((head[6], data)))
    }

    fn exactly(&mut self, length: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; length];
        match self.from.read_exact(&mut bytes) {
            Ok(()) => {
                self.position += length as u64;
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<(Vec<u8>, u64)> {
        let mut records = Records::after_head(&bytes[HEAD.len().min(bytes.len())..]);
        std::iter::from_fn(|| records.next().unwrap()).collect()
    }

    fn write(records: &[Vec<u8>]) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut ends) = (HEAD.to_vec(), Vec::new());
        for record in records {
            bytes.extend(frame(bytes.len() as u64, record));
            ends.push(bytes.len() as u64);
        }
        (bytes, ends)
    }

    /// Lengths around those at which a block is full.
    fn record() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![0_usize..40, 32_720_usize..32_780, 65_480_usize..65_550];
        (length, any::<u8>()).prop_map(|(length, byte)| vec![byte; length])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whole_records_are_read_and_no_others(
            records in proptest::collection::vec(record(), 0..8),
            cut in 0_usize..60,
            flip: Option<prop::sample::Index>,
        ) {
            let (mut bytes, ends) = write(&records);
            let mut whole = bytes.len().saturating_sub(cut).max(HEAD.len());
            bytes.truncate(whole);
            if let Some(flip) = flip.filter(|_| whole > HEAD.len()) {
                let at = HEAD.len() + flip.index(whole - HEAD.len());
                bytes[at] ^= 0x10;
                whole = at;
            }
            let expected: Vec<_> =
                records.into_iter().zip(ends).take_while(|(_, end)| *end <= whole as u64).collect();
            prop_assert_eq!(read(&bytes), expected);
        }
    }

    #[test]
    fn a_block_that_is_almost_full_is_padded() {
        for left in 0..12 {
            let first = BLOCK - HEAD.len() - PIECE_HEAD - left;
            let records = vec![vec![1; first], vec![2; 20]];
            let (bytes, ends) = write(&records);
            assert_eq!(ends[0], (BLOCK - left) as u64);
            let expected: Vec<_> = records.into_iter().zip(ends).collect();
            assert_eq!(read(&bytes), expected);
            // With just room for a head, the first piece is empty.
            let pieces = if (1..7).contains(&left) {
                left + 7 + 20
            } else if left == 0 {
                27
            } else {
                34
            };
            assert_eq!(bytes.len(), BLOCK - left + pieces, "{left}");
        }
    }
}
