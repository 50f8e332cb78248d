//! What the compiler has to say, as text, JSON or SARIF, and what that makes of the exit code.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use hardpan_selinux_policy::diagnostic::{Diagnostic, Severity, Source, Span, position, render};
use serde_json::{Value, json};

use super::{FAULTY, sarif};
use crate::output::print_text;

/// How diagnostics are shown, and which of them fail the run.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct ReportArgs {
    /// How to tell what is wrong: text on standard error, or JSON or SARIF on standard output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Tell every optional block that is switched off, and which name it lacks
    #[arg(long)]
    optionals: bool,

    /// Fail if an optional block is switched off. Implies --optionals
    #[arg(long)]
    deny_disabled_optionals: bool,

    /// Fail if there are warnings
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Sarif,
}

/// What a compilation had to say.
#[derive(Default)]
pub(super) struct Said {
    /// Errors and warnings.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// One warning for each optional that is switched off.
    pub(super) disabled: Vec<Diagnostic>,
}

impl Said {
    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }
}

impl ReportArgs {
    /// 0 if nothing that was said fails the run.
    pub(super) fn verdict(&self, said: &Said) -> u8 {
        let fails = said.count(Severity::Error) > 0
            || self.deny_warnings && said.count(Severity::Warning) > 0
            || self.deny_disabled_optionals && !said.disabled.is_empty();
        if fails { FAULTY } else { crate::exit::CLEAN }
    }

    /// Tells all of it. `outcome` is what else the JSON has, `summary` what else the text has at its end.
    pub(super) fn tell(
        &self,
        said: &Said,
        sources: &[Source],
        mut outcome: serde_json::Map<String, Value>,
        summary: Option<&str>,
    ) -> io::Result<()> {
        let shown = || said.diagnostics.iter().chain(said.disabled.iter().filter(|_| self.shows_optionals()));
        match if self.json { Format::Json } else { self.format } {
            Format::Text => {
                self.tell_text(shown(), said, sources, summary);
                Ok(())
            }
            Format::Json => {
                let list: Vec<Value> = shown().map(|diagnostic| to_json(diagnostic, sources)).collect();
                outcome.insert("errors".to_owned(), json!(said.count(Severity::Error)));
                outcome.insert("warnings".to_owned(), json!(said.count(Severity::Warning)));
                outcome.insert("disabled_optionals".to_owned(), json!(said.disabled.len()));
                outcome.insert("diagnostics".to_owned(), list.into());
                print_text(&format!("{:#}\n", Value::from(outcome)))
            }
            Format::Sarif => print_text(&format!("{:#}\n", sarif::log(shown(), sources))),
        }
    }

    fn shows_optionals(&self) -> bool {
        self.optionals || self.deny_disabled_optionals
    }

    fn tell_text<'a>(
        &self,
        shown: impl Iterator<Item = &'a Diagnostic>,
        said: &Said,
        sources: &[Source],
        summary: Option<&str>,
    ) {
        // Nobody is left to be told if standard error is closed; the exit code stays.
        let mut stderr = io::BufWriter::new(io::stderr().lock());
        for diagnostic in shown {
            let _ = writeln!(stderr, "{}", render(diagnostic, sources));
        }
        let counts = [
            (said.count(Severity::Error), "error"),
            (said.count(Severity::Warning), "warning"),
            (said.disabled.len(), "disabled optional block"),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| plural(*count, what)).collect();
        let hint = !said.disabled.is_empty() && !self.shows_optionals();
        let hint = if hint { " (--optionals tells which)" } else { "" };
        if !counts.is_empty() {
            let _ = writeln!(stderr, "{}{hint}", counts.join(", "));
        }
        if let Some(summary) = summary {
            let _ = writeln!(stderr, "{summary}");
        }
    }
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn to_json(diagnostic: &Diagnostic, sources: &[Source]) -> Value {
    let place = |span: &Span| place(*span, sources);
    let note = |(span, text): &(Span, String)| {
        let mut value = place(span);
        value["text"] = json!(text);
        value
    };
    json!({
        "severity": severity(diagnostic.severity),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "at": diagnostic.at.as_ref().map(place),
        "through": diagnostic.through.iter().map(place).collect::<Vec<_>>(),
        "notes": diagnostic.notes.iter().map(note).collect::<Vec<_>>(),
        "help": diagnostic.help,
    })
}

fn place(span: Span, sources: &[Source]) -> Value {
    let Some(source) = sources.get(span.file as usize) else { return Value::Null };
    let position = position(&source.text, span.start);
    json!({ "file": source.name, "line": position.line, "column": position.column, "offset": span.start })
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
