//! ROOT-004.

use hardpan_report::{Cause, Evidence, Finding, Pillar, RuleMeta, Severity, Verdict, escape};
use hardpan_verity::table::CreatedTarget;

use super::verity::{Backing, Configured, live_backing, shown};
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
    for line in context.command_lines_in_force() {
        let configured = Configured::of(line);
        for target in &configured.targets {
            judge(target, line, &mut findings, &mut evidence);
        }
        findings.extend(configured.bad.iter().map(|bad| unknown(line, "table", shown(bad))));
        if configured.by_generator() {
            let message = "the hash algorithm and the salt are in the verity superblock, which no command line shows; \
                           `hardpan verity dump` shows it";
            findings.push(unknown(line, "superblock", message.to_owned()));
        }
    }
    if findings.is_empty() && evidence.is_empty() {
        return without_tables(context);
    }
    Verdict::of("hash and salt of each verity device on the kernel command lines", findings, evidence)
}

fn judge(
    target: &CreatedTarget,
    line: &CommandLine,
    findings: &mut Vec<Finding>,
    evidence: &mut Vec<Evidence>,
) {
    let device = escape(target.name.as_bytes());
    let algorithm = escape(target.table.algorithm.as_bytes());
    let origin = Some(line.origin.clone());
    let before = findings.len();
    let seen = format!(
        "{device}: {algorithm}, salt {}",
        if target.table.salt.is_empty() { "none" } else { "present" }
    );
    let fact = line.evidence(&seen, "sha256 or stronger, with a salt");
    match strength(&target.table.algorithm) {
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
            findings.push(unknown(line, &format!("hash:{device}"), message));
        }
    }
    if target.table.salt.is_empty() {
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

fn without_tables(context: &Context<'_>) -> Verdict {
    match live_backing(context, b"/") {
        Some(Backing::Verity(seen)) => Verdict::unknown(
            Cause::NoFacts,
            format!("/ is verified ({seen}), but neither the command line nor /sys shows by which hash"),
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

const NO_FACTS: &str = "no kernel command line was found that would show a verity table; audit the running host \
                        (`hardpan audit /`), or include /boot";

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture::expect;
    use crate::machine::expect_configured;

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
    fn what_only_the_superblock_knows_is_unknown() {
        expect_configured(&RULE, &format!("roothash={}", "ab".repeat(32)), Outcome::Unknown);
        expect_configured(&RULE, "quiet", Outcome::NotApplicable);
        expect(&RULE, &MemoryTree::new(), Outcome::Unknown);
    }
}
