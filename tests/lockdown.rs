//! `hardpan lockdown check`.

use std::path::PathBuf;

use crate::util::Dir;

/// A build configuration of enough options to be one, in the order in which they are written.
fn config(more: &str) -> String {
    let filling: Vec<String> = (0..60).map(|number| format!("CONFIG_FILLING_{number}=y")).collect();
    let filling = filling.join("\n");
    format!("#\n# Linux/x86 6.1.140 Kernel Configuration\n#\nCONFIG_X86_64=y\n{filling}\n{more}")
}

fn with_config(more: &str) -> (Dir, PathBuf) {
    let dir = Dir::new();
    let path = dir.write("config", config(more));
    (dir, path)
}

#[test]
fn files_are_judged_and_what_was_not_given_does_not_fail_the_run() {
    let (dir, _) = with_config("CONFIG_STACKPROTECTOR_STRONG=y\n");
    let report = dir.report(&["lockdown", "check", "--kconfig", "config", "--profile", "base"]);
    assert_eq!(report.rule("KRN-034")["outcome"], "pass");
    let sysctl = report.rule("KRN-015");
    assert_eq!(sysctl["outcome"], "unknown");
    assert_eq!(sysctl["findings"][0]["cause"], "not-supplied");
    assert_eq!(sysctl["findings"][0]["disposition"]["kind"], "not-asked");
    assert!(sysctl["summary"].as_str().unwrap().starts_with("input not supplied: sysctls (--sysctl)"));
    // STRICT_KERNEL_RWX is not set, which no command line makes up for.
    dir.fails(1, &["lockdown", "check", "--kconfig", "config", "--profile", "base"]);
    dir.write("sysctl", "kernel.randomize_va_space = 2\n");
    let out = dir.ok(&["lockdown", "check", "--sysctl", "sysctl", "--profile", "base", "--fail-on", "none"]);
    assert!(
        out.contains("not asked about") && out.contains("input not supplied: the kernel's command line"),
        "{out}"
    );
    // A file that was given and does not say it is another thing than one that was not given.
    let report = dir.report(&["lockdown", "check", "--sysctl", "sysctl", "--profile", "base"]);
    assert_eq!(report.rule("KRN-015")["outcome"], "pass");
    assert_eq!(report.rule("KRN-010")["findings"][0]["cause"], "no-facts");
}

#[test]
fn profiles_contain_each_other_and_explain_knows_every_rule() {
    let (dir, _) = with_config("");
    let ids = |profile: &str| -> Vec<String> {
        let report = dir.report(&["lockdown", "check", "--kconfig", "config", "--profile", profile]);
        report.rules().iter().map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
    };
    let (base, recommended, strict) = (ids("base"), ids("recommended"), ids("strict"));
    assert!(base.len() < recommended.len() && recommended.len() < strict.len());
    assert!(strict.len() >= 250, "{}", strict.len());
    assert!(
        base.iter().all(|id| recommended.contains(id)) && recommended.iter().all(|id| strict.contains(id))
    );
    assert!(dir.ok(&["explain", strict.last().unwrap()]).contains("## What it checks"));
}

#[test]
fn every_form_of_report_is_written() {
    let (dir, _) = with_config("");
    let base = ["lockdown", "check", "--kconfig", "config", "--profile", "base", "--fail-on", "none"];
    let outputs = ["-o", "r.json", "-o", "r.sarif", "-o", "r.html", "-o", "r.xml", "-o", "r.txt"];
    dir.ok(&[&base[..], &outputs].concat());
    assert!(dir.names().len() >= 6, "{:?}", dir.names());
    assert!(std::fs::read_to_string(dir.path("r.html")).unwrap().contains("Kernel hardening report"));
    assert!(dir.fails(2, &[&base[..], &["--format", "csv"]].concat()).contains("table of executables"));
    let waiver = "[[waiver]]\nrule = \"kernel-stack-protector\"\nreason = \"r\"\nowner = \"o\"\nexpires = 9999-01-01\n";
    dir.write("hardpan.toml", waiver);
    let report = dir.report(&base);
    assert_eq!(report.rule("KRN-034")["findings"][0]["disposition"]["kind"], "waived");
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_place() {
    let (dir, _) = with_config("CONFIG_X86_64=n\n");
    let fails = |args: &[&str]| dir.fails(2, &[&["lockdown", "check"], args].concat());
    assert!(
        fails(&["--kconfig", "config"])
            .contains("config, line 65, column 1: CONFIG_X86_64 is `n` here and `y` in line 4")
    );
    dir.write("short", "CONFIG_A=y\n");
    assert!(fails(&["--kconfig", "short"]).contains("is it whole?"));
    assert!(fails(&["--kconfig", "missing"]).contains("cannot read missing"));
    dir.write("sysctl", "kernel.a = 1\n  what\n");
    assert!(fails(&["--sysctl", "sysctl"]).contains("sysctl, line 2, column 3: a line is"));
    dir.write("boot", "kernel.a = 1\nkernel.a = 2\n");
    assert!(fails(&["--bootconfig", "boot"]).contains("boot, line 2, column 1: the key has a value already"));
    dir.write("kernel", "no kernel");
    assert!(fails(&["--kernel", "kernel"]).contains("kernel: there is no build configuration in it"));
    assert!(fails(&["--arch", "x86_64"]).contains("nothing is given of it to judge"));
    assert!(fails(&["/", "--kconfig", "config"]).contains("not both"));
    assert!(fails(&["--arch", "sparc"]).contains("use x86_64 or aarch64"));
}

#[test]
fn a_packed_configuration_a_boot_configuration_and_a_list_of_modules_are_read() {
    let (dir, _) = with_config("CONFIG_BOOT_CONFIG=y\nCONFIG_SECURITY_LOCKDOWN_LSM=y\nCONFIG_LSM=\"yama\"\n");
    dir.tool("gzip", &["config"]);
    dir.write("boot", "kernel.page_alloc.shuffle = 1\n");
    let base = ["lockdown", "check", "--kconfig", "config.gz", "--profile", "base"];
    let outcome = |rule: &str, more: &[&str]| {
        let report = dir.report(&[&base[..], more].concat());
        report.rule(rule)["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome("KRN-002", &["--cmdline-text", "quiet"]), "fail");
    assert_eq!(outcome("KRN-002", &["--cmdline-text", "lsm=lockdown"]), "pass");
    assert_eq!(outcome("KRN-002", &["--lsm", "capability,lockdown"]), "pass");
    assert_eq!(outcome("KRN-002", &["--cmdline-text", "bootconfig"]), "unknown");
    assert_eq!(outcome("KRN-002", &["--cmdline-text", "bootconfig", "--bootconfig", "boot"]), "fail");
    dir.write("boot", "kernel.lsm = lockdown\n");
    assert_eq!(outcome("KRN-002", &["--cmdline-text", "bootconfig", "--bootconfig", "boot"]), "pass");
    // What follows two dashes is for init.
    assert_eq!(outcome("KRN-001", &["--cmdline-text", "quiet -- lockdown=integrity"]), "fail");
    assert_eq!(outcome("KRN-001", &["--cmdline-text", "lockdown=integrity lockdown=none"]), "pass");
}

#[test]
fn an_image_is_judged_by_its_files_as_audit_judges_it() {
    let dir = Dir::new();
    dir.write("root/usr/lib/modules/6.1/config", config("CONFIG_STACKPROTECTOR_STRONG=y\n"));
    dir.write("root/boot/loader/entries/a.conf", "linux /v\noptions lockdown=integrity\n");
    dir.write("root/usr/lib/sysctl.d/50.conf", "kernel.kptr_restrict = 1\n");
    let check = dir.report(&["lockdown", "check", "root", "--profile", "base", "--fail-on", "none"]);
    let audit = dir.report(&["audit", "root", "--fail-on", "none"]);
    for (id, outcome) in
        [("KRN-001", "pass"), ("KRN-010", "pass"), ("KRN-034", "pass"), ("KRN-015", "unknown")]
    {
        assert_eq!(check.rule(id)["outcome"], outcome, "{id}");
        assert_eq!(check.rule(id), audit.rule(id), "{id}");
    }
    assert_eq!(check.rule("KRN-015")["findings"][0]["cause"], "no-facts");
    dir.write("root/boot/loader/entries/b.conf", "linux /v\n!\n");
    let check = dir.report(&["lockdown", "check", "root", "--profile", "base", "--fail-on", "none"]);
    let summary = check.rule("KRN-001")["summary"].as_str().unwrap().to_owned();
    assert!(summary.contains("line 2, column 1"), "{summary}");
    dir.write("empty/x", "");
    assert!(dir.fails(2, &["lockdown", "check", "empty"]).contains("is no root file system"));
}

#[test]
fn the_running_kernel_is_judged_by_its_own_state() {
    let dir = Dir::new();
    let report = dir.report(&["lockdown", "check", "--fail-on", "none"]);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/randomize_va_space").unwrap();
    let wanted = if kernel.trim() == "2" { "pass" } else { "fail" };
    assert_eq!(report.rule("KRN-015")["outcome"], wanted);
}
