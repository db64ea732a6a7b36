//! What data sets whose views are no augmentations have in common.

use crate::config::{Config, ConfigError, invalid};

/// Refuses settings of augmentations, and views of another side than those of the data set have, which is `side` in pixels.
///
/// `dataset.action_norm` is of augmentations alone, and true unless a config says otherwise: it is not looked at.
pub(super) fn check(config: &Config, side: usize) -> Result<(), ConfigError> {
    let (dataset, name) = (&config.dataset, &config.dataset.name);
    if dataset.no_blur {
        return Err(invalid(
            "dataset.no_blur",
            format!("false: the views of {name} are never blurred"),
            true,
        ));
    }
    if dataset.action_mean.is_some() {
        let expected = format!("none: the actions of {name} are used as they are");
        return Err(invalid("dataset.action_mean", expected, "a standardisation"));
    }
    if let Some(found) = dataset.source_size.filter(|found| *found != side) {
        let expected = format!("none, or {side}, the side of the images of {name}");
        return Err(invalid("dataset.source_size", expected, found));
    }
    if config.model.img_size != side {
        let expected = format!("{side}, the side of the views of {name}");
        return Err(invalid("model.img_size", expected, config.model.img_size));
    }
    Ok(())
}
