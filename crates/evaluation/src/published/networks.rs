//! What papers read which part of an action with.

use seqjepa_probes::frozen::FrozenConfig;
use seqjepa_probes::{Network, OutputGroup};

/// The groups that the seq-JEPA paper (arXiv 2505.03176) and its code probe, and by what.
const PUBLISHED: [(&str, Network); 7] = [
    // Augmented images.
    ("crop", FrozenConfig::MLP),
    ("jitter", FrozenConfig::MLP),
    ("blur", Network::Linear),
    // 3DIEBench.
    ("rotation", FrozenConfig::MLP),
    ("colour", Network::Linear),
    ("color", Network::Linear),
    // Glimpses.
    ("position", Network::Linear),
];

/// The network that protocol `paper` reads a group with: the published one of that name. Of a group that no paper speaks of, an MLP for
/// several numbers and a linear regressor for a single one.
pub(crate) fn published_network(group: &OutputGroup) -> Network {
    let known = PUBLISHED.iter().find(|(name, _)| *name == group.name);
    let other = if group.range.len() > 1 { FrozenConfig::MLP } else { Network::Linear };
    known.map_or(other, |(_, network)| *network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_read_as_published_whatever_its_width() {
        let network = |name: &str, width| published_network(&OutputGroup::new(name, 0..width));
        assert_eq!(network("crop", 4), FrozenConfig::MLP);
        assert_eq!(network("colour", 2), Network::Linear);
        assert_eq!(network("position", 2), Network::Linear);
        assert_eq!(network("rotation", 4), FrozenConfig::MLP);
        assert_eq!((network("shear", 2), network("scale", 1)), (FrozenConfig::MLP, Network::Linear));
    }
}
