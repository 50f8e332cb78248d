//! BOOT-007.

use hardpan_lockdown::receipt::{Judgement, PATH, Receipt, Remark, Verdict as Judged};
use hardpan_lockdown::{Host, Reading};
use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape_str};

use crate::{AuditRule, Context};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "BOOT-007",
        "boot-receipt",
        "The boot proved everything that it was to bring about",
        Pillar::SecureBoot,
        Severity::High,
        include_str!("receipt.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let Some(host) = context.host else {
        return Verdict::not_applicable("an image was not booted, and has no boot receipt");
    };
    match host.read_bytes(PATH) {
        Reading::Present(bytes) => judge(&bytes),
        Reading::Unreadable(reason) => Verdict::unknown(Cause::Unreadable, reason),
        Reading::Absent => absent(context, host),
    }
}

fn judge(bytes: &[u8]) -> Verdict {
    let receipt = match Receipt::parse(bytes) {
        Ok(receipt) => receipt,
        Err(error) => return Verdict::unknown(Cause::Malformed, escape_str(&format!("{PATH}: {error}"))),
    };
    let Judgement { verdict, remarks, .. } = receipt.judge(&[]);
    if verdict == Judged::Good {
        let (slot, steps) = (receipt.slot.as_deref().unwrap_or_default(), receipt.steps.len());
        let text = format!(
            "slot {} was booted in {steps} steps, none of which is weaker than wanted",
            escape_str(slot)
        );
        return Verdict::pass(
            text,
            vec![Evidence::new("boot receipt", "good", "good").at(Location::file(PATH))],
        );
    }
    Verdict::of("what the boot brought about", remarks.iter().map(finding).collect(), Vec::new())
}

fn finding(remark: &Remark) -> Finding {
    let key = format!("{} {} {}", remark.kind.word(), remark.step, remark.subject);
    Finding::fail(Some(Location::file(PATH)), escape_str(key.trim_end()), escape_str(&remark.to_string()))
}

/// Without a receipt it is known that hardpan-boot started this host only where the command line has words that nothing else heeds.
fn absent(context: &Context<'_>, host: &Host) -> Verdict {
    let word = context.kernel.command_lines.iter().filter(|line| line.live).flat_map(|line| &line.words);
    let word = word.map(|word| word.name.as_str()).find(|name| WORDS.contains(name));
    let Some(word) = word else {
        return Verdict::not_applicable(format!(
            "there is no {PATH}, and nothing says that hardpan-boot started this host"
        ));
    };
    let evidence = Evidence::new(PATH, "absent", "a boot receipt").at(Location::file(PATH));
    let running = host.read("/proc/sys/kernel/osrelease").present().cloned().unwrap_or_default();
    let message = format!(
        "the command line has {word}, which hardpan-boot heeds, and the running system (Linux {}) has no boot receipt",
        escape_str(&running)
    );
    Verdict::finding(Finding::fail(Some(Location::file(PATH)), "absent", message).with(evidence))
}

/// The words of the command line that only hardpan-boot heeds.
const WORDS: [&str; 2] = ["hardpan.slot", "hardpan.verify"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;

    use super::*;
    use crate::fixture;
    use crate::machine::Machine;

    fn receipt(outcome: &str) -> String {
        let step = |name: &str, outcome: &str| {
            format!(
                "{{\"step\": \"{name}\", \"subject\": \"a\", \"want\": \"x\", \"got\": \"y\", \"outcome\": \"{outcome}\", \"errno\": null, \"kernel\": [], \"ms\": 1}}"
            )
        };
        let steps = [step("verity-open", "proved"), step("root-mount", "done"), step("enforce", outcome)];
        format!(
            "{{\"schema\": \"hardpan.boot.receipt/1\", \"version\": \"0.1.0\", \"kernel\": \"6.1.0\", \"result\": \"booted\", \"reason\": null, \"text\": null, \"slot\": \"a\", \"refused\": [], \"steps\": [{}], \"total_ms\": 12.5}}",
            steps.join(", ")
        )
    }

    #[test]
    fn the_receipt_decides() {
        Machine::new().with(PATH, receipt("proved")).expect(&RULE, Outcome::Pass);
        let verdict = Machine::new().with(PATH, receipt("weaker")).expect(&RULE, Outcome::Fail);
        assert!(verdict.findings[0].message.contains("weaker: enforce"), "{verdict:?}");
        Machine::new().with(PATH, receipt("failed")).expect(&RULE, Outcome::Fail);
        Machine::new()
            .with(PATH, receipt("proved").replace("refused", "other"))
            .expect(&RULE, Outcome::Unknown);
        Machine::new().with(&format!("{PATH}/x"), "a directory").expect(&RULE, Outcome::Unknown);
    }

    #[test]
    fn without_a_receipt_it_depends_on_who_started_the_host() {
        Machine::new().with("/proc/cmdline", "ro quiet").expect(&RULE, Outcome::NotApplicable);
        Machine::new().with("/proc/cmdline", "ro hardpan.slot=a").expect(&RULE, Outcome::Fail);
        fixture::expect(&RULE, &MemoryTree::new(), Outcome::NotApplicable);
    }
}
