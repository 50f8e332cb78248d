//! From a profile and what was read of its inputs to everything that a boot consists of.
//!
//! [`generate`] is a pure function: who calls it has read images, modules and policies, and has verified what can be verified.
//! The same inputs give the same bytes. What is generated is read back before it is returned, by the readers that the boot
//! itself has.

mod command_line;
mod config;
mod devices;
mod error;
mod initramfs;
mod sysctl_conf;

use std::collections::BTreeMap;

use hardpan_verity::table::{CreatedTarget, ErrorMode, TableLine, VerityTable, create_parameter};
use hardpan_verity::{HashArea, Params, RootHash};

use crate::boot::Config;
use crate::boot::config::{Reaction, Slot};
use crate::modules::Ordered;
use crate::profile::Profile;
use crate::settings::{Kernel, Settings};
use crate::{Arch, KernelVersion};

pub use error::GenerateError;
pub use initramfs::{BOOT_CONF, INIT};

/// What was read for a profile.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and each field is one that they must find")]
pub struct Inputs {
    /// The images, in the order of the profile's slots.
    pub images: Vec<Image>,
    /// The modules, in the order of loading.
    pub modules: Vec<Ordered>,
    /// The program that boots: `hardpan-boot`, which becomes `/init`.
    pub init: Vec<u8>,
    /// The architecture of the kernel that boots, which some rules depend on.
    pub arch: Option<Arch>,
    /// The fingerprint of the policy that slots have which say nothing else.
    pub fingerprint: Option<[u8; 32]>,
    /// When everything in the initramfs was last changed, in seconds since 1970.
    pub mtime: u32,
}

/// What is known of an image.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and each field is one that they must find")]
pub struct Image {
    /// What decides its hash tree.
    pub params: Params,
    /// Where the tree is on its device.
    pub area: HashArea,
    /// The root hash.
    pub root: RootHash,
    /// PKCS#7 in DER over the root hash's digits.
    pub signature: Option<Vec<u8>>,
    /// The fingerprint of the image's policy, if it is another than that of the profile.
    pub fingerprint: Option<[u8; 32]>,
}

/// Everything that was generated.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Generated {
    /// The boot configuration.
    pub config: Config,
    /// The files, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What lies in the initramfs, by its path there.
    pub initramfs: BTreeMap<String, Vec<u8>>,
    /// What the builder should know.
    pub notes: Vec<String>,
}

/// Generates everything.
///
/// # Errors
///
/// The profile lacks something, or what would be written would not be read back as it is meant.
pub fn generate(profile: &Profile, inputs: &Inputs) -> Result<Generated, GenerateError> {
    let release = profile.kernel.release.as_deref();
    let kernel = Kernel { arch: inputs.arch, version: release.and_then(KernelVersion::parse) };
    let settings = Settings::of(&profile.sysctl, kernel);
    let config = config::config(profile, inputs, &settings)?;
    let text =
        config.to_text().map_err(|error| GenerateError::Config { error, text: config.as_written() })?;
    let (archive, members) = initramfs::initramfs(&config, &text, inputs)?;
    let command_line = command_line::for_hardpan_boot(profile, &config)?;
    let mut files = BTreeMap::new();
    let mut add = |name: String, bytes: Vec<u8>| drop(files.insert(name, bytes));
    add("boot.conf".to_owned(), text.into_bytes());
    add("initramfs.cpio".to_owned(), archive);
    add("cmdline".to_owned(), format!("{command_line}\n").into_bytes());
    add("90-hardpan.conf".to_owned(), sysctl_conf::text(&settings).into_bytes());
    for slot in &config.slots {
        add(format!("dm-table-{}", slot.name), format!("{}\n", dm_table(&config, slot)?).into_bytes());
        let line = command_line::without_initramfs(profile, &config, &created(&config, slot)?);
        add(format!("dm-mod-create-{}", slot.name), format!("{line}\n").into_bytes());
    }
    let mut notes = command_line::notes(profile, &config);
    notes.extend(settings.left_out.iter().map(|(rule, reason)| format!("{rule} is not set: {reason}")));
    Ok(Generated { config, files, initramfs: members, notes })
}

/// The line of a table for `dmsetup`, with the devices as udev names them.
fn dm_table(config: &Config, slot: &Slot) -> Result<String, GenerateError> {
    let mut table = with_reactions(config, slot);
    table.data_device = devices::node(slot, &slot.data, true)?;
    table.hash_device = devices::node(slot, &slot.hash, false)?;
    let range = Some((0, table.sectors().ok_or_else(|| GenerateError::too_long(slot))?));
    let line = TableLine { range, table };
    line.check().map_err(|error| GenerateError::Table { slot: slot.name.clone(), error })?;
    Ok(line.to_string())
}

/// `dm-mod.create="…"`, with the devices as the kernel names them.
fn created(config: &Config, slot: &Slot) -> Result<String, GenerateError> {
    let mut table = with_reactions(config, slot);
    table.data_device = devices::kernel_name(slot, &slot.data, true)?;
    table.hash_device = devices::kernel_name(slot, &slot.hash, false)?;
    let target = CreatedTarget::new("root", table).ok_or_else(|| GenerateError::too_long(slot))?;
    create_parameter(&[target]).map_err(|error| GenerateError::Table { slot: slot.name.clone(), error })
}

/// The slot's table with the reactions, which the boot adds by itself. What only newer kernels know is left out if older ones
/// may do with less: a kernel refuses a table with an option that it does not know.
fn with_reactions(config: &Config, slot: &Slot) -> VerityTable {
    let mode = |reaction| match reaction {
        Reaction::Restart => Some(ErrorMode::Restart),
        Reaction::Panic => Some(ErrorMode::Panic),
        Reaction::Eio => None,
    };
    let mut table = slot.table.clone();
    table.options.corruption = mode(config.on_corruption);
    table.options.io_error =
        if config.on_io_error.or_weaker { None } else { mode(config.on_io_error.reaction) };
    table
}

#[cfg(test)]
pub(crate) mod tests;
