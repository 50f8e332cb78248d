//! `hardpan audit`.

use std::path::Path;

use anyhow::bail;
use hardpan_audit::{Parameters, gather, judge};
use hardpan_image::{FileKind, Index, OpenError, OpenOptions, Tree, TreeKind};
use hardpan_lockdown::Host;
use hardpan_report::sink::{self, Draft};
use hardpan_report::{BytePath, Pillar, Roots, Subject};

use super::coverage;
use crate::args::AuditArgs;
use crate::context::{Context, Interrupted};
use crate::{config, output};

pub(crate) fn run(args: &AuditArgs, context: &Context) -> anyhow::Result<u8> {
    output::check(&args.output)?;
    output::refuse_lines(&args.output)?;
    let (policy, parameters) = config::policy(&args.gate)?;
    let tree = open(&args.path, args.image.as_deref())?;
    let host = host(args, &*tree);
    let draft = draft(&*tree, &args.path, host.as_ref(), parameters, context)?;
    let report = sink::judge(draft, &policy);
    output::write(&report, &args.output, context)?;
    Ok(report.gate.exit_code)
}

/// Opens whatever holds a root file system; `image` is which one of a container image of several.
pub(crate) fn open(path: &Path, image: Option<&str>) -> anyhow::Result<Box<dyn Tree>> {
    let options = OpenOptions { image, ..OpenOptions::default() };
    let (opened, name) = if path == Path::new("-") {
        (hardpan_image::open_stream_with(std::io::stdin().lock(), options), "standard input".into())
    } else {
        (hardpan_image::open_with(path, options), path.display().to_string())
    };
    opened.map_err(|error| {
        let what = match &error {
            OpenError::Unrecognized(_) => {
                format!(
                    "{name} is neither a directory nor a tar of a root file system, a package or an image"
                )
            }
            OpenError::Choice { .. } => format!("cannot tell which image of {name} is meant; see --image"),
            _ => format!("cannot read {name}"),
        };
        anyhow::Error::new(error).context(what)
    })
}

/// The running host, if the subject is its root or the user says so.
fn host(args: &AuditArgs, tree: &dyn Tree) -> Option<Host> {
    let is_root = tree.kind() == TreeKind::Directory
        && args.path.canonicalize().is_ok_and(|path| path == Path::new("/"));
    (args.live || (is_root && !args.no_live)).then(Host::running)
}

/// A tree with nothing in it passes every rule of absence: a mount that failed, or a slip in the path. What could not be
/// read is for the report to say.
pub(crate) fn may_be_root(index: &Index<'_>) -> bool {
    let has_system = index.children(index.root()).any(|entry| SYSTEM.contains(&entry.name));
    let is_program = |entry: hardpan_image::Entry<'_>| {
        entry.metadata.kind == FileKind::File && entry.metadata.is_executable()
    };
    has_system || !index.troubles().is_empty() || index.entries().any(is_program)
}

const SYSTEM: [&[u8]; 6] = [b"usr", b"etc", b"bin", b"sbin", b"lib", b"boot"];

fn draft<'m>(
    tree: &dyn Tree,
    path: &Path,
    host: Option<&Host>,
    parameters: Parameters,
    context: &Context,
) -> anyhow::Result<Draft<'m>> {
    let index = context.counting("listing files", |progress| Index::build(tree, progress))?;
    let index = index.ok_or(Interrupted::NO_REPORT)?;
    if let Some(root) = index.not_entered().iter().find(|skipped| skipped.path == b"/") {
        bail!("{} is no root file system: {}", path.display(), root.reason);
    }
    if !may_be_root(&index) {
        bail!("{} is no root file system: it has neither /usr nor /etc nor any program", path.display());
    }
    let facts = context.counting("reading files", |progress| gather(&index, host, parameters, progress));
    let facts = facts.ok_or(Interrupted::NO_REPORT)?;
    let verdicts = context.waiting("judging", || judge(&facts));
    let subject = Subject {
        kind: tree.kind().as_str(),
        path: BytePath::from(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())),
        live: host.is_some(),
        os: facts.context.os_name(),
    };
    Ok(Draft {
        command: "audit",
        subject,
        coverage: coverage(&index, facts.scan.elves.len() as u64, facts.unread()),
        verdicts,
        pillars: Pillar::ALL.to_vec(),
        matrix: Some(hardpan_checksec::matrix(&facts.scan)),
        languages: hardpan_checksec::languages(&facts.scan),
        roots: Roots::default(),
    })
}
