//! Reads arrays in NumPy's format, in a few lines of its own: a header is one dictionary of three keys, and a forged one must cost
//! nothing.

use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use burn::tensor::{DType, Shape, TensorData};
use seqjepa_data::regular::open_regular;

/// The longest header that is read, in bytes; NumPy's own have some hundred.
const MAX_HEADER: usize = 1 << 16;

/// Reads one array of numbers. Memory is asked for only as far as the file has bytes.
pub(super) fn read_npy(path: &Path) -> anyhow::Result<TensorData> {
    read(path).with_context(|| format!("{}: not an array that can be read", path.display()))
}

fn read(path: &Path) -> anyhow::Result<TensorData> {
    let (file, _) = open_regular(path, u64::MAX)?;
    let data = file.metadata()?;
    let mut file = BufReader::new(file);
    let mut start = [0; 8];
    fill(&mut file, &mut start, "a NumPy file")?;
    ensure!(start.starts_with(b"\x93NUMPY"), "expected a NumPy file, found other bytes");
    let (length, preamble) = if start[6] == 1 {
        let mut length = [0; 2];
        fill(&mut file, &mut length, "a whole header")?;
        (usize::from(u16::from_le_bytes(length)), 10)
    } else {
        let mut length = [0; 4];
        fill(&mut file, &mut length, "a whole header")?;
        (usize::try_from(u32::from_le_bytes(length))?, 12)
    };
    ensure!(length <= MAX_HEADER, "expected a header of at most {MAX_HEADER} bytes, found {length}");
    let mut header = vec![0; length];
    fill(&mut file, &mut header, "a whole header")?;
    let header = String::from_utf8_lossy(&header).into_owned();
    let (dtype, shape, fortran) = parse(&header)?;

    let elements = shape.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent));
    let bytes = elements.and_then(|elements| elements.checked_mul(dtype.size()));
    let found = data.len().saturating_sub((preamble + length) as u64);
    let Some(bytes) = bytes.filter(|bytes| *bytes as u64 == found) else {
        bail!("expected the elements of shape {shape:?}, found {found} bytes");
    };
    let mut values = vec![0; bytes];
    fill(&mut file, &mut values, "all elements")?;
    if fortran {
        values = to_rows(&values, &shape, dtype.size());
    }
    Ok(TensorData::try_from_bytes_vec(values, Shape::from(shape), dtype)?)
}

fn fill(file: &mut impl Read, bytes: &mut [u8], what: &str) -> anyhow::Result<()> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => anyhow!("expected {what}, found that the file ends before"),
        _ => error.into(),
    })
}

/// Type, shape, and whether the first axis runs fastest: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
fn parse(header: &str) -> anyhow::Result<(DType, Vec<usize>, bool)> {
    let after = |key: &str| {
        let (_, rest) =
            header.split_once(&format!("'{key}':")).with_context(|| format!("expected `{key}`"))?;
        anyhow::Ok(rest.trim_start())
    };
    let kind = after("descr")?.split('\'').nth(1).unwrap_or_default();
    let dtype = match kind {
        "<f8" => DType::F64,
        "<f4" => DType::F32,
        "<f2" => DType::F16,
        "<i8" => DType::I64,
        "<i4" => DType::I32,
        "<i2" => DType::I16,
        "|i1" => DType::I8,
        "<u8" => DType::U64,
        "<u4" => DType::U32,
        "<u2" => DType::U16,
        "|u1" | "|b1" => DType::U8,
        other => bail!("expected little-endian numbers, found the type {other:?}"),
    };
    let fortran = after("fortran_order")?.starts_with("True");
    let shape = after("shape")?;
    let inner = shape.strip_prefix('(').and_then(|shape| shape.split_once(')'));
    let (inner, _) = inner.context("expected a shape in parentheses")?;
    let extents = inner.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    let shape = extents.map(|extent| extent.parse().ok()).collect::<Option<_>>();
    let shape = shape
        .with_context(|| format!("expected whole numbers of at least 0 in the shape, found ({inner})"))?;
    Ok((dtype, shape, fortran))
}

/// The elements with the last axis running fastest, from those with the first.
fn to_rows(values: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len());
    for number in 0..values.len() / size {
        let (mut rest, mut place, mut stride) = (number, 0, values.len() / size);
        for extent in shape.iter().rev() {
            stride /= extent;
            place += rest % extent * stride;
            rest /= extent;
        }
        out.extend_from_slice(&values[place * size..][..size]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> tempfile::NamedTempFile {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn both_orders_of_elements_are_read() {
        let data: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let rows = file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", &data);
        let read = read_npy(rows.path()).unwrap();
        assert_eq!(read.shape().to_vec(), [2, 3]);
        assert_eq!(read.iter::<f32>().collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // As np.save writes np.array([[1, 3, 5], [2, 4, 6]], order="F").
        let columns = file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", &data);
        let read = read_npy(columns.path()).unwrap();
        assert_eq!(read.iter::<f32>().collect::<Vec<_>>(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        let labels = file("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n", &[7, 0, 255]);
        assert_eq!(read_npy(labels.path()).unwrap().iter::<i64>().collect::<Vec<_>>(), [7, 0, 255]);
    }

    #[test]
    fn files_that_say_more_than_they_hold_are_refused() {
        for (header, data) in [
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", &[0; 20][..]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", &[0; 4]),
            ("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", &[0; 4]),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", &[0; 8]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", &[0; 4]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, x), }", &[0; 4]),
            ("", &[]),
        ] {
            let file = file(header, data);
            let error = format!("{:#}", read_npy(file.path()).unwrap_err());
            assert!(error.contains(&file.path().display().to_string()), "{error}");
        }
        assert!(read_npy(Path::new("/dev/null")).is_err());
    }
}
