//! What kernels end up with, through the rules' eyes: several ways to boot, negation, and where parameters come from.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use hardpan_lockdown::bootconfig::BootConfig;
use hardpan_lockdown::kconfig::Kconfig;
use hardpan_lockdown::sysctl::Dump;
use hardpan_lockdown::{Arch, CommandLine, KernelFacts, KernelRule, rules};
use hardpan_report::{Cause, Finding, Location, Outcome};

/// A rule by itself, from the text of its tests.
fn rule(text: &str) -> KernelRule {
    KernelRule::parse(&format!(
        "id = \"X-001\"\nname = \"x\"\ntitle = \"x\"\nseverity = \"low\"\nwhy = \"x\"\nfix = \"x\"\nsources = []\n{text}\n"
    ))
    .unwrap()
}

fn facts(lines: &[&str], configs: &[&str]) -> KernelFacts<'static> {
    let line = |text: &&str| CommandLine::new(*text, Location::file("/boot/grub.cfg"), false);
    let config = |text: &&str| Kconfig::parse(text, Location::file("/boot/config"));
    KernelFacts {
        command_lines: lines.iter().map(line).collect(),
        kconfigs: configs.iter().map(config).collect(),
        ..KernelFacts::default()
    }
}

#[track_caller]
fn expect(tests: &str, facts: &KernelFacts<'_>, wanted: Outcome) {
    let verdict = rule(tests).check(facts);
    assert_eq!(verdict.outcome(), wanted, "{tests}: {verdict:#?}");
}

const Y: &str = "any = [{ kconfig = { option = \"A\", one_of = [\"y\"] } }]";
const NOT_Y: &str = "any = [{ not = { kconfig = { option = \"A\", one_of = [\"y\"] } } }]";

#[test]
fn negation_is_about_every_kernel_and_never_makes_a_pass_of_what_is_unknown() {
    expect(Y, &facts(&[], &["CONFIG_A=y\n", "CONFIG_B=y\n"]), Outcome::Fail);
    // One kernel has it, so that it is not so that none has.
    expect(NOT_Y, &facts(&[], &["CONFIG_A=y\n", "CONFIG_B=y\n"]), Outcome::Fail);
    expect(NOT_Y, &facts(&[], &["CONFIG_B=y\n"]), Outcome::Pass);
    expect(NOT_Y, &facts(&[], &[]), Outcome::Unknown);
    let mut part = facts(&[], &["CONFIG_B=y\n"]);
    part.troubles.kconfigs.push(Finding::unknown(Cause::Unreadable, None, "x", "one was not read"));
    expect(NOT_Y, &part, Outcome::Unknown);
    expect(&NOT_Y.replace("{ not", "{ not = { not").replace("] } } }]", "] } } } }]"), &part, Outcome::Fail);
}

#[test]
fn conditions_that_fail_take_a_rule_away_and_unknown_ones_leave_it_open() {
    let when = |text: &str| format!("when = [{text}]\n{Y}");
    let of_b = when("{ kconfig = { option = \"B\", one_of = [\"y\"] } }");
    expect(&of_b, &facts(&[], &["CONFIG_A=y\n"]), Outcome::NotApplicable);
    expect(&of_b, &facts(&[], &["CONFIG_B=y\n"]), Outcome::Fail);
    expect(&of_b, &facts(&[], &["CONFIG_B=y\nCONFIG_A=y\n"]), Outcome::Pass);
    expect(&when("{ cmdline-absent = [\"x\"] }"), &facts(&[], &["CONFIG_A=y\n"]), Outcome::Unknown);
    // A kernel that is not meant does not speak for the one that is.
    expect(&of_b, &facts(&[], &["CONFIG_A=y\n", "CONFIG_B=y\n"]), Outcome::Fail);
}

#[test]
fn ranges_are_held_against_each_kernels_own_header() {
    let header = |version: &str| format!("# Linux/x86 {version} Kernel Configuration\nCONFIG_X86_64=y\n");
    let ranged = format!("kernel = \">=6.6\"\narch = [\"x86_64\"]\n{Y}");
    expect(&ranged, &facts(&[], &[&header("6.1.0")]), Outcome::NotApplicable);
    expect(&ranged, &facts(&[], &[&header("6.6.1")]), Outcome::Fail);
    expect(&ranged, &facts(&[], &["CONFIG_X86_64=y\n"]), Outcome::Unknown);
    expect(&ranged, &facts(&[], &[&header("6.6.1").replace("X86_64", "M486")]), Outcome::NotApplicable);
    let arm = KernelFacts { arch: Some(Arch::Aarch64), ..facts(&[], &[&header("6.6.1")]) };
    expect(&ranged, &arm, Outcome::NotApplicable);
}

#[test]
fn a_parameter_of_a_module_takes_effect_only_if_it_is_handed_over() {
    let test = |more: &str| {
        format!("any = [{{ cmdline = {{ parameter = \"m.p\", one_of = [\"1\"], module = \"M\"{more} }} }}]")
    };
    expect(&test(""), &facts(&["m.p=1"], &["CONFIG_M=y\n"]), Outcome::Pass);
    expect(&test(""), &facts(&["m.p=1"], &["CONFIG_M=m\n"]), Outcome::Unknown);
    expect(&test(", handed_over = true"), &facts(&["m.p=1"], &["CONFIG_M=m\n"]), Outcome::Pass);
    expect(&test(""), &facts(&["m.p=1"], &["CONFIG_N=m\n"]), Outcome::NotApplicable);
    expect(&test(""), &facts(&["m.p=1"], &[]), Outcome::Unknown);
}

#[test]
fn parameters_add_up_as_the_kernel_has_it() {
    let test = |name: &str, values: &str| {
        format!("any = [{{ cmdline = {{ parameter = \"{name}\", one_of = [{values}] }} }}]")
    };
    expect(
        &test("init_on_alloc", "\"1\""),
        &facts(&["init_on_alloc=0 init-on-alloc=on"], &[]),
        Outcome::Pass,
    );
    expect(&test("init_on_alloc", "\"1\""), &facts(&["init_on_alloc=1 init_on_alloc=0"], &[]), Outcome::Fail);
    expect(
        &test("init_on_alloc", "\"1\""),
        &facts(&["init_on_alloc=1 init_on_alloc=maybe"], &[]),
        Outcome::Pass,
    );
    expect(
        &test("module.sig_enforce", "\"1\""),
        &facts(&["module.sig_enforce=1 module.sig_enforce=0"], &[]),
        Outcome::Pass,
    );
    expect(&test("init_on_alloc", "\"1\""), &facts(&["-- init_on_alloc=1"], &[]), Outcome::Fail);
    let nosmt = "any = [{ cmdline = { parameter = \"mitigations\", contains = \"nosmt\" } }]";
    expect(nosmt, &facts(&["mitigations=auto,nosmt"], &[]), Outcome::Pass);
    expect(nosmt, &facts(&["mitigations=auto,nosmt mitigations=auto"], &[]), Outcome::Fail);
    let panic = "any = [{ cmdline = { parameter = \"panic\", min = 1, absent-ok = true } }]";
    expect(panic, &facts(&["quiet"], &[]), Outcome::Pass);
    expect(panic, &facts(&["panic=-1"], &[]), Outcome::Fail);
}

#[test]
fn a_boot_configuration_counts_where_the_kernel_reads_one_and_not_for_early_parameters() {
    let shuffle = "any = [{ cmdline = { parameter = \"page_alloc.shuffle\", one_of = [\"1\"] } }]";
    let alloc = "any = [{ cmdline = { parameter = \"init_on_alloc\", one_of = [\"1\"] } }]";
    let with = |line: &str, config: &str, text: &str| {
        let config_text = [config];
        let parsed = BootConfig::parse(text.as_bytes(), Location::file("/boot/initrd")).unwrap();
        KernelFacts { bootconfigs: vec![parsed], ..facts(&[line], &config_text) }
    };
    let (both, reads) = ("kernel { page_alloc.shuffle = 1; init_on_alloc = 1 }\n", "CONFIG_BOOT_CONFIG=y\n");
    expect(shuffle, &with("bootconfig", reads, both), Outcome::Pass);
    expect(shuffle, &with("quiet", reads, both), Outcome::Fail);
    expect(shuffle, &with("bootconfig", "CONFIG_A=y\n", both), Outcome::Fail);
    expect(shuffle, &with("quiet", &format!("{reads}CONFIG_BOOT_CONFIG_FORCE=y\n"), both), Outcome::Pass);
    expect(alloc, &with("bootconfig", reads, both), Outcome::Fail);
    // What the boot loader passes comes after it.
    expect(shuffle, &with("bootconfig page_alloc.shuffle=0", reads, both), Outcome::Fail);
    expect(shuffle, &facts(&["bootconfig"], &[reads]), Outcome::Unknown);
    expect(shuffle, &facts(&["bootconfig page_alloc.shuffle=1"], &[reads]), Outcome::Pass);
}

#[test]
fn a_command_line_that_is_built_in_counts_as_its_architecture_has_it() {
    let test = "any = [{ cmdline = { parameter = \"panic\", one_of = [\"5\"] } }]";
    let own = "CONFIG_CMDLINE=\"panic=5\"\n";
    let x86 = format!("CONFIG_X86_64=y\n{own}");
    expect(test, &facts(&["quiet"], &[&x86]), Outcome::Pass);
    expect(test, &facts(&["panic=6"], &[&x86]), Outcome::Fail);
    expect(test, &facts(&["panic=6"], &[&format!("{x86}CONFIG_CMDLINE_OVERRIDE=y\n")]), Outcome::Pass);
    let arm = format!("CONFIG_ARM64=y\n{own}");
    expect(test, &facts(&["quiet"], &[&arm]), Outcome::Fail);
    expect(test, &facts(&[""], &[&arm]), Outcome::Pass);
    expect(test, &facts(&["panic=6"], &[&format!("{arm}CONFIG_CMDLINE_EXTEND=y\n")]), Outcome::Pass);
    expect(test, &facts(&["quiet"], &[own]), Outcome::Unknown);
}

#[test]
fn sysctls_are_judged_by_every_kind_of_condition() {
    let dump =
        |text: &str| KernelFacts { dump: Some(Dump::whole(text, "d").unwrap()), ..KernelFacts::default() };
    let test = |more: &str| format!("any = [{{ sysctl = {{ key = \"kernel.x\", {more} }} }}]");
    for (more, good, bad) in [
        ("max = 3", "3", "4"),
        ("bitmask = 176", "176", "1"),
        ("one_of_text = [\"a  b\"]", "a b", "a"),
        ("min = 1, max = 2", "2", "3"),
        ("not = 0", "-1", "0"),
    ] {
        expect(&test(more), &dump(&format!("kernel.x = {good}\n")), Outcome::Pass);
        expect(&test(more), &dump(&format!("kernel.x = {bad}\n")), Outcome::Fail);
    }
    expect(&test("max = 3"), &dump("kernel.x = word\n"), Outcome::Unknown);
    expect(&test("max = 3"), &dump("kernel.y = 1\n"), Outcome::NotApplicable);
    expect(&test("max = 3, absent = \"pass\""), &dump("kernel.y = 1\n"), Outcome::Pass);
    let absent = "any = [{ key-absent = \"kernel.x\" }]";
    expect(absent, &dump("kernel.y = 1\n"), Outcome::Pass);
    expect(absent, &dump("kernel.x = 1\n"), Outcome::Fail);
    let part =
        KernelFacts { dump: Some(Dump::parse("kernel.y = 1\n", "d").unwrap()), ..KernelFacts::default() };
    expect(absent, &part, Outcome::Unknown);
    expect(absent, &KernelFacts::default(), Outcome::Unknown);
}

#[test]
fn what_was_not_supplied_is_told_apart_from_what_is_missing() {
    let cause = |facts: &KernelFacts<'_>| rule(Y).check(facts).findings[0].cause;
    assert_eq!(cause(&KernelFacts::default()), Some(Cause::NoFacts));
    let handed = KernelFacts { handed: true, ..KernelFacts::default() };
    assert_eq!(cause(&handed), Some(Cause::NotSupplied));
    for rule in rules() {
        let verdict = rule.check(&handed);
        assert!(matches!(verdict.outcome(), Outcome::Unknown | Outcome::NotApplicable), "{}", rule.meta.id);
        assert!(
            verdict.findings.iter().all(|finding| finding.cause == Some(Cause::NotSupplied)),
            "{}: {verdict:?}",
            rule.meta.id
        );
    }
}
