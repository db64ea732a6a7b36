//! SafeTensors files around bytes under test.

/// The file of a header in JSON, with `length` bytes of data.
pub(crate) fn with_header(header: &[u8], length: usize) -> Vec<u8> {
    let data = vec![0; length];
    [&(header.len() as u64).to_le_bytes()[..], header, &data].concat()
}

/// The file of `rest`: two bytes say how long the data are, the others are the header.
pub(crate) fn from_header(rest: &[u8]) -> Option<Vec<u8>> {
    let (length, header) = rest.split_first_chunk::<2>()?;
    Some(with_header(header, usize::from(u16::from_le_bytes(*length))))
}
