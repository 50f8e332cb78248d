//! The initramfs: the program that boots, its configuration, modules and signatures.

use std::collections::BTreeMap;

use super::{GenerateError, Inputs};
use crate::boot::Config;
use crate::newc::Archive;

/// Where the boot configuration lies.
pub const BOOT_CONF: &str = "etc/hardpan/boot.conf";
/// Where the program lies that the kernel starts.
pub const INIT: &str = "init";

/// Files by their path.
pub(super) type Members = BTreeMap<String, Vec<u8>>;

/// The archive, and what lies in it.
pub(super) fn initramfs(
    config: &Config,
    text: &str,
    inputs: &Inputs,
) -> Result<(Vec<u8>, Members), GenerateError> {
    let mut members = Members::new();
    members.insert(INIT.to_owned(), inputs.init.clone());
    members.insert(BOOT_CONF.to_owned(), text.as_bytes().to_vec());
    for module in &inputs.modules {
        members.insert(module_path(&module.name), module.bytes.clone());
    }
    for (slot, image) in config.slots.iter().zip(&inputs.images) {
        members.extend(image.signature.clone().map(|signature| (signature_path(&slot.name), signature)));
    }
    let mut archive = Archive::new(inputs.mtime);
    for (path, bytes) in &members {
        archive.file(path, if path == INIT { 0o755 } else { 0o644 }, bytes.clone())?;
    }
    // Without it the first program has no standard streams until it has mounted /dev. Most kernels bring their own.
    archive.character_device("dev/console", 0o600, (5, 1))?;
    // Where the program mounts things.
    for directory in ["proc", "sys", "run", "sysroot"] {
        archive.directory(directory, 0o755)?;
    }
    Ok((archive.finish()?, members))
}

/// Where a module lies. The kernel does not look at the name; names with underscores are those that it lists.
pub(super) fn module_path(name: &str) -> String {
    format!("modules/{name}.ko")
}

/// Where the signature of a slot's root hash lies.
pub(super) fn signature_path(slot: &str) -> String {
    format!("signatures/{slot}.p7s")
}
