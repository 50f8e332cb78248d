//! Where the policy is applied, once: overrides, sections, waivers, baseline, threshold.

use crate::baseline::Baseline;
pub use crate::policy::{Override, Policy, Waiver};
use crate::section::Demand;
use crate::{
    Coverage, Disposition, EVERYTHING_READ, Evidence, Finding, Gate, Judged, LanguageShare, Location, Matrix,
    Outcome, Pillar, PillarResult, Report, Roots, RuleMeta, RuleResult, SECTION_UNUSED, Severity, Subject,
    Tally, Tool, Totals, Verdict, WAIVER_EXPIRED, WAIVER_UNUSED, escape_str,
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
    /// The inputs that are roots of their own, if there are several.
    pub roots: Roots,
}

/// Applies the policy.
pub fn judge(mut draft: Draft<'_>, policy: &Policy) -> Report {
    draft.verdicts.push((&EVERYTHING_READ, everything_read(&draft.coverage)));
    let mut sink = Sink {
        policy,
        roots: draft.roots,
        baseline: policy.baseline.clone(),
        used: vec![false; policy.waivers.len()],
    };
    let ran: Vec<String> = draft.verdicts.iter().map(|(meta, _)| meta.id.to_string()).collect();
    let mut rules: Vec<RuleResult> =
        draft.verdicts.into_iter().map(|(meta, verdict)| sink.rule(meta, verdict)).collect();
    let own = sink.waiver_verdicts(&ran).into_iter().chain(section_verdict(
        policy,
        draft.matrix.as_ref(),
        &sink.roots,
    ));
    for (meta, verdict) in own.collect::<Vec<_>>() {
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
        processes: None,
        matrix: draft.matrix,
        languages: draft.languages,
    }
}

struct Sink<'p> {
    policy: &'p Policy,
    roots: Roots,
    baseline: Option<Baseline>,
    used: Vec<bool>,
}

impl Sink<'_> {
    fn rule(&mut self, meta: &RuleMeta, verdict: Verdict) -> RuleResult {
        let overridden = self.policy.overrides.get(&*meta.id).copied();
        let base = match overridden {
            Some(Override::Severity(severity)) => severity,
            _ => meta.severity,
        };
        let outcome = verdict.outcome();
        let has_tally = verdict.tally.is_some();
        let mut findings = verdict.findings;
        findings.sort_by(|a, b| (&a.location, &a.key, &a.message).cmp(&(&b.location, &b.key, &b.message)));
        let headline = if has_tally { None } else { headline(&findings, outcome) };
        let findings: Vec<Judged> = findings
            .into_iter()
            .map(|finding| self.judged(&meta.id, base, overridden == Some(Override::Off), finding))
            .collect();
        // What stands for the whole rule is the most that is asked of any of its findings.
        let severity = findings.iter().map(|judged| judged.severity).max().unwrap_or(base);
        RuleResult {
            id: meta.id.clone(),
            name: meta.name.clone(),
            title: meta.title.clone(),
            pillar: meta.pillar,
            severity,
            outcome,
            summary: headline.unwrap_or(verdict.summary),
            rationale: meta.rationale().into_owned(),
            remedy: meta.remedy().into_owned(),
            evidence: verdict.evidence,
            tally: verdict.tally.map(|(tally, _)| tally),
            unit: verdict.tally.map(|(_, unit)| unit),
            findings,
        }
    }

    fn judged(&mut self, rule: &str, base: Severity, is_off: bool, finding: Finding) -> Judged {
        let demand = Demand::of(&self.policy.sections, rule, &finding, &self.roots);
        let fingerprint = finding.fingerprint(rule);
        let severity = match demand.severity {
            Some((Override::Severity(severity), _)) => severity,
            _ => base,
        };
        let disposition = if is_off && demand.severity.is_none() {
            Disposition::Off
        } else {
            self.dispose(rule, severity, &demand, &finding, &fingerprint)
        };
        Judged { finding, fingerprint, severity, disposition }
    }

    /// Waivers come before everything else, since they are what a person decided. Neither a section nor a baseline ever
    /// covers what was not read: they speak of known properties, and an unread file has not been found to be anything.
    fn dispose(
        &mut self,
        rule: &str,
        severity: Severity,
        demand: &Demand<'_>,
        finding: &Finding,
        fingerprint: &str,
    ) -> Disposition {
        if let Some(waived) = self.waived(rule, finding) {
            return waived;
        }
        if finding.cause.is_some_and(crate::Cause::is_incomplete) {
            return Disposition::Incomplete;
        }
        if finding.cause == Some(crate::Cause::NotSupplied) {
            return Disposition::NotAsked;
        }
        if let Some(why) = demand.allowance(finding.outcome) {
            return Disposition::Allowed { why };
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
            if waiver.covers(rule, finding, &self.roots) {
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
            let message = format!("{} {seen}", waiver.words());
            let wanted = format!("{} or later", self.policy.today);
            waiver_finding(waiver, message, Evidence::new("expires", waiver.expires.to_string(), wanted))
        });
        let unused =
            waivers.iter().zip(&self.used).filter(|(waiver, used)| !**used && ran.contains(&waiver.rule));
        let unused = unused.map(|(waiver, _)| {
            let message = format!("{} covers nothing", waiver.words());
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
    Finding::fail(Some(waiver.at.clone()), waiver.key(), message).with(evidence.at(waiver.at.clone()))
}

/// What the user's own sections have to answer for; nothing where there are none. Whether a section matches is held
/// against every executable and not against the findings: one that all its files satisfy is the best there is.
fn section_verdict(
    policy: &Policy,
    matrix: Option<&Matrix>,
    roots: &Roots,
) -> Option<(&'static RuleMeta, Verdict)> {
    let matrix = matrix?;
    let own = || policy.sections.iter().filter_map(|section| Some((section, section.place()?)));
    let count = own().count();
    let unused = own().filter(|(section, _)| !matrix.rows.iter().any(|row| section.matches_row(row, roots)));
    let unused = unused.map(|(section, place)| {
        let evidence = Evidence::new("ELF files matched", "0", "at least 1").at(place.clone());
        let message = format!("the section for {} matches no file", section.words());
        Finding::fail(Some(place.clone()), section.words(), message).with(evidence)
    });
    let proof = Evidence::new("sections", count.to_string(), "");
    let verdict = Verdict::of("every section matches a file", unused.collect(), vec![proof]);
    (count > 0).then_some((&SECTION_UNUSED, verdict))
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
        allowed: count(|disposition| matches!(disposition, Disposition::Allowed { .. })),
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
    let not_asked = count(|disposition| *disposition == Disposition::NotAsked);
    if not_asked > 0 {
        gate.summary = format!("{}; {} not asked about", gate.summary, things(not_asked, "rule"));
    }
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
    if gate.allowed > 0 {
        parts.push(format!("{} allowed by the policy", gate.allowed));
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
                *totals.failures.entry(judged.severity.as_str()).or_default() += 1;
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
mod tests;
