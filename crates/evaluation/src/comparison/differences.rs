use crate::card::{Figure, ResultCard};

/// What was not the same when two figures of one name and protocol were measured.
pub(super) fn differences(
    (first_card, first): (&ResultCard, &Figure),
    (card, figure): (&ResultCard, &Figure),
) -> Vec<String> {
    let (a, b) = (&first.protocol, &figure.protocol);
    let mut found = Vec::new();
    let mut compare = |what: &str, first: &str, own: &str| {
        if first != own {
            found.push(format!("{what} {own}, not {first}"));
        }
    };
    compare("data set", &first_card.data.name, &card.data.name);
    let trained_on =
        |card: &ResultCard| card.data.trained_on.clone().unwrap_or_else(|| "the same data".into());
    compare("trained on", &trained_on(first_card), &trained_on(card));
    compare("tested on the split", first_card.data.tested.name(), card.data.tested.name());
    compare("encoder", a.encoder.name(), b.encoder.name());
    compare("representation", &a.representation, &b.representation);
    compare("M_val", &a.observed_views.to_string(), &b.observed_views.to_string());
    compare("target", &a.target, &b.target);
    compare("probe", &a.probe, &b.probe);
    if a.fit != b.fit {
        let (first, own) = (a.fit.summary(), b.fit.summary());
        let (first, own) = if first == own { (a.fit.in_full(), b.fit.in_full()) } else { (first, own) };
        compare("fit", &first, &own);
    }
    compare("training rows", &a.train_samples.to_string(), &b.train_samples.to_string());
    compare("passes", &a.passes.to_string(), &b.passes.to_string());
    compare("test rows", &a.test_samples.to_string(), &b.test_samples.to_string());
    compare("augmentation", &a.augmentation, &b.augmentation);
    found
}
