//! Dropout's masks, which become values on the device, to the bit.

use burn::tensor::{Device, Tensor};
use seqjepa_nn::{DropoutKey, DropoutMasks, host};

/// Sizes that fill no whole words, and more than a task draws.
pub(super) fn masks(device: &Device) {
    for dims in [[1, 1, 1], [3, 5, 7], [2, 4, 8], [5, 33, 401]] {
        let of = |device: &Device| {
            let mut masks = DropoutMasks::new(DropoutKey { seed: 11, step: 5 });
            [0.1, 0.0, 0.5]
                .map(|probability| host::read(masks.apply(Tensor::<3>::ones(dims, device), probability)))
        };
        assert_eq!(of(device), of(&Device::flex()), "{dims:?}");
        assert_eq!(of(&device.clone().autodiff()), of(&Device::flex()), "{dims:?}");
    }
}
