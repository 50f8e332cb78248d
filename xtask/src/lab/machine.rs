//! A machine of QEMU's, which runs until it powers off or time is up.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::say;

/// What to boot.
pub(super) struct Machine<'a> {
    /// The kernel's image; without one the firmware starts what is on the disks.
    pub(super) kernel: Option<&'a Path>,
    /// The initramfs of that kernel, if it has one.
    pub(super) initramfs: Option<&'a Path>,
    /// Parameters of the kernel, after those that the console needs.
    pub(super) parameters: &'a str,
    /// Disks, in the order of their names: `vda`, `vdb`.
    pub(super) disks: &'a [Disk],
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
    /// Whether it was built with Secure Boot.
    pub(super) secure: bool,
}

/// A disk of a machine.
pub(super) struct Disk {
    /// Its image.
    pub(super) image: PathBuf,
    /// Whether the machine can write it.
    pub(super) writable: bool,
    /// A sector whose reads fail, in bytes from the start of the disk, and how many times they do.
    pub(super) bad: Option<(u64, Times)>,
}

/// How often something happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Once,
    Always,
}

impl Disk {
    /// A disk that cannot be written.
    pub(super) fn read_only(image: PathBuf) -> Self {
        Self { image, writable: false, bad: None }
    }

    fn block(&self, node: &str) -> String {
        let file = format!("driver=file,filename={}", self.image.display());
        let read_only = if self.writable { "off" } else { "on" };
        match self.bad {
            None => format!("driver=raw,node-name={node},read-only={read_only},{}", prefixed("file", &file)),
            Some((offset, times)) => {
                let once = if times == Times::Once { "on" } else { "off" };
                // An injected error of a read that has this sector in it.
                let inject = format!(
                    "inject-error.0.event=read_aio,inject-error.0.iotype=read,inject-error.0.errno=5,\
                     inject-error.0.sector={},inject-error.0.once={once},inject-error.0.immediately=off",
                    offset / 512
                );
                let faulty = format!("driver=blkdebug,{inject},{}", prefixed("image", &file));
                format!("driver=raw,node-name={node},read-only={read_only},{}", prefixed("file", &faulty))
            }
        }
    }
}

/// Options of a block device below another.
fn prefixed(prefix: &str, options: &str) -> String {
    options.split(',').map(|option| format!("{prefix}.{option}")).collect::<Vec<_>>().join(",")
}

/// What is done to a machine while it runs.
pub(super) trait Watch {
    /// Told all that the console has said so far, now and then.
    fn see(&mut self, console: &str, monitor: &Monitor<'_>) -> Result<Then, String>;
}

/// What becomes of a machine that was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It runs on.
    Goes,
    /// It is killed, as by a loss of power.
    Dies,
}

/// Lets the machine run.
struct Patient;

impl Watch for Patient {
    fn see(&mut self, _: &str, _: &Monitor<'_>) -> Result<Then, String> {
        Ok(Then::Goes)
    }
}

/// Where a machine takes commands of QEMU's.
pub(super) struct Monitor<'a>(&'a Path);

impl Monitor<'_> {
    /// Gives a command and waits for the answer.
    pub(super) fn tell(&self, command: &str) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{QEMU}'s monitor: {error}");
        let mut stream = UnixStream::connect(self.0).map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(failed)?;
        stream.write_all(format!("{command}\n").as_bytes()).map_err(failed)?;
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        // Its prompt comes before the command and after the answer.
        while String::from_utf8_lossy(&answer).matches("(qemu)").count() < 2 {
            match stream.read(&mut part).map_err(failed)? {
                0 => break,
                len => answer.extend(&part[..len]),
            }
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if answer.contains("Error") { Err(format!("{QEMU} on `{command}`: {answer}")) } else { Ok(()) }
    }
}

impl Machine<'_> {
    /// Boots, waits for the end, and returns what the serial console said.
    ///
    /// A restart ends the machine as well (`-no-reboot`), and so does a panic (`panic=-1`).
    pub(super) fn run(&self) -> Result<String, String> {
        self.run_watched(&mut Patient)
    }

    /// The same while somebody watches.
    pub(super) fn run_watched(&self, watch: &mut dyn Watch) -> Result<String, String> {
        let console = File::create(self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        let socket = self.log.with_extension("monitor");
        let _ = fs::remove_file(&socket);
        let mut command = self.command(&socket);
        command.stdin(Stdio::null()).stdout(console);
        let child = command.spawn().map_err(|error| format!("{QEMU} could not be started: {error}"))?;
        let ended = self.wait(child, watch, &Monitor(&socket));
        let _ = fs::remove_file(&socket);
        ended?;
        self.console()
    }

    fn command(&self, monitor: &Path) -> Command {
        let mut command = Command::new(QEMU);
        // Emulation: KVM may be missing, or hang where machines are nested.
        command.args(["-accel", "tcg", "-cpu", "max", "-m", "768", "-smp", "2", "-nographic", "-no-reboot"]);
        command.args(["-nodefaults", "-serial", "stdio", "-monitor"]);
        command.arg(format!("unix:{},server=on,wait=off", monitor.display()));
        if let Some(kernel) = self.kernel {
            command.arg("-kernel").arg(kernel);
            if let Some(initramfs) = self.initramfs {
                command.arg("-initrd").arg(initramfs);
            }
            let parameters = format!("console=ttyS0 panic=-1 {}", self.parameters);
            command.args(["-append", &parameters]);
        }
        if let Some(firmware) = self.firmware {
            firmware.arguments(&mut command);
        }
        for (at, disk) in self.disks.iter().enumerate() {
            command.arg("-blockdev").arg(disk.block(&format!("disk{at}")));
            command.arg("-device").arg(format!("virtio-blk-pci,drive=disk{at}"));
        }
        command
    }

    fn console(&self) -> Result<String, String> {
        let text = fs::read(self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&text).replace('\r', ""))
    }

    fn wait(&self, mut child: Child, watch: &mut dyn Watch, monitor: &Monitor<'_>) -> Result<(), String> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match child.try_wait().map_err(|error| format!("{QEMU} was lost: {error}"))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{QEMU} failed ({status})")),
                None if Instant::now() >= deadline => {
                    say(&format!("the machine did not end in {} s, and is stopped", TIMEOUT.as_secs()));
                    kill(&mut child);
                    return Err(format!("time is up; the console is in {}", self.log.display()));
                }
                None => {}
            }
            let seen = self.console().and_then(|console| watch.see(&console, monitor));
            if seen != Ok(Then::Goes) {
                kill(&mut child);
                return seen.map(drop);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

impl Firmware {
    fn arguments(&self, command: &mut Command) {
        let flash = |unit: u8, file: &Path, more: &str| {
            format!("if=pflash,format=raw,unit={unit},file={}{more}", file.display())
        };
        // System management mode keeps the variables of Secure Boot from whoever is no firmware.
        let machine = if self.secure { "q35,smm=on" } else { "q35" };
        command.args(["-machine", machine]);
        if self.secure {
            command.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
        }
        command.args(["-drive", &flash(0, &self.code, ",readonly=on")]);
        command.args(["-drive", &flash(1, &self.variables, "")]);
    }
}

/// The emulator.
pub(super) const QEMU: &str = "qemu-system-x86_64";
/// No machine takes longer unless it hangs: the cases take a minute or two on a machine that does nothing else.
const TIMEOUT: Duration = Duration::from_mins(15);
