//! Boot configurations at the ends of initramfs archives.

use hardpan_image::{EntryId, ReadAt, read_exact_at};
use hardpan_lockdown::bootconfig::{self, BootConfig};
use hardpan_report::{Cause, Finding, Location, escape};

use crate::Context;
use crate::efi::places::{BOOT, MODULES, files_below};

/// Those of every initramfs beside the kernels, by path, and what kept some from being read.
pub(super) fn boot_configs(context: &Context<'_>) -> (Vec<BootConfig>, Vec<Finding>) {
    let is_initramfs = |id: &EntryId| {
        let name = context.index.entry(*id).name;
        [&b"initrd"[..], b"initramfs"].iter().any(|prefix| name.starts_with(prefix))
    };
    let places = BOOT.iter().chain(&MODULES);
    let mut files: Vec<EntryId> = places.flat_map(|place| files_below(context, place)).collect();
    files.retain(is_initramfs);
    files.sort_by_cached_key(|id| context.index.path(*id));
    files.dedup();
    let (mut found, mut troubles) = (Vec::new(), Vec::new());
    for id in files {
        let place = context.location(id);
        let read = context.index.open(id).map_err(|error| error.to_string());
        match read.and_then(|source| boot_config(&*source, &place)) {
            Ok(config) => found.extend(config),
            Err(reason) => {
                let reason = format!("its boot configuration cannot be read: {}", escape(reason.as_bytes()));
                troubles.push(Finding::unknown(Cause::Undecided, Some(place), "bootconfig", reason));
            }
        }
    }
    (found, troubles)
}

/// The boot configuration at the end of an initramfs, if it has one.
pub fn boot_config(source: &dyn ReadAt, place: &Location) -> Result<Option<BootConfig>, String> {
    let length = source.len().min(bootconfig::TAIL as u64);
    let mut tail = vec![0; usize::try_from(length).map_err(|error| error.to_string())?];
    read_exact_at(source, &mut tail, source.len() - length).map_err(|error| error.to_string())?;
    let Some(range) = bootconfig::find(&tail).map_err(|error| error.to_string())? else { return Ok(None) };
    BootConfig::parse(&tail[range], place.clone()).map(Some).map_err(|error| error.to_string())
}
