//! The figures of an epoch in words and units.

use super::super::terminal::short_line;

/// A figure as a line; none for a verdict, which is said in words elsewhere.
pub(super) fn line(name: &str, value: f64) -> Option<String> {
    if name.ends_with("_collapse") {
        return None;
    }
    let words = words(name);
    let shown = if words == name { short_line(name) } else { format!("{words} ({name})") };
    Some(format!("  {:<8} {shown}", figure(name, value)))
}

/// The value with the digits and the unit that it has.
fn figure(name: &str, value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    if name.contains("linacc") {
        return format!("{value:.2} %");
    }
    match name {
        "data_wait_share" => format!("{:.1} %", 100.0 * value),
        "learning_rate" => format!("{value:.1e}"),
        "train_time" | "ep_time" | "wall_time" => time(value),
        _ if name.contains("rankme") || name.contains("lidar") => format!("{value:.1}"),
        // A count; a figure that happens to be whole keeps its digits.
        "step" | "skipped_steps" | "validation_images" => format!("{value:.0}"),
        _ => format!("{value:.4}"),
    }
}

/// Seconds for people.
fn time(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
    let whole = seconds.round() as u64;
    super::clock(whole)
}

/// What a name means, in a few words; a name that is not known stands for itself.
fn words(name: &str) -> String {
    let known = match name {
        "ep_loss" => "training loss",
        "test_loss" => "test loss",
        "learning_rate" => "learning rate",
        "step" => "steps done",
        "skipped_steps" => "steps left out",
        "validation_images" => "held-out training images that every figure of test is of",
        "data_wait_share" => "of the time waiting for data",
        "train_time" => "time of the training part",
        "ep_time" => "time of the epoch",
        "wall_time" => "time of all epochs",
        _ => "",
    };
    if !known.is_empty() {
        return known.into();
    }
    if let Some(words) = diagnostic(name) {
        return words;
    }
    let kind = [("online_", "online"), ("leakage_", "leakage")];
    let Some((rest, kind)) = kind.iter().find_map(|(prefix, kind)| Some((name.strip_prefix(prefix)?, kind)))
    else {
        return name.into();
    };
    let split = [("_train", "training"), ("_test", "test")];
    let Some((rest, split)) = split.iter().find_map(|(end, split)| Some((rest.strip_suffix(end)?, split)))
    else {
        return name.into();
    };
    let what = match rest {
        "linacc" => "top-1".to_owned(),
        "linloss" => "loss of the classes".into(),
        "r2" => "R2 of the action".into(),
        "r2_loss" => "loss of the action".into(),
        _ => match rest.strip_prefix("r2_") {
            Some(group) => format!("R2 of {}", short_line(group)),
            None => return name.into(),
        },
    };
    format!("{what}, {kind}, {split}")
}

/// The collapse diagnostics, of the encoder's representations and of the invariant one.
fn diagnostic(name: &str) -> Option<String> {
    let (rest, of) = match name.strip_prefix("z_agg_") {
        Some(rest) => (rest, "the invariant representation"),
        None => (name.strip_prefix("z_")?, "z"),
    };
    let what = match rest {
        "rankme" => "RankMe, directions,",
        "lidar" => "LiDAR, directions,",
        "std" => "standard deviation",
        "std_ratio" => "spread, at most 1,",
        "alignment" => "alignment",
        "uniformity" => "uniformity",
        "drift_cosine" => "cosine distance to the target encoder",
        "drift_l2" => "relative distance to the target encoder",
        "drift_cka" => "likeness to the target encoder (CKA)",
        _ => return None,
    };
    Some(format!("{what} of {of}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_words_and_units() {
        let shown =
            |name: &str, value| line(name, value).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        for (name, value, expected) in [
            ("step", 8.0, "8 steps done (step)"),
            ("ep_loss", 0.25, "0.2500 training loss (ep_loss)"),
            ("online_linacc_test", 15.7227, "15.72 % top-1, online, test (online_linacc_test)"),
            ("leakage_r2_crop_train", 1.0, "1.0000 R2 of crop, leakage, training (leakage_r2_crop_train)"),
            ("data_wait_share", 0.034, "3.4 % of the time waiting for data (data_wait_share)"),
            ("wall_time", 3725.2, "1:02:05 time of all epochs (wall_time)"),
            ("learning_rate", 1e-3, "1.0e-3 learning rate (learning_rate)"),
            (
                "validation_images",
                256.0,
                "256 held-out training images that every figure of test is of (validation_images)",
            ),
            ("loss_of_mine", 2.0, "2.0000 loss_of_mine"),
            (
                "z_agg_rankme",
                40.878,
                "40.9 RankMe, directions, of the invariant representation (z_agg_rankme)",
            ),
        ] {
            assert_eq!(shown(name, value), expected);
        }
        assert_eq!(line("z_agg_collapse", 1.0), None);
        assert!(!line("a\u{1b}b\nc", 1.0).unwrap().contains(['\u{1b}', '\n']));
    }
}
