//! Keys of the section `dataset` that only some data sets read.

use super::affine::AffineDataSet;
use super::augmented::AugmentedDataSet;
use super::glimpses::GlimpsesDataSet;
use super::objects::{RenderedDataSet, ThreeDieBenchDataSet};
use super::rotations::RotationsDataSet;
use crate::config::{Config, ConfigError, DatasetConfig, invalid};

/// A key, the data sets that read it, and whether a config gives it.
struct OwnKey {
    key: &'static str,
    sets: &'static [&'static str],
    given: fn(&DatasetConfig, &DatasetConfig) -> bool,
}

const THREE_D: &str = ThreeDieBenchDataSet::NAME;
const RENDERED: &str = RenderedDataSet::NAME;
const GLIMPSES: &str = GlimpsesDataSet::NAME;

const OWN_KEYS: [OwnKey; 10] = [
    OwnKey { key: "dataset.ood", sets: &[RENDERED], given: |a, b| a.ood != b.ood },
    OwnKey { key: "dataset.lists", sets: &[THREE_D], given: |a, b| a.lists != b.lists },
    OwnKey { key: "dataset.first_view", sets: &[THREE_D], given: |a, b| a.first_view != b.first_view },
    OwnKey {
        key: "dataset.views_per_object",
        sets: &[THREE_D, RENDERED],
        given: |a, b| a.views_per_object != b.views_per_object,
    },
    OwnKey {
        key: "dataset.rendered_train",
        sets: &[RENDERED],
        given: |a, b| a.rendered_train != b.rendered_train,
    },
    OwnKey { key: "dataset.rendered_val", sets: &[RENDERED], given: |a, b| a.rendered_val != b.rendered_val },
    OwnKey { key: "dataset.stl10_train", sets: &[GLIMPSES], given: |a, b| a.stl10_train != b.stl10_train },
    OwnKey { key: "dataset.saliency", sets: &[GLIMPSES], given: |a, b| a.saliency != b.saliency },
    OwnKey {
        key: "dataset.saliency_root",
        sets: &[GLIMPSES],
        given: |a, b| a.saliency_root != b.saliency_root,
    },
    OwnKey {
        key: "dataset.glimpse_geometry",
        sets: &[GLIMPSES],
        given: |a, b| a.glimpse_geometry != b.glimpse_geometry,
    },
];

/// Refuses a setting that a data set of this project would pass over: whoever gave it believes that it does something. Data sets
/// of one's own may read any key.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let (dataset, usual) = (&config.dataset, DatasetConfig::default());
    let name = dataset.name.as_str();
    let own = [RotationsDataSet::NAME, THREE_D, RENDERED, GLIMPSES, AffineDataSet::MNIST.0]
        .into_iter()
        .chain([AffineDataSet::FASHION_MNIST.0])
        .chain(AugmentedDataSet::NAMES);
    if !own.into_iter().any(|own| own == name) {
        return Ok(());
    }
    for OwnKey { key, sets, given } in OWN_KEYS {
        if given(dataset, &usual) && !sets.contains(&name) {
            let expected = format!("its default, since only {} reads it", sets.join(" or "));
            return Err(invalid(key, expected, format!("a value for {name}")));
        }
    }
    Ok(())
}
