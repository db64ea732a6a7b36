//! Figures as text.

/// A figure with four significant digits.
pub(crate) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let size = value.abs();
    if value == 0.0 {
        "0".into()
    } else if !(1e-3..1e6).contains(&size) {
        let text = format!("{value:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.')).replace('-', "−")
    } else {
        let digits = match size {
            size if size >= 1000.0 => 0,
            size if size >= 100.0 => 1,
            size if size >= 10.0 => 2,
            size if size >= 1.0 => 3,
            _ => 4,
        };
        let text = format!("{value:.digits$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        text.replace('-', "−")
    }
}

/// A figure with this many digits after the point.
pub(crate) fn fixed(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let text = format!("{value:.digits$}");
    // What rounds to nothing has no sign.
    let nothing = text.starts_with('-') && text.chars().all(|c| "-0.".contains(c));
    if nothing { text[1..].to_owned() } else { text.replace('-', "−") }
}

/// A figure with at most two digits after the point.
pub(crate) fn brief(value: f64) -> String {
    let text = fixed(value, 2);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A length of time: `1 h 02 min`, `3 min 20 s`, `4.2 s`.
pub(crate) fn duration(seconds: f64) -> String {
    if !(seconds.is_finite() && seconds >= 0.0) {
        return "–".into();
    }
    let whole = seconds.round();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else if whole < 3600.0 {
        format!("{} min {:02} s", (whole / 60.0).floor(), whole % 60.0)
    } else {
        format!("{} h {:02} min", (whole / 3600.0).floor(), (whole % 3600.0 / 60.0).floor())
    }
}

/// A moment, in seconds since 1970, as a date and time in UTC.
pub(crate) fn moment(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Years of the proleptic Gregorian calendar begin in March, so that a leap day ends one.
    let shifted = days.saturating_add(719_468);
    let era = shifted / 146_097;
    let day = shifted % 146_097;
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{date:02} {:02}:{:02} UTC", time / 3600, time % 3600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_they_are_worth() {
        let texts = [0.0, 0.25, 12.345_678, -1234.56, 1e-5, f64::NAN, 3e7, 100.0].map(figure);
        assert_eq!(texts, ["0", "0.25", "12.35", "−1235", "1e−5", "–", "3e7", "100"]);
        assert_eq!(
            [fixed(-0.5, 2), fixed(-0.0004, 3), brief(14.0), brief(-1.267)],
            ["−0.50", "0.000", "14", "−1.27"]
        );
    }

    #[test]
    fn times_read_well() {
        assert_eq!([4.21, 200.0, 3725.0, f64::NAN].map(duration), ["4.2 s", "3 min 20 s", "1 h 02 min", "–"]);
        // date -u -d @1795905385 +%F\ %H:%M
        assert_eq!(moment(1_795_905_385), "2026-11-28 22:36 UTC");
        assert_eq!(
            (moment(0), moment(951_782_400)),
            ("1970-01-01 00:00 UTC".into(), "2000-02-29 00:00 UTC".into())
        );
        // However far off.
        moment(u64::MAX);
    }
}
