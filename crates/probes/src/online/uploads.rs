//! The targets of one batch on the device.

use std::sync::Arc;

use burn::tensor::Device;

use crate::probe::{DeviceTargets, Targets};

/// The targets of one batch, each brought to the device once, whatever the number of probes that learn it.
#[derive(Debug, Default)]
pub(super) struct Uploads<'a> {
    known: Vec<(Targets<'a>, usize, Upload)>,
}

/// One target on the device, and what its figures need of it on the host.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) targets: DeviceTargets,
    /// The values of a regression; empty for labels.
    pub(super) values: Arc<[f32]>,
}

impl<'a> Uploads<'a> {
    /// The upload of targets that have been checked for this number of samples.
    pub(super) fn of(&mut self, targets: Targets<'a>, samples: usize, device: &Device) -> Upload {
        let known = self.known.iter().find(|(known, rows, _)| same(*known, targets) && *rows == samples);
        if let Some((_, _, upload)) = known {
            return upload.clone();
        }
        let values = match targets {
            Targets::Labels(_) => Arc::default(),
            Targets::Values(values) => Arc::from(values),
        };
        let upload = Upload { targets: targets.upload(samples, device), values };
        self.known.push((targets, samples, upload.clone()));
        upload
    }
}

/// Whether two targets are the same piece of memory.
fn same(left: Targets<'_>, right: Targets<'_>) -> bool {
    match (left, right) {
        (Targets::Labels(left), Targets::Labels(right)) => std::ptr::eq(left, right),
        (Targets::Values(left), Targets::Values(right)) => std::ptr::eq(left, right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_goes_up_once() {
        let device = Device::flex();
        let mut uploads = Uploads::default();
        let (values, others) = ([1.0, 2.0], [1.0, 2.0]);
        let first = uploads.of(Targets::Values(&values), 2, &device);
        let second = uploads.of(Targets::Values(&values), 2, &device);
        assert!(Arc::ptr_eq(&first.values, &second.values));
        uploads.of(Targets::Values(&values), 1, &device);
        uploads.of(Targets::Values(&others), 2, &device);
        uploads.of(Targets::Labels(&[0, 1]), 2, &device);
        assert_eq!(uploads.known.len(), 4);
    }
}
