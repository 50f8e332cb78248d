//! What the running kernel shows of its security modules.

use hardpan_report::{Cause, Location};

use super::{Boot, MODULES, Module, Running, Standing};
use crate::kconfig::Kconfig;
use crate::{Host, Reading};

/// By the kernel's list in securityfs; without it, by what some of the modules show elsewhere.
pub(super) fn boot(host: &Host, kconfigs: &[Kconfig]) -> Boot {
    let gap = match host.read(LIST) {
        Reading::Present(list) => {
            return Boot(MODULES.iter().map(|module| listed(module, &list, host)).collect());
        }
        Reading::Unreadable(reason) => (Cause::Unreadable, reason),
        Reading::Absent => {
            let shown = host.list(SECURITYFS);
            if shown.present().is_some_and(|names| !names.is_empty()) {
                // The list is part of securityfs wherever there is a framework that modules can hook into (CONFIG_SECURITY).
                let none =
                    |module: &Module| no(module, "the kernel is built without security modules", SECURITYFS);
                return Boot(MODULES.iter().map(none).collect());
            }
            let why = format!(
                "securityfs is not mounted, so the list of security modules cannot be read (mount -t securityfs none \
                 {SECURITYFS})"
            );
            (Cause::NoFacts, why)
        }
    };
    let without = |module: &Module| {
        let other = elsewhere(module, host).or_else(|| not_built(module, kconfigs));
        other.unwrap_or_else(|| module.stands(Running::Unknown(gap.0), gap.1.clone(), None))
    };
    Boot(MODULES.iter().map(without).collect())
}

/// By a list that somebody kept.
pub(super) fn kept(list: &str, place: &Location) -> Boot {
    let is_named = |module: &Module| list.trim().split(',').any(|name| name == module.name);
    let standing = |module: &Module| {
        let (running, why) = if is_named(module) {
            (Running::Yes, "the kernel's list names it")
        } else {
            (Running::No, "the kernel's list does not name it")
        };
        module.stands(running, why, Some(place.clone()))
    };
    Boot(MODULES.iter().map(standing).collect())
}

fn listed(module: &Module, list: &str, host: &Host) -> Standing {
    if !list.trim().split(',').any(|name| name == module.name) {
        return no(module, "the kernel's list does not name it", LIST);
    }
    if module.name != "selinux" {
        return yes(module, "the kernel's list names it", LIST);
    }
    // Up to Linux 6.3 SELinux could be unhooked before it had a policy, and its name stayed in the list. Its file system does
    // not stay.
    elsewhere(module, host).unwrap_or_else(|| {
        let why = "the kernel's list names it, and whether it was unhooked since cannot be read in /proc/filesystems";
        module.stands(Running::Unknown(Cause::NoFacts), why, Some(Location::file(LIST)))
    })
}

/// What a module shows outside of securityfs. `/proc/self/attr/current` is not asked: SELinux, Smack and AppArmor all answer
/// there, in forms that do not tell for certain which of them it was.
fn elsewhere(module: &Module, host: &Host) -> Option<Standing> {
    match module.name {
        "selinux" if host.read(ENFORCE).present().is_some() => {
            Some(yes(module, "the kernel shows its mode", ENFORCE))
        }
        "selinux" => by_file_system(module, host, "selinuxfs"),
        "smack" => by_file_system(module, host, "smackfs"),
        "apparmor" => apparmor(module, host).or_else(|| without_securityfs(module, host)),
        "tomoyo" => without_securityfs(module, host),
        _ => None,
    }
}

/// SELinux and Smack register their file systems if they run, and only then.
fn by_file_system(module: &Module, host: &Host, name: &str) -> Option<Standing> {
    Some(if has_file_system(host, name)? {
        yes(module, format!("the kernel has {name}"), FILE_SYSTEMS)
    } else {
        no(module, format!("the kernel has no {name}"), FILE_SYSTEMS)
    })
}

/// AppArmor's parameter says what came of starting it. A kernel that has it built in shows the parameter in any case.
fn apparmor(module: &Module, host: &Host) -> Option<Standing> {
    match host.read(APPARMOR) {
        Reading::Present(value) if value.trim() == "Y" => Some(yes(module, "it says so", APPARMOR)),
        Reading::Present(value) if value.trim() == "N" => Some(no(module, "it says so", APPARMOR)),
        Reading::Absent if host.list(PARAMETERS).present().is_some_and(|names| !names.is_empty()) => {
            Some(no(module, "it is not built into the kernel", PARAMETERS))
        }
        _ => None,
    }
}

/// AppArmor and TOMOYO cannot be built without securityfs, which is where their policies are loaded.
fn without_securityfs(module: &Module, host: &Host) -> Option<Standing> {
    let has = has_file_system(host, "securityfs")?;
    (!has).then(|| no(module, "the kernel has no securityfs", FILE_SYSTEMS))
}

fn has_file_system(host: &Host, name: &str) -> Option<bool> {
    let list = host.read(FILE_SYSTEMS);
    let list = list.present().filter(|list| !list.is_empty())?;
    Some(list.split_whitespace().any(|word| word == name))
}

fn not_built(module: &Module, kconfigs: &[Kconfig]) -> Option<Standing> {
    let config = kconfigs.first().filter(|config| config.get(module.option).0 != "y")?;
    let why = format!("the kernel is built without CONFIG_{}", module.option);
    Some(module.stands(Running::No, why, Some(config.place(module.option))))
}

fn yes(module: &Module, why: impl Into<String>, path: &str) -> Standing {
    module.stands(Running::Yes, why, Some(Location::file(path)))
}

fn no(module: &Module, why: impl Into<String>, path: &str) -> Standing {
    module.stands(Running::No, why, Some(Location::file(path)))
}

const SECURITYFS: &str = "/sys/kernel/security";
const LIST: &str = "/sys/kernel/security/lsm";
const ENFORCE: &str = "/sys/fs/selinux/enforce";
const PARAMETERS: &str = "/sys/module";
const APPARMOR: &str = "/sys/module/apparmor/parameters/enabled";
const FILE_SYSTEMS: &str = "/proc/filesystems";

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that run, and those that are not known, of a host with these files.
    fn shown(files: &[(&str, &str)], configs: &[Kconfig]) -> (String, String) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let all = boot(&Host::below(dir.path()), configs).0;
        let names = |wanted: fn(Running) -> bool| {
            let found = all.iter().filter(|one| wanted(one.running));
            found.map(|one| one.name).filter(|name| MAC.contains(name)).collect::<Vec<_>>().join(",")
        };
        (names(|running| running == Running::Yes), names(|running| matches!(running, Running::Unknown(_))))
    }

    const MAC: [&str; 4] = ["selinux", "smack", "apparmor", "tomoyo"];
    const LIST: &str = "sys/kernel/security/lsm";
    const KINDS: &str = "proc/filesystems";

    fn pair(runs: &str, unknown: &str) -> (String, String) {
        (runs.to_owned(), unknown.to_owned())
    }

    #[test]
    fn the_kernels_list_decides_and_selinux_may_have_been_unhooked_since() {
        let with = |list: &str, kinds: &str| shown(&[(LIST, list), (KINDS, kinds)], &[]);
        assert_eq!(with("capability,apparmor\n", "nodev\tsecurityfs\n"), pair("apparmor", ""));
        assert_eq!(with("capability,selinux", "nodev\tselinuxfs\n"), pair("selinux", ""));
        assert_eq!(with("capability,selinux", "nodev\tsecurityfs\n"), pair("", ""));
        assert_eq!(shown(&[(LIST, "capability,selinux")], &[]), pair("", "selinux"));
        assert_eq!(with("capability,selinux,tomoyo", "nodev\tselinuxfs\n"), pair("selinux,tomoyo", ""));
        assert_eq!(with("capability", "nodev\tselinuxfs\n"), pair("", ""));
    }

    #[test]
    fn without_the_list_each_module_is_asked_for_elsewhere() {
        let y = ("sys/module/apparmor/parameters/enabled", "Y\n");
        let n = ("sys/module/apparmor/parameters/enabled", "N\n");
        assert_eq!(shown(&[], &[]), pair("", "selinux,smack,apparmor,tomoyo"));
        assert_eq!(shown(&[y], &[]), pair("apparmor", "selinux,smack,tomoyo"));
        assert_eq!(shown(&[n], &[]), pair("", "selinux,smack,tomoyo"));
        assert_eq!(shown(&[("sys/module/kernel/x", "")], &[]), pair("", "selinux,smack,tomoyo"));
        let kinds = |text| (KINDS, text);
        assert_eq!(shown(&[kinds("")], &[]), pair("", "selinux,smack,apparmor,tomoyo"));
        assert_eq!(shown(&[kinds("nodev\tsecurityfs\n")], &[]), pair("", "apparmor,tomoyo"));
        assert_eq!(
            shown(&[kinds("nodev\tsecurityfs\nnodev\tsmackfs\n")], &[]),
            pair("smack", "apparmor,tomoyo")
        );
        assert_eq!(shown(&[kinds("nodev\tselinuxfs\n")], &[]), pair("selinux", ""));
        assert_eq!(shown(&[("sys/fs/selinux/enforce", "1")], &[]), pair("selinux", "smack,apparmor,tomoyo"));
    }

    #[test]
    fn what_the_running_kernel_is_built_without_does_not_run() {
        let config = Kconfig::parse("CONFIG_SECURITY_TOMOYO=y\n", Location::file("/proc/config.gz"));
        assert_eq!(shown(&[], &[config]), pair("", "tomoyo"));
    }

    #[test]
    fn a_list_that_is_missing_from_securityfs_or_refused_differs() {
        assert_eq!(shown(&[("sys/kernel/security/ima/x", "")], &[]), pair("", ""));
        // The directory is there for securityfs to be mounted on, and empty as long as it is not.
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("sys/kernel/security")).unwrap();
        let bare = boot(&Host::below(dir.path()), &[]).0;
        assert!(bare.iter().all(|one| one.running == Running::Unknown(Cause::NoFacts)));
        // A directory opens and cannot be read, which stands for every refusal, also when run by root.
        let refused = shown(&[("sys/kernel/security/lsm/x", ""), (KINDS, "nodev\tsecurityfs\n")], &[]);
        assert_eq!(refused, pair("", "apparmor,tomoyo"));
    }
}
