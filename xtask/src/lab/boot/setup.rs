//! A good machine, which cases change.

use std::path::PathBuf;

use super::super::machine::Disk;
use super::Lab;
use super::disk::{A_DATA, A_HASH, B_DATA, B_HASH, Layout};
use crate::shell::Outcome;

/// What a machine boots with.
pub(super) struct Setup<'a> {
    /// The lab.
    pub(super) lab: &'a Lab,
    /// Lines of the boot configuration.
    pub(super) config: Vec<String>,
    /// More files of the initramfs.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// Parameters of the kernel.
    pub(super) parameters: String,
    /// What the disk will be.
    pub(super) layout: Layout,
    /// The disks; the first is made of the layout.
    pub(super) disks: Vec<Disk>,
    /// A directory of the case's own.
    pub(super) place: PathBuf,
}

impl<'a> Setup<'a> {
    /// The good machine: both slots are sound, and everything is demanded.
    pub(super) fn good(lab: &'a Lab, place: PathBuf) -> Self {
        let disk = Disk { image: place.join("disk"), writable: true, bad: None };
        let mut setup = Self {
            lab,
            config: Vec::new(),
            files: Vec::new(),
            parameters: PARAMETERS.into(),
            layout: Layout::of(&lab.a, &lab.b),
            disks: vec![disk],
            place,
        };
        setup.config = setup.good_config();
        setup
    }

    fn good_config(&self) -> Vec<String> {
        let mut lines = vec!["hardpan-boot 1".to_owned()];
        lines.extend(self.lab.modules.iter().map(|(name, _)| format!("module /modules/{name}.ko required")));
        lines.push("device-timeout 5".into());
        for (slot, data, hash, root) in
            [("a", A_DATA, A_HASH, &self.lab.a), ("b", B_DATA, B_HASH, &self.lab.b)]
        {
            let table = root.table();
            lines.push(format!(
                "slot {slot} version 1 data PARTUUID={data} hash PARTUUID={hash} table \"{table}\""
            ));
        }
        lines.push(format!(
            "selinux /usr/share/selinux/hardpan/policy.33 fingerprint {}",
            self.lab.fingerprint
        ));
        lines.extend(REST.lines().map(str::to_owned));
        lines
    }

    /// Takes out the lines that begin with these words.
    pub(super) fn drop(&mut self, prefix: &str) {
        self.config.retain(|line| !line.starts_with(prefix));
    }

    /// Puts another line in place of those that begin with these words.
    pub(super) fn replace(&mut self, prefix: &str, line: &str) {
        let at = self.config.iter().position(|it| it.starts_with(prefix)).unwrap_or(self.config.len());
        self.drop(prefix);
        self.config.insert(at, line.to_owned());
    }

    /// Changes the lines that begin with these words.
    pub(super) fn edit(&mut self, prefix: &str, from: &str, to: &str) {
        for line in self.config.iter_mut().filter(|line| line.starts_with(prefix)) {
            *line = line.replace(from, to);
        }
    }

    /// Adds a line.
    pub(super) fn add(&mut self, line: &str) {
        self.config.push(line.to_owned());
    }

    /// Adds parameters of the kernel.
    pub(super) fn boot_with(&mut self, parameters: &str) {
        self.parameters += " ";
        self.parameters += parameters;
    }

    /// Writes the disk as the layout has it.
    pub(super) fn write_disk(&self) -> Outcome {
        self.layout.write(&self.disks[0].image)
    }
}

/// A kernel that trips ends the machine, and says all that it has to say. One processor: emulated ones hang now and then while the
/// kernel patches its code for the others.
const PARAMETERS: &str =
    "security=selinux selinux=1 oops=panic maxcpus=1 loglevel=6 sysctl.kernel.printk_ratelimit=0";

/// The part of the configuration that is the same everywhere.
const REST: &str = "\
tries none
verify ends
on-corruption restart
on-io-error eio
root erofs
enforcing
lockdown integrity
sysctl kernel.kptr_restrict 2 required
sysctl kernel.dmesg_restrict 1 required
sysctl kernel.unprivileged_bpf_disabled 1 required
sysctl kernel.kexec_load_disabled 1 required
sysctl dev.tty.legacy_tiocsti 0 optional
etc /usr/share/factory/etc size=16M mode=0755 context=system_u:object_r:settings.config:s0
init /sbin/init /usr/libexec/lab
on-failure reboot
failure-delay 0
panic-timeout 1";
