//! JSON Lines, written while a scan goes on: to standard output as they come, and to files that appear when they are whole.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use hardpan_checksec::Unreadable;
use hardpan_checksec::rules::RULES;
use hardpan_report::render::Lines;
use hardpan_report::{BytePath, Coverage, Problem, Report, Row, Subject};
use tempfile::NamedTempFile;

use crate::args::{OutputArgs, Printed};
use crate::replace::{persist, temporary_beside};

/// Where the lines of one run go.
pub(crate) struct LineWriter {
    lines: Lines<'static>,
    sinks: Vec<Sink>,
    /// Lines of a stretch, which go out together.
    buffer: Vec<u8>,
}

enum Sink {
    /// Written through at each stretch, so that readers see how far it is.
    Stdout,
    /// Renamed at the end: a file of that name is whole.
    File(NamedTempFile, PathBuf),
    /// A device or a pipe takes lines and can not be replaced.
    Device(File, PathBuf),
}

impl LineWriter {
    /// The writer, if lines are asked for.
    pub(crate) fn of(args: &OutputArgs) -> anyhow::Result<Option<Self>> {
        let mut sinks = Vec::new();
        for path in args.output.iter().filter_map(|target| target.lines()) {
            let failed = || format!("cannot write {}", path.display());
            sinks.push(if path.exists() && !path.is_file() {
                Sink::Device(File::options().write(true).open(path).with_context(failed)?, path.into())
            } else {
                Sink::File(temporary_beside(path).with_context(failed)?, path.into())
            });
        }
        if args.format == Printed::Jsonl {
            sinks.push(Sink::Stdout);
        }
        let lines = Lines::new(RULES.iter().map(|rule| rule.meta()).collect());
        Ok((!sinks.is_empty()).then_some(Self { lines, sinks, buffer: Vec::new() }))
    }

    /// What is known before anything is read.
    pub(crate) fn begin(&mut self, subject: &Subject) -> anyhow::Result<()> {
        self.lines.header(subject, &mut self.buffer)?;
        self.flush()
    }

    /// What was not listed, of one root.
    pub(crate) fn places(&mut self, coverage: &Coverage) -> anyhow::Result<()> {
        for place in &coverage.not_entered {
            self.lines.not_entered(place, &mut self.buffer)?;
        }
        for problem in &coverage.problems {
            self.lines.problem(problem, &mut self.buffer)?;
        }
        self.flush()
    }

    /// Files that were judged, and files that could not be; both in the order of their paths.
    pub(crate) fn stretch(&mut self, rows: &[Row], unreadable: &[Unreadable]) -> anyhow::Result<()> {
        let problem = |file: &Unreadable| Problem {
            path: BytePath::from(file.path.as_slice()),
            cause: Some(file.cause),
            reason: hardpan_report::escape_str(&file.reason),
        };
        let mut problems = unreadable.iter().map(problem).peekable();
        for row in rows {
            while let Some(problem) = problems.next_if(|problem| problem.path < row.path) {
                self.lines.problem(&problem, &mut self.buffer)?;
            }
            self.lines.file(row, &mut self.buffer)?;
        }
        for problem in problems {
            self.lines.problem(&problem, &mut self.buffer)?;
        }
        self.flush()
    }

    /// All lines of a report that was made in one go.
    pub(crate) fn whole(mut self, report: &Report) -> anyhow::Result<()> {
        self.begin(&report.subject)?;
        self.places(&report.coverage)?;
        let rows = report.matrix.as_ref().map_or(&[][..], |matrix| &matrix.rows);
        self.stretch(rows, &[])?;
        self.end(report)
    }

    /// The last lines; files get their names.
    pub(crate) fn end(mut self, report: &Report) -> anyhow::Result<()> {
        self.lines.end(report, &mut self.buffer)?;
        self.flush()?;
        for sink in self.sinks {
            if let Sink::File(file, path) = sink {
                let failed = || format!("cannot write {}", path.display());
                file.as_file().sync_all().with_context(failed)?;
                persist(file, &path).with_context(failed)?;
            }
        }
        Ok(())
    }

    /// A reader that goes away costs neither the verdict nor the files.
    fn flush(&mut self) -> anyhow::Result<()> {
        let mut is_open = true;
        for sink in &mut self.sinks {
            let (written, place) = match sink {
                Sink::Stdout => (to_stdout(&self.buffer), "standard output".into()),
                Sink::File(file, path) => (file.write_all(&self.buffer), path.display().to_string()),
                Sink::Device(file, path) => (file.write_all(&self.buffer), path.display().to_string()),
            };
            match written {
                Err(error) if matches!(sink, Sink::Stdout) && error.kind() == io::ErrorKind::BrokenPipe => {
                    is_open = false;
                }
                other => other.with_context(|| format!("cannot write {place}"))?,
            }
        }
        self.sinks.retain(|sink| is_open || !matches!(sink, Sink::Stdout));
        self.buffer.clear();
        Ok(())
    }
}

fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
