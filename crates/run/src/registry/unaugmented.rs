//! What data sets whose views are no augmentations have in common.

use crate::config::{Config, ConfigError, invalid};

/// Refuses settings of augmentations, and views of another side than those of the data set have, which is `side` in pixels, if it
/// is not free.
///
/// `dataset.action_norm` is of augmentations alone, and true unless a config says otherwise: it is not looked at.
pub(super) fn check(config: &Config, side: Option<usize>) -> Result<(), ConfigError> {
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
    if let Some(found) = dataset.source_size {
        let expected = format!("none: the images of {name} have a size of their own");
        return Err(invalid("dataset.source_size", expected, found));
    }
    if let Some(side) = side.filter(|side| *side != config.model.img_size) {
        let expected = format!("{side}, the side of the views of {name}");
        return Err(invalid("model.img_size", expected, config.model.img_size));
    }
    Ok(())
}

/// Refuses to fetch what has no address.
pub(super) fn check_download(config: &Config) -> Result<(), ConfigError> {
    if config.dataset.download {
        let expected = "false: only the CIFAR data sets have an official archive to fetch";
        return Err(invalid("dataset.download", expected, format!("true for {}", config.dataset.name)));
    }
    Ok(())
}
