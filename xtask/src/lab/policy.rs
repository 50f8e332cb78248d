//! `cargo xtask lab policy`: what a kernel loads, refuses, gives back and enforces of policies that Hardpan compiled.

mod policies;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::artefacts::{directory, read, recreate, unpacked};
use super::initramfs::Initramfs;
use super::kernel::Kernel;
use super::machine::{Machine, QEMU};
use super::program::build_program;
use super::verdict::{Ending, judge};
use crate::peers;
use crate::shell::{Outcome, print, root};
use policies::Policies;

/// Programs of the host, with their Debian packages and what they are for.
const PROGRAMS: &[(&str, &str, &str)] = &[(QEMU, "qemu-system-x86", "the boot lab's machine")];

/// SELinux from the start, permissive until there is a policy. A kernel that trips ends the machine. One processor: emulated
/// ones trip now and then while the kernel patches its code for the others.
const PARAMETERS: &str = "security=selinux selinux=1 enforcing=0 oops=panic maxcpus=1";

pub(super) fn run(args: &[String]) -> Outcome {
    let package = super::package("policy", args)?;
    peers::ensure(PROGRAMS)?;
    let kernel = Kernel::of_package(package)?;
    let place = directory().join("policy").join(&kernel.version);
    recreate(&place)?;
    print(&format!("kernel {}", kernel.version));
    let program = build_program()?;
    let policies = Policies::make(&program, &place.join("policies"), &kernel.version)?;
    let initramfs = place.join("initramfs.cpio");
    fs::write(&initramfs, build_initramfs(&program, &policies)?)
        .map_err(|error| format!("{}: {error}", initramfs.display()))?;
    let mut failed = 0;
    for boot in policies.boots()? {
        failed += run_boot(&boot, &kernel, &initramfs, &place)?;
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} cases failed; see {}", place.display())) }
}

/// A boot of its own for each group of policies: booleans keep their values when the next policy is loaded, and an enforced
/// policy of ours lets nobody load another.
fn run_boot(boot: &str, kernel: &Kernel, initramfs: &Path, place: &Path) -> Result<usize, String> {
    let log = place.join(format!("{boot}.log"));
    let machine = Machine {
        kernel: Some(&kernel.image),
        initramfs: Some(initramfs),
        parameters: &format!("quiet loglevel=1 {PARAMETERS} lab={boot}"),
        disks: &[],
        firmware: None,
        log: &log,
    };
    print(&format!("boot {boot}"));
    Ok(judge(boot, Ending::PowerOff, &machine.run()?, &log))
}

fn build_initramfs(program: &Path, policies: &Policies) -> Result<Vec<u8>, String> {
    let mut initramfs = Initramfs::default();
    for directory in ["dev", "proc", "sys", "tmp"] {
        initramfs.directory(directory);
    }
    initramfs.file("init", 0o755, SCRIPT.as_bytes());
    initramfs.file("cases.sh", 0o644, CASES.as_bytes());
    initramfs.file("enforced.sh", 0o644, ENFORCED.as_bytes());
    initramfs.file("decisions", 0o644, decisions()?.as_bytes());
    let busybox = unpacked("busybox-static")?.join("bin/busybox");
    initramfs.file("bin/busybox", 0o755, &read(&busybox)?);
    initramfs.link("bin/sh", "busybox");
    initramfs.program(program)?;
    for (name, path) in policies.files()? {
        initramfs.file(&format!("policies/{name}"), 0o644, &read(&path)?);
    }
    Ok(initramfs.finish())
}

/// What the policy's own test asks checkpolicy: source, target, class, permission and 1 or 0.
fn decisions() -> Result<String, String> {
    let path = root().join("selinux-policy/tests/own_policy/decisions.txt");
    let text = String::from_utf8_lossy(&read(&path)?).into_owned();
    let mut contexts = Vec::new();
    let mut lines = String::new();
    for line in text.lines() {
        let context = |wanted: &str| {
            let found = contexts.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, context)| *context).ok_or_else(|| format!("{}: {line}", path.display()))
        };
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] | ["#", ..] => {}
            [name, "=", context] => contexts.push((name, context)),
            [source, target, class, permission, answer @ ("yes" | "no")] => {
                let answer = u8::from(answer == "yes");
                let (source, target) = (context(source)?, context(target)?);
                // Writing to a String cannot fail.
                let _ = writeln!(lines, "{source} {target} {class} {permission} {answer}");
            }
            _ => return Err(format!("{}: {line}", path.display())),
        }
    }
    Ok(lines)
}

/// The first program: what the machine does.
const SCRIPT: &str = include_str!("policy/init.sh");
/// The cases.
const CASES: &str = include_str!("policy/cases.sh");
/// What processes do while our own policy is enforced.
const ENFORCED: &str = include_str!("policy/enforced.sh");
