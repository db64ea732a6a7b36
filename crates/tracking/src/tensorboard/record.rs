//! TFRecord framing: length, its masked CRC32C, data, its masked CRC32C
//! (<https://www.tensorflow.org/tutorials/load_data/tfrecord>, "TFRecords format details").

use std::io::{self, Read};

/// The longest record that is read: far more than any writer makes, and a bound on what a damaged length may ask for.
pub(super) const LONGEST: usize = 1 << 28;

/// One record, framed.
pub(super) fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked(data).to_le_bytes());
    record
}

/// The checksum rotated and shifted, so that a checksum over data that hold checksums stays a good one.
fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The next whole record; `None` at the end, and at the first that is damaged or cut short.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let Some(head) = exactly::<12>(from)? else { return Ok(None) };
    let (length, check) = head.split_at(8);
    let size = u64::from_le_bytes(length.try_into().expect("eight bytes"));
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if check != masked(length).to_le_bytes() || size > LONGEST {
        return Ok(None);
    }
    let mut data = Vec::new();
    from.by_ref().take(size as u64).read_to_end(&mut data)?;
    let Some(check) = exactly::<4>(from)? else { return Ok(None) };
    Ok((data.len() == size && check == masked(&data).to_le_bytes()).then_some(data))
}

fn exactly<const LENGTH: usize>(from: &mut impl Read) -> io::Result<Option<[u8; LENGTH]>> {
    let mut bytes = [0; LENGTH];
    match from.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whole_records_are_read_and_no_others(records: Vec<Vec<u8>>, cut in 0_usize..40, flip: Option<u16>) {
            let framed: Vec<Vec<u8>> = records.iter().map(|data| frame(data)).collect();
            let mut bytes = framed.concat();
            let mut whole = bytes.len().saturating_sub(cut);
            bytes.truncate(whole);
            if let (Some(at), false) = (flip, bytes.is_empty()) {
                let at = usize::from(at) % bytes.len();
                bytes[at] ^= 1;
                whole = at;
            }
            let mut left = bytes.as_slice();
            let (mut end, mut expected) = (0, Vec::new());
            for (data, framed) in records.iter().zip(&framed) {
                end += framed.len();
                if end <= whole { expected.push(data.clone()) } else { break }
            }
            let read: Vec<Vec<u8>> = std::iter::from_fn(|| read(&mut left).unwrap()).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
