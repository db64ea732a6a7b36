//! The bytes of a file of one array of one dimension.

/// Of numbers, as f64.
pub(crate) fn number_file(values: &[f64]) -> Vec<u8> {
    file("<f8", values.len(), values.iter().flat_map(|value| value.to_le_bytes()))
}

/// Of integers, as i64.
pub(crate) fn integer_file(values: &[i64]) -> Vec<u8> {
    file("<i8", values.len(), values.iter().flat_map(|value| value.to_le_bytes()))
}

/// Of text without zeros at its end, as wide as the longest item.
pub(crate) fn string_file(values: &[String]) -> Vec<u8> {
    let width = values.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let padded = |text: &String| {
        let characters: Vec<char> = text.chars().chain(std::iter::repeat('\0')).take(width).collect();
        characters
    };
    let bytes = values.iter().flat_map(padded).flat_map(|character| u32::from(character).to_le_bytes());
    file(&format!("<U{width}"), values.len(), bytes)
}

/// Version 1.0 of the format, its header filled up to a multiple of 64 bytes as NumPy does.
fn file(element: &str, count: usize, elements: impl Iterator<Item = u8>) -> Vec<u8> {
    const BEFORE: usize = 10;
    let text = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': ({count},), }}");
    let length = (BEFORE + text.len() + 1).next_multiple_of(64) - BEFORE;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(length).expect("the text of a header is short").to_le_bytes());
    bytes.extend(format!("{text:<width$}\n", width = length - 1).bytes());
    bytes.extend(elements);
    bytes
}
