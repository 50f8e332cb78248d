//! What was held against what, and what came of it.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hardpan_checksec::{ElfFacts, HostEnvironment, Kind};
use hardpan_image::{EntryId, FileKind, Index};
use hardpan_lockdown::boot::Config;
use hardpan_lockdown::generate::Generated;

use crate::cmd::audit;

/// One thing that was looked at, or was not.
pub(super) struct Check {
    /// What kind of thing: a word for machines.
    pub(super) name: &'static str,
    /// Of what: a slot, a module; empty for the whole.
    pub(super) subject: String,
    pub(super) outcome: Outcome,
    /// The outcome in words.
    pub(super) text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Proved,
    Failed,
    NotChecked,
}

impl Outcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Failed => "failed",
            Self::NotChecked => "not-checked",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() {
            f.write_str(&self.text)
        } else {
            write!(f, "{}: {}", self.subject, self.text)
        }
    }
}

/// All of them, in the order in which they were made.
#[derive(Default)]
pub(super) struct Checks(Vec<Check>);

impl Checks {
    pub(super) fn pass(&mut self, name: &'static str, subject: &str, text: impl Into<String>) {
        self.add(name, subject, Outcome::Proved, text.into());
    }

    pub(super) fn fail(&mut self, name: &'static str, subject: &str, text: impl Into<String>) {
        self.add(name, subject, Outcome::Failed, text.into());
    }

    pub(super) fn skip(&mut self, name: &'static str, subject: &str, text: impl Into<String>) {
        self.add(name, subject, Outcome::NotChecked, text.into());
    }

    pub(super) fn all(&self) -> &[Check] {
        &self.0
    }

    pub(super) fn proved(&self) -> impl Iterator<Item = &Check> {
        self.with(Outcome::Proved)
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = &Check> {
        self.with(Outcome::Failed)
    }

    pub(super) fn skipped(&self) -> impl Iterator<Item = &Check> {
        self.with(Outcome::NotChecked)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failures().next().is_some()
    }

    fn with(&self, outcome: Outcome) -> impl Iterator<Item = &Check> {
        self.0.iter().filter(move |check| check.outcome == outcome)
    }

    fn add(&mut self, name: &'static str, subject: &str, outcome: Outcome, text: String) {
        self.0.push(Check { name, subject: subject.to_owned(), outcome, text });
    }
}

/// Holds the program that is to boot to what a first program must be.
pub(super) fn of_program(path: &Path, bytes: &[u8], checks: &mut Checks) {
    let subject = path.display().to_string();
    let head = &bytes[..bytes.len().min(4096)];
    let facts = ElfFacts::read(&bytes.to_vec(), head, b"/init", &HostEnvironment);
    match facts.map(|facts| facts.kind) {
        Ok(Kind::StaticExecutable | Kind::StaticPie) => {
            checks.pass(
                "init-program",
                &subject,
                "is a static program, which needs nothing else in the initramfs",
            );
        }
        Ok(_) => {
            let why = "is no static program: the initramfs has no libraries for it; build it with -C target-feature=+crt-static";
            checks.fail("init-program", &subject, why);
        }
        Err(error) => checks.fail("init-program", &subject, format!("is no program for Linux: {error}")),
    }
}

/// Reads back what was generated, by readers that had no part in writing it.
pub(super) fn of_output(generated: &Generated, checks: &mut Checks) -> anyhow::Result<()> {
    let archive = &generated.files["initramfs.cpio"];
    let tree = hardpan_image::open_stream(&archive[..]).context("the initramfs cannot be read back")?;
    let index = Index::build(&*tree, &|_| true).context("the initramfs cannot be read back")?;
    let index = index.context("the initramfs cannot be read back")?;
    let mut files = 0;
    for entry in index.entries().filter(|entry| entry.metadata.kind == FileKind::File) {
        let path = String::from_utf8_lossy(&index.path(entry.id)).trim_start_matches('/').to_owned();
        let wanted = generated.initramfs.get(&path);
        let read = index.read(entry.id, u64::MAX).with_context(|| format!("initramfs, {path}"))?;
        anyhow::ensure!(wanted == Some(&read), "the initramfs has another {path} than was put into it");
        files += 1;
    }
    anyhow::ensure!(files == generated.initramfs.len(), "the initramfs lacks files that were put into it");
    anyhow::ensure!(index.troubles().is_empty(), "the initramfs is read with objections");
    checks.pass(
        "read-back",
        "",
        "boot.conf, initramfs, tables and parameters were read back as they were meant",
    );
    Ok(())
}

/// Looks up in the tree of which images were made what the boot will look for in them.
pub(super) fn of_tree(
    path: &Path,
    config: &Config,
    policies: &[PathBuf],
    checks: &mut Checks,
) -> anyhow::Result<()> {
    let tree = audit::open(path, None)?;
    let index = Index::build(&*tree, &|_| true).with_context(|| format!("cannot list {}", path.display()))?;
    let index = index.context("interrupted")?;
    let subject = path.display().to_string();
    if let Some(init) = config.init.first() {
        let found = look_up(&index, init, FileKind::File, checks, "init", &subject);
        if found.is_some_and(|id| !index.entry(id).metadata.is_executable()) {
            checks.fail("init", &subject, format!("{init} is not executable"));
        }
    }
    if let Some(etc) = &config.etc {
        look_up(&index, &etc.source, FileKind::Directory, checks, "etc", &subject);
        look_up(&index, "/etc", FileKind::Directory, checks, "etc", &subject);
    }
    if let Some(selinux) = &config.selinux
        && let Some(id) = look_up(&index, &selinux.path, FileKind::File, checks, "policy", &subject)
    {
        same_policy(&index, id, &selinux.path, policies, checks, &subject)?;
    }
    Ok(())
}

fn look_up(
    index: &Index<'_>,
    path: &str,
    kind: FileKind,
    checks: &mut Checks,
    name: &'static str,
    subject: &str,
) -> Option<EntryId> {
    match index.resolve(path.as_bytes()) {
        Ok(id) if index.entry(id).metadata.kind == kind => {
            checks.pass(name, subject, format!("has {path}"));
            Some(id)
        }
        Ok(_) => {
            checks.fail(name, subject, format!("{path} is of another kind than the boot needs"));
            None
        }
        Err(error) => {
            checks.fail(name, subject, format!("{path}: {error}"));
            None
        }
    }
}

/// The policy in the tree must be the one whose fingerprint was computed.
fn same_policy(
    index: &Index<'_>,
    id: EntryId,
    path: &str,
    policies: &[PathBuf],
    checks: &mut Checks,
    subject: &str,
) -> anyhow::Result<()> {
    if policies.is_empty() {
        return Ok(());
    }
    let there = index.open(id).and_then(|file| index.read(id, file.len()));
    let there = there.with_context(|| format!("{subject}{path}"))?;
    let mut is_one = false;
    for policy in policies {
        is_one |=
            std::fs::read(policy).with_context(|| format!("cannot read {}", policy.display()))? == there;
    }
    if is_one {
        checks.pass("policy", subject, format!("{path} is the policy whose fingerprint is expected"));
    } else {
        checks.fail(
            "policy",
            subject,
            format!("{path} is another policy than the one whose fingerprint is expected"),
        );
    }
    Ok(())
}
