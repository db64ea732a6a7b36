//! The maps for whoever takes no page.

use image::RgbImage;
use seqjepa_evaluation::EvaluationSample;

use super::colours::coloured;
use super::{CLASSES, SHAPES};
use crate::chart::{Entry, Panel, Scatter, Shape, by_day};
use crate::map::maps;

/// The maps as bitmaps, each with its name: points coloured by class and by every parameter.
pub(in crate::section) fn bitmaps(sample: &EvaluationSample) -> Vec<(String, RgbImage)> {
    let mut panels = Vec::new();
    let mut legend = Vec::new();
    if let Some(labels) = sample.sample_labels() {
        let of_class = |class: usize| (SHAPES[class / 8 % 4], by_day(&format!("k{}", class % 8)));
        let marks = labels.iter().map(|label| of_class(*label as usize)).collect();
        panels.push(Panel { title: "class".into(), marks });
        let classes = sample.class_names.iter().enumerate().take(CLASSES);
        let seen = classes.filter(|(class, _)| labels.iter().any(|label| *label as usize == *class));
        legend.extend(seen.map(|(class, name)| {
            let (shape, colour) = of_class(class);
            Entry { shape, colour, words: name.chars().take(24).collect() }
        }));
    }
    panels.extend(coloured(sample).iter().map(|parameter| {
        let mark = |value: &f64| (Shape::Circle, by_day(&format!("v{}", parameter.step(*value))));
        Panel { title: parameter.name.into(), marks: parameter.values.iter().map(mark).collect() }
    }));
    let invariant = (sample.invariant.name.as_str(), sample.invariant.suffix(), &sample.aggregate);
    let tables = [("z_1", "z1".to_owned(), &sample.first), invariant];
    let different = if sample.invariant.is_first() { 1 } else { 2 };
    let mut bitmaps = Vec::new();
    for (representation, suffix, table) in tables.into_iter().take(different) {
        // Why there are none is said in the page.
        let Ok(maps) = maps(table) else { continue };
        for (kind, name, points) in [
            ("principal components", "pca", &maps.principal),
            ("t-SNE", "tsne", &maps.tsne),
            ("UMAP", "umap", &maps.umap),
        ] {
            let scatter = Scatter {
                title: format!("{representation}: {kind} of {} test sequences", points.len()),
                points,
                panels: &panels,
                legend: &legend,
                note: "relative action parameters: dark is low, light is high",
            };
            bitmaps.push((format!("map_{suffix}_{name}"), scatter.bitmap()));
        }
    }
    bitmaps
}
