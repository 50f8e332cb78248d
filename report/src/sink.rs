//! Where the policy is applied, once: overrides, waivers, baseline, threshold.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::GlobMatcher;
use jiff::civil::Date;

use crate::baseline::Baseline;
use crate::{
    Coverage, Disposition, EVERYTHING_READ, Evidence, Finding, Gate, Judged, LanguageShare, Location, Matrix,
    Outcome, Pillar, PillarResult, Report, RuleMeta, RuleResult, Severity, Subject, Tally, Tool, Totals,
    Verdict, WAIVER_EXPIRED, WAIVER_UNUSED, escape_str,
};

/// What a run found, before the policy.
pub struct Draft<'m> {
    /// `audit` or `checksec`.
    pub command: &'static str,
    /// What was judged.
    pub subject: Subject,
    /// What was read.
    pub coverage: Coverage,
    /// The rules that ran and what they said.
    pub verdicts: Vec<(&'m RuleMeta, Verdict)>,
    /// The pillars that the command speaks of.
    pub pillars: Vec<Pillar>,
    /// Executables by property.
    pub matrix: Option<Matrix>,
    /// Languages.
    pub languages: Vec<LanguageShare>,
}

/// The user's policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Findings of this severity or more fail the run; `None` switches the gate off.
    pub fail_on: Option<Severity>,
    /// What to make of rules, by id.
    pub overrides: BTreeMap<String, Override>,
    /// What is accepted for a time.
    pub waivers: Vec<Waiver>,
    /// What was there before.
    pub baseline: Option<Baseline>,
    /// The day that expiry is held against.
    pub today: Date,
}

/// What to make of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Override {
    /// Its findings are shown and never gate.
    Off,
    /// Its findings have another severity.
    Severity(Severity),
}

/// Findings that somebody accepted for a time.
#[derive(Clone, Debug)]
pub struct Waiver {
    /// The rule's id.
    pub rule: String,
    /// Which paths; every finding of the rule if `None`.
    pub path: Option<GlobMatcher>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: Date,
    /// The line of the configuration file that it is written on.
    pub at: Location,
}

impl Waiver {
    fn covers(&self, rule: &str, finding: &Finding) -> bool {
        let path_matches = match (&self.path, &finding.location) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(glob), Some(location)) => glob.is_match(OsStr::from_bytes(location.path.as_bytes())),
        };
        self.rule == rule && path_matches
    }
}

/// Applies the policy.
pub fn judge(mut draft: Draft<'_>, policy: &Policy) -> Report {
    draft.verdicts.push((&EVERYTHING_READ, everything_read(&draft.coverage)));
    let mut sink =
        Sink { policy, baseline: policy.baseline.clone(), used: vec![false; policy.waivers.len()] };
    let ran: Vec<String> = draft.verdicts.iter().map(|(meta, _)| meta.id.to_string()).collect();
    let mut rules: Vec<RuleResult> =
        draft.verdicts.into_iter().map(|(meta, verdict)| sink.rule(meta, verdict)).collect();
    for (meta, verdict) in sink.waiver_verdicts(&ran) {
        rules.push(sink.rule(meta, verdict));
    }
    rules.sort_by_key(|rule| (rule.pillar.map_or(u8::MAX, Pillar::number), rule.id.clone()));
    Report {
        schema: Report::SCHEMA,
        tool: Tool { name: "hardpan", version: env!("CARGO_PKG_VERSION") },
        command: draft.command,
        subject: draft.subject,
        coverage: draft.coverage,
        gate: gate(&rules, policy),
        totals: totals(&rules),
        pillars: draft.pillars.into_iter().map(|pillar| summarise(pillar, &rules)).collect(),
        rules,
        matrix: draft.matrix,
        languages: draft.languages,
    }
}

struct Sink<'p> {
    policy: &'p Policy,
    baseline: Option<Baseline>,
    used: Vec<bool>,
}

impl Sink<'_> {
    fn rule(&mut self, meta: &RuleMeta, verdict: Verdict) -> RuleResult {
        let overridden = self.policy.overrides.get(&*meta.id).copied();
        let severity = match overridden {
            Some(Override::Severity(severity)) => severity,
            _ => meta.severity,
        };
        let outcome = verdict.outcome();
        let has_tally = verdict.tally.is_some();
        let mut findings = verdict.findings;
        findings.sort_by(|a, b| (&a.location, &a.key, &a.message).cmp(&(&b.location, &b.key, &b.message)));
        let headline = if has_tally { None } else { headline(&findings, outcome) };
        let findings = findings
            .into_iter()
            .map(|finding| {
                let fingerprint = finding.fingerprint(&meta.id);
                let disposition = match overridden {
                    Some(Override::Off) => Disposition::Off,
                    _ => self.dispose(&meta.id, severity, &finding, &fingerprint),
                };
                Judged { finding, fingerprint, disposition }
            })
            .collect();
        RuleResult {
            id: meta.id.clone(),
            name: meta.name.clone(),
            title: meta.title.clone(),
            pillar: meta.pillar,
            severity,
            outcome,
            summary: headline.unwrap_or(verdict.summary),
            rationale: meta.rationale().to_owned(),
            remedy: meta.remedy().to_owned(),
            evidence: verdict.evidence,
            tally: verdict.tally.map(|(tally, _)| tally),
            unit: verdict.tally.map(|(_, unit)| unit),
            findings,
        }
    }

    /// Waivers come before everything else, since they are what a person decided. A baseline never covers what was not
    /// read: it lists known findings, and an unread file has not been found to be anything.
    fn dispose(
        &mut self,
        rule: &str,
        severity: Severity,
        finding: &Finding,
        fingerprint: &str,
    ) -> Disposition {
        if let Some(waived) = self.waived(rule, finding) {
            return waived;
        }
        if finding.cause.is_some_and(crate::Cause::is_incomplete) {
            return Disposition::Incomplete;
        }
        if self.baseline.as_mut().is_some_and(|baseline| baseline.take(fingerprint, finding.outcome)) {
            return Disposition::Known;
        }
        match self.policy.fail_on {
            Some(threshold) if severity >= threshold => Disposition::Gating,
            _ => Disposition::BelowThreshold,
        }
    }

    fn waived(&mut self, rule: &str, finding: &Finding) -> Option<Disposition> {
        let mut covering = None;
        for (waiver, used) in self.policy.waivers.iter().zip(&mut self.used) {
            if waiver.covers(rule, finding) {
                *used = true;
                if waiver.expires >= self.policy.today {
                    covering = covering.or(Some(waiver));
                }
            }
        }
        covering.map(|waiver| Disposition::Waived {
            reason: escape_str(&waiver.reason),
            owner: escape_str(&waiver.owner),
            expires: waiver.expires.to_string(),
        })
    }

    /// What the waivers themselves have to answer for; nothing where there are none.
    fn waiver_verdicts(&self, ran: &[String]) -> Vec<(&'static RuleMeta, Verdict)> {
        let waivers = &self.policy.waivers;
        if waivers.is_empty() {
            return Vec::new();
        }
        let proof = || vec![Evidence::new("waivers", waivers.len().to_string(), "")];
        let expired = waivers.iter().filter(|waiver| waiver.expires < self.policy.today).map(|waiver| {
            let seen = format!("expired on {}", waiver.expires);
            let message = format!("the waiver of {} by {} {seen}", waiver.rule, escape_str(&waiver.owner));
            let wanted = format!("{} or later", self.policy.today);
            waiver_finding(waiver, message, Evidence::new("expires", waiver.expires.to_string(), wanted))
        });
        let unused =
            waivers.iter().zip(&self.used).filter(|(waiver, used)| !**used && ran.contains(&waiver.rule));
        let unused = unused.map(|(waiver, _)| {
            let message =
                format!("the waiver of {} by {} covers nothing", waiver.rule, escape_str(&waiver.owner));
            waiver_finding(waiver, message, Evidence::new("findings covered", "0", "at least 1"))
        });
        let expired = Verdict::of("no waiver has expired", expired.collect(), proof());
        let unused = Verdict::of("every waiver covers a finding", unused.collect(), proof());
        vec![(&WAIVER_EXPIRED, expired), (&WAIVER_UNUSED, unused)]
    }
}

/// What a rule has to say in one line: the first of the findings that decide it, and how many more there are. What it
/// counted says nothing to a reader who wants to know what is wrong.
fn headline(findings: &[Finding], outcome: Outcome) -> Option<String> {
    let mut deciding = findings.iter().filter(|finding| finding.outcome == outcome);
    let first = deciding.next()?;
    let more = deciding.count();
    if more == 0 {
        return Some(first.message.clone());
    }
    let path = first.location.as_ref().map(|location| location.path.to_string());
    let place = path.filter(|path| !first.message.contains(path.as_str())).map(|path| format!("{path}: "));
    Some(format!("{}{}; and {more} more", place.unwrap_or_default(), first.message))
}

fn waiver_finding(waiver: &Waiver, message: String, evidence: Evidence) -> Finding {
    let path = waiver.path.as_ref().map_or("", |glob| glob.glob().glob());
    let key = format!("{}:{}", waiver.rule, escape_str(path));
    Finding::fail(Some(waiver.at.clone()), key, message).with(evidence.at(waiver.at.clone()))
}

fn everything_read(coverage: &Coverage) -> Verdict {
    let findings: Vec<Finding> = coverage
        .problems
        .iter()
        .map(|problem| {
            let cause = problem.cause.unwrap_or(crate::Cause::Unreadable);
            let location =
                (!problem.path.as_bytes().is_empty()).then(|| Location::file(problem.path.as_bytes()));
            Finding::unknown(cause, location, "read", problem.reason.clone())
        })
        .collect();
    let proof = Evidence::new(
        "entries read",
        format!(
            "{}, of which {} files and {} directories",
            coverage.entries, coverage.files, coverage.directories
        ),
        "",
    );
    Verdict::of("everything was read", findings, vec![proof])
}

fn gate(rules: &[RuleResult], policy: &Policy) -> Gate {
    let count = |wanted: fn(&Disposition) -> bool| {
        rules.iter().flat_map(|rule| &rule.findings).filter(|judged| wanted(&judged.disposition)).count()
            as u64
    };
    let mut gate = Gate {
        fail_on: policy.fail_on,
        exit_code: 0,
        gating: count(|disposition| *disposition == Disposition::Gating),
        incomplete: count(|disposition| *disposition == Disposition::Incomplete),
        waived: count(|disposition| matches!(disposition, Disposition::Waived { .. })),
        known: count(|disposition| *disposition == Disposition::Known),
        day: policy.today.to_string(),
        summary: String::new(),
    };
    gate.exit_code = match (gate.incomplete, gate.gating) {
        (1.., _) => 2,
        (0, 1..) => 1,
        (0, 0) => 0,
    };
    gate.summary = sentence(&gate);
    gate
}

fn sentence(gate: &Gate) -> String {
    let threshold = match gate.fail_on {
        Some(severity) => format!("of severity {severity} or more"),
        None => "(the gate is off)".to_owned(),
    };
    let mut parts = Vec::new();
    if gate.incomplete > 0 {
        parts.push(format!("{} could not be judged", things(gate.incomplete, "thing")));
    }
    match gate.gating {
        0 => parts.push(format!("no {}finding {threshold}", if gate.known > 0 { "new " } else { "" })),
        count => parts.push(format!("{} {threshold}", things(count, "finding"))),
    }
    if gate.waived > 0 {
        parts.push(format!("{} waived", gate.waived));
    }
    if gate.known > 0 {
        parts.push(format!("{} known from the baseline", gate.known));
    }
    parts.join("; ")
}

fn things(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn totals(rules: &[RuleResult]) -> Totals {
    let mut totals = Totals::default();
    for rule in rules {
        totals.rules.count(rule.outcome);
        for judged in &rule.findings {
            if judged.finding.outcome == Outcome::Unknown {
                totals.unknowns += 1;
            } else {
                *totals.failures.entry(rule.severity.as_str()).or_default() += 1;
            }
        }
    }
    totals
}

fn summarise(pillar: Pillar, rules: &[RuleResult]) -> PillarResult {
    let own: Vec<&RuleResult> = rules.iter().filter(|rule| rule.pillar == Some(pillar)).collect();
    let mut tally = Tally::default();
    for rule in &own {
        tally.count(rule.outcome);
    }
    let outcome = own.iter().map(|rule| rule.outcome).max().unwrap_or(Outcome::NotApplicable);
    let first = own.iter().filter(|rule| rule.outcome == outcome).max_by_key(|rule| rule.severity);
    let first = first.map_or("", |rule| &rule.summary);
    let judged = tally.total() - tally.not_applicable;
    let summary = match outcome {
        Outcome::Pass => format!("all {} proven", things(judged, "rule")),
        Outcome::Fail => format!("{} of {} fail: {first}", tally.fail, things(judged, "rule")),
        Outcome::Partial => format!("{} of {} hold in part: {first}", tally.partial, things(judged, "rule")),
        Outcome::Unknown => format!("{} of {} unknown: {first}", tally.unknown, things(judged, "rule")),
        Outcome::NotApplicable => "no rule applies".to_owned(),
    };
    PillarResult {
        id: pillar,
        number: pillar.number(),
        title: pillar.title(),
        promise: pillar.promise(),
        outcome,
        rules: tally,
        summary,
    }
}

#[cfg(test)]
mod tests {
    use globset::Glob;
    use jiff::civil::date;

    use super::*;
    use crate::{BytePath, Cause, Problem};

    static RULE: RuleMeta =
        RuleMeta::new("T-001", "t", "T", Pillar::ApiOnly, Severity::High, "## Why it matters\nx\n");

    fn policy() -> Policy {
        Policy {
            fail_on: Some(Severity::High),
            overrides: BTreeMap::new(),
            waivers: Vec::new(),
            baseline: None,
            today: date(2026, 6, 1),
        }
    }

    fn report(verdict: Verdict, policy: &Policy) -> Report {
        let draft = Draft {
            command: "audit",
            subject: Subject { kind: "directory", path: BytePath::from("/"), live: false, os: None },
            coverage: Coverage { entries: 3, ..Coverage::default() },
            verdicts: vec![(&RULE, verdict)],
            pillars: vec![Pillar::ApiOnly],
            matrix: None,
            languages: Vec::new(),
        };
        judge(draft, policy)
    }

    fn failure(path: &str) -> Finding {
        Finding::fail(Some(Location::file(path)), "k", "bad")
    }

    fn waiver(glob: &str, expires: Date) -> Waiver {
        Waiver {
            rule: "T-001".into(),
            path: Some(Glob::new(glob).unwrap().compile_matcher()),
            reason: "known".into(),
            owner: "me".into(),
            expires,
            at: Location::line("hardpan.toml", 7),
        }
    }

    fn outcome_of<'r>(report: &'r Report, id: &str) -> Option<&'r RuleResult> {
        report.rules.iter().find(|rule| rule.id == id)
    }

    #[test]
    fn a_failure_at_the_threshold_gates_and_a_milder_one_does_not() {
        let verdict = || Verdict::finding(failure("/a"));
        assert_eq!(report(verdict(), &policy()).gate.exit_code, 1);
        let mut mild = policy();
        mild.overrides.insert("T-001".into(), Override::Severity(Severity::Medium));
        assert_eq!(report(verdict(), &mild).gate.exit_code, 0);
        let mut off = policy();
        off.overrides.insert("T-001".into(), Override::Off);
        assert_eq!(report(verdict(), &off).gate.exit_code, 0);
        assert_eq!(outcome_of(&report(verdict(), &off), "T-001").unwrap().outcome, Outcome::Fail);
    }

    #[test]
    fn what_was_not_read_is_incomplete_and_outweighs_failures_at_any_threshold() {
        let damaged = Finding::unknown(Cause::Malformed, Some(Location::file("/a")), "k", "damaged");
        let verdict = Verdict::of("", vec![damaged, failure("/b")], Vec::new());
        let mut policy = policy();
        assert_eq!(report(verdict.clone(), &policy).gate.exit_code, 2);
        policy.fail_on = None;
        assert_eq!(report(verdict, &policy).gate.exit_code, 2);
    }

    #[test]
    fn facts_that_were_never_there_gate_like_a_failure() {
        let verdict = Verdict::unknown(Cause::NoFacts, "no kernel configuration");
        assert_eq!(report(verdict, &policy()).gate.exit_code, 1);
    }

    #[test]
    fn a_waiver_covers_its_paths_until_its_day() {
        let verdict = Verdict::of("", vec![failure("/usr/bin/a"), failure("/usr/lib/b")], Vec::new());
        let mut policy = policy();
        policy.waivers.push(waiver("/usr/bin/*", date(2026, 6, 1)));
        let result = report(verdict.clone(), &policy);
        assert_eq!((result.gate.waived, result.gate.gating, result.gate.exit_code), (1, 1, 1));
        policy.waivers[0].expires = date(2026, 5, 31);
        let result = report(verdict, &policy);
        // The two failures and the expired waiver itself.
        assert_eq!((result.gate.waived, result.gate.gating), (0, 3));
        let expired = outcome_of(&result, "RUN-002").unwrap();
        assert_eq!(expired.outcome, Outcome::Fail);
        assert_eq!(expired.findings[0].finding.location, Some(Location::line("hardpan.toml", 7)));
    }

    #[test]
    fn a_waiver_that_covers_nothing_is_a_finding() {
        let mut policy = policy();
        policy.waivers.push(waiver("/nowhere/*", date(2027, 1, 1)));
        let result = report(Verdict::finding(failure("/a")), &policy);
        assert_eq!(outcome_of(&result, "RUN-003").unwrap().outcome, Outcome::Fail);
        policy.waivers[0].rule = "T-999".into();
        let result = report(Verdict::finding(failure("/a")), &policy);
        assert_eq!(outcome_of(&result, "RUN-003").unwrap().outcome, Outcome::Pass);
    }

    #[test]
    fn a_baseline_covers_known_failures_and_never_damage() {
        let known = br#"{"schema":"hardpan-report/1","rules":[{"findings":[
            {"fingerprint":"T-001:/a:k"},{"fingerprint":"T-001:/c:k"}]}]}"#;
        let mut policy = policy();
        policy.baseline = Some(Baseline::parse(known).unwrap());
        let damaged = Finding::unknown(Cause::Malformed, Some(Location::file("/c")), "k", "damaged");
        let result = report(Verdict::of("", vec![failure("/a"), failure("/b")], Vec::new()), &policy);
        assert_eq!((result.gate.known, result.gate.gating), (1, 1));
        let result = report(Verdict::finding(damaged), &policy);
        assert_eq!((result.gate.known, result.gate.exit_code), (0, 2));
    }

    #[test]
    fn places_that_were_not_read_are_findings_of_their_own() {
        let mut draft_coverage = Coverage { entries: 3, ..Coverage::default() };
        draft_coverage.problems.push(Problem {
            path: BytePath::from("/root"),
            cause: Some(Cause::Unreadable),
            reason: "open: Permission denied".into(),
        });
        let verdict = everything_read(&draft_coverage);
        assert_eq!(verdict.outcome(), Outcome::Unknown);
        assert_eq!(verdict.findings[0].location, Some(Location::file("/root")));
    }

    #[test]
    fn pages_of_the_rules_about_the_run_are_whole() {
        for meta in crate::RUN_RULES {
            for section in crate::PAGE_SECTIONS {
                assert!(!meta.section(section).is_empty(), "{}: {section}", meta.id);
            }
        }
    }
}
