//! ROOT-003.

use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};
use hardpan_verity::table::ErrorMode;

use super::verity::{Backing, Configured, LiveTable, live_backing, live_evidence, live_table, shown};
use crate::{AuditRule, Context};
use hardpan_lockdown::CommandLine;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ROOT-003",
        "verity-corruption-action",
        "A corrupt block stops the host",
        Pillar::VerifiedRoot,
        Severity::Medium,
        include_str!("corruption_action.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut findings = context.troubles_in_force().to_vec();
    let mut evidence = Vec::new();
    let live = live_table(context, b"/");
    let known = live.as_ref().and_then(|live| live.as_ref().ok());
    if let Some(live) = known {
        judge_live(live, &mut findings, &mut evidence);
    }
    for line in context.command_lines_in_force() {
        judge_line(line, known, &mut findings, &mut evidence);
    }
    if findings.is_empty() && evidence.is_empty() {
        return without_tables(context, live.and_then(Result::err));
    }
    Verdict::of("options of each verity device of the kernel and its command lines", findings, evidence)
}

/// What the kernel does is what counts, whoever told it.
fn judge_live(live: &LiveTable, findings: &mut Vec<Finding>, evidence: &mut Vec<Evidence>) {
    let make = |seen: &str| live_evidence(seen, WANTED);
    match action(&live.name, live.table.options.corruption, None, make) {
        Ok(fact) => evidence.push(fact),
        Err(finding) => findings.push(*finding),
    }
}

/// Judges the devices that a line sets up, but for the one whose table the kernel has shown.
fn judge_line(
    line: &CommandLine,
    live: Option<&LiveTable>,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<Evidence>,
) {
    let configured = Configured::of(line);
    let make = |seen: &str| line.evidence(seen, WANTED);
    let mut judge =
        |device: &str, mode: Option<ErrorMode>| match action(device, mode, Some(line.origin.clone()), make) {
            Ok(fact) => evidence.push(fact),
            Err(finding) => findings.push(*finding),
        };
    for target in &configured.targets {
        if live.is_none_or(|live| live.name != target.name) {
            judge(&target.name, target.table.options.corruption);
        }
    }
    // systemd names the devices that it makes so.
    let root = configured.root_hash && live.is_none_or(|live| live.name != "root");
    let made = [(root, "root"), (configured.usr_hash, "usr")];
    if configured.by_generator()
        && let Some((_, device)) = made.iter().find(|(is_made, _)| *is_made)
    {
        judge(device, configured.corruption);
    }
    findings.extend(
        configured
            .bad
            .iter()
            .map(|bad| Finding::unknown(Cause::Undecided, Some(line.origin.clone()), "table", shown(bad))),
    );
}

fn action(
    device: &str,
    mode: Option<ErrorMode>,
    origin: Option<Location>,
    make: impl Fn(&str) -> Evidence,
) -> Result<Evidence, Box<Finding>> {
    let device = escape(device.as_bytes());
    let (seen, message) = match mode {
        Some(ErrorMode::Restart) => ("restart_on_corruption", None),
        Some(ErrorMode::Panic) => ("panic_on_corruption", None),
        Some(ErrorMode::Ignore) => {
            ("ignore_corruption", Some("only logs corrupt blocks and returns their content"))
        }
        _ => ("no option", Some("only fails the read of a corrupt block, and the host runs on")),
    };
    let fact = make(&format!("{device}: {seen}"));
    let Some(message) = message else { return Ok(fact) };
    let message = format!("verity device `{device}` {message}");
    Err(Box::new(Finding::fail(origin, format!("device:{device}"), message).with(fact)))
}

/// `unread` says why the kernel's table of the root device cannot be told.
fn without_tables(context: &Context<'_>, unread: Option<String>) -> Verdict {
    match live_backing(context, b"/") {
        Some(Backing::Verity(seen)) => Verdict::unknown(
            Cause::NoFacts,
            format!(
                "/ is verified ({seen}), but neither the command line nor the kernel's table shows with which \
                 options: {}",
                unread.unwrap_or_else(|| "the table was not asked for".into())
            ),
        ),
        Some(Backing::Undecided(why)) => Verdict::unknown(
            Cause::Undecided,
            format!("whether / is verified, and with which options, cannot be told: {why}"),
        ),
        Some(Backing::Other(_)) => Verdict::not_applicable("/ does not lie on a verity device"),
        None if context.kernel.command_lines.is_empty() => Verdict::unknown(Cause::NoFacts, NO_FACTS),
        None => Verdict::not_applicable("no kernel command line sets up a verity device"),
    }
}

const WANTED: &str = "restart_on_corruption or panic_on_corruption";
const NO_FACTS: &str = "no kernel command line was found that would show verity options; audit the running host \
                        (`hardpan audit /`), or include /boot";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::{Machine, expect_configured};

    const HASH: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    fn table(options: &str) -> String {
        format!(
            "root=/dev/dm-0 dm-mod.create=\"root,,,ro,0 8 verity 1 d h 4096 4096 1 1 sha256 {HASH} cd {options}\""
        )
    }

    #[test]
    fn the_table_must_name_an_action() {
        expect_configured(&RULE, &table("2 restart_on_corruption ignore_zero_blocks"), Outcome::Pass);
        expect_configured(&RULE, &table("1 panic_on_corruption"), Outcome::Pass);
        expect_configured(&RULE, &table("1 ignore_zero_blocks"), Outcome::Fail);
        expect_configured(&RULE, &table(""), Outcome::Fail);
        expect_configured(&RULE, &table("1 ignore_corruption"), Outcome::Fail);
        expect_configured(&RULE, &table("2 restart_on_corruption"), Outcome::Unknown);
    }

    #[test]
    fn systemd_spells_its_options_with_dashes() {
        let with = |options: &str| format!("roothash={HASH} systemd.verity_root_options={options}");
        expect_configured(&RULE, &with("restart-on-corruption,format"), Outcome::Pass);
        expect_configured(&RULE, &with("format"), Outcome::Fail);
        expect_configured(&RULE, &with("panic-on-corruption,ignore-corruption"), Outcome::Fail);
    }

    #[test]
    fn the_kernels_table_outweighs_the_command_line() {
        let machine = |options: &str| {
            Machine::on_verity(&format!("1 7:0 7:1 4096 4096 1 1 sha256 {HASH} cd {options}"))
        };
        machine("1 restart_on_corruption").expect(&RULE, Outcome::Pass);
        machine("").expect(&RULE, Outcome::Fail);
        machine("1 ignore_corruption").expect(&RULE, Outcome::Fail);
        // What cannot be read decides nothing.
        machine("1 no_such_option").expect(&RULE, Outcome::Unknown);
        // systemd was told to restart, and the kernel was not.
        let told = format!("roothash={HASH} systemd.verity_root_options=restart-on-corruption");
        machine("").with("/proc/cmdline", &told).expect(&RULE, Outcome::Fail);
        machine("1 panic_on_corruption").with("/proc/cmdline", &told).expect(&RULE, Outcome::Pass);
        let untold = format!("roothash={HASH}");
        machine("1 panic_on_corruption").with("/proc/cmdline", &untold).expect(&RULE, Outcome::Pass);
        let both = format!("roothash={HASH} usrhash={HASH}");
        machine("1 panic_on_corruption").with("/proc/cmdline", both).expect(&RULE, Outcome::Fail);
        // Other devices of the command line are judged as before.
        let other = table("").replace("root,,,ro", "usr,,,ro");
        machine("1 panic_on_corruption").with("/proc/cmdline", other).expect(&RULE, Outcome::Fail);
    }

    #[test]
    fn without_verity_there_is_nothing_to_judge() {
        expect_configured(&RULE, "root=/dev/sda1", Outcome::NotApplicable);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
        let mounted = Machine::new().with("/proc/self/mountinfo", "1 0 253:0 / / ro - ext4 /dev/dm-0 ro\n");
        mounted
            .with("/proc/cmdline", "quiet")
            .with("/sys/dev/block/253:0/dm/uuid", "CRYPT-VERITY-0-root")
            .expect(&RULE, Outcome::Unknown);
    }
}
