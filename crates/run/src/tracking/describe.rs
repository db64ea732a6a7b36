//! What a tracker is told of a run before it begins.

use std::collections::BTreeMap;
use std::io::Cursor;

use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use seqjepa_data::Split;
use seqjepa_data::picture::{SheetRows, sequence_sheet};
use seqjepa_tracking::Picture;
use serde_json::{Map, Value, json};

use crate::code::code_version;
use crate::config::Config;
use crate::data::RunData;

/// Sequences that the picture of views shows.
const SEQUENCES: usize = 4;

/// Values of the views of a sequence above which none is drawn: a picture should take no time.
const MOST_VALUES: usize = 1 << 24;

/// The config's sections, and what computes them. A URL may hold a password, and is left out.
pub(super) fn settings(config: &Config, backend: &str) -> Map<String, Value> {
    let mut value = config.to_json();
    if let Some(url) = value.pointer_mut("/dataset/download_url")
        && !url.is_null()
    {
        *url = "left out".into();
    }
    let Value::Object(mut settings) = value else { return Map::new() };
    let code = code_version();
    settings.insert("code".into(), json!({"version": code.version, "commit": code.commit}));
    settings.insert("backend".into(), backend.into());
    settings
}

/// The same with dotted keys.
pub(super) fn flat(settings: &Map<String, Value>) -> BTreeMap<String, Value> {
    fn collect(section: &Map<String, Value>, prefix: &str, found: &mut BTreeMap<String, Value>) {
        for (key, value) in section {
            let name = format!("{prefix}{key}");
            match value {
                Value::Object(inner) => collect(inner, &format!("{name}."), found),
                value => drop(found.insert(name, value.clone())),
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(settings, "", &mut found);
    found
}

/// The same as YAML in Markdown.
pub(super) fn markdown(settings: &Map<String, Value>) -> String {
    let yaml = serde_yaml::to_string(settings).expect("a config is plain data");
    format!("```yaml\n{yaml}```\n")
}

/// The first sequences of the training split as the run sees them in its first epoch, with their actions.
pub(super) fn views(config: &Config, data: &RunData) -> Result<Picture, String> {
    let source = &*data.set().train;
    let layout = source.layout();
    if layout.view_len().saturating_mul(layout.observed_views + 1) > MOST_VALUES {
        return Err("the views are too large for a picture of them".into());
    }
    let count = u32::try_from(source.len().min(SEQUENCES)).unwrap_or(0);
    let samples: Vec<u32> = (0..count).collect();
    let rows = SheetRows { seed: config.run.seed, split: Split::Train, epoch: 0, samples: &samples };
    let sheet = sequence_sheet(source, rows).map_err(|error| error.to_string())?;
    encoded(&sheet, CompressionType::Default, FilterType::Adaptive)
}

/// A drawing as trackers take it: of few colours, which filters would only hide.
pub(super) fn drawing(bitmap: &RgbImage) -> Result<Picture, String> {
    encoded(bitmap, CompressionType::Best, FilterType::NoFilter)
}

fn encoded(bitmap: &RgbImage, compression: CompressionType, filter: FilterType) -> Result<Picture, String> {
    let mut png = Cursor::new(Vec::new());
    let encoder = PngEncoder::new_with_quality(&mut png, compression, filter);
    bitmap.write_with_encoder(encoder).map_err(|error| error.to_string())?;
    Picture::from_png(png.into_inner()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_url_is_told_on() {
        let config = Config::parse("", "test", &["dataset.download_url=https://me:secret@example.org"]);
        let settings = settings(&config.unwrap(), "flex");
        assert!(!Value::Object(settings.clone()).to_string().contains("secret"));
        let flat = flat(&settings);
        assert_eq!((&flat["backend"], &flat["run.seed"]), (&json!("flex"), &json!(42)));
    }
}
