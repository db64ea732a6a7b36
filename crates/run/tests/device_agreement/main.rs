//! Every device computes what Flex, the processor, computes: one test body for all of them.
//!
//! `ndarray` is always there. With the feature `cuda` a card has to be there too; with the feature `wgpu` or `wgpu-untuned` its device, if only
//! as a software adapter: `scripts/software_adapter.sh cargo test -p seqjepa-run --features wgpu-untuned ..`. With the feature `remote`, and
//! no GPU's beside it, a server of Flex's device in a second process is one more.

mod adam;
mod agreement;
mod batch_norm;
mod dropout;
mod pixels;
#[cfg(feature = "remote")]
#[path = "../common/process.rs"]
mod process;
#[cfg(feature = "remote")]
mod served;
mod values;

/// The tests of the device that a config calls `$device`, by default `$name`.
macro_rules! agrees_with_flex {
    ($name:ident) => {
        agrees_with_flex!($name, stringify!($name));
    };
    ($name:ident, $device:expr) => {
        mod $name {
            fn device() -> &'static str {
                $device
            }

            #[test]
            fn on_every_operator() {
                crate::agreement::operators(device());
            }

            #[test]
            fn on_batch_norm_of_any_shape() {
                crate::batch_norm::property(&crate::agreement::open(device()));
            }

            #[test]
            fn on_pixels_in_bytes() {
                crate::pixels::property(&crate::agreement::open(device()));
            }

            #[test]
            fn on_the_masks_of_dropout() {
                crate::dropout::masks(&crate::agreement::open(device()));
            }

            #[test]
            fn on_the_update_of_adam() {
                crate::adam::formulas(&crate::agreement::open(device()));
            }

            #[test]
            fn on_forward_pass_gradients_and_step() {
                crate::agreement::training_pass(device());
            }

            #[test]
            fn on_twenty_steps_and_the_online_probes() {
                crate::agreement::training(device());
            }

            #[test]
            fn on_the_frozen_evaluation() {
                crate::agreement::evaluation(device());
            }

            #[test]
            fn and_resumes_to_the_bit() {
                crate::agreement::resume(device());
            }
        }
    };
}

agrees_with_flex!(ndarray);
#[cfg(feature = "cuda")]
agrees_with_flex!(cuda);
#[cfg(feature = "wgpu-untuned")]
agrees_with_flex!(wgpu);
#[cfg(all(feature = "remote", not(feature = "wgpu-untuned")))]
agrees_with_flex!(remote, crate::served::device());

#[cfg(feature = "remote")]
#[test]
#[ignore = "the process that the other tests start"]
fn child() {
    served::serve();
}

#[cfg(feature = "wgpu-untuned")]
#[test]
fn a_software_adapter_has_to_be_named() {
    use seqjepa_run::device::{DeviceRequest, backends};

    let report = backends().into_iter().find(|report| report.name == "wgpu").unwrap();
    assert!(!report.devices.is_empty(), "{report:?}");
    let cards = report.devices.len() - report.software;
    let (_, taken) = DeviceRequest::parse("auto").unwrap().open_named().unwrap();
    assert_eq!(taken, if cards > 0 { "wgpu" } else { "flex" }, "{report:?}");
    assert_eq!(DeviceRequest::parse("wgpu").unwrap().open_named().unwrap().1, "wgpu");
    let error = DeviceRequest::parse("wgpu:1000").unwrap().open().unwrap_err().to_string();
    assert!(error.contains("`wgpu:1000`") && error.contains("Vulkan"), "{error}");
}
