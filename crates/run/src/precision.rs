//! The precision that a run asks for, and whether its device has it.

use burn::tensor::{Device, FloatDType};
use seqjepa_nn::Precision;

use crate::config::{ConfigError, PrecisionName, invalid};

/// What layers have to be told for a device to compute in the precision that a config names.
///
/// # Errors
///
/// [`ConfigError::Invalid`] where the device cannot.
pub(crate) fn resolve(
    named: Option<PrecisionName>,
    backend: &str,
    device: &Device,
) -> Result<Precision, ConfigError> {
    let may_round = backend == "cuda";
    let refused = |expected: &str, found: &str| Err(invalid("run.precision", expected, found));
    match named {
        None => Ok(Precision::Full),
        Some(asked @ (PrecisionName::F32 | PrecisionName::Tf32)) if backend == "remote" => {
            let asked = if asked == PrecisionName::F32 { "f32" } else { "tf32" };
            refused(
                "null or bf16: a remote device does not say what it rounds the factors of f32 products to",
                asked,
            )
        }
        Some(PrecisionName::F32) if may_round => Ok(Precision::F32),
        Some(PrecisionName::Tf32) if !may_round => {
            refused(&format!("null, f32 or bf16: `{backend}` has no TF32"), "tf32")
        }
        Some(PrecisionName::Bf16) if !device.supports_dtype(FloatDType::BF16) => {
            refused(&format!("null or f32: this device of `{backend}` does not compute in bf16"), "bf16")
        }
        Some(PrecisionName::F32 | PrecisionName::Tf32) => Ok(Precision::Full),
        Some(PrecisionName::Bf16) => Ok(Precision::Bf16),
    }
}

/// What a trained model of a run with this precision is used in on a device, which may be another than the run's: what the device cannot is
/// no reason to refuse the model.
pub(crate) fn of_trained(named: Option<PrecisionName>, backend: &str, device: &Device) -> Precision {
    resolve(named, backend, device).map_or(Precision::Full, Precision::beside_steps)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_lacks_is_refused_with_the_reason() {
        let on = |named, backend| {
            resolve(Some(named), backend, &Device::flex()).map_err(|error| error.to_string())
        };
        assert_eq!(resolve(None, "cuda", &Device::flex()).unwrap(), Precision::Full);
        assert_eq!(on(PrecisionName::F32, "flex"), Ok(Precision::Full));
        assert_eq!(on(PrecisionName::Tf32, "cuda"), Ok(Precision::Full));
        assert_eq!(on(PrecisionName::Bf16, "flex"), Ok(Precision::Bf16));
        assert_eq!(on(PrecisionName::F32, "cuda"), Ok(Precision::F32));
        for precision in [PrecisionName::F32, PrecisionName::Tf32] {
            let error = on(precision, "remote").unwrap_err();
            assert!(error.contains("null or bf16"), "{error}");
        }
        for (named, backend, used) in [
            (PrecisionName::F32, "cuda", Precision::F32),
            (PrecisionName::F32, "flex", Precision::Full),
            (PrecisionName::Bf16, "cuda", Precision::Full),
            (PrecisionName::Tf32, "flex", Precision::Full),
        ] {
            assert_eq!(of_trained(Some(named), backend, &Device::flex()), used, "{named:?} on {backend}");
        }
        let error = on(PrecisionName::Tf32, "wgpu").unwrap_err();
        assert!(error.contains("`wgpu` has no TF32"), "{error}");
    }

    #[cfg(feature = "ndarray")]
    #[test]
    #[expect(deprecated, reason = "ndarray is the second oracle until Burn removes it")]
    fn ndarray_has_no_bf16() {
        let error =
            resolve(Some(PrecisionName::Bf16), "ndarray", &Device::ndarray()).unwrap_err().to_string();
        assert!(error.contains("`ndarray` does not compute in bf16"), "{error}");
    }
}
