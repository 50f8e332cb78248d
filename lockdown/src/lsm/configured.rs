//! What a kernel starts, by its build configuration and a command line.
//!
//! As the kernel decides (security/security.c, in newer kernels security/lsm_init.c) from Linux 5.1 on, which is the first
//! with `CONFIG_LSM`:
//!
//! - The last `lsm=` is the list of modules to start; without it `CONFIG_LSM` is. A name that is not built in is passed over.
//! - Without `lsm=`, the last `security=` switches off every other of the modules that were once the only one (SELinux,
//!   Smack, AppArmor, TOMOYO) and adds its own to the list. With `lsm=` it is ignored.
//! - `selinux=0` counts if the kernel is built with `CONFIG_SECURITY_SELINUX_BOOTPARAM`; `apparmor=0` and
//!   `apparmor.enabled=0` always do. A list cannot switch on again what they switched off.
//! - Of SELinux, Smack and AppArmor only the first in the order of the list is started, of those not switched off.
//! - Lockdown built with `CONFIG_SECURITY_LOCKDOWN_LSM_EARLY` is started before, and the list does not matter to it.

use hardpan_report::{Cause, Location, escape_str};

use super::{Boot, MODULES, Module, Running, Standing};
use crate::cmdline::Word;
use crate::cmdline::parameters::truth;
use crate::effective::Told;
use crate::facts::Gap;
use crate::kconfig::Kconfig;

/// What this way to boot starts.
pub(super) fn boot(one: &crate::Boot<'_>) -> Boot {
    let order = told(one).and_then(|told| order(one, told));
    let mut all: Vec<Standing> = MODULES.iter().map(|module| standing(module, one, &order)).collect();
    if let Ok(order) = &order {
        keep_first_exclusive(&mut all, order);
    }
    Boot(all)
}

/// The command line that the kernel sees, unless there may be more of it that has a say.
fn told<'b>(one: &'b crate::Boot<'_>) -> Result<&'b Told, Gap> {
    let told = one.told().map_err(|gap| match one.kconfig {
        Some(_) => Gap {
            why: format!("{}, and one may choose others than the kernel is built to start", gap.why),
            ..gap.clone()
        },
        None => gap.clone(),
    })?;
    match told.open_about(&DECISIVE) {
        Some(gap) => Err(gap.clone()),
        None => Ok(told),
    }
}

/// What the kernel is to start, and from where that is known.
struct Order<'b> {
    told: &'b Told,
    names: Vec<String>,
    /// By which parameter or option, for a report.
    by: &'static str,
    place: Location,
    /// The module that `security=` names, where it counts.
    major: Option<String>,
}

fn order<'b>(one: &crate::Boot<'_>, told: &'b Told) -> Result<Order<'b>, Gap> {
    let split = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
    if let Some(list) = last_value(&told.words, "lsm") {
        let (names, place) = (split(list), told.place.clone());
        return Ok(Order { told, names, by: "`lsm=`", place, major: None });
    }
    let Some(config) = one.kconfig else {
        return Err(one.facts.no_kconfig("the security modules that it starts"));
    };
    let (list, Some(_)) = config.get("LSM") else {
        let why = "the kernel's build configuration has no CONFIG_LSM, as before Linux 5.1".to_owned();
        return Err(Gap { cause: Cause::Undecided, why, place: Some(config.origin.clone()) });
    };
    let mut names = split(list);
    let Some(major) = last_value(&told.words, "security").map(str::to_owned) else {
        return Ok(Order { told, names, by: "CONFIG_LSM", place: config.place("LSM"), major: None });
    };
    names.push(major.clone());
    let place = told.place.clone();
    Ok(Order { told, names, by: "CONFIG_LSM with `security=`", place, major: Some(major) })
}

fn standing(module: &Module, one: &crate::Boot<'_>, order: &Result<Order<'_>, Gap>) -> Standing {
    let config = one.kconfig;
    let is_early = module.name == "lockdown";
    if let Some(config) = config {
        if config.get(module.option).0 != "y" {
            let why = format!("the kernel is built without CONFIG_{}", module.option);
            return module.stands(Running::No, why, Some(config.place(module.option)));
        }
        if is_early && config.get(EARLY).0 == "y" {
            let why = format!("the kernel is built with CONFIG_{EARLY}");
            return module.stands(Running::Yes, why, Some(config.place(EARLY)));
        }
    }
    let order = match order {
        Ok(order) => order,
        Err(gap) => return module.stands(Running::Unknown(gap.cause), gap.why.clone(), gap.place.clone()),
    };
    let place = Some(order.place.clone());
    let by = order.by;
    let is_named = order.names.iter().any(|name| name == module.name);
    let is_displaced = module.major && order.major.as_deref().is_some_and(|name| name != module.name);
    match config {
        None if !is_named && !is_early => module.stands(Running::No, format!("{by} does not name it"), place),
        None => {
            let gap = one.facts.no_kconfig("whether it is built in");
            module.stands(Running::Unknown(gap.cause), gap.why, place)
        }
        Some(_) if is_displaced => {
            let why =
                format!("`security={}` chooses another", escape_str(order.major.as_deref().unwrap_or("")));
            module.stands(Running::No, why, place)
        }
        Some(_) if !is_named => module.stands(Running::No, format!("{by} does not name it"), place),
        Some(config) if is_off(module, config, &order.told.words) => {
            let why = format!("`{}=` switches it off", module.name);
            module.stands(Running::No, why, Some(order.told.place.clone()))
        }
        Some(_) => module.stands(Running::Yes, format!("{by} names it, and it is built in"), place),
    }
}

/// Whether its own parameter leaves the module switched off. Until Linux 5.1 an option set where it starts from; kernels with
/// later changes put on top of an older one still have it.
fn is_off(module: &Module, config: &Kconfig, words: &[Word]) -> bool {
    let is_heard = match module.name {
        "selinux" => config.get("SECURITY_SELINUX_BOOTPARAM").0 == "y",
        "apparmor" => true,
        _ => return false,
    };
    if !is_heard {
        return false;
    }
    let mut is_on = config.get(&format!("{}_BOOTPARAM_VALUE", module.option)).0 != "0";
    for word in words.iter().filter(|word| word.for_kernel) {
        if word.is(module.name) {
            is_on = word.value.as_deref().and_then(is_nonzero).unwrap_or(is_on);
        } else if module.name == "apparmor" && word.is("apparmor.enabled") {
            is_on = word.value.as_deref().map_or(Some(true), truth).unwrap_or(is_on);
        }
    }
    !is_on
}

/// A number as `kstrtoul` reads it with base 0; what it refuses changes nothing.
fn is_nonzero(text: &str) -> Option<bool> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    // Rust's parser takes a sign of its own, which here would be a second one.
    let is_signed = digits.starts_with(['+', '-']);
    u64::from_str_radix(digits, radix).ok().filter(|_| !is_signed).map(|number| number != 0)
}

fn keep_first_exclusive(all: &mut [Standing], order: &Order<'_>) {
    let is_exclusive = |name: &str| MODULES.iter().any(|module| module.exclusive && module.name == name);
    let runs = |name: &&String| {
        is_exclusive(name) && all.iter().any(|one| one.name == *name && one.running == Running::Yes)
    };
    let Some(first) = order.names.iter().find(runs) else { return };
    for one in all.iter_mut().filter(|one| one.running == Running::Yes && is_exclusive(one.name)) {
        if one.name != first {
            one.running = Running::No;
            one.why = format!("`{first}` comes first, and the kernel starts one of them only");
        }
    }
}

/// The value of the last parameter of this name that has one: without `=` the kernel takes it for no such parameter.
fn last_value<'w>(words: &'w [Word], name: &str) -> Option<&'w str> {
    let mut own = words.iter().rev().filter(|word| word.for_kernel && word.is(name));
    own.find_map(|word| word.value.as_deref())
}

const EARLY: &str = "SECURITY_LOCKDOWN_LSM_EARLY";
/// Parameters that have a say in what is started.
const DECISIVE: [&str; 5] = ["lsm", "security", "selinux", "apparmor", "apparmor.enabled"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CommandLine, KernelFacts};

    const BOTH: &str = "CONFIG_SECURITY_SELINUX=y\nCONFIG_SECURITY_SELINUX_BOOTPARAM=y\nCONFIG_SECURITY_APPARMOR=y\n\
                        CONFIG_SECURITY_TOMOYO=y\nCONFIG_SECURITY_YAMA=y\n\
                        CONFIG_LSM=\"lockdown,yama,selinux,smack,apparmor\"\n";

    fn of(config: Option<&str>, line: Option<&str>) -> Boot {
        let config = config.map(|text| Kconfig::parse(text, Location::file("/boot/config-1")));
        let line = line.map(|text| CommandLine::new(text, Location::file("/boot/grub.cfg"), false));
        let (kconfigs, command_lines) = (config.into_iter().collect(), line.into_iter().collect());
        let facts = KernelFacts { command_lines, kconfigs, ..KernelFacts::default() };
        boot(&facts.boots()[0])
    }

    /// The names that run, and after a question mark those that may.
    fn started(config: Option<&str>, line: Option<&str>) -> String {
        let boot = of(config, line);
        let open = boot.0.iter().filter(|one| matches!(one.running, Running::Unknown(_)));
        let open: Vec<&str> = open.map(|one| one.name).collect();
        let mark = if open.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", boot.seen(), open.join(","))
    }

    fn with_both(line: &str) -> String {
        started(Some(BOTH), Some(line))
    }

    #[test]
    fn what_is_built_in_and_named_is_started_and_one_exclusive_module_only() {
        assert_eq!(with_both("quiet"), "yama,selinux");
        assert_eq!(with_both("lsm=apparmor,selinux,made-up"), "apparmor");
        assert_eq!(with_both("lsm=smack,apparmor,tomoyo,selinux"), "apparmor,tomoyo");
        assert_eq!(with_both("lsm=yama lsm=tomoyo"), "tomoyo");
        assert_eq!(with_both("lsm="), "none");
        // Without a value, or behind two dashes, it is no parameter of the kernel's.
        assert_eq!(with_both("lsm=tomoyo lsm -- lsm=yama"), "tomoyo");
    }

    #[test]
    fn security_chooses_one_major_module_unless_lsm_is_there() {
        assert_eq!(with_both("security=apparmor"), "yama,apparmor");
        assert_eq!(with_both("security=tomoyo"), "yama,tomoyo");
        assert_eq!(with_both("security=none"), "yama");
        assert_eq!(with_both("security=smack"), "yama");
        assert_eq!(with_both("security=none lsm=selinux"), "selinux");
    }

    #[test]
    fn a_module_that_is_switched_off_leaves_its_place_to_the_next() {
        for off in [
            "selinux=0",
            "selinux=0x0",
            "selinux=1 selinux=+00",
            "selinux=0 selinux=no",
            "selinux=0 selinux=08",
        ] {
            assert_eq!(with_both(off), "yama,apparmor", "{off}");
        }
        for on in [
            "selinux=1",
            "selinux=off",
            "selinux",
            "selinux=0 selinux=2",
            "-- selinux=0",
            "selinux=++0",
            "selinux=0x+0",
            "selinux=08",
        ] {
            assert_eq!(with_both(on), "yama,selinux", "{on}");
        }
        assert_eq!(with_both("selinux=0 apparmor=0"), "yama");
        assert_eq!(with_both("selinux=0 apparmor.enabled=off"), "yama");
        assert_eq!(with_both("selinux=0 apparmor=0 apparmor.enabled"), "yama,apparmor");
        assert_eq!(with_both("selinux=0 security=selinux"), "yama");
        assert_eq!(with_both("selinux=0 lsm=selinux"), "none");
        let deaf = BOTH.replace("CONFIG_SECURITY_SELINUX_BOOTPARAM=y", "");
        assert_eq!(started(Some(&deaf), Some("selinux=0")), "yama,selinux");
        let starts_off = format!("{BOTH}CONFIG_SECURITY_SELINUX_BOOTPARAM_VALUE=0\n");
        assert_eq!(started(Some(&starts_off), Some("quiet")), "yama,apparmor");
        assert_eq!(started(Some(&starts_off), Some("selinux=1")), "yama,selinux");
    }

    #[test]
    fn early_lockdown_needs_no_list() {
        let built = "CONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_LSM=\"yama\"\n";
        assert_eq!(started(Some(built), Some("quiet")), "none");
        let early = format!("{built}CONFIG_SECURITY_LOCKDOWN_LSM_EARLY=y\n");
        assert_eq!(started(Some(&early), Some("lsm=yama")), "lockdown");
        assert_eq!(started(Some(&early), None), "lockdown");
    }

    #[test]
    fn what_the_image_does_not_show_is_open() {
        let selinux = "CONFIG_SECURITY_SELINUX=y\nCONFIG_LSM=\"selinux\"\n";
        assert_eq!(started(Some(selinux), Some("quiet")), "selinux");
        assert_eq!(started(Some(selinux), None), "none?selinux");
        assert_eq!(started(None, Some("lsm=selinux,yama")), "none?lockdown,yama,selinux");
        assert_eq!(started(None, Some("lsm=yama")), "none?lockdown,yama");
        let all = MODULES.map(|module| module.name).join(",");
        assert_eq!(started(None, Some("quiet")), format!("none?{all}"));
        assert_eq!(started(None, None), format!("none?{all}"));
        let old = "CONFIG_SECURITY_SELINUX=y\nCONFIG_DEFAULT_SECURITY=\"selinux\"\n";
        assert_eq!(started(Some(old), Some("quiet")), "none?selinux");
    }

    #[test]
    fn a_command_line_that_is_built_in_replaces_the_other_or_leaves_open_which_counts() {
        let own = |more: &str| format!("{BOTH}{more}");
        let forced = own("CONFIG_CMDLINE=\"quiet lsm=tomoyo\"\nCONFIG_CMDLINE_FORCE=y\n");
        assert_eq!(started(Some(&forced), Some("lsm=yama")), "tomoyo");
        assert_eq!(started(Some(&forced), None), "tomoyo");
        let beside = own("CONFIG_CMDLINE=\"lsm=tomoyo\"\n");
        assert_eq!(started(Some(&beside), Some("lsm=yama")), "none?yama,selinux,apparmor,tomoyo");
        // x86 puts its own before the other, arm64 takes it only where there is no other.
        let x86 = own("CONFIG_X86_64=y\nCONFIG_CMDLINE=\"lsm=tomoyo\"\n");
        assert_eq!(started(Some(&x86), Some("lsm=yama")), "yama");
        assert_eq!(started(Some(&x86), Some("quiet")), "tomoyo");
        let arm = own("CONFIG_ARM64=y\nCONFIG_CMDLINE=\"lsm=tomoyo\"\n");
        assert_eq!(started(Some(&arm), Some("quiet")), "yama,selinux");
        assert_eq!(started(Some(&arm), Some("")), "tomoyo");
        assert_eq!(started(Some(&own("CONFIG_CMDLINE=\"quiet\"\n")), Some("lsm=yama")), "yama");
        assert_eq!(with_both("bootconfig"), "yama,selinux");
        let reads = own("CONFIG_BOOT_CONFIG=y\n");
        assert_eq!(started(Some(&reads), Some("bootconfig")), "none?yama,selinux,apparmor,tomoyo");
        assert_eq!(started(Some(&reads), Some("quiet")), "yama,selinux");
        let always = own("CONFIG_BOOT_CONFIG=y\nCONFIG_BOOT_CONFIG_FORCE=y\n");
        assert_eq!(started(Some(&always), Some("lsm=yama")), "none?yama,selinux,apparmor,tomoyo");
    }
}
