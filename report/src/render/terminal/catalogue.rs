//! Hundreds of rules of one kind, in the order of what to do about them: what fails the run first, what is milder in one line
//! each, what is unknown by its reason, and the rest as numbers.

use std::collections::BTreeMap;
use std::io;

use super::{MARK, Page, outcome_word, urgency};
use crate::render::layout::{Line, Paint};
use crate::render::markdown::first_paragraph;
use crate::render::words::count;
use crate::{Disposition, Outcome, Report, RuleResult, Severity};

impl Page<'_> {
    pub(super) fn catalogue(&mut self, report: &Report) -> io::Result<()> {
        let of = |wanted: fn(&RuleResult) -> bool| {
            let mut rules: Vec<&RuleResult> = report.rules.iter().filter(|rule| wanted(rule)).collect();
            rules.sort_by_key(|rule| std::cmp::Reverse(rule.severity));
            rules
        };
        self.urgent(&of(|rule| fails(rule) && is_gating(rule)))?;
        self.mild(&of(|rule| fails(rule) && !is_gating(rule)))?;
        self.open(&of(|rule| rule.outcome == Outcome::Unknown))?;
        let total = |outcome| report.rules.iter().filter(|rule| rule.outcome == outcome).count() as u64;
        let text = format!(
            "{} rules pass, {} do not apply to this kernel (--all lists every rule; hardpan explain ID tells why it matters)",
            count(total(Outcome::Pass)),
            count(total(Outcome::NotApplicable))
        );
        self.layout.paragraph(0, 2, &Line::of(Paint::Faint, &text))?;
        self.layout.blank()
    }

    /// What fails the run, with what to do about it.
    fn urgent(&mut self, rules: &[&RuleResult]) -> io::Result<()> {
        if rules.is_empty() {
            return Ok(());
        }
        self.heading(&format!("Fails the run: {}", count(rules.len() as u64)))?;
        self.layout.blank()?;
        for rule in rules {
            let line = Line::of(Paint::Mark(rule.outcome), outcome_word(rule.outcome))
                .pad(MARK)
                .and(Paint::Strong, &rule.id)
                .and(Paint::Plain, &format!("  {}", rule.title))
                .and(Paint::Faint, &format!("  [{}]", rule.severity));
            self.layout.paragraph(0, MARK, &line)?;
            self.layout.paragraph(MARK, MARK, &Line::of(Paint::Faint, &with_place(rule)))?;
            let fix = Line::of(Paint::Strong, "Fix: ").and(Paint::Plain, &first_paragraph(&rule.remedy));
            self.layout.paragraph(MARK, MARK + 5, &fix)?;
        }
        self.layout.blank()
    }

    /// What does not, in a line each.
    fn mild(&mut self, rules: &[&RuleResult]) -> io::Result<()> {
        if rules.is_empty() {
            return Ok(());
        }
        self.heading(&format!(
            "Fails, and is below the threshold or settled by the policy: {}",
            rules.len()
        ))?;
        for severity in Severity::ALL.iter().rev() {
            for rule in rules.iter().filter(|rule| rule.severity == *severity) {
                let line = Line::of(Paint::Outcome(rule.outcome), severity.as_str())
                    .pad(MARK + 1)
                    .and(Paint::Strong, &rule.id)
                    .and(Paint::Plain, &format!("  {}", rule.title))
                    .and(Paint::Faint, &format!(": {}", rule.summary));
                self.layout.paragraph(0, MARK + 10, &line)?;
            }
        }
        self.layout.blank()
    }

    /// What is not known, by the reason, of which there are few however many rules there are.
    fn open(&mut self, rules: &[&RuleResult]) -> io::Result<()> {
        if rules.is_empty() {
            return Ok(());
        }
        self.heading(&format!("Unknown: {}", count(rules.len() as u64)))?;
        let mut reasons: BTreeMap<(u8, &str), Vec<&RuleResult>> = BTreeMap::new();
        for rule in rules {
            let urgent = rule.findings.iter().map(|judged| urgency(&judged.disposition)).min().unwrap_or(0);
            reasons.entry((urgent, general(&rule.summary))).or_default().push(rule);
        }
        for ((_, reason), rules) in reasons {
            let (first, weight) = (rules[0], if is_gating(rules[0]) { " (fails the run)" } else { "" });
            let text = if rules.len() == 1 { first.summary.as_str() } else { reason };
            let line = Line::of(Paint::Mark(Outcome::Unknown), &format!("{:>5} ", rules.len()))
                .and(Paint::Plain, text)
                .and(Paint::Faint, weight);
            self.layout.paragraph(0, 6, &line)?;
            let ids: Vec<&str> = rules.iter().take(IDS).map(|rule| &*rule.id).collect();
            let more = if rules.len() > IDS { ", …" } else { "" };
            let more = if self.layout.is_plain() { more.replace('…', "...") } else { more.to_owned() };
            let text = format!("{}{more}", ids.join(", "));
            self.layout.paragraph(6, 8, &Line::of(Paint::Faint, &text))?;
        }
        self.layout.blank()
    }
}

/// Ids shown for a reason.
const IDS: usize = 6;

fn fails(rule: &RuleResult) -> bool {
    matches!(rule.outcome, Outcome::Fail | Outcome::Partial)
}

fn is_gating(rule: &RuleResult) -> bool {
    let gates =
        |disposition: &Disposition| matches!(disposition, Disposition::Gating | Disposition::Incomplete);
    rule.findings.iter().any(|judged| gates(&judged.disposition))
}

/// A reason without what it says of the one rule: what stands behind `, which tells` or `, of which`.
fn general(reason: &str) -> &str {
    [", which tells ", ", of which "].iter().fold(reason, |text, end| text.split(end).next().unwrap_or(text))
}

fn with_place(rule: &RuleResult) -> String {
    let location = rule.findings.iter().find_map(|judged| judged.finding.location.as_ref());
    match location {
        Some(location) => format!("{} ({})", rule.summary, crate::render::words::location_words(location)),
        None => rule.summary.clone(),
    }
}
