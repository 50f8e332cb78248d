//! ROOT-004.

use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};
use hardpan_verity::table::VerityTable;

use super::verity::{Backing, Configured, LiveTable, live_backing, live_evidence, live_table, shown};
use crate::{AuditRule, Context};
use hardpan_lockdown::CommandLine;

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "ROOT-004",
        "verity-strong-hash",
        "The verity tree is made with a strong, salted hash",
        Pillar::VerifiedRoot,
        Severity::High,
        include_str!("strong_hash.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let mut findings = context.troubles_in_force().to_vec();
    let mut evidence = Vec::new();
    let live = live_table(context, b"/");
    let known = live.as_ref().and_then(|live| live.as_ref().ok());
    if let Some(live) = known {
        let make = |seen: &str| live_evidence(seen, WANTED);
        judge(&live.name, &live.table, None, &make, &mut findings, &mut evidence);
    }
    for line in context.command_lines_in_force() {
        let configured = Configured::of(line);
        let is_live = |name: &str| known.is_some_and(|live: &LiveTable| live.name == name);
        for target in configured.targets.iter().filter(|target| !is_live(&target.name)) {
            let make = |seen: &str| line.evidence(seen, WANTED);
            judge(&target.name, &target.table, Some(&line.origin), &make, &mut findings, &mut evidence);
        }
        findings.extend(configured.bad.iter().map(|bad| unknown(line, "table", shown(bad))));
        // systemd names the device that it makes by `roothash=` so.
        let is_known = is_live("root") && !configured.usr_hash;
        if configured.by_generator() && !is_known {
            let message = "the hash algorithm and the salt are in the verity superblock, which no command line shows; \
                           `hardpan verity dump` shows it";
            findings.push(unknown(line, "superblock", message.to_owned()));
        }
    }
    if findings.is_empty() && evidence.is_empty() {
        return without_tables(context, live.and_then(Result::err));
    }
    Verdict::of("hash and salt of each verity device of the kernel and its command lines", findings, evidence)
}

fn judge(
    name: &str,
    table: &VerityTable,
    origin: Option<&Location>,
    make: &dyn Fn(&str) -> Evidence,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<Evidence>,
) {
    let device = escape(name.as_bytes());
    let algorithm = escape(table.algorithm.as_bytes());
    let origin = origin.cloned();
    let before = findings.len();
    let seen =
        format!("{device}: {algorithm}, salt {}", if table.salt.is_empty() { "none" } else { "present" });
    let fact = make(&seen);
    match strength(&table.algorithm) {
        Some(true) => {}
        Some(false) => {
            let message =
                format!("verity device `{device}` relies on {algorithm}, for which collisions can be made");
            findings
                .push(Finding::fail(origin.clone(), format!("hash:{device}"), message).with(fact.clone()));
        }
        None => {
            let message =
                format!("verity device `{device}` relies on `{algorithm}`, whose strength is not known here");
            findings.push(Finding::unknown(
                Cause::Undecided,
                origin.clone(),
                format!("hash:{device}"),
                message,
            ));
        }
    }
    if table.salt.is_empty() {
        let message = format!("the hash tree of verity device `{device}` has no salt");
        findings.push(Finding::fail(origin, format!("salt:{device}"), message).with(fact.clone()));
    }
    if findings.len() == before {
        evidence.push(fact);
    }
}

fn unknown(line: &CommandLine, key: &str, message: String) -> Finding {
    Finding::unknown(Cause::Undecided, Some(line.origin.clone()), key, message)
}

/// Whether no collision is known or feasible; `None` for names outside of this list. A driver's name such as
/// `sha256-avx2` stands for its algorithm.
fn strength(algorithm: &str) -> Option<bool> {
    let base = ["sha256-", "sha512-"].iter().find(|prefix| algorithm.starts_with(**prefix));
    match base.map_or(algorithm, |prefix| prefix.trim_end_matches('-')) {
        "sha256" | "sha384" | "sha512" | "sha3-256" | "sha3-384" | "sha3-512" | "blake2b-256"
        | "blake2b-384" | "blake2b-512" | "blake2s-256" | "sm3" | "streebog256" | "streebog512" => Some(true),
        "md4" | "md5" | "sha1" | "crc32" | "crc32c" | "xxhash64" | "rmd128" => Some(false),
        _ => None,
    }
}

/// `unread` says why the kernel's table of the root device cannot be told.
fn without_tables(context: &Context<'_>, unread: Option<String>) -> Verdict {
    match live_backing(context, b"/") {
        Some(Backing::Verity(seen)) => Verdict::unknown(
            Cause::NoFacts,
            format!(
                "/ is verified ({seen}), but neither the command line nor the kernel's table shows by which hash: {}",
                unread.unwrap_or_else(|| "the table was not asked for".into())
            ),
        ),
        Some(Backing::Undecided(why)) => Verdict::unknown(
            Cause::Undecided,
            format!("whether / is verified, and by which hash, cannot be told: {why}"),
        ),
        Some(Backing::Other(_)) => Verdict::not_applicable("/ does not lie on a verity device"),
        None if context.kernel.command_lines.is_empty() => Verdict::unknown(Cause::NoFacts, NO_FACTS),
        None => Verdict::not_applicable("no kernel command line sets up a verity device"),
    }
}

const WANTED: &str = "sha256 or stronger, with a salt";
const NO_FACTS: &str = "no kernel command line was found that would show a verity table; audit the running host \
                        (`hardpan audit /`), or include /boot";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::{Machine, expect_configured};

    fn table(algorithm: &str, salt: &str) -> String {
        let digits = if algorithm == "sha1" { 40 } else { 64 };
        let hash = "ab".repeat(digits / 2);
        format!("dm-mod.create=\"root,,,ro,0 8 verity 1 d h 4096 4096 1 1 {algorithm} {hash} {salt}\"")
    }

    #[test]
    fn hash_and_salt_must_both_be_strong() {
        expect_configured(&RULE, &table("sha256", "cd"), Outcome::Pass);
        expect_configured(&RULE, &table("sha512-generic", "cd"), Outcome::Pass);
        expect_configured(&RULE, &table("sha1", "cd"), Outcome::Fail);
        expect_configured(&RULE, &table("sha256", "-"), Outcome::Fail);
        expect_configured(&RULE, &table("whirlpool", "cd"), Outcome::Unknown);
        let verdict = expect_configured(&RULE, &table("sha1", "-"), Outcome::Fail);
        assert_eq!(verdict.findings.len(), 2);
    }

    #[test]
    fn the_kernels_table_shows_what_only_the_superblock_knew() {
        let told = format!("roothash={}", "ab".repeat(32));
        let machine = |algorithm: &str, digits: usize, salt: &str| {
            let root = "ab".repeat(digits / 2);
            Machine::on_verity(&format!("1 7:0 7:1 4096 4096 1 1 {algorithm} {root} {salt}"))
                .with("/proc/cmdline", &told)
        };
        machine("sha256", 64, "cd").expect(&RULE, Outcome::Pass);
        let both = format!("{told} usrhash={}", "ab".repeat(32));
        machine("sha256", 64, "cd").with("/proc/cmdline", both).expect(&RULE, Outcome::Unknown);
        machine("sha1", 40, "cd").expect(&RULE, Outcome::Fail);
        machine("sha256", 64, "-").expect(&RULE, Outcome::Fail);
        machine("sha256", 62, "cd").expect(&RULE, Outcome::Unknown);
    }

    #[test]
    fn what_only_the_superblock_knows_is_unknown() {
        expect_configured(&RULE, &format!("roothash={}", "ab".repeat(32)), Outcome::Unknown);
        expect_configured(&RULE, "quiet", Outcome::NotApplicable);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }
}
