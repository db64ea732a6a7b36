//! Cards of layout 1, which knew seq-JEPA alone, in the present layout.

use serde_json::{Map, Value, json};

use crate::settings::EvaluationSettings;

/// What a card of layout 1 says, in the present layout, whose version is `format`.
pub(super) fn upgrade(card: &mut Map<String, Value>, format: u32) {
    let config = card.get("config").unwrap_or(&Value::Null);
    let settings: EvaluationSettings =
        config.get("eval").and_then(|eval| serde_json::from_value(eval.clone()).ok()).unwrap_or_default();
    let seed = config.get("run").and_then(|run| run.get("seed")).and_then(Value::as_u64).unwrap_or(0);
    let batch_size = config.get("dataset").and_then(|dataset| dataset.get("batch_size")).cloned();
    let (mut groups, mut parameters) = (Vec::new(), Vec::new());
    for figure in card.get("figures").and_then(Value::as_array).into_iter().flatten() {
        let name = figure.get("name").and_then(Value::as_str).and_then(|name| name.strip_prefix("r2_"));
        let Some(part) = name.filter(|part| *part != "mean") else { continue };
        // Of the groups, and of nothing else, the paper has a figure.
        let list = if figure.get("paper").is_some_and(|paper| !paper.is_null()) {
            &mut groups
        } else {
            &mut parameters
        };
        if !list.iter().any(|known| known == part) {
            list.push(part.to_owned());
        }
    }
    let protocols: Vec<&str> = settings.protocols().into_iter().map(|kind| kind.name()).collect();
    card.insert("format".into(), format.into());
    card.insert(
        "method".into(),
        json!({"name": "seqjepa", "config": null, "invariant": {"name": "z_AGG", "of_sequence": true}}),
    );
    card.insert(
        "scope".into(),
        json!({
            "observed_views": settings.seq_len,
            "protocols": protocols,
            "seed": seed,
            "groups": groups,
            "parameters": parameters,
        }),
    );
    if let (Some(Value::Object(model)), Some(batch_size)) = (card.get_mut("model"), batch_size) {
        model.insert("batch_size".into(), batch_size);
    }
}
