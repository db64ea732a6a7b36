//! Whole pages from run folders of any state and by anybody.

mod common;

use std::fs;
use std::path::Path;

use common::{PLAIN, Texts, elements, finished, metrics};
use seqjepa_report::{MOST_RUNS, Report, ReportError, is_report, pictures};

fn page<P: AsRef<Path>>(folders: &[P]) -> String {
    Report::read(folders).unwrap().html()
}

/// Elements, and their attributes, that a page may have: nothing that loads, sends or runs.
fn check(page: &str) {
    const ELEMENTS: &[&str] = &[
        "html",
        "head",
        "meta",
        "title",
        "style",
        "script",
        "body",
        "a",
        "header",
        "nav",
        "main",
        "section",
        "footer",
        "div",
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "span",
        "b",
        "i",
        "br",
        "small",
        "code",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "article",
        "figure",
        "figcaption",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "label",
        "select",
        "option",
        "button",
        "svg",
        "g",
        "defs",
        "use",
        "image",
        "text",
        "line",
        "polyline",
        "polygon",
        "circle",
        "rect",
        "path",
    ];
    const ATTRIBUTES: &[&str] = &[
        "aria-hidden",
        "aria-label",
        "aria-labelledby",
        "aria-pressed",
        "charset",
        "class",
        "content",
        "cx",
        "cy",
        "d",
        "data-class",
        "data-run",
        "dy",
        "for",
        "font-family",
        "font-size",
        "height",
        "hidden",
        "href",
        "http-equiv",
        "id",
        "lang",
        "name",
        "open",
        "opacity",
        "points",
        "r",
        "role",
        "scope",
        "stroke-width",
        "tabindex",
        "text-anchor",
        "title",
        "transform",
        "type",
        "value",
        "viewBox",
        "width",
        "x",
        "x1",
        "x2",
        "y",
        "y1",
        "y2",
    ];
    let elements = elements(page);
    let mut scripts = 0;
    for element in &elements {
        assert!(ELEMENTS.contains(&element.name.as_str()), "<{}>", element.name);
        for (name, value) in &element.attributes {
            assert!(ATTRIBUTES.contains(&name.as_str()), "<{} {name}={value:?}>", element.name);
            if name == "href" {
                assert!(value.starts_with('#') || value.starts_with("data:image/"), "{value:?}");
            }
        }
        if element.name == "script" {
            match element.attributes.as_slice() {
                [] => scripts += 1,
                [(name, kind)] => {
                    assert_eq!((name.as_str(), kind.as_str()), ("type", "application/json"));
                    serde_json::from_str::<serde_json::Value>(&element.raw).unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(scripts, 1, "one script, the page's own");
    assert_eq!(elements.iter().filter(|element| element.name == "style").count(), 1);
    let mut ids: Vec<&str> = elements
        .iter()
        .flat_map(|element| &element.attributes)
        .filter(|(name, _)| name == "id")
        .map(|(_, value)| value.as_str())
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an identifier twice");
}

#[test]
fn a_finished_run_has_every_part() {
    let scratch = tempfile::tempdir().unwrap();
    let page = page(&[finished(scratch.path(), PLAIN)]);
    check(&page);
    for part in [
        "Loss: left and right",
        "By group of the action",
        "partial collapse",
        "30.00",
        "test image 0, shirt",
        "z_AGG: principal components",
        "z_1: t-SNE",
        "z_1: UMAP",
        "Confused most",
        "by z_AGG",
        "loss_max",
        "run.seed",
        "4.5 s",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http:") && !page.contains("https:"));
    // The published figure that was measured alike, and no other.
    assert!(page.contains("58.33") && page.contains("not shown beside 1 of these"));
    assert_eq!(page.matches("58.33").count(), 1, "beside the figure of the same protocol alone");
    assert!(page.len() < 300_000, "{}", page.len());
}

#[test]
fn the_same_folders_make_the_same_bytes_at_any_number_of_threads() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = finished(scratch.path(), PLAIN);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| page(&[&folder, &folder]))
    };
    let one = with(1);
    assert_eq!(one, with(3));
    assert!(one.contains("run (2)"));
    check(&one);
}

#[test]
fn nothing_of_a_hostile_folder_becomes_markup_or_script() {
    let scratch = tempfile::tempdir().unwrap();
    for (number, any) in [
        "</script><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onload='alert(1)",
        "<!--<script>",
        "]]><svg onload=alert(1)>",
        "</style><style>*{background:url(http://evil)}",
        "</title><h1>x",
        "javascript:alert(1)",
        "&lt;script&gt;\u{202e}\u{1b}[31m\u{2028}\u{0}",
        "{{7*7}}${7*7}`${alert(1)}`",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("run{number}<script>alert(1)<_script>\"'&");
        let folder = finished(scratch.path(), Texts { name: &name, class: any, any });
        let page = page(&[folder]);
        check(&page);
        let lower = page.to_lowercase();
        assert!(!lower.contains("<script>alert") && !lower.contains("<img"), "{any}");
        assert!(
            page.contains("script") && page.contains("&lt;script&gt;alert(1)&lt;_script&gt;&quot;&#39;&amp;")
        );
    }
}

#[test]
fn a_page_is_made_of_whatever_is_there() {
    let scratch = tempfile::tempdir().unwrap();
    const FILES: [&str; 6] = [
        "config.yaml",
        "metrics.jsonl",
        "status.json",
        "gates.json",
        "evaluation.json",
        "sample.safetensors",
    ];
    for removed in 1_u8..64 {
        let folder = finished(&scratch.path().join(removed.to_string()), PLAIN);
        for (number, file) in FILES.iter().enumerate().filter(|(number, _)| removed >> number & 1 == 1) {
            if number % 2 == 0 {
                fs::remove_file(folder.join(file)).unwrap();
            } else {
                // As a crash, or somebody, has left it.
                let whole = fs::read(folder.join(file)).unwrap();
                fs::write(folder.join(file), &whole[..whole.len() / 2]).unwrap();
            }
        }
        let page = page(&[&folder]);
        check(&page);
        if removed >> 3 != 0 {
            assert!(page.contains("seqjepa resume"), "{removed}");
        }
        for (bit, words) in
            [(0, "there is no config.yaml"), (2, "there is no status.json"), (5, "sample.safetensors")]
        {
            assert!(removed >> bit & 1 == 0 || page.contains(words), "{removed}: {words}");
        }
    }
}

#[test]
fn a_hundred_thousand_epochs_make_a_page_of_bounded_size() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = finished(scratch.path(), PLAIN);
    let short = page(&[&folder]).len();
    fs::write(folder.join("metrics.jsonl"), metrics(100_000, PLAIN)).unwrap();
    let long = page(&[&folder]);
    check(&long);
    assert!(long.len() < short + (2 << 20), "{} and {short}", long.len());
    assert!(long.contains("over 100000"));
}

#[test]
fn no_run_and_too_many_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let none: [&Path; 0] = [];
    assert!(matches!(Report::read(&none), Err(ReportError::Runs { found: 0, .. })));
    let folder = finished(scratch.path(), PLAIN);
    assert!(matches!(Report::read(&[&folder; MOST_RUNS + 1]), Err(ReportError::Runs { .. })));
    check(&page(&[&folder; MOST_RUNS]));
    let error = Report::read(&[scratch.path()]).unwrap_err().to_string();
    assert!(error.contains("expected a run folder"), "{error}");
    assert!(Report::read(&[scratch.path().join("nowhere")]).is_err());
}

/// Every chart of the frozen evaluation, with something on it, the same each time, and not those that a folder has nothing for.
#[test]
fn the_charts_are_pictures_too() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = finished(scratch.path(), PLAIN);
    let drawn = pictures(&folder).unwrap();
    let names: Vec<&str> = drawn.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "accuracy",
            "recovery_by_group",
            "recovery_by_parameter",
            "leakage_by_group",
            "confusion",
            "map_z1_pca",
            "map_z1_tsne",
            "map_z1_umap",
            "map_z_agg_pca",
            "map_z_agg_tsne",
            "map_z_agg_umap"
        ]
    );
    for (name, picture) in &drawn {
        let colours: std::collections::BTreeSet<_> = picture.pixels().map(|pixel| pixel.0).collect();
        assert!(colours.len() > 8, "{name}: {} colours", colours.len());
        assert!(picture.width() < 2000 && picture.height() < 4000, "{name}: {:?}", picture.dimensions());
    }
    assert!(drawn == pictures(&folder).unwrap());
    fs::remove_file(folder.join("sample.safetensors")).unwrap();
    assert_eq!(pictures(&folder).unwrap().len(), 4);
    fs::remove_file(folder.join("evaluation.json")).unwrap();
    assert!(pictures(&folder).unwrap().is_empty());
    assert!(pictures(scratch.path()).is_err());
}

#[test]
fn a_page_is_known_and_other_files_are_not() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("report.html");
    assert!(!is_report(&file));
    fs::write(&file, page(&[finished(scratch.path(), PLAIN)])).unwrap();
    assert!(is_report(&file));
    fs::write(&file, "<!DOCTYPE html><html></html>").unwrap();
    assert!(!is_report(&file));
    assert!(!is_report(scratch.path()));
}
