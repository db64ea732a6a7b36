//! The table of published figures, `figures.yaml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use seqjepa_model::EncoderChoice;
use seqjepa_nn::optimizer::OptimizerConfig;
use serde::Deserialize;
use serde_json::Value;

use super::differences;

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    setups: BTreeMap<String, Setup>,
    studies: Vec<Study>,
    online: Vec<OnlineReference>,
}

/// What several studies have in common.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    /// Where it was published.
    pub(super) source: String,
    pub(super) method: String,
    /// Name of the data set.
    pub(super) data: String,
    /// Training and test images.
    pub(super) images: [usize; 2],
    /// The distributions of the views, as a sequence source describes them; none where the data set alone says what its views are.
    pub(super) views: Option<String>,
    /// Whether its figures are shown for orientation on other data too.
    #[serde(default)]
    elsewhere: bool,
    /// Length of the training.
    pub(super) epochs: usize,
    /// Sequences of a training step.
    pub(super) batch: usize,
    /// The encoder that was probed.
    pub(super) encoder: EncoderChoice,
    /// How the probes were trained.
    pub(super) optimizer: OptimizerConfig,
    pub(super) lr: f64,
    pub(super) probe_epochs: usize,
    pub(super) standardized: bool,
    /// All that in a line.
    in_short: String,
    /// The method's configuration, or with `config_in_part` what is known of it.
    pub(super) config: Value,
    #[serde(default)]
    pub(super) config_in_part: bool,
    /// Width of the encoder's representation, where the configuration does not name the encoder.
    pub(super) width: Option<usize>,
}

/// Figures of one trained model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Study {
    setup: String,
    m_train: usize,
    /// Whether it is a row of the grid over M_train and M_val.
    #[serde(default)]
    grid: bool,
    figures: Vec<Entry>,
}

/// One figure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// As a result card names it.
    name: String,
    /// The observed views that it depends on; none of an R2 whose actions are not scaled over a sequence.
    pub(super) m_val: Option<usize>,
    /// In the figure's unit.
    pub(super) value: f64,
    /// The protocols that measure as it was measured; the first is the one to ask for.
    pub(super) protocols: Vec<String>,
}

/// Figures of probes that learn beside a model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnlineReference {
    /// Title of its column.
    pub(crate) title: String,
    /// Name of the data set.
    pub(crate) data: String,
    /// Figures by their names in `metrics.jsonl`.
    pub(crate) figures: BTreeMap<String, f64>,
}

/// A row of the published grid over M_train and M_val.
#[derive(Debug)]
pub(crate) struct GridRow {
    pub(crate) m_train: usize,
    /// By M_val, from 1.
    pub(crate) figures: Vec<f64>,
    /// Under which circumstances, in a line.
    pub(crate) in_short: &'static str,
}

/// A figure with what it was measured on.
pub(super) struct Match {
    pub(super) setup: &'static Setup,
    pub(super) m_train: usize,
    pub(super) entry: &'static Entry,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: serde_yaml::Value = serde_yaml::from_str(include_str!("figures.yaml"))
            .expect("the table that comes with the crate is YAML");
        table.apply_merge().expect("it merges what it names");
        serde_yaml::from_value(table).expect("the table that comes with the crate is whole")
    })
}

impl Setup {
    /// What differs between a configuration and the published one, as far as that is known.
    pub(super) fn config_differences(&self, config: &Value) -> Vec<String> {
        match &self.config {
            Value::Object(known) if self.config_in_part => {
                let own = known.keys().map(|key| (key.clone(), config.get(key).cloned().unwrap_or_default()));
                differences::of_configs(&Value::Object(own.collect()), &self.config)
            }
            published => differences::of_configs(config, published),
        }
    }
}

impl Study {
    fn setup(&self) -> &'static Setup {
        table().setups.get(&self.setup).expect("every study in the table has a setup")
    }
}

/// The figure of that name: of a study of this data set if there is one, trained with `m_train` observed views if there is
/// one, configured as nearly as `config` as there is one, else of the first.
pub(super) fn find(method: &str, data: &str, name: &str, m_train: usize, config: &Value) -> Option<Match> {
    let fits = |setup: &Setup| setup.method == method && (setup.data == data || setup.elsewhere);
    let studies = table().studies.iter().filter(|study| fits(study.setup()));
    let found = studies.filter_map(|study| {
        let entry = study.figures.iter().find(|entry| entry.name == name)?;
        Some(Match { setup: study.setup(), m_train: study.m_train, entry })
    });
    // The first of the least: nothing is closer than what comes before it.
    found.min_by_key(|found| {
        (found.setup.data != data, found.m_train != m_train, found.setup.config_differences(config).len())
    })
}

/// The rows of the grid of this method.
pub(crate) fn grid(method: &str) -> Vec<GridRow> {
    let rows = table().studies.iter().filter(|study| study.grid && study.setup().method == method);
    rows.map(|study| GridRow {
        m_train: study.m_train,
        figures: study.figures.iter().map(|entry| entry.value).collect(),
        in_short: &study.setup().in_short,
    })
    .collect()
}

/// What online figures may be held against.
pub(crate) fn online_references() -> &'static [OnlineReference] {
    &table().online
}

#[cfg(test)]
mod tests {
    use seqjepa_data::{AugmentedImages, ImageSet, Normalization, SequenceConfig, SequenceSource};
    use seqjepa_model::SeqJepaConfig;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        for study in &table().studies {
            study.setup();
            let m_vals: Vec<Option<usize>> = study.figures.iter().map(|entry| entry.m_val).collect();
            assert!(!study.grid || m_vals == (1..=m_vals.len()).map(Some).collect::<Vec<_>>(), "{study:?}");
            assert!(study.figures.iter().all(|entry| !entry.protocols.is_empty() && entry.value.is_finite()));
        }
    }

    #[test]
    fn the_papers_model_and_views_are_the_defaults() {
        let setup = table().studies[0].setup();
        assert_eq!(setup.config, serde_json::to_value(SeqJepaConfig::default()).unwrap());
        let images = ImageSet::unlabelled(vec![0; 32 * 32 * 3], 32, 32).unwrap();
        let config = SequenceConfig::new(32, 3, Normalization::CIFAR100).unwrap();
        let source = AugmentedImages::new(std::sync::Arc::new(images), config).unwrap();
        assert_eq!(setup.views, Some(source.description()));
        assert_eq!(setup.optimizer, OptimizerConfig::sgd(0.9));
    }

    #[test]
    fn the_other_methods_are_the_defaults() {
        use seqjepa_model::{
            ByolConfig, ConditionalByolConfig, EquiModConfig, SenConfig, SieConfig, SimClrConfig,
            VicRegConfig,
        };
        let default = |config: serde_json::Result<Value>| config.unwrap();
        for (name, config) in [
            ("byol", default(serde_json::to_value(ByolConfig::default()))),
            ("simclr", default(serde_json::to_value(SimClrConfig::default()))),
            ("vicreg", default(serde_json::to_value(VicRegConfig::default()))),
            ("sen", default(serde_json::to_value(SenConfig::default()))),
            ("simclr_equimod", default(serde_json::to_value(EquiModConfig::default()))),
            ("sie", default(serde_json::to_value(SieConfig::default()))),
            ("conditional_byol", default(serde_json::to_value(ConditionalByolConfig::default()))),
        ] {
            let setup = &table().setups[&format!("renders_{name}")];
            assert_eq!((setup.method.as_str(), &setup.config), (name, &config));
            assert_eq!(setup.config_differences(&config), [] as [String; 0]);
        }
    }

    #[test]
    fn the_closest_study_is_found() {
        let value = |name: &str, m_train| {
            find("seqjepa", "cifar100", name, m_train, &Value::Null).map(|f| (f.m_train, f.entry.value))
        };
        // The headline run's own figure has one more digit than the grid's.
        assert_eq!(value("top1_z_agg_m5", 3), Some((3, 58.33)));
        assert_eq!(value("top1_z_agg_m5", 2), Some((2, 60.4)));
        assert_eq!(value("top1_z_agg_m2", 3), Some((3, 55.3)));
        assert_eq!(value("r2_crop", 2), Some((3, 0.79)));
        assert_eq!(value("top1_z_agg_m9", 3), None);
        assert!(find("another", "cifar100", "r2_crop", 3, &Value::Null).is_none());
        assert!(find("seqjepa", "another", "r2_crop", 3, &Value::Null).is_some());
        // A model of neither row is held against the headline's.
        assert_eq!(value("top1_z_agg_m5", 7), Some((3, 58.33)));
    }

    #[test]
    fn renders_have_their_own_figures_by_method() {
        let value = |method: &str, data: &str, name: &str, m_train, config: Value| {
            find(method, data, name, m_train, &config).map(|found| found.entry.value)
        };
        let of = |method, name| value(method, "3diebench", name, 2, Value::Null);
        assert_eq!((of("byol", "top1_z1"), of("sie", "r2_rotation")), (Some(82.90), Some(0.58)));
        assert_eq!(of("vicreg", "individual_r2_rotation"), Some(0.36));
        // Nothing of it beside other data.
        assert_eq!(value("byol", "cifar100", "top1_z1", 2, Value::Null), None);
        let own = |name, config| value("seqjepa", "3diebench", name, 3, config);
        assert_eq!(own("top1_z_agg_m3", Value::Null), Some(86.14));
        assert_eq!(own("top1_z_agg_m5", Value::Null), Some(87.41));
        let told = serde_json::json!({"action_conditioning": {"learned": {"width": 128}}});
        assert_eq!(own("r2_rotation", told), Some(0.71));
        assert_eq!(own("r2_rotation", serde_json::json!({"action_conditioning": "none"})), Some(0.29));
    }

    #[test]
    fn the_grid_has_a_row_for_each_training() {
        let rows: Vec<_> = grid("seqjepa").into_iter().map(|row| (row.m_train, row.figures[4])).collect();
        assert_eq!(rows, [(2, 60.4), (3, 58.3)]);
    }
}
