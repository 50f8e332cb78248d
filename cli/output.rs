//! Where reports go: standard output, and files that are either the old or the new.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail};
use hardpan_checksec::rules::RULES;
use hardpan_report::Report;
use hardpan_report::render::{Format, Table, TerminalStyle, render, terminal};

use crate::args::{ColorChoice, OutputArgs, Printed};
use crate::context::Context;
use crate::replace::{persist, real_path, temporary_beside};

/// A file to write and the format to write.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    form: Form,
    path: PathBuf,
}

/// A report is rendered when everything is known; lines are written while files are read.
#[derive(Clone, Copy, Debug)]
enum Form {
    Report(Format),
    Lines,
}

impl Target {
    /// Where lines are to go, if they are what is asked for.
    pub(crate) fn lines(&self) -> Option<&Path> {
        matches!(self.form, Form::Lines).then_some(self.path.as_path())
    }
}

impl FromStr for Target {
    type Err = String;

    /// `report.html`, or `html=report` where the ending does not tell.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((format, path)) = text.split_once('=')
            && let Some(form) = Form::named(format)
        {
            return Ok(Self { form, path: path.into() });
        }
        let path = PathBuf::from(text);
        let form = Form::of_path(&path).ok_or(
            "its ending tells no format; use .html, .json, .jsonl, .sarif, .xml (JUnit), .csv or .txt, or write FORMAT=FILE, as in html=report",
        )?;
        Ok(Self { form, path })
    }
}

impl Form {
    fn named(name: &str) -> Option<Self> {
        if name == "jsonl" { Some(Self::Lines) } else { name.parse().ok().map(Self::Report) }
    }

    fn of_path(path: &Path) -> Option<Self> {
        let is_lines =
            |end: &std::ffi::OsStr| ["jsonl", "ndjson"].iter().any(|it| end.eq_ignore_ascii_case(it));
        if path.extension().is_some_and(is_lines) {
            return Some(Self::Lines);
        }
        Format::of_path(path).map(Self::Report)
    }
}

/// Writes all reports, files first, so that a closed pipe on standard output costs none of them.
pub(crate) fn write(report: &Report, args: &OutputArgs, context: &Context) -> anyhow::Result<()> {
    for target in &args.output {
        let Form::Report(format) = target.form else { continue };
        context.check()?;
        let mut bytes = Vec::new();
        render(format, report, &mut bytes)
            .with_context(|| format!("cannot make the report for {}", target.path.display()))?;
        replace(&target.path, &bytes)?;
    }
    context.check()?;
    let printed = print(report, args);
    hint(report);
    match printed {
        // Whoever reads only the first lines wants the verdict all the same.
        Err(error) if crate::is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

/// What a newcomer can do about files that could not be read.
fn hint(report: &Report) {
    let refused = |problem: &&hardpan_report::Problem| problem.reason.contains("Permission denied");
    let count = report.coverage.problems.iter().filter(refused).count();
    if count > 0 {
        // Nobody is left to be told if standard error is closed.
        let _ =
            writeln!(io::stderr(), "hint: reading was refused {count} times; run as root to judge that too");
    }
}

/// Refuses columns that no table has, and two reports to one file, of which only the second would stay. Asked before the
/// work is done.
pub(crate) fn check(args: &OutputArgs) -> anyhow::Result<()> {
    for name in &args.columns {
        column(name)?;
    }
    let mut seen = Vec::new();
    for target in &args.output {
        // A directory that is not there is for the writing to report.
        let place = real_path(&target.path).unwrap_or_else(|_| target.path.clone());
        if seen.contains(&place) {
            bail!("two reports are to be written to {}", target.path.display());
        }
        seen.push(place);
    }
    Ok(())
}

/// Refuses lines where nothing is told before everything is known.
pub(crate) fn refuse_lines(args: &OutputArgs) -> anyhow::Result<()> {
    if args.format == Printed::Jsonl || args.output.iter().any(|target| target.lines().is_some()) {
        bail!(
            "this command has no JSON Lines, since its rules judge the whole; use json, or checksec for single files"
        );
    }
    Ok(())
}

/// Whether anything that is asked for shows more of a file than what the gate makes of it.
pub(crate) fn shows_files(args: &OutputArgs) -> bool {
    let is_report = |target: &Target| matches!(target.form, Form::Report(_));
    !matches!(args.format, Printed::None | Printed::Jsonl) || args.output.iter().any(is_report)
}

/// Whether anything that is asked for shows the facts behind each cell of the table.
pub(crate) fn shows_facts(args: &OutputArgs) -> bool {
    let is_full = |target: &Target| matches!(target.form, Form::Report(Format::Json | Format::Html));
    matches!(args.format, Printed::Json | Printed::Html) || args.output.iter().any(is_full)
}

/// Prints text as it is. Whoever stops reading wants no error.
pub(crate) fn print_text(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Makes sure that the table has such a column: a misspelt one would be silently missing from it.
fn column(name: &str) -> anyhow::Result<()> {
    let metas = || RULES.iter().map(|rule| rule.meta());
    if metas().any(|meta| meta.id == name || meta.name == name) {
        return Ok(());
    }
    let names: Vec<&str> = metas().map(|meta| &*meta.name).collect();
    bail!("the table of executables has no column `{name}`; it has {}", names.join(", "))
}

/// Replaces a file in one step, and follows links to it: a temporary file beside it, synced, then renamed over it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    // A device or a pipe takes bytes and can not be replaced.
    if path.exists() && !path.is_file() {
        return std::fs::write(path, bytes).with_context(failed);
    }
    let mut file = temporary_beside(path).with_context(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(failed)?;
    persist(file, path).with_context(failed)
}

fn print(report: &Report, args: &OutputArgs) -> anyhow::Result<()> {
    let stdout = io::stdout();
    let mut out = io::BufWriter::new(stdout.lock());
    let format = match args.format {
        // Lines have been printed while files were read.
        Printed::None | Printed::Jsonl => return Ok(()),
        Printed::Text | Printed::Wide => {
            let table = if args.format == Printed::Wide { Table::Wide } else { Table::Fitted };
            let (color, columns) = (color(args.color), &args.columns);
            let style = TerminalStyle { color, width: width(), all: args.all, table, columns };
            terminal(report, &style, &mut out)?;
            return Ok(out.flush()?);
        }
        Printed::Json => Format::Json,
        Printed::Sarif => Format::Sarif,
        Printed::Html => Format::Html,
        Printed::Junit => Format::Junit,
        Printed::Csv => Format::Csv,
        Printed::Github => Format::Github,
        Printed::Gitlab => Format::Gitlab,
    };
    render(format, report, &mut out)?;
    Ok(out.flush()?)
}

pub(crate) fn color(choice: ColorChoice) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let asked_not_to = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            !asked_not_to && !dumb && io::stdout().is_terminal()
        }
    }
}

/// The terminal's width; 100 columns where there is none.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    #[test]
    fn a_replaced_report_keeps_its_mode_and_the_links_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("report.json"), dir.path().join("latest.json"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        symlink("report.json", &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn two_reports_to_one_file_are_refused() {
        let outcome = |outputs: &[&str]| {
            let line = ["hardpan", "audit", "/"].iter().chain(outputs);
            let Command::Audit(args) = Args::try_parse_from(line).unwrap().command else { panic!("audit") };
            check(&args.output)
        };
        assert!(outcome(&["-o", "a.json", "-o", "a.html"]).is_ok());
        assert!(outcome(&["-o", "a.json", "-o", "json=./a.json"]).is_err());
    }
}
