use serde_json::Number;

/// A number as the public client writes it: whole numbers without a point, `NaN`, `Infinity` and `-Infinity` where there is no
/// number of JSON.
pub(super) fn json(value: f64) -> String {
    match Number::from_f64(value) {
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
        Some(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").map(ToOwned::to_owned).unwrap_or(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_bit_and_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (10.0, "10"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e300, "1e+300"),
            (f64::NAN, "NaN"),
            (-f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(json(value), text);
        }
        for value in [5e-324, f64::MAX, 1.0 / 3.0, 123_456_789_012_345_680.0] {
            assert_eq!(json(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}
