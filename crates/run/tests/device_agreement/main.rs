//! Every device computes what Flex, the processor, computes: one test body for all of them.
//!
//! `ndarray` is always there. With the feature `wgpu` or `wgpu-untuned` its device has to be there too, if only as a software adapter:
//! `scripts/software_adapter.sh cargo test --features seqjepa-run/wgpu-untuned ..`.

mod agreement;

/// The tests of the device that a config calls `$name`.
macro_rules! agrees_with_flex {
    ($name:ident) => {
        mod $name {
            const DEVICE: &str = stringify!($name);

            #[test]
            fn on_every_operator() {
                crate::agreement::operators(DEVICE);
            }

            #[test]
            fn on_forward_pass_gradients_and_step() {
                crate::agreement::training_pass(DEVICE);
            }

            #[test]
            fn on_twenty_steps_and_the_online_probes() {
                crate::agreement::training(DEVICE);
            }

            #[test]
            fn on_the_frozen_evaluation() {
                crate::agreement::evaluation(DEVICE);
            }

            #[test]
            fn and_resumes_to_the_bit() {
                crate::agreement::resume(DEVICE);
            }
        }
    };
}

agrees_with_flex!(ndarray);
#[cfg(feature = "wgpu-untuned")]
agrees_with_flex!(wgpu);
