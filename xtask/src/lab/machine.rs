//! A machine of QEMU's, which runs until it powers off or time is up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::say;

/// What to boot.
pub(super) struct Machine<'a> {
    /// The kernel's image.
    pub(super) kernel: &'a Path,
    /// The initramfs.
    pub(super) initramfs: &'a Path,
    /// Parameters of the kernel, after those that the console needs.
    pub(super) parameters: &'a str,
    /// Images of read-only disks, in the order of their names: `vda`, `vdb`.
    pub(super) disks: &'a [PathBuf],
    /// UEFI firmware and its variables, instead of a BIOS.
    pub(super) firmware: Option<&'a Firmware>,
    /// Where the serial console is written.
    pub(super) log: &'a Path,
}

/// UEFI firmware.
pub(super) struct Firmware {
    /// The program.
    pub(super) code: PathBuf,
    /// The variables, which the machine writes.
    pub(super) variables: PathBuf,
}

impl Machine<'_> {
    /// Boots, waits for the end, and returns what the serial console said.
    ///
    /// A restart ends the machine as well (`-no-reboot`), and so does a panic (`panic=-1`).
    pub(super) fn run(&self) -> Result<String, String> {
        let console = File::create(self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        let mut command = Command::new(QEMU);
        // Emulation: KVM may be missing, or hang where machines are nested.
        command.args(["-accel", "tcg", "-cpu", "max", "-m", "768", "-smp", "2", "-nographic", "-no-reboot"]);
        command.args(["-nodefaults", "-serial", "stdio", "-monitor", "none"]);
        command.arg("-kernel").arg(self.kernel).arg("-initrd").arg(self.initramfs);
        let parameters = format!("console=ttyS0 panic=-1 quiet loglevel=1 {}", self.parameters);
        command.args(["-append", &parameters]);
        if let Some(firmware) = self.firmware {
            let flash = |unit: u8, file: &Path, more: &str| {
                format!("if=pflash,format=raw,unit={unit},file={}{more}", file.display())
            };
            command.args(["-machine", "q35"]);
            command.args(["-drive", &flash(0, &firmware.code, ",readonly=on")]);
            command.args(["-drive", &flash(1, &firmware.variables, "")]);
        }
        for disk in self.disks {
            command.arg("-drive").arg(format!("file={},format=raw,if=virtio,readonly=on", disk.display()));
        }
        command.stdin(Stdio::null()).stdout(console);
        let child = command.spawn().map_err(|error| format!("{QEMU} could not be started: {error}"))?;
        self.wait(child)?;
        let text = fs::read(self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&text).replace('\r', ""))
    }

    fn wait(&self, mut child: Child) -> Result<(), String> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match child.try_wait().map_err(|error| format!("{QEMU} was lost: {error}"))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{QEMU} failed ({status})")),
                None if Instant::now() >= deadline => {
                    say(&format!("the machine did not end in {} s, and is stopped", TIMEOUT.as_secs()));
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("time is up; the console is in {}", self.log.display()));
                }
                None => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }
}

/// The emulator.
pub(super) const QEMU: &str = "qemu-system-x86_64";
/// No machine takes longer unless it hangs: the cases take a minute or two on a machine that does nothing else.
const TIMEOUT: Duration = Duration::from_mins(15);
