use std::path::{Path, PathBuf};

use seqjepa_train::storage::StorageError;
use sha2::{Digest, Sha256};

use super::error::SweepError;
use super::file::{self, Settings, SweepFile};
use super::index::SweepIndex;
use super::slug::slug;
use crate::config::{Config, ConfigError, abridged};
use crate::config_file::read_text;
use crate::registry::Registry;

/// More runs than anybody waits for.
const MOST_RUNS: usize = 10_000;

/// The keys of the axes.
const METHODS: &str = "methods";
const DATA_SETS: &str = "datasets";

/// A sweep: every run of it, in the order in which they are made, and its folder.
///
/// Every combination is there once with the first seed before any is with the second, so that a table is full, if of fewer seeds, as
/// early as it can be.
#[derive(Debug, Clone)]
pub struct SweepPlan {
    root: PathBuf,
    runs: Vec<PlannedRun>,
}

/// One run of a sweep.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// Name of its data set in tables.
    pub data_set: String,
    /// Name of its method in tables.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// Its folder below that of the sweep, with `/` between the parts: by this it is told from all others.
    pub id: String,
    /// Its config, which names its folder.
    pub config: Config,
}

impl SweepPlan {
    /// The files of the tables and their pictures in the sweep's folder: as Markdown, as CSV, as pixels, as a drawing.
    pub const TABLES: [&str; 4] = ["table.md", "table.csv", "methods.png", "methods.svg"];

    /// Reads a sweep file and works out the config of every run. Checks all that can be known without data.
    ///
    /// `output` takes the place of the file's own. A value is that of, the last first: the seed, the method's `set`, the data set's, the
    /// base's, the base's config file, the default.
    ///
    /// # Errors
    ///
    /// [`SweepError::File`] for the file itself, [`SweepError::Folder`] for an output that no config can name, [`SweepError::Run`] for the first combination whose config cannot be, which it names.
    pub fn read(registry: &Registry, path: &Path, output: Option<&Path>) -> Result<Self, SweepError> {
        let file = SweepFile::read(path)?;
        let base = match &file.base.config {
            None => (String::new(), path.display().to_string()),
            Some(config) => {
                let config = path.parent().unwrap_or(Path::new("")).join(config);
                let read = read_text(&config);
                let text = read.map_err(|source| StorageError::new("read the config", &config, source))?;
                (text, config.display().to_string())
            }
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let root = match output.or(file.output.as_deref()) {
            Some(root) => root.to_owned(),
            None => Path::new("runs").join(slug(&stem).unwrap_or_else(|| "sweep".into())),
        };
        // A config is text, and with it the folder of its run.
        if root.to_str().is_none() {
            return Err(SweepError::Folder { path: root, found: "a name that is no UTF-8 text".into() });
        }
        Self::of(registry, &file, (&base.0, &base.1), root, &path.display().to_string())
    }

    /// `base`: text of the base config, and what errors call it.
    fn of(
        registry: &Registry,
        file: &SweepFile,
        base: (&str, &str),
        root: PathBuf,
        origin: &str,
    ) -> Result<Self, SweepError> {
        let methods = file.methods.iter().map(|entry| (&entry.name, &entry.method, &entry.set));
        let methods = axis(METHODS, methods, origin)?;
        let data_sets = file.datasets.iter().map(|entry| (&entry.name, &entry.dataset, &entry.set));
        let data_sets = axis(DATA_SETS, data_sets, origin)?;
        let runs = methods.len().saturating_mul(data_sets.len()).saturating_mul(file.seeds.len());
        if runs > MOST_RUNS {
            let (key, expected) = ("seeds".to_owned(), format!("at most {MOST_RUNS} runs in all"));
            let found = runs.to_string();
            return Err(ConfigError::Mistyped { key, origin: origin.into(), expected, found }.into());
        }
        let mut plan = Self { root, runs: Vec::with_capacity(runs) };
        for seed in &file.seeds {
            for data_set in &data_sets {
                for method in &methods {
                    let run = plan.run(registry, base, &file.base.set, data_set, method, *seed)?;
                    plan.runs.push(run);
                }
            }
        }
        Ok(plan)
    }

    fn run(
        &self,
        registry: &Registry,
        (text, origin): (&str, &str),
        base: &Settings,
        data_set: &Axis,
        method: &Axis,
        seed: u64,
    ) -> Result<PlannedRun, SweepError> {
        let id = format!("{}/{}/seed{seed}", data_set.slug, method.slug);
        let folder = id.split('/').fold(self.root.clone(), |path, part| path.join(part));
        let mut overrides: Vec<String> = base.overrides().collect();
        overrides.push(format!("dataset.name={}", quoted(&data_set.value)));
        overrides.extend(data_set.set.overrides());
        overrides.push(format!("method={}", quoted(&method.value)));
        overrides.extend(method.set.overrides());
        overrides.push(format!("run.seed={seed}"));
        overrides.push(format!("run.name={}", quoted(&id.replace('/', "-"))));
        let config = Config::parse_with(registry, text, origin, &overrides);
        let mut run = PlannedRun {
            data_set: data_set.name.clone(),
            method: method.name.clone(),
            seed,
            id,
            config: Config::default(),
        };
        run.config = config.map_err(|error| SweepError::of_run(&run.to_string(), error))?;
        run.config.run.output_dir = Some(folder);
        Ok(run)
    }

    /// The folder of the sweep.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every run.
    #[must_use]
    pub fn runs(&self) -> &[PlannedRun] {
        &self.runs
    }

    /// The JSON schema (draft 7) of a sweep file.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        file::json_schema()
    }
}

impl PlannedRun {
    /// The run folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.config.run.output_dir.as_deref().unwrap_or(Path::new(""))
    }

    /// SHA-256 over the config, wherever the run's folder is: the first 12 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut config = self.config.clone();
        config.run.output_dir = None;
        Sha256::digest(config.to_yaml()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Display for PlannedRun {
    /// The combination.
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{}, {}, seed {}", self.data_set, self.method, self.seed)
    }
}

/// A method or a data set of a sweep.
#[derive(Debug)]
struct Axis<'a> {
    name: String,
    slug: String,
    value: String,
    set: &'a Settings,
}

/// The files in the folder of a sweep, beside which are the folders of its data sets.
fn own_files() -> impl Iterator<Item = &'static str> {
    SweepPlan::TABLES.into_iter().chain([SweepIndex::FILE_NAME])
}

/// The entries of an axis, no two of which have one folder.
fn axis<'a>(
    key: &str,
    entries: impl Iterator<Item = (&'a Option<String>, &'a String, &'a Settings)>,
    origin: &str,
) -> Result<Vec<Axis<'a>>, ConfigError> {
    let mut found: Vec<Axis<'a>> = Vec::new();
    for (place, (name, value, set)) in entries.enumerate() {
        let name = name.as_ref().unwrap_or(value);
        let refuse = |expected: String, found: String| ConfigError::Mistyped {
            key: format!("{key}[{place}].name"),
            origin: origin.into(),
            expected,
            found,
        };
        let Some(slug) = slug(name) else {
            let expected = "a name for a folder, with an ASCII letter or digit (a to z, 0 to 9) and at most 80 characters".to_owned();
            return Err(refuse(expected, format!("`{}`", abridged(name))));
        };
        if key == DATA_SETS && own_files().any(|own| own == slug) {
            let expected = "a name whose folder is no file of the sweep".to_owned();
            return Err(refuse(expected, format!("`{}`, which becomes `{slug}`", abridged(name))));
        }
        if let Some(earlier) = found.iter().find(|earlier| earlier.slug == slug) {
            let expected = "names whose folders differ".to_owned();
            let both = format!(
                "`{}` and `{}`, both of which become `{slug}`",
                abridged(&earlier.name),
                abridged(name)
            );
            return Err(refuse(expected, both));
        }
        found.push(Axis { name: name.clone(), slug, value: value.clone(), set });
    }
    Ok(found)
}

/// A text as YAML that is nothing else than this text.
fn quoted(text: &str) -> String {
    let as_it_is = serde_yaml::from_str::<serde_yaml::Value>(text).is_ok_and(|read| read == text);
    if as_it_is && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return text.to_owned();
    }
    serde_json::to_string(text).expect("a text is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<SweepPlan, SweepError> {
        let file = SweepFile::parse(text, "s.yaml")?;
        let base = ("dataset: {seq_len: 2}\nmodel: {img_size: 16, width: 4}\nrun: {epochs: 9}\n", "b.yaml");
        SweepPlan::of(&Registry::standard(), &file, base, "out".into(), "s.yaml")
    }

    fn refused(text: &str) -> String {
        plan(text).unwrap_err().to_string()
    }

    #[test]
    fn every_combination_is_a_run_of_its_own_folder() {
        let plan = plan(
            "methods: [seqjepa, {name: No action, method: seqjepa, set: {model.act_cond: false}}, simclr]\n\
             datasets: [synthetic, {name: half, dataset: synthetic, set: {dataset.subset_train: 2048}}]\n\
             seeds: [3, 1]\n",
        )
        .unwrap();
        let ids: Vec<&str> = plan.runs().iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids.len(), 12);
        assert_eq!(
            ids[..7],
            [
                "synthetic/seqjepa/seed3",
                "synthetic/no-action/seed3",
                "synthetic/simclr/seed3",
                "half/seqjepa/seed3",
                "half/no-action/seed3",
                "half/simclr/seed3",
                "synthetic/seqjepa/seed1",
            ]
        );
        let run = &plan.runs()[10];
        assert_eq!(run.to_string(), "half, No action, seed 1");
        let config = &run.config;
        assert_eq!((config.run.seed, config.run.epochs, config.dataset.subset_train), (1, 9, Some(2048)));
        assert!(!config.model.act_cond && plan.runs()[0].config.model.act_cond);
        assert_eq!(
            (config.run.name.as_str(), run.folder()),
            ("half-no-action-seed1", Path::new("out/half/no-action/seed1"))
        );
        let digests: std::collections::BTreeSet<String> =
            plan.runs().iter().map(PlannedRun::digest).collect();
        assert_eq!(digests.len(), 12);
    }

    #[test]
    fn the_method_has_the_last_word() {
        let set = |key: &str, value: f64| format!("{{optim.lr: {value}, {key}: {value}}}");
        let text = format!(
            "base: {{set: {}}}\nmethods: [{{method: seqjepa, set: {}}}]\ndatasets: [{{dataset: synthetic, set: {}}}]\nseeds: [1]\n",
            set("optim.probe_lr", 0.1),
            set("model.ema_decay", 0.3),
            set("optim.weight_decay", 0.2)
        );
        let config = plan(&text).unwrap().runs()[0].config.clone();
        assert_eq!((config.optim.lr, config.optim.probe_lr), (0.3, 0.1));
        assert_eq!((config.model.ema_decay, config.optim.weight_decay), (0.3, 0.2));
    }

    #[test]
    fn errors_name_the_combination_or_the_entry() {
        let rest = "datasets: [synthetic]\nseeds: [1]\n";
        for (text, words) in [
            (format!("methods: [seqjepa, nothing]\n{rest}"), "synthetic, nothing, seed 1: `method`"),
            (
                format!("methods: [{{method: seqjepa, set: {{model.act_cnd: false}}}}]\n{rest}"),
                "synthetic, seqjepa, seed 1: unknown key `model.act_cnd` in the setting `model.act_cnd=false`; the nearest known key is `model.act_cond`",
            ),
            (
                format!("methods: [{{name: A b, method: seqjepa}}, {{name: a-B, method: seqjepa}}]\n{rest}"),
                "`methods[1].name` in s.yaml: expected names whose folders differ, found `A b` and `a-B`, both of which become `a-b`",
            ),
            (format!("methods: [seqjepa, seqjepa]\n{rest}"), "both of which become `seqjepa`"),
            (format!("methods: [{{name: '...', method: seqjepa}}]\n{rest}"), "a name for a folder"),
            (
                format!("methods: [{{name: 日本語, method: seqjepa}}]\n{rest}"),
                "with an ASCII letter or digit",
            ),
        ] {
            assert!(refused(&text).contains(words), "{text}: {}", refused(&text));
        }
    }

    #[test]
    fn the_sweep_s_own_files_are_no_data_set_s() {
        let named = |name: &str| {
            format!(
                "methods: [{{name: {name}, method: seqjepa}}]\ndatasets: [{{name: {name}, dataset: synthetic}}]\nseeds: [1]\n"
            )
        };
        for name in ["table.md", "Table.CSV", "methods.png", "METHODS.svg", "sweep.json", "-sweep.json."] {
            let error = refused(&named(name));
            assert!(
                error.starts_with("`datasets[0].name` in s.yaml: ") && error.contains("no file of the sweep"),
                "{name}: {error}"
            );
        }
        // A method's folder is in that of a data set.
        plan(&named("table").replace("{name: table, method", "{name: table.md, method")).unwrap();
    }

    #[test]
    fn a_text_is_read_back_as_itself() {
        for text in ["seqjepa", "true", "12", "1e3", "null", "a: b", "~", "", "x\"y", "a-b_c.d", "no", "0x1f"]
        {
            assert_eq!(
                serde_yaml::from_str::<serde_yaml::Value>(&quoted(text)).unwrap(),
                text,
                "{}",
                quoted(text)
            );
        }
        assert_eq!((quoted("simclr"), quoted("12")), ("simclr".into(), "\"12\"".into()));
    }

    #[test]
    fn a_base_file_is_found_beside_the_sweep_file() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("base.yaml"), "run: {epochs: 3}\nmodel: {width: 4}\n").unwrap();
        let file = scratch.path().join("My sweep.yaml");
        let text = "base: {config: base.yaml, set: {run.epochs: 2}}\nmethods: [seqjepa]\ndatasets: [synthetic]\nseeds: [1]\n";
        std::fs::write(&file, text).unwrap();
        let plan = SweepPlan::read(&Registry::standard(), &file, None).unwrap();
        assert_eq!((plan.root(), plan.runs()[0].config.run.epochs), (Path::new("runs/my-sweep"), 2));
        let plan = SweepPlan::read(&Registry::standard(), &file, Some(Path::new("x"))).unwrap();
        assert_eq!(plan.root(), Path::new("x"));
        std::fs::remove_file(scratch.path().join("base.yaml")).unwrap();
        let error = SweepPlan::read(&Registry::standard(), &file, None).unwrap_err().to_string();
        assert!(error.contains("base.yaml"), "{error}");
    }
}
