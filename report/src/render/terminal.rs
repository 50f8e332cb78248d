//! The report as text for people.

mod catalogue;

use std::io::{self, Write};

use super::layout::{Layout, Line, Paint};
use super::markdown::{Block, blocks, first_paragraph, plain};
use super::matrix;
use super::processes;
use super::words::{
    bytes, count, coverage_words, evidence_place, fix_words, gate_word, location_words, outcome_prefix,
    outcome_word, policy_words, shared_fixes, sureness, tally_parts, tally_words,
};
use crate::{
    Disposition, Evidence, Fix, Judged, LanguageShare, Outcome, PillarResult, Problem, Report, RuleResult,
};

/// Findings shown for each rule, and problems for each list, unless all are asked for.
const SHOWN: usize = 3;
/// Facts shown for each finding, unless all are asked for.
const FACTS: usize = 2;
/// Columns of the marks: the longest is `UNKNOWN`, and a space parts it from what follows.
const MARK: usize = 8;
/// From this width on, the summaries of the pillars stand beside their titles.
const WIDE: usize = 110;

/// How the text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct TerminalStyle<'a> {
    /// Whether to colour. Without colour the text has nothing but ASCII of its own.
    pub color: bool,
    /// Columns that no line exceeds, but those of [`Table::Wide`]; at least 24 are used.
    pub width: usize,
    /// Whether to list every finding rather than the first few of each rule.
    pub all: bool,
    /// How the table of executables is laid out.
    pub table: Table,
    /// The properties that the table shows, by the id or the name of their rules; empty for the table's own choice.
    pub columns: &'a [String],
}

impl TerminalStyle<'static> {
    /// For a file rather than a terminal.
    pub const FILE: Self = Self { color: false, width: 120, all: true, table: Table::Fitted, columns: &[] };
}

/// How wide the table of executables may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// As wide as the text: the properties that matter most stay, and the others are named.
    Fitted,
    /// As wide as all properties need, for a pager or a file.
    Wide,
}

/// Writes the report as text. `checksec` leads with its table. `audit` ends with the pillars at a glance, because the end
/// is what a terminal shows when the report has run through; the gate's sentence is last.
pub fn terminal(report: &Report, style: &TerminalStyle<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { layout: Layout::new(out, style.color, style.width), all: style.all };
    page.header(report)?;
    match &report.matrix {
        Some(table) if report.command == "checksec" => {
            if let Some(running) = &report.processes {
                processes::table(&mut page.layout, running)?;
            }
            matrix::table(&mut page.layout, report, table, style)?;
            page.totals(report)?;
            page.checksec_rules(report)?;
        }
        None if report.command == "lockdown" && !style.all => page.catalogue(report)?,
        _ => page.pillars(report)?,
    }
    page.languages(&report.languages)?;
    page.problems("Not entered", &report.coverage.not_entered)?;
    page.problems("Could not be read", &report.coverage.problems)?;
    page.glance(report)?;
    page.gate(report)
}

struct Page<'a> {
    layout: Layout<'a>,
    all: bool,
}

impl Page<'_> {
    fn header(&mut self, report: &Report) -> io::Result<()> {
        let title = format!("{} {}", report.tool.name, report.command);
        let line = Line::of(Paint::Strong, &title).and(Paint::Faint, &format!("  {}", report.tool.version));
        self.layout.paragraph(0, 2, &line)?;
        self.layout.rule()?;
        let subject = &report.subject;
        self.field("Subject", &format!("{} ({})", subject.path, subject.kind))?;
        if let Some(os) = &subject.os {
            self.field("System", os)?;
        }
        // Where single files are judged, the rules name each of them.
        if report.coverage.entries > 0 || report.command != "lockdown" {
            self.field("Read", &coverage_words(report))?;
        }
        if subject.live {
            self.field("Live", "facts of the running host were used")?;
        }
        self.layout.blank()
    }

    fn field(&mut self, name: &str, value: &str) -> io::Result<()> {
        let line = Line::of(Paint::Faint, name).pad(9).and(Paint::Plain, value);
        self.layout.paragraph(0, 9, &line)
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        self.layout.paragraph(0, 2, &Line::of(Paint::Strong, &text.to_uppercase()))
    }

    fn glance(&mut self, report: &Report) -> io::Result<()> {
        if report.pillars.len() > 1 {
            self.heading("The pillars at a glance")?;
            let titles = report.pillars.iter().map(|pillar| pillar.title.chars().count()).max().unwrap_or(0);
            for pillar in &report.pillars {
                self.glance_line(pillar, titles)?;
            }
            self.layout.blank()?;
        }
        Ok(())
    }

    fn glance_line(&mut self, pillar: &PillarResult, titles: usize) -> io::Result<()> {
        let indent = 4 + MARK;
        let line = Line::of(Paint::Faint, &format!("{:>2}  ", pillar.number))
            .and(Paint::Mark(pillar.outcome), outcome_word(pillar.outcome))
            .pad(indent)
            .and(Paint::Strong, pillar.title);
        if self.layout.width() < WIDE {
            self.layout.paragraph(0, indent, &line)?;
            return self.layout.paragraph(indent, indent, &Line::of(Paint::Faint, &pillar.summary));
        }
        // The layout caps hanging indents at a quarter of the width, so the summary hangs below the title.
        let line = line.pad(indent + titles + 2).and(Paint::Plain, &pillar.summary);
        self.layout.paragraph(0, indent + 2, &line)
    }

    fn pillars(&mut self, report: &Report) -> io::Result<()> {
        for pillar in &report.pillars {
            self.layout.rule()?;
            let title = format!("{}  {}", pillar.number, pillar.title.to_uppercase());
            let line = Line::of(Paint::Strong, &title)
                .and(Paint::Plain, "  ")
                .and(Paint::Mark(pillar.outcome), outcome_word(pillar.outcome));
            self.layout.paragraph(0, 3, &line)?;
            self.layout.paragraph(3, 3, &Line::of(Paint::Faint, pillar.promise))?;
            self.layout.blank()?;
            self.rules(report.rules_of(pillar.id))?;
        }
        self.own_rules(report)
    }

    /// Rules about the configuration of Hardpan itself belong to no pillar.
    fn own_rules(&mut self, report: &Report) -> io::Result<()> {
        let mut rules = report.rules.iter().filter(|rule| rule.pillar.is_none()).peekable();
        if rules.peek().is_some() {
            self.layout.rule()?;
            self.heading("Hardpan's own configuration")?;
            self.layout.blank()?;
            self.rules(rules)?;
        }
        Ok(())
    }

    fn rules<'r>(&mut self, rules: impl Iterator<Item = &'r RuleResult>) -> io::Result<()> {
        let mut ends_blank = false;
        for rule in rules {
            self.rule(rule)?;
            ends_blank = !rule.findings.is_empty();
        }
        if ends_blank { Ok(()) } else { self.layout.blank() }
    }

    fn rule(&mut self, rule: &RuleResult) -> io::Result<()> {
        let line = Line::of(Paint::Mark(rule.outcome), outcome_word(rule.outcome))
            .pad(MARK)
            .and(Paint::Strong, &rule.id)
            .and(Paint::Plain, "  ")
            .and(Paint::Plain, &rule.title);
        let is_bad = matches!(rule.outcome, Outcome::Fail | Outcome::Partial | Outcome::Unknown);
        let severity = if is_bad { format!("  [{}]", rule.severity) } else { String::new() };
        self.layout.paragraph(0, MARK, &line.and(Paint::Faint, &severity))?;
        if !rule.summary.is_empty() {
            self.layout.paragraph(MARK, MARK, &Line::of(Paint::Faint, &rule.summary))?;
        }
        if self.all {
            self.rule_facts(rule)?;
        }
        let shared = shared_fixes(rule);
        self.findings(rule, shared.is_none())?;
        if matches!(rule.outcome, Outcome::Fail | Outcome::Partial) {
            self.remedy(rule, shared.unwrap_or_default())?;
        }
        // Long entries need air between them; a list of passes reads better without.
        if rule.findings.is_empty() { Ok(()) } else { self.layout.blank() }
    }

    fn rule_facts(&mut self, rule: &RuleResult) -> io::Result<()> {
        if let (Some(tally), Some(unit)) = (&rule.tally, rule.unit) {
            self.layout.paragraph(MARK, MARK, &Line::of(Paint::Faint, &tally_words(tally, unit)))?;
        }
        for evidence in &rule.evidence {
            self.evidence(None, evidence)?;
        }
        Ok(())
    }

    /// `with_fixes` where the findings do not share what to add.
    fn findings(&mut self, rule: &RuleResult, with_fixes: bool) -> io::Result<()> {
        let mut ordered: Vec<&Judged> = rule.findings.iter().collect();
        // What fails the run comes before what the policy has settled; the order by path stays within each.
        ordered.sort_by_key(|judged| urgency(&judged.disposition));
        let shown = if self.all { ordered.len() } else { SHOWN };
        if let [only] = &ordered[..]
            && only.finding.message == rule.summary
        {
            return self.only_finding(rule, only);
        }
        for judged in ordered.iter().take(shown) {
            self.finding(rule, judged)?;
            if with_fixes {
                self.fixes(MARK + 2, "", &judged.finding.fixes, "")?;
            }
        }
        self.more(MARK, ordered.len().saturating_sub(shown))
    }

    /// The summary has said it; the facts and the place are left.
    fn only_finding(&mut self, rule: &RuleResult, judged: &Judged) -> io::Result<()> {
        let finding = &judged.finding;
        let places = finding.evidence.iter().any(|evidence| evidence.location.is_some());
        if let Some(location) = finding.location.as_ref().filter(|_| !places) {
            let line = Line::of(Paint::Faint, "at ").and(Paint::Plain, &location_words(location));
            self.layout.paragraph(MARK + 2, MARK + 4, &line)?;
        }
        self.facts(None, &finding.evidence)?;
        self.disposition(rule, judged)
    }

    /// A finding that is about the whole subject often says what the rule's summary has said just before.
    fn finding(&mut self, rule: &RuleResult, judged: &Judged) -> io::Result<()> {
        let finding = &judged.finding;
        let bullet = Line::of(
            Paint::Outcome(finding.outcome),
            if self.layout.is_plain() { "* " } else { "\u{2022} " },
        );
        let unknown = outcome_prefix(finding.outcome);
        let sureness = sureness(finding);
        match &finding.location {
            Some(location) => {
                self.layout.paragraph(
                    MARK,
                    MARK + 4,
                    &bullet.and(Paint::Strong, &location_words(location)),
                )?;
                let message = Line::of(Paint::Outcome(finding.outcome), unknown)
                    .and(Paint::Plain, &finding.message)
                    .and(Paint::Faint, sureness);
                self.layout.paragraph(MARK + 2, MARK + 4, &message)?;
            }
            None if finding.message == rule.summary => {}
            None => {
                let line = bullet
                    .and(Paint::Outcome(finding.outcome), unknown)
                    .and(Paint::Plain, &finding.message)
                    .and(Paint::Faint, sureness);
                self.layout.paragraph(MARK, MARK + 2, &line)?;
            }
        }
        self.facts(finding.location.as_ref(), &finding.evidence)?;
        self.disposition(rule, judged)
    }

    fn facts(&mut self, known: Option<&crate::Location>, facts: &[Evidence]) -> io::Result<()> {
        let shown = if self.all { facts.len() } else { FACTS };
        facts.iter().take(shown).try_for_each(|evidence| self.evidence(known, evidence))
    }

    fn disposition(&mut self, rule: &RuleResult, judged: &Judged) -> io::Result<()> {
        match policy_words(rule.severity, judged) {
            Some(words) => {
                self.layout.paragraph(MARK + 2, MARK + 4, &Line::of(Paint::Faint, &format!("({words})")))
            }
            None => Ok(()),
        }
    }

    fn evidence(&mut self, known: Option<&crate::Location>, evidence: &Evidence) -> io::Result<()> {
        let mut line =
            Line::of(Paint::Faint, &evidence.what).and(Paint::Faint, ": ").and(Paint::Plain, &evidence.seen);
        if !evidence.wanted.is_empty() {
            line = line.and(Paint::Faint, "; wanted: ").and(Paint::Plain, &evidence.wanted);
        }
        let place = evidence_place(known, evidence);
        if !place.is_empty() {
            line = line.and(Paint::Faint, &format!(" ({place})"));
        }
        self.layout.paragraph(MARK + 2, MARK + 4, &line)
    }

    fn more(&mut self, indent: usize, hidden: usize) -> io::Result<()> {
        if hidden == 0 {
            return Ok(());
        }
        let dots = if self.layout.is_plain() { "..." } else { "\u{2026}" };
        let text = format!("{dots} and {} more (--all, or --output report.html)", count(hidden as u64));
        self.layout.paragraph(indent, indent + 2, &Line::of(Paint::Faint, &text))
    }

    /// What to add to the build, one line for each flag, with a word before the first and one behind the last.
    fn fixes(&mut self, indent: usize, before: &str, fixes: &[Fix], behind: &str) -> io::Result<()> {
        let lines = fix_words(fixes);
        let last = lines.len().saturating_sub(1);
        for (at, words) in lines.iter().enumerate() {
            let behind = if at == last { behind } else { "" };
            let line = Line::of(Paint::Strong, if at == 0 { before } else { "" })
                .pad(before.len())
                .and(Paint::Plain, words)
                .and(Paint::Faint, behind);
            self.layout.paragraph(indent, indent + before.len() + 2, &line)?;
        }
        Ok(())
    }

    /// The flags to add where the findings share them. Else, or where everything is asked for, the remedy: the whole, or
    /// its first paragraph and where the rest is.
    fn remedy(&mut self, rule: &RuleResult, fixes: &[Fix]) -> io::Result<()> {
        let all = blocks(&rule.remedy);
        let more = if all.is_empty() || self.all {
            String::new()
        } else {
            format!(" (more: hardpan explain {})", rule.id)
        };
        self.fixes(MARK, "Fix: ", fixes, &more)?;
        if !fixes.is_empty() && !self.all {
            return Ok(());
        }
        if self.all {
            return all.iter().enumerate().try_for_each(|(at, block)| self.remedy_block(at == 0, block));
        }
        let first = first_paragraph(&rule.remedy);
        if first.is_empty() {
            return Ok(());
        }
        let rest =
            if all.len() > 1 { format!(" (more: hardpan explain {})", rule.id) } else { String::new() };
        let line = Line::of(Paint::Strong, "Fix: ").and(Paint::Plain, &first).and(Paint::Faint, &rest);
        self.layout.paragraph(MARK, MARK + 5, &line)
    }

    fn remedy_block(&mut self, is_first: bool, block: &Block<'_>) -> io::Result<()> {
        let label = if is_first { "Fix: " } else { "     " };
        let prefixed = |text: &str| Line::of(Paint::Strong, label).and(Paint::Plain, text);
        match block {
            Block::Paragraph(text) => self.layout.paragraph(MARK, MARK + 5, &prefixed(&plain(text))),
            Block::List(items) => items.iter().enumerate().try_for_each(|(at, item)| {
                let label = if at == 0 { label } else { "     " };
                let line =
                    Line::of(Paint::Strong, label).and(Paint::Plain, "- ").and(Paint::Plain, &plain(item));
                self.layout.paragraph(MARK, MARK + 7, &line)
            }),
            Block::Code(lines) => {
                if is_first {
                    self.layout.paragraph(MARK, MARK, &prefixed(""))?;
                }
                lines.iter().try_for_each(|line| {
                    self.layout.paragraph(MARK + 7, MARK + 9, &Line::of(Paint::Plain, line))
                })
            }
        }
    }

    /// One line for each rule of `checksec`, with what it counted.
    fn totals(&mut self, report: &Report) -> io::Result<()> {
        self.heading("Totals")?;
        for rule in &report.rules {
            let line = Line::of(Paint::Mark(rule.outcome), outcome_word(rule.outcome))
                .pad(MARK)
                .and(Paint::Strong, &rule.id)
                .and(Paint::Plain, &format!("  {}", rule.name));
            let counted = rule.tally.as_ref().map(|tally| tally_parts(tally).join(", "));
            let counted = counted.filter(|text| !text.is_empty()).unwrap_or_else(|| rule.summary.clone());
            self.layout.paragraph(0, MARK, &line.and(Paint::Faint, ": ").and(Paint::Plain, &counted))?;
        }
        self.layout.blank()
    }

    /// The table has shown which files fail; this says why and what to do.
    fn checksec_rules(&mut self, report: &Report) -> io::Result<()> {
        let mut rules = report.rules.iter().filter(|rule| !rule.findings.is_empty()).peekable();
        if rules.peek().is_some() {
            self.heading("Findings")?;
            self.rules(rules)?;
        }
        Ok(())
    }

    fn languages(&mut self, shares: &[LanguageShare]) -> io::Result<()> {
        if shares.is_empty() {
            return Ok(());
        }
        self.heading("Languages of programs and libraries")?;
        for share in shares {
            let safety = match share.memory_safe {
                Some(true) => "memory-safe",
                Some(false) => "not memory-safe",
                None => "not known",
            };
            let line = Line::of(Paint::Strong, share.language.as_str())
                .pad(MARK)
                .and(
                    Paint::Plain,
                    &format!("  {:>7} files {:>5.1} %", count(share.files), share.files_percent),
                )
                .and(Paint::Plain, &format!("  {:>9} {:>5.1} %", bytes(share.bytes), share.bytes_percent))
                .and(Paint::Faint, &format!("  {safety}"));
            self.layout.paragraph(0, MARK + 2, &line)?;
        }
        self.layout.blank()
    }

    fn problems(&mut self, heading: &str, problems: &[Problem]) -> io::Result<()> {
        if problems.is_empty() {
            return Ok(());
        }
        self.heading(&format!("{heading}: {}", count(problems.len() as u64)))?;
        let shown = if self.all { problems.len() } else { SHOWN };
        for problem in problems.iter().take(shown) {
            let cause = problem.cause.map(|cause| format!(" ({})", cause.as_str())).unwrap_or_default();
            let line = Line::of(Paint::Strong, &problem.path.to_string())
                .and(Paint::Plain, &format!(": {}", problem.reason))
                .and(Paint::Faint, &cause);
            self.layout.paragraph(2, 4, &line)?;
        }
        self.more(2, problems.len().saturating_sub(shown))?;
        self.layout.blank()
    }

    fn gate(&mut self, report: &Report) -> io::Result<()> {
        self.layout.rule()?;
        let outcome = match report.gate.exit_code {
            0 => Outcome::Pass,
            1 => Outcome::Fail,
            _ => Outcome::Unknown,
        };
        let line = Line::of(Paint::Mark(outcome), gate_word(&report.gate))
            .and(Paint::Plain, "  ")
            .and(Paint::Plain, &report.gate.summary);
        self.layout.paragraph(0, 2, &line)
    }
}

/// Where a finding stands among those of its rule.
fn urgency(disposition: &Disposition) -> u8 {
    match disposition {
        Disposition::Gating => 0,
        Disposition::Incomplete => 1,
        Disposition::BelowThreshold => 2,
        Disposition::Known => 3,
        Disposition::Allowed { .. } => 4,
        Disposition::Waived { .. } => 5,
        Disposition::NotAsked => 6,
        Disposition::Off => 7,
    }
}
