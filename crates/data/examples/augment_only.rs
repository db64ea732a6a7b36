//! The augmentation engine on its own, without a deep-learning framework: samples the parameters of a view, applies them,
//! stores them as JSON, and replays the same bytes from it.
//!
//! ```text
//! cargo run --release -p seqjepa-data --example augment_only
//! ```

use seqjepa_data::dataset::{DatasetSource, Synthetic};
use seqjepa_data::{AugmentParams, AugmentPolicy, Normalization, Scratch, Split, ViewKey};

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let images =
        DatasetSource::Synthetic(Synthetic { train_images: 8, ..Synthetic::default() }).load(Split::Train)?;
    let policy = AugmentPolicy::observed(32);
    // One scratch per thread: after the first view, nothing is allocated.
    let mut scratch = Scratch::new();
    let mut view = vec![0.0; 3 * 32 * 32];

    for sample in 0..images.len() {
        let image = images.image(sample);
        // The draw depends on the key alone, whatever was drawn before.
        let key = ViewKey { seed: 42, split: Split::Train, epoch: 0, sample: sample as u64, view: 0 };
        let params = policy.sample(&mut key.rng(), image.height(), image.width());
        params.apply_normalized(image, &Normalization::CIFAR100, &mut scratch, &mut view)?;
        println!("image {sample}: action {:?}", params.action());

        let json = serde_json::to_string(&params)?;
        let replayed: AugmentParams = serde_json::from_str(&json)?;
        let mut again = vec![0.0; view.len()];
        replayed.apply_normalized(image, &Normalization::CIFAR100, &mut scratch, &mut again)?;
        assert!(view == again, "the same parameters give the same bytes");
    }
    Ok(())
}
