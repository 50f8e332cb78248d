//! Annotations for GitHub Actions: workflow commands on standard output, which the runner shows beside the change.

use std::io::{self, Write};

use super::words::{count, fix_words, gate_word, message_words, place};
use crate::{Disposition, Judged, Outcome, Report, RuleResult, Severity};

/// Annotations of a kind that GitHub shows for a step; it drops more without a word. The last notice is ours, and says
/// how many there are.
const SHOWN: [(Level, usize); 3] = [(Level::Error, 10), (Level::Warning, 10), (Level::Notice, 9)];

/// Writes what fails the run, or makes it incomplete, as errors, what stays below the threshold as warnings and notices,
/// and the gate's sentence. What the policy has settled is counted by that sentence alone. The same report gives the same
/// bytes.
pub fn github(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut hidden = 0;
    for (level, limit) in SHOWN {
        let mut found = annotations(report, level);
        for (rule, judged) in found.by_ref().take(limit) {
            annotate(level, rule, judged, out)?;
        }
        hidden += found.count();
    }
    if hidden > 0 {
        let number = count(hidden as u64);
        writeln!(out, "::notice title=hardpan::and {number} more; the other formats of the report list all")?;
    }
    writeln!(out, "{}: {}", gate_word(&report.gate), data(&report.gate.summary))
}

/// How loud an annotation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    fn of(judged: &Judged) -> Option<Self> {
        match judged.disposition {
            Disposition::Gating | Disposition::Incomplete => Some(Self::Error),
            Disposition::BelowThreshold if is_weighty(judged) => Some(Self::Warning),
            Disposition::BelowThreshold => Some(Self::Notice),
            Disposition::Allowed { .. }
            | Disposition::NotAsked
            | Disposition::Off
            | Disposition::Known
            | Disposition::Waived { .. } => None,
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// What is not known to be amiss, or hardly matters, does not warn.
fn is_weighty(judged: &Judged) -> bool {
    judged.severity >= Severity::Medium && judged.finding.outcome != Outcome::Unknown
}

/// The findings of a level, the gravest first.
fn annotations(report: &Report, level: Level) -> impl Iterator<Item = (&RuleResult, &Judged)> {
    let findings =
        report.rules.iter().flat_map(|rule| rule.findings.iter().map(move |judged| (rule, judged)));
    let mut found: Vec<_> = findings.filter(|(_, judged)| Level::of(judged) == Some(level)).collect();
    found.sort_by_key(|(_, judged)| std::cmp::Reverse(judged.severity));
    found.into_iter()
}

fn annotate(level: Level, rule: &RuleResult, judged: &Judged, out: &mut dyn Write) -> io::Result<()> {
    let finding = &judged.finding;
    write!(out, "::{} ", level.command())?;
    if let Some(location) = place(finding) {
        write!(out, "file={},", property(&location.path.to_string()))?;
        if let Some(line) = location.line {
            write!(out, "line={line},")?;
        }
    }
    write!(out, "title={}::", property(&format!("{} {}", rule.id, rule.name)))?;
    // A log shows the message alone.
    let path = finding.location.as_ref().map(|location| format!("{}: ", location.path)).unwrap_or_default();
    let mut lines = vec![format!("{path}{}", message_words(finding))];
    lines.extend(fix_words(&finding.fixes));
    writeln!(out, "{}", data(&lines.join("\n")))
}

/// A command's message, which ends with the line: the runner decodes these three.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which ends with a comma or a colon too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_command() {
        assert_eq!(data("a\r\n::error::b 100%"), "a%0D%0A::error::b 100%25");
        assert_eq!(property("a,b:c\n%0A"), "a%2Cb%3Ac%0A%250A");
    }
}
