//! The verity devices of a kernel command line, of the kernel's making and of systemd's.

use hardpan_verity::table::systemd::SystemdCmdline;
use hardpan_verity::table::{CmdlineVerity, CreatedTarget, find_in_cmdline};

/// What a command line says.
pub(super) struct CmdlineDevices {
    /// The targets of `dm-mod.create=`.
    pub(super) created: Vec<CreatedTarget>,
    /// What systemd's generator sets up.
    pub(super) systemd: SystemdCmdline,
}

impl CmdlineDevices {
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        let mut created = Vec::new();
        for found in find_in_cmdline(text) {
            // What is systemd's is read by its own parser below, with all that goes with it.
            if let CmdlineVerity::Created(target) = found? {
                created.push(*target);
            }
        }
        Ok(Self { created, systemd: SystemdCmdline::parse(text)? })
    }
}
