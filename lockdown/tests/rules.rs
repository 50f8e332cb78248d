//! Every kernel rule on a host that satisfies it, on one that does not, and on one that shows nothing.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use hardpan_lockdown::kconfig::Kconfig;
use hardpan_lockdown::{CommandLine, Host, KernelFacts, KernelRule, Test, rules};
use hardpan_report::{Location, Outcome, PAGE_SECTIONS};

/// A copy of `/proc` and `/sys` on which each test holds, or fails.
fn host(dir: &Path, good: bool) -> Host {
    let write = |path: &str, text: &str| {
        let path = dir.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for rule in rules() {
        for test in &rule.any {
            match test {
                Test::Sysctl { key, min, one_of, not, .. } => {
                    let wanted = min.or(one_of.as_ref().map(|values| values[0])).unwrap_or(10);
                    let bad = not.unwrap_or(if min.is_some() { 0 } else { 7777 });
                    let value = if good { wanted } else { bad };
                    write(&format!("/proc/sys/{}", key.replace('.', "/")), &format!("{value}\n"));
                }
                Test::ModuleParameter { module, parameter, one_of } => {
                    let value = if good { &one_of[0] } else { "N" };
                    write(&format!("/sys/module/{module}/parameters/{parameter}"), value);
                }
                _ => {}
            }
        }
    }
    write("/proc/modules", "");
    write("/proc/filesystems", "nodev\tsecurityfs\n");
    let (level, lsm) = if good {
        ("none [integrity] confidentiality", "lockdown,selinux")
    } else {
        ("[none] integrity", "yama")
    };
    write("/sys/kernel/security/lockdown", level);
    write("/sys/kernel/security/lsm", lsm);
    let state = if good { "Mitigation: PTI" } else { "Vulnerable; SMT vulnerable" };
    write("/sys/devices/system/cpu/vulnerabilities/meltdown", state);
    Host::below(dir)
}

fn facts(host: &Host, good: bool) -> KernelFacts<'_> {
    let line = if good { "ro slab_nomerge init_on_alloc=1" } else { "ro mitigations=off init_on_alloc=0" };
    let (on, off) = if good { ("y", "n") } else { ("n", "y") };
    let config = format!(
        "CONFIG_MODULE_SIG_FORCE={on}\nCONFIG_SLAB_MERGE_DEFAULT={off}\nCONFIG_STRICT_KERNEL_RWX={on}\n\
         CONFIG_DEVMEM={off}\nCONFIG_IO_STRICT_DEVMEM={on}\nCONFIG_STACKPROTECTOR_STRONG={on}\n\
         CONFIG_HARDENED_USERCOPY={on}\n"
    );
    KernelFacts {
        host: Some(host),
        command_lines: vec![CommandLine::new(line, Location::file("/proc/cmdline"), true)],
        kconfigs: vec![Kconfig::parse(&config, Location::file("/boot/config-1"))],
        ..KernelFacts::default()
    }
}

fn outcomes(facts: &KernelFacts<'_>) -> Vec<(&'static str, Outcome)> {
    rules().iter().map(|rule| (&*rule.meta.id, rule.check(facts).outcome())).collect()
}

fn rule(name: &str) -> &'static KernelRule {
    rules().iter().find(|rule| rule.meta.name == name).unwrap()
}

#[test]
fn every_rule_passes_on_a_good_host_and_fails_on_a_bad_one() {
    let dir = tempfile::tempdir().unwrap();
    let good = host(&dir.path().join("good"), true);
    for (id, outcome) in outcomes(&facts(&good, true)) {
        assert_eq!(outcome, Outcome::Pass, "{id}");
    }
    let bad = host(&dir.path().join("bad"), false);
    for (id, outcome) in outcomes(&facts(&bad, false)) {
        assert_eq!(outcome, Outcome::Fail, "{id}");
    }
}

#[test]
fn nothing_known_is_never_a_pass() {
    let dir = tempfile::tempdir().unwrap();
    let empty = Host::below(dir.path());
    let nothing = KernelFacts::default();
    for (id, outcome) in outcomes(&nothing) {
        assert!(
            matches!(outcome, Outcome::Unknown | Outcome::NotApplicable),
            "{id} is {outcome} in an empty image"
        );
    }
    let live = KernelFacts { host: Some(&empty), ..KernelFacts::default() };
    for (id, outcome) in outcomes(&live) {
        // A host without /proc/modules does have no loadable modules.
        let no_modules = id == "KRN-003";
        assert!(outcome != Outcome::Pass || no_modules, "{id} passes on a host that shows nothing");
    }
}

#[test]
fn a_stricter_value_passes() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), true);
    std::fs::write(dir.path().join("proc/sys/kernel/kptr_restrict"), "2\n").unwrap();
    std::fs::write(dir.path().join("sys/kernel/security/lockdown"), "none integrity [confidentiality]")
        .unwrap();
    assert_eq!(rule("kptr-restrict").check(&facts(&host, true)).outcome(), Outcome::Pass);
    assert_eq!(rule("lockdown-active").check(&facts(&host, true)).outcome(), Outcome::Pass);
}

#[test]
fn lockdown_that_is_not_mounted_is_unknown_and_lockdown_that_is_not_built_fails() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), true);
    std::fs::remove_file(dir.path().join("sys/kernel/security/lockdown")).unwrap();
    assert_eq!(rule("lockdown-active").check(&facts(&host, true)).outcome(), Outcome::Fail);
    std::fs::remove_file(dir.path().join("sys/kernel/security/lsm")).unwrap();
    assert_eq!(rule("lockdown-active").check(&facts(&host, true)).outcome(), Outcome::Unknown);
    std::fs::write(dir.path().join("proc/filesystems"), "\text4\n").unwrap();
    assert_eq!(rule("lockdown-active").check(&facts(&host, true)).outcome(), Outcome::Fail);
}

#[test]
fn an_image_is_judged_by_what_its_files_would_configure() {
    let mut facts = KernelFacts {
        command_lines: vec![CommandLine::new(
            "quiet lockdown=integrity",
            Location::file("/boot/grub.cfg"),
            false,
        )],
        ..KernelFacts::default()
    };
    facts
        .sysctl
        .add_file(b"/usr/lib/sysctl.d/50.conf", b"kernel.kptr_restrict = 1\nkernel.dmesg_restrict=0\n");
    assert_eq!(rule("lockdown-active").check(&facts).outcome(), Outcome::Pass);
    assert_eq!(rule("kptr-restrict").check(&facts).outcome(), Outcome::Pass);
    assert_eq!(rule("dmesg-restrict").check(&facts).outcome(), Outcome::Fail);
    assert_eq!(rule("aslr").check(&facts).outcome(), Outcome::Unknown);
    facts.command_lines = vec![CommandLine::new("-- lockdown=integrity", Location::file("/x"), false)];
    assert_ne!(rule("lockdown-active").check(&facts).outcome(), Outcome::Pass);
}

#[test]
fn every_rule_has_a_whole_page_and_an_id_of_its_own() {
    let mut ids = std::collections::BTreeSet::new();
    for rule in rules() {
        assert!(ids.insert(&rule.meta.id) && ids.insert(&rule.meta.name), "{}", rule.meta.id);
        assert!(!rule.any.is_empty());
        for section in PAGE_SECTIONS {
            assert!(!rule.meta.section(section).is_empty(), "{}: {section}", rule.meta.id);
        }
    }
    assert!(rules().len() >= 30);
}

#[test]
fn a_kernel_without_yama_does_not_restrict_tracing_and_one_without_kexec_needs_no_restriction() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::below(dir.path());
    let facts = facts(&host, true);
    assert_eq!(rule("ptrace-scope").check(&facts).outcome(), Outcome::Fail);
    assert_eq!(rule("kexec-load-disabled").check(&facts).outcome(), Outcome::NotApplicable);
    assert_eq!(rule("io-uring-restricted").check(&facts).outcome(), Outcome::Unknown);
}
