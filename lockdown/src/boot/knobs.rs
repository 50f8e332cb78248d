//! Lockdown and sysctls: set, read back, and tried.

use std::io;

use hardpan_sys::machine::Machine;

use super::config::{LockdownLevel, Sysctl};
use super::reason::{Failure, Reason, Scope, failed};
use super::receipt::Outcome;
use super::run::Done;

/// Raises lockdown, unless it is as high already. Nothing can lower it.
pub(super) fn raise_lockdown(machine: &mut dyn Machine, wanted: LockdownLevel) -> Result<Done, Failure> {
    // The file is there, and keeps a level, even where nothing asks for it.
    let modules = text(machine, "/sys/kernel/security/lsm").map_err(failed(
        Scope::Machine,
        Reason::NoLockdown,
        "/sys/kernel/security/lsm",
    ))?;
    if !modules.split(',').any(|module| module == "lockdown") {
        let text = format!(
            "lockdown is not among the security modules ({modules}), so that its level has no effect"
        );
        return Err(Failure::machine(Reason::NoLockdown, text));
    }
    if level(machine)? < Some(wanted) {
        let written = machine.write(LOCKDOWN, wanted.name().as_bytes());
        written.map_err(failed(Scope::Machine, Reason::LockdownRefused, "the kernel refuses the level"))?;
    }
    match level(machine)? {
        Some(found) if found >= wanted => Ok(Done::new(Outcome::Done, found.name().to_owned())),
        found => {
            let found = found.map_or("none", LockdownLevel::name);
            Err(Failure::machine(Reason::LockdownRefused, format!("the level is {found} afterwards")))
        }
    }
}

/// Tries what lockdown forbids. This process may do everything else, so that `EPERM` is lockdown's word.
pub(super) fn probe_lockdown(machine: &mut dyn Machine, level: LockdownLevel) -> Result<Done, Failure> {
    let mut told = Vec::new();
    let mut refused = 0;
    let mut judge = |what: &str, result: io::Result<()>| match verdict(&result) {
        Verdict::Refused(errno) => {
            // A kernel that demands signatures of modules says EKEYREJECTED, with and without lockdown, and one that
            // enforces a policy already may say EACCES.
            refused += u32::from(errno == EPERM);
            told.push(format!("{what} refused ({errno})"));
            Ok(())
        }
        Verdict::NotThere => {
            told.push(format!("{what} not there"));
            Ok(())
        }
        Verdict::Allowed => Err(Failure::machine(Reason::Probe, format!("{what} is allowed"))),
        Verdict::Unclear(error) => Err(Failure::machine(Reason::Probe, format!("{what}: {error}"))),
    };
    judge("an unsigned module", machine.load_module_bytes(&UNSIGNED_MODULE))?;
    judge("/dev/mem", machine.try_open("/dev/mem"))?;
    judge("access to I/O ports", machine.raise_io_privilege())?;
    if level == LockdownLevel::Confidentiality {
        judge("/proc/kcore", machine.try_open("/proc/kcore"))?;
    }
    if refused == 0 {
        return Err(Failure::machine(Reason::Probe, format!("nothing shows lockdown: {}", told.join(", "))));
    }
    Ok(Done::new(Outcome::Proved, told.join(", ")))
}

enum Verdict {
    Refused(i32),
    NotThere,
    Allowed,
    Unclear(String),
}

fn verdict(result: &io::Result<()>) -> Verdict {
    match result {
        Ok(()) => Verdict::Allowed,
        Err(error) => match error.raw_os_error() {
            Some(errno @ (EPERM | EACCES | EKEYREJECTED)) => Verdict::Refused(errno),
            Some(ENOENT | ENXIO | ENODEV | ENOSYS) => Verdict::NotThere,
            None if error.kind() == io::ErrorKind::Unsupported => Verdict::NotThere,
            _ => Verdict::Unclear(error.to_string()),
        },
    }
}

/// The level that is marked as the present one: `none [integrity] confidentiality`.
fn level(machine: &mut dyn Machine) -> Result<Option<LockdownLevel>, Failure> {
    let text = text(machine, LOCKDOWN).map_err(failed(Scope::Machine, Reason::NoLockdown, LOCKDOWN))?;
    let marked = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(marked, _)| marked);
    match marked {
        Some("none") => Ok(None),
        Some("integrity") => Ok(Some(LockdownLevel::Integrity)),
        Some("confidentiality") => Ok(Some(LockdownLevel::Confidentiality)),
        _ => Err(Failure::machine(Reason::NoLockdown, format!("{LOCKDOWN} says {text}"))),
    }
}

/// Sets a sysctl, reads it back and, if it goes one way only, tries to take it back.
pub(super) fn set_sysctl(machine: &mut dyn Machine, sysctl: &Sysctl) -> Result<Done, Failure> {
    match try_sysctl(machine, sysctl) {
        Err((outcome, failure)) if !sysctl.required => {
            Ok(Done { errno: failure.errno, ..Done::new(outcome, failure.text) })
        }
        Err((_, failure)) => Err(failure),
        Ok(done) => Ok(done),
    }
}

fn try_sysctl(machine: &mut dyn Machine, sysctl: &Sysctl) -> Result<Done, (Outcome, Failure)> {
    let path = sysctl_path(&sysctl.key);
    // An empty write changes nothing; a lone newline is an empty value.
    let value = if sysctl.value.is_empty() { "\n" } else { &sysctl.value };
    machine.write(&path, value.as_bytes()).map_err(|error| {
        let absent = error.kind() == io::ErrorKind::NotFound;
        let outcome = if absent { Outcome::Absent } else { Outcome::Failed };
        (outcome, failed(Scope::Machine, Reason::Sysctl, &sysctl.key)(error))
    })?;
    let read = text(machine, &path);
    let got =
        read.map_err(|error| (Outcome::Failed, failed(Scope::Machine, Reason::Sysctl, &sysctl.key)(error)))?;
    let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if words(&got) != words(&sysctl.value) {
        let text = format!("{} reads {got} after {} was written", sysctl.key, sysctl.value);
        return Err((Outcome::Failed, Failure::machine(Reason::Sysctl, text)));
    }
    let Some(weaker) = one_way(sysctl) else { return Ok(Done::new(Outcome::Proved, got)) };
    match refuses(machine, &path, weaker, &got) {
        Ok(()) => Ok(Done::new(Outcome::Proved, format!("{got}, and {weaker} is refused"))),
        Err(what) => {
            // It may have taken it: so put it back, whatever comes of that.
            let _ = machine.write(&path, value.as_bytes());
            let text = format!("{} could {what}", sysctl.key);
            Err((Outcome::Failed, Failure::machine(Reason::Probe, text)))
        }
    }
}

/// Whether a knob stays as it is against this value.
fn refuses(machine: &mut dyn Machine, path: &str, weaker: &str, now: &str) -> Result<(), String> {
    match machine.write(path, weaker.as_bytes()) {
        // What these knobs say. Anything else, such as EACCES of a policy, says nothing of the knob.
        Err(error) if matches!(error.raw_os_error(), Some(EPERM | EINVAL)) => {}
        Err(error) => return Err(format!("not be tried: {error}")),
        Ok(()) => return Err(format!("be taken back to {weaker}")),
    }
    match text(machine, path) {
        Ok(after) if after == now => Ok(()),
        Ok(after) => Err(format!("be taken back to {after}")),
        Err(error) => Err(format!("not be read again: {error}")),
    }
}

/// The value to which a knob must not go back, if the kernel lets it go one way only.
pub(crate) fn one_way(sysctl: &Sysctl) -> Option<&'static str> {
    let found =
        ONE_WAY.iter().find(|(key, value, _)| *key == sysctl.key && *value == sysctl.value.trim_ascii());
    found.map(|(.., weaker)| *weaker)
}

/// The file of a sysctl: dots and slashes change places.
pub(crate) fn sysctl_path(key: &str) -> String {
    let swapped = key.chars().map(|character| match character {
        '.' => '/',
        '/' => '.',
        other => other,
    });
    format!("/proc/sys/{}", swapped.collect::<String>())
}

fn text(machine: &mut dyn Machine, path: &str) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&machine.read(path, 4096)?).trim_ascii().to_owned())
}

/// Knobs that the kernel lets go one way only: the value, and one that must be refused from then on.
const ONE_WAY: [(&str, &str, &str); 4] = [
    ("kernel.kexec_load_disabled", "1", "0"),
    ("kernel.modules_disabled", "1", "0"),
    ("kernel.unprivileged_bpf_disabled", "1", "0"),
    ("kernel.yama.ptrace_scope", "3", "0"),
];
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
/// As long as an ELF header, which is the least that the kernel looks at, and nothing that could be a module.
const UNSIGNED_MODULE: [u8; 128] = [0x5a; 128];
/// From `asm-generic/errno-base.h` and `errno.h`.
const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ENXIO: i32 = 6;
const EACCES: i32 = 13;
const ENODEV: i32 = 19;
const EINVAL: i32 = 22;
const ENOSYS: i32 = 38;
const EKEYREJECTED: i32 = 129;
