//! Which version of the kernel's verity target an option needs.

use hardpan_sys::dm::DeviceMapper;
use hardpan_verity::table::{ErrorMode, Options};

use super::KIND;
use super::error::OpenError;

/// Refuses options that the kernel's verity target is too old for: it would say `EINVAL`, as to anything else.
///
/// A target in a module that is not loaded yet has no version; then the kernel's answer must do. Versions are those of
/// `verity_target` in dm-verity-target.c; the options on I/O errors came without a new one, and later than 1.10.0, so that for
/// them the check is necessary, not sufficient.
pub(super) fn check(kernel: &mut dyn DeviceMapper, options: &Options) -> Result<(), OpenError> {
    let versions = kernel.target_versions()?;
    let Some(found) = versions.iter().find(|target| target.name == KIND) else { return Ok(()) };
    let has = found.version;
    match needs(options).into_iter().find(|(_, needs)| [has[0], has[1]] < *needs) {
        Some((option, needs)) => Err(OpenError::Unsupported { option, needs, has }),
        None => Ok(()),
    }
}

/// Options that are set, with the version that each needs.
fn needs(options: &Options) -> Vec<(&'static str, [u32; 2])> {
    let all = [
        (options.corruption == Some(ErrorMode::Ignore), "ignore_corruption", [1, 3]),
        (options.corruption == Some(ErrorMode::Restart), "restart_on_corruption", [1, 3]),
        (options.corruption == Some(ErrorMode::Panic), "panic_on_corruption", [1, 7]),
        (options.io_error == Some(ErrorMode::Restart), "restart_on_error", [1, 10]),
        (options.io_error == Some(ErrorMode::Panic), "panic_on_error", [1, 10]),
        (options.ignore_zero_blocks, "ignore_zero_blocks", [1, 3]),
        (options.check_at_most_once, "check_at_most_once", [1, 4]),
        (options.try_verify_in_tasklet, "try_verify_in_tasklet", [1, 9]),
        (options.fec.is_some(), "use_fec_from_device", [1, 3]),
        (options.signature_key.is_some(), "root_hash_sig_key_desc", [1, 5]),
    ];
    all.into_iter().filter(|(set, ..)| *set).map(|(_, option, needs)| (option, needs)).collect()
}
