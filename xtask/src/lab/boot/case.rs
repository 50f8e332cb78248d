//! A case, and what is made of its console.

use std::path::Path;

use super::super::machine::{Machine, Monitor, Then, Watch};
use super::Lab;
use super::disk;
use super::setup::Setup;
use crate::shell::{Outcome, print};

/// A case.
pub(super) struct Case {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether it is among those that CI runs.
    pub(super) fast: bool,
    /// What is changed about the good machine before its disk is written.
    pub(super) change: fn(&mut Setup<'_>) -> Outcome,
    /// What is changed about its disk.
    pub(super) damage: fn(&Setup<'_>) -> Outcome,
    /// A disk that is plugged in once the machine waits for it.
    pub(super) late: bool,
    /// What must come of it.
    pub(super) expect: Expect,
}

/// What must come of a boot.
pub(super) enum Expect {
    /// The init of this slot runs, after these were refused for these reasons; the console says all of that.
    Boots {
        slot: &'static str,
        refused: &'static [(&'static str, &'static str)],
        says: &'static [&'static str],
    },
    /// Nothing is started, for this reason; the console says all of that.
    Fails { reason: &'static str, says: &'static [&'static str] },
    /// The init of a slot ran, and the kernel then ended the machine, and said this.
    Ends { slot: &'static str, says: &'static [&'static str] },
}

impl Lab {
    /// Runs a case and tells whether all was as expected.
    pub(super) fn judge(&self, case: &Case) -> Result<bool, String> {
        let place = self.place.join(case.name);
        disk::fresh(&place)?;
        let mut setup = Setup::good(self, place.clone());
        (case.change)(&mut setup)?;
        setup.write_disk()?;
        (case.damage)(&setup)?;
        let log = place.join("console.log");
        let mut late = Late { plugged: !case.late, image: &setup.disks[0].image };
        let console = self.boot(&setup, case.late, &log, &mut late)?;
        let wrong = case.expect.wrong(&console);
        match wrong.first() {
            None => print(&format!("PASS {}", case.name)),
            Some(_) => print(&format!("FAIL {}: {}; see {}", case.name, wrong.join("; "), log.display())),
        }
        if wrong.is_empty() {
            // Disks of cases that passed tell nothing more.
            let _ = std::fs::remove_file(&setup.disks[0].image);
        }
        Ok(wrong.is_empty())
    }

    /// Boots a machine; without its disks if they come later.
    pub(super) fn boot(
        &self,
        setup: &Setup<'_>,
        late: bool,
        log: &Path,
        watch: &mut dyn Watch,
    ) -> Result<String, String> {
        let initramfs = setup.place.join("initramfs.cpio");
        self.initramfs(&initramfs, &setup.config, &setup.files)?;
        let machine = Machine {
            kernel: Some(&self.kernel.image),
            initramfs: Some(&initramfs),
            parameters: &setup.parameters,
            disks: if late { &[] } else { &setup.disks },
            firmware: None,
            log,
        };
        machine.run_watched(watch)
    }
}

/// Whether a console says all of one and nothing of the other, which is printed.
pub(super) fn says(name: &str, console: &str, must: &[&str], never: &[&str], log: &Path) -> bool {
    let missing = must.iter().filter(|text| !console.contains(**text));
    let mut wrong: Vec<String> = missing.map(|text| format!("`{text}` is not said")).collect();
    wrong
        .extend(never.iter().filter(|text| console.contains(**text)).map(|text| format!("`{text}` is said")));
    if wrong.is_empty() {
        print(&format!("PASS {name}"));
    } else {
        print(&format!("FAIL {name}: {}; see {}", wrong.join("; "), log.display()));
    }
    wrong.is_empty()
}

/// Ends a machine that has said all: some have nobody who could end them.
pub(super) struct Ends;

impl Watch for Ends {
    fn see(&mut self, console: &str, _: &Monitor<'_>) -> Result<Then, String> {
        Ok(if console.contains("LAB END") { Then::Dies } else { Then::Goes })
    }
}

/// Plugs a disk in when the machine waits, and ends machines that halt.
struct Late<'a> {
    plugged: bool,
    image: &'a Path,
}

impl Watch for Late<'_> {
    fn see(&mut self, console: &str, monitor: &Monitor<'_>) -> Result<Then, String> {
        if !self.plugged && console.contains(WAITING) {
            self.plugged = true;
            monitor.tell(&format!("drive_add 0 if=none,id=late,format=raw,file={}", self.image.display()))?;
            monitor.tell("device_add virtio-blk-pci,drive=late")?;
        }
        Ok(if console.contains(HALTED) { Then::Dies } else { Then::Goes })
    }
}

impl Expect {
    /// What is not as expected.
    fn wrong(&self, console: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |text: &str| {
            if !console.contains(text) {
                wrong.push(format!("`{text}` is not said"));
            }
        };
        let says = match self {
            Self::Boots { slot, refused, says } => {
                must(&format!("LAB init slot={slot}"));
                must("LAB END");
                must("\"result\": \"booted\"");
                must(&format!("\"slot\": \"{slot}\""));
                for (slot, reason) in *refused {
                    must(&format!("slot {slot} refused: {reason}"));
                }
                says
            }
            Self::Fails { reason, says } => {
                must(&format!("{FAILED}{reason}"));
                says
            }
            Self::Ends { slot, says } => {
                must(&format!("LAB init slot={slot}"));
                says
            }
        };
        says.iter().for_each(|text| must(text));
        let mut never = |text: &str| {
            if console.contains(text) {
                wrong.push(format!("`{text}` is said"));
            }
        };
        match self {
            Self::Boots { refused: [], .. } => never(" refused: "),
            Self::Boots { .. } => {}
            Self::Fails { .. } => never("LAB "),
            Self::Ends { .. } => never("LAB END"),
        }
        ["Kernel panic - not syncing: Attempted to kill init", "LAB writing_the_root is possible"]
            .into_iter()
            .for_each(never);
        wrong
    }
}

/// What the boot program says of a failure, before its reason.
const FAILED: &str = "hardpan-boot: E-";
/// What it says while it waits for a device.
const WAITING: &str = "hardpan-boot: waiting for ";
/// What the kernel says when it has halted.
const HALTED: &str = "System halted";
