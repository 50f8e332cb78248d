//! Every kernel rule on a host that satisfies it, on one that does not, and on one that shows nothing.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use hardpan_lockdown::kconfig::Kconfig;
use hardpan_lockdown::{CommandLine, Host, KernelFacts, KernelRule, Profile, Test, rules_of};
use hardpan_report::{Location, Outcome, PAGE_SECTIONS};

/// The rules that `audit` judges; others bring samples with them.
fn rules() -> Vec<&'static KernelRule> {
    rules_of(Profile::Base).collect()
}

/// A copy of `/proc` and `/sys` on which each test holds, or fails.
fn host(dir: &Path, good: bool) -> Host {
    let write = |path: &str, text: &str| {
        let path = dir.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for rule in rules() {
        for test in &*rule.any {
            match test {
                Test::Sysctl { key, min, one_of, not, .. } => {
                    let key = key.replace('*', "eth0");
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
    rules().into_iter().map(|rule| (&*rule.meta.id, rule.check(facts).outcome())).collect()
}

fn rule(name: &str) -> &'static KernelRule {
    rules().into_iter().find(|rule| rule.meta.name == name).unwrap()
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
        assert!(outcome != Outcome::Pass, "{id} passes on a host that shows nothing");
        // Without /proc it is not known which knobs the kernel offers.
        assert!(outcome != Outcome::NotApplicable, "{id} is not applicable to a host that shows nothing");
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

fn line(text: &str) -> CommandLine {
    CommandLine::new(text, Location::file("/boot/grub.cfg"), false)
}

fn config(text: &str) -> Kconfig {
    Kconfig::parse(text, Location::file("/boot/config-1"))
}

fn image(lines: &[&str], configs: &[&str]) -> KernelFacts<'static> {
    KernelFacts {
        command_lines: lines.iter().map(|text| line(text)).collect(),
        kconfigs: configs.iter().map(|text| config(text)).collect(),
        ..KernelFacts::default()
    }
}

#[test]
fn the_command_line_outweighs_what_the_kernel_was_built_with() {
    for (name, built, takes_back) in [
        ("init-on-alloc", "CONFIG_INIT_ON_ALLOC_DEFAULT_ON=y\n", "init_on_alloc=0"),
        ("slab-merging-off", "# CONFIG_SLAB_MERGE_DEFAULT is not set\n", "slab_merge"),
        ("strict-kernel-rwx", "CONFIG_STRICT_KERNEL_RWX=y\n", "rodata=off"),
        ("hardened-usercopy", "CONFIG_HARDENED_USERCOPY=y\n", "hardened_usercopy=off"),
        ("dev-mem-closed", "CONFIG_DEVMEM=y\nCONFIG_IO_STRICT_DEVMEM=y\n", "iomem=relaxed"),
    ] {
        let outcome = |lines: &[&str]| rule(name).check(&image(lines, &[built])).outcome();
        assert_eq!(outcome(&["quiet"]), Outcome::Pass, "{name}");
        assert_eq!(outcome(&["quiet", takes_back]), Outcome::Fail, "{name}");
        assert_eq!(outcome(&[]), Outcome::Unknown, "{name}");
    }
}

#[test]
fn a_security_module_is_built_in_and_named_for_each_kernel_and_command_line() {
    let outcome =
        |lines: &[&str], configs: &[&str]| rule("lockdown-hooked").check(&image(lines, configs)).outcome();
    let good = "CONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_LSM=\"lockdown,yama\"\n";
    // The default of the list names modules that are not built in.
    let not_built = "# CONFIG_SECURITY_LOCKDOWN_LSM is not set\nCONFIG_LSM=\"lockdown,yama\"\n";
    assert_eq!(outcome(&["quiet"], &[good]), Outcome::Pass);
    assert_eq!(outcome(&["quiet"], &[not_built]), Outcome::Fail);
    assert_eq!(outcome(&["quiet"], &[good, not_built]), Outcome::Fail);
    assert_eq!(outcome(&["lsm=lockdown", "lsm=yama"], &[good]), Outcome::Fail);
    assert_eq!(
        outcome(&["lsm=lockdown"], &["CONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_LSM=\"yama\"\n"]),
        Outcome::Pass
    );
    assert_eq!(outcome(&["lsm=lockdown"], &[]), Outcome::Unknown);
    // A command line may take back what the kernel is built to start, unless that is built to start before it is read.
    assert_eq!(outcome(&[], &[good]), Outcome::Unknown);
    assert_eq!(outcome(&[], &[not_built]), Outcome::Fail);
    let early = format!("{good}CONFIG_SECURITY_LOCKDOWN_LSM_EARLY=y\n");
    assert_eq!(outcome(&["lsm=yama"], &[&early]), Outcome::Pass);
}

#[test]
fn a_part_of_the_facts_does_not_prove_a_security_module() {
    let good = "CONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_LSM=\"lockdown,yama\"\n";
    let trouble = || hardpan_report::Finding::unknown(hardpan_report::Cause::Unreadable, None, "read", "no");
    let (mut lines, mut configs) = (image(&["quiet"], &[good]), image(&["quiet"], &[good]));
    lines.troubles.command_lines.push(trouble());
    configs.troubles.kconfigs.push(trouble());
    for facts in [lines, configs] {
        let verdict = rule("lockdown-hooked").check(&facts);
        assert_eq!(verdict.findings[0].cause, Some(hardpan_report::Cause::Unreadable));
        assert_eq!(verdict.outcome(), Outcome::Unknown);
    }
}

#[test]
fn a_security_module_of_the_running_kernel_is_in_its_list() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), true);
    let outcome = || rule("lockdown-hooked").check(&facts(&host, true)).outcome();
    assert_eq!(outcome(), Outcome::Pass);
    let list = dir.path().join("sys/kernel/security/lsm");
    std::fs::write(&list, "capability,yama").unwrap();
    assert_eq!(outcome(), Outcome::Fail);
    std::fs::remove_dir_all(dir.path().join("sys/kernel/security")).unwrap();
    let unread = KernelFacts { kconfigs: Vec::new(), ..facts(&host, true) };
    assert_eq!(rule("lockdown-hooked").check(&unread).outcome(), Outcome::Unknown);
}

#[test]
fn a_part_of_the_facts_is_no_pass() {
    let trouble = || hardpan_report::Finding::unknown(hardpan_report::Cause::Unreadable, None, "read", "no");
    let mut facts = image(&["slab_nomerge"], &["CONFIG_STACKPROTECTOR_STRONG=y\n"]);
    facts.sysctl.add_file(b"/etc/sysctl.d/x.conf", b"kernel.dmesg_restrict=1\n");
    let names = ["slab-merging-off", "mitigations-not-disabled", "kernel-stack-protector", "dmesg-restrict"];
    for name in names {
        assert_eq!(rule(name).check(&facts).outcome(), Outcome::Pass, "{name}");
    }
    facts.troubles.command_lines.push(trouble());
    facts.troubles.kconfigs.push(trouble());
    facts.troubles.sysctls.push(trouble());
    for name in names {
        assert_eq!(rule(name).check(&facts).outcome(), Outcome::Unknown, "{name}");
    }
}

#[test]
fn one_interface_that_accepts_redirects_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), true);
    let conf = dir.path().join("proc/sys/net/ipv4/conf");
    let outcome = || rule("no-accept-redirects").check(&facts(&host, true)).outcome();
    for (name, value) in [("all", "0"), ("lo", "1")] {
        std::fs::create_dir_all(conf.join(name)).unwrap();
        std::fs::write(conf.join(name).join("accept_redirects"), value).unwrap();
    }
    assert_eq!(outcome(), Outcome::Pass);
    std::fs::write(conf.join("eth0/accept_redirects"), "1\n").unwrap();
    assert_eq!(outcome(), Outcome::Fail);

    let configured = |text: &str| {
        let mut facts = KernelFacts::default();
        facts.sysctl.add_file(b"/etc/sysctl.d/x.conf", text.as_bytes());
        rule("no-accept-redirects").check(&facts).outcome()
    };
    let (all, default) =
        ("net.ipv4.conf.all.accept_redirects=0\n", "net.ipv4.conf.default.accept_redirects=0\n");
    assert_eq!(configured(all), Outcome::Unknown);
    assert_eq!(configured(&format!("{all}{default}")), Outcome::Pass);
    assert_eq!(configured("net.ipv4.conf.*.accept_redirects=0\n"), Outcome::Pass);
    assert_eq!(
        configured(&format!("{all}{default}net/ipv4/conf/eth0.1/accept_redirects=1\n")),
        Outcome::Fail
    );
}

#[test]
fn a_sysctl_that_the_kernel_lacks_leaves_open_what_it_would_restrict() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), true);
    for (name, path, wanted) in [
        ("ptrace-scope", "kernel/yama/ptrace_scope", Outcome::Fail),
        ("tiocsti-off", "dev/tty/legacy_tiocsti", Outcome::Fail),
        ("io-uring-restricted", "kernel/io_uring_disabled", Outcome::Unknown),
        ("kexec-load-disabled", "kernel/kexec_load_disabled", Outcome::NotApplicable),
    ] {
        std::fs::remove_file(dir.path().join("proc/sys").join(path)).unwrap();
        assert_eq!(rule(name).check(&facts(&host, true)).outcome(), wanted, "{name}");
    }
}

#[test]
fn what_the_kernel_says_of_the_processor_is_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let host = host(dir.path(), true);
    let file = dir.path().join("sys/devices/system/cpu/vulnerabilities/meltdown");
    let outcome = |state: &str| {
        std::fs::write(&file, state).unwrap();
        rule("cpu-vulnerabilities-mitigated").check(&facts(&host, true)).outcome()
    };
    assert_eq!(outcome("Not affected\n"), Outcome::Pass);
    assert_eq!(outcome("Mitigation: Clear CPU buffers; SMT vulnerable\n"), Outcome::Pass);
    assert_eq!(outcome("KVM: Vulnerable\n"), Outcome::Fail);
    assert_eq!(outcome("Processor vulnerable\n"), Outcome::Fail);
    assert_eq!(outcome("Mitigation: Enhanced IBRS; BHI: Vulnerable\n"), Outcome::Fail);
    assert_eq!(outcome("Unknown: Dependent on hypervisor status\n"), Outcome::Unknown);
    std::fs::remove_file(&file).unwrap();
    let outcome = rule("cpu-vulnerabilities-mitigated").check(&facts(&host, true)).outcome();
    assert_eq!(outcome, Outcome::Unknown);
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
