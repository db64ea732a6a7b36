use seqjepa_nn::StateDict;

/// The online probes among `tensors`, by the published implementation's names: `online_linprobe.0.weight` on z_AGG,
/// `online_equiprobe.0`, `.2` and `.4` on (z_1, z_2), from this project's names or from those.
#[must_use]
pub fn published_probes(tensors: &StateDict) -> StateDict {
    let published = |name: &str| {
        if name.starts_with("online_linprobe.") || name.starts_with("online_equiprobe.") {
            return Some(name.to_owned());
        }
        let (probe, parameter) = name.split_once(".network.layers.")?;
        let (layer, parameter) = parameter.split_once('.')?;
        let layer: usize = layer.parse().ok()?;
        let probe = match probe {
            "online_lin" => "online_linprobe",
            "online_equi" => "online_equiprobe",
            _ => return None,
        };
        // In PyTorch's `Sequential` a ReLU stands between two layers.
        Some(format!("{probe}.{}.{parameter}", 2 * layer))
    };
    tensors.iter().filter_map(|(name, data)| Some((published(name)?, data.clone()))).collect()
}
