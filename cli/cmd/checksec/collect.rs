//! What one run adds up to, while it tells of files as they are judged.

use std::borrow::Cow;

use hardpan_checksec::{Scan, ScanOptions, Summary, Unreadable, columns, row, scan_in_order};
use hardpan_image::Index;
use hardpan_report::sink::Draft;
use hardpan_report::{BytePath, Cause, Cell, Coverage, Matrix, Pillar, Problem, Roots, Row, Subject};

use crate::args::OutputArgs;
use crate::cmd::coverage;
use crate::context::{Context, Interrupted};
use crate::lines::LineWriter;
use crate::output;

/// A run in the making.
pub(super) struct Collected<'c> {
    pub(super) context: &'c Context,
    /// Whether members of static libraries are judged that nobody named.
    pub(super) members: bool,
    lines: Option<LineWriter>,
    /// Whether the table and the facts behind findings are kept for the end.
    shows_files: bool,
    /// Whether the facts behind each cell of the table are, which weigh more than all the rest.
    shows_facts: bool,
    subject: Subject,
    coverage: Coverage,
    summary: Summary,
    rows: Vec<Row>,
    roots: Roots,
    /// How many files could not be judged in full.
    unread: usize,
}

impl<'c> Collected<'c> {
    /// Nothing yet. What is to be written decides what is kept.
    pub(super) fn new(args: &OutputArgs, context: &'c Context) -> anyhow::Result<Self> {
        let shows_files = output::shows_files(args);
        Ok(Self {
            lines: LineWriter::of(args)?,
            shows_files,
            shows_facts: output::shows_facts(args),
            ..Self::silent(context)
        })
    }

    /// Nothing yet, of which everything is kept and nothing told.
    pub(super) fn silent(context: &'c Context) -> Self {
        Self {
            context,
            members: false,
            lines: None,
            shows_files: true,
            shows_facts: true,
            subject: Subject { kind: "inputs", path: BytePath::from(""), live: false, os: None },
            coverage: Coverage::default(),
            summary: Summary::default(),
            rows: Vec::new(),
            roots: Roots::default(),
            unread: 0,
        }
    }

    /// Says what is judged, before any file of it is.
    pub(super) fn begin(&mut self, kind: &'static str, path: BytePath) -> anyhow::Result<()> {
        self.subject = Subject { kind, path, live: false, os: None };
        match &mut self.lines {
            Some(lines) => lines.begin(&self.subject),
            None => Ok(()),
        }
    }

    /// Judges the files of an index. Those of one root of several are shown behind its name.
    pub(super) fn judge(
        &mut self,
        index: &Index<'_>,
        options: &ScanOptions<'_>,
        name: Option<&[u8]>,
    ) -> anyhow::Result<()> {
        let mut places = coverage(index, 0, Vec::new());
        if let Some(name) = name {
            self.roots.add(name);
            let places = places.not_entered.iter_mut().chain(&mut places.problems);
            places.for_each(|problem: &mut Problem| {
                problem.path = BytePath::from([name, b":", problem.path.as_bytes()].concat());
            });
        }
        if let Some(lines) = &mut self.lines {
            lines.places(&places)?;
        }
        self.cover(places);
        let mut failure = None;
        let context = self.context;
        let ended = context.counting("reading files", |progress| {
            scan_in_order(index, options, progress, &mut |stretch| {
                failure = self.add(&under(name, stretch)).err();
                failure.is_none()
            })
        });
        match failure {
            Some(error) => Err(error),
            None if ended => Ok(()),
            None if self.lines.is_some() => Err(Interrupted::NO_LAST_LINE.into()),
            None => Err(Interrupted::NO_REPORT.into()),
        }
    }

    /// Notes an input that could not be read at all.
    pub(super) fn unusable(&mut self, input: Unreadable) -> anyhow::Result<()> {
        let unreadable = vec![input];
        self.add(&Scan { unreadable, ..Scan::default() })
    }

    /// Notes that there was nothing to judge: a gate that passes for that reason proves nothing.
    pub(super) fn refuse_empty(&mut self) -> anyhow::Result<()> {
        if self.summary.elf_files() > 0 || self.unread > 0 {
            return Ok(());
        }
        let reason = match self.coverage.closed_libraries {
            0 => "it holds no ELF file, so that nothing was judged (--allow-empty: that is meant)",
            _ => {
                "it holds no ELF file but static libraries (--members: judge those; --allow-empty: that is meant)"
            }
        };
        let path = self.subject.path.as_bytes().into();
        self.unusable(Unreadable { path, cause: Cause::Empty, reason: reason.to_owned() })
    }

    /// Everything, for the policy to judge, and the lines that it is to end.
    pub(super) fn finish<'m>(mut self) -> (Draft<'m>, Option<LineWriter>) {
        self.coverage.elf_files = self.summary.elf_files();
        self.rows.sort_by(|a, b| a.path.cmp(&b.path));
        let draft = Draft {
            command: "checksec",
            subject: self.subject,
            coverage: self.coverage,
            languages: self.summary.languages(),
            roots: self.roots,
            verdicts: self.summary.verdicts(),
            pillars: vec![Pillar::HardenedExecutables],
            matrix: Some(Matrix { columns: columns(), rows: self.rows }),
        };
        (draft, self.lines)
    }

    fn add(&mut self, stretch: &Scan) -> anyhow::Result<()> {
        self.coverage.closed_libraries += stretch.closed_libraries;
        self.unread += stretch.unreadable.iter().filter(|file| file.cause.is_incomplete()).count();
        self.summary.add(stretch, self.shows_files);
        let mut rows: Vec<Row> = stretch.elves.iter().map(row).collect();
        if let Some(lines) = &mut self.lines {
            lines.stretch(&rows, &stretch.unreadable)?;
        }
        if self.shows_files {
            if !self.shows_facts {
                rows.iter_mut().flat_map(|row| &mut row.cells).for_each(without_facts);
            }
            self.rows.extend(rows);
        }
        Ok(())
    }

    fn cover(&mut self, more: Coverage) {
        let all = &mut self.coverage;
        all.entries += more.entries;
        all.files += more.files;
        all.directories += more.directories;
        all.not_entered.extend(more.not_entered);
        all.problems.extend(more.problems);
        all.not_entered.sort();
        all.problems.sort();
    }
}

fn without_facts(cell: &mut Cell) {
    cell.evidence = Box::default();
    cell.message = Cow::Borrowed("");
}

fn under(name: Option<&[u8]>, stretch: Scan) -> Scan {
    let Some(name) = name else { return stretch };
    let mut named = Scan::default();
    named.adopt(name, stretch);
    named
}
