//! File systems: the kernel's own, the slot, `/etc`, and the change of roots.

use hardpan_sys::machine::{CopyLimits, Machine, MountFlag, NewMount, Node};

use super::config::Etc;
use super::plan::{Contents, DEFAULT_ETC, EarlyMount, MOVED};
use super::reason::{Failure, Reason, Scope, failed};
use super::receipt::Outcome;
use super::run::Done;

/// Where the slot is mounted until it becomes the root.
pub(super) const ROOT: &str = "/sysroot";

/// Mounts one of the kernel's own file systems.
pub(super) fn mount_early(machine: &mut dyn Machine, early: EarlyMount) -> Result<Done, Failure> {
    let EarlyMount { fs_type, target, required } = early;
    let flags: &[MountFlag] = match fs_type {
        // Devices are what it is for.
        "devtmpfs" => &[MountFlag::NoSuid],
        "tmpfs" => &[MountFlag::NoSuid, MountFlag::NoDev],
        _ => &[MountFlag::NoSuid, MountFlag::NoDev, MountFlag::NoExec],
    };
    let data = if matches!(fs_type, "devtmpfs" | "tmpfs") { "mode=0755" } else { "" };
    // Within another of them nothing can be made, and the directory is there if the kernel has the file system.
    let made = if target.starts_with("/sys/") { Ok(()) } else { machine.create_directory(target) };
    let mounted =
        made.and_then(|()| machine.mount(&NewMount { source: fs_type, target, fs_type, flags, data }));
    match mounted {
        Ok(()) => Ok(Done::new(Outcome::Done, String::new())),
        // The kernel mounts it itself before the first program runs (CONFIG_DEVTMPFS_MOUNT, of a root that it mounted).
        Err(error) if error.raw_os_error() == Some(EBUSY) => {
            Ok(Done::new(Outcome::Done, "mounted already".to_owned()))
        }
        Err(error) if !required => {
            Ok(Done { errno: error.raw_os_error(), ..Done::new(Outcome::Absent, error.to_string()) })
        }
        Err(error) => Err(failed(Scope::Machine, Reason::Mount, target)(error)),
    }
}

/// Mounts a slot, read-only.
pub(super) fn mount_slot(
    machine: &mut dyn Machine,
    source: &str,
    fs_type: &str,
    options: &str,
) -> Result<Done, Failure> {
    machine.create_directory(ROOT).map_err(failed(Scope::Machine, Reason::Mount, ROOT))?;
    let (mut flags, mut data) = (vec![MountFlag::ReadOnly], Vec::new());
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => {}
            "nosuid" => flags.push(MountFlag::NoSuid),
            "nodev" => flags.push(MountFlag::NoDev),
            "noatime" => flags.push(MountFlag::NoAtime),
            other => data.push(other),
        }
    }
    let mount = NewMount { source, target: ROOT, fs_type, flags: &flags, data: &data.join(",") };
    machine.mount(&mount).map_err(failed(Scope::Slot, Reason::Mount, fs_type))?;
    Ok(Done::new(Outcome::Done, source.to_owned()))
}

/// Whether all that is needed later is there: afterwards no other slot could help.
pub(super) fn check_contents(machine: &mut dyn Machine, contents: &Contents) -> Result<Done, Failure> {
    let init = &contents.init;
    match machine.node_below(ROOT, init).map_err(failed(Scope::Slot, Reason::NoInit, init))? {
        Node::File { executable: true } => {}
        _ => return Err(Failure::slot(Reason::NoInit, format!("{init} is no executable file"))),
    }
    for directory in &contents.directories {
        let node =
            machine.node_below(ROOT, directory).map_err(failed(Scope::Slot, Reason::NoInit, directory))?;
        let is_mounted_on = directory == "/etc" || MOVED.contains(&directory.as_str());
        let what = match node {
            Node::Directory => continue,
            Node::LinkToDirectory if !is_mounted_on => continue,
            Node::LinkToDirectory => "a link, and is mounted on",
            _ => "no directory",
        };
        return Err(Failure::slot(Reason::NoInit, format!("{directory} is {what}")));
    }
    Ok(Done::new(Outcome::Done, "all there".to_owned()))
}

/// Mounts a file system in memory on `/etc` and fills it. The context is known to the kernel only once it has the policy.
pub(super) fn make_etc(machine: &mut dyn Machine, etc: &Etc) -> Result<Done, Failure> {
    let mount = NewMount {
        source: "tmpfs",
        target: &format!("{ROOT}/etc"),
        fs_type: "tmpfs",
        flags: &[MountFlag::NoSuid, MountFlag::NoDev, MountFlag::NoExec],
        data: &etc.options(),
    };
    machine.mount(&mount).map_err(failed(Scope::Machine, Reason::Etc, "tmpfs on /etc"))?;
    let limits =
        CopyLimits { entries: MAX_ENTRIES, bytes: etc.size.unwrap_or(DEFAULT_ETC), depth: MAX_DEPTH };
    let copied = machine.copy_below(ROOT, &etc.source, "/etc", limits);
    let copied = copied.map_err(failed(Scope::Machine, Reason::Etc, &etc.source))?;
    Ok(Done::new(Outcome::Done, format!("{} entries, {} bytes", copied.entries, copied.bytes)))
}

/// Moves the kernel's own file systems into the root, and makes that the root of this process.
pub(super) fn switch(machine: &mut dyn Machine) -> Result<Done, Failure> {
    for (index, target) in MOVED.iter().enumerate() {
        if let Err(error) = machine.move_mount(target, &format!("{ROOT}{target}")) {
            move_back(machine, &MOVED[..index]);
            return Err(failed(Scope::Machine, Reason::Mount, target)(error));
        }
    }
    if let Err(error) = machine.switch_root(ROOT) {
        move_back(machine, &MOVED);
        return Err(failed(Scope::Machine, Reason::Mount, "the change of roots")(error));
    }
    Ok(Done::new(Outcome::Done, String::new()))
}

/// Consoles and log must be where they were, or nobody learns why. More than trying cannot be done.
fn move_back(machine: &mut dyn Machine, moved: &[&str]) {
    for target in moved {
        let _ = machine.move_mount(&format!("{ROOT}{target}"), target);
    }
}

const EBUSY: i32 = 16;
/// What `/etc` of an image has at most: a full distribution's has some thousand files, some ten directories below each other.
const MAX_ENTRIES: u64 = 20_000;
const MAX_DEPTH: u32 = 32;
