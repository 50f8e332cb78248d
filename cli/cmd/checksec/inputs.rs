//! What was named on the command line: files of this host, and roots of their own.

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_checksec::{Scan, ScanOptions, Unreadable, cause_of, scan};
use hardpan_image::{DirTree, Index, OpenError, ResolveError};
use hardpan_report::{BytePath, Cause, Coverage, Problem};

use crate::args::ChecksecArgs;
use crate::cmd::{audit, coverage};
use crate::context::{Context, Interrupted};

/// Everything that was read, as one scan.
pub(super) struct Inputs {
    pub(super) kind: &'static str,
    /// As the user named it.
    pub(super) path: BytePath,
    pub(super) scan: Scan,
    pub(super) coverage: Coverage,
}

impl Inputs {
    pub(super) fn read(args: &ChecksecArgs, context: &Context) -> anyhow::Result<Self> {
        let image = args.image.as_deref();
        if let Some(root) = &args.root {
            return inside(root, &args.paths, image, context);
        }
        match &args.paths[..] {
            [path] => Self::of(path, image, context),
            paths if !paths.iter().any(|path| is_root(path)) => files(paths, context),
            paths => several(paths, image, context),
        }
    }

    /// One input alone.
    pub(super) fn of(path: &Path, image: Option<&str>, context: &Context) -> anyhow::Result<Self> {
        if is_root(path) || !may_be_elf(path) {
            return whole(path, image, context);
        }
        files(&[path.to_owned()], context)
    }
}

/// A root of its own.
fn whole(path: &Path, image: Option<&str>, context: &Context) -> anyhow::Result<Inputs> {
    let tree = audit::open(path, image)?;
    let index = context.counting("listing files", |progress| Index::build(&*tree, progress))?;
    let index = index.ok_or(Interrupted::NO_REPORT)?;
    let scan = judge(&index, &ScanOptions::default(), context)?;
    let coverage = coverage(&index, &scan, Vec::new());
    Ok(Inputs { kind: tree.kind().as_str(), path: named(path), scan, coverage })
}

/// Paths inside a root. All of it is listed, since what is named may be reached through links.
fn inside(root: &Path, paths: &[PathBuf], image: Option<&str>, context: &Context) -> anyhow::Result<Inputs> {
    let tree = audit::open(root, image)?;
    let index = context.counting("listing files", |progress| Index::build(&*tree, progress))?;
    let index = index.ok_or(Interrupted::NO_REPORT)?;
    let resolve = |path: &PathBuf| {
        let what = |error: ResolveError| format!("{} in {}: {error}", path.display(), root.display());
        index.resolve(path.as_os_str().as_bytes()).map_err(|error| anyhow::anyhow!(what(error)))
    };
    let only = paths.iter().map(resolve).collect::<anyhow::Result<Vec<_>>>()?;
    let scan = judge(&index, &ScanOptions { only: &only, ..ScanOptions::default() }, context)?;
    let coverage = coverage(&index, &scan, Vec::new());
    Ok(Inputs { kind: tree.kind().as_str(), path: named(root), scan, coverage })
}

/// Files and directories of this host, by their absolute paths.
fn files(paths: &[PathBuf], context: &Context) -> anyhow::Result<Inputs> {
    let absolute = paths
        .iter()
        .map(|path| path.canonicalize().with_context(|| format!("cannot read {}", path.display())))
        .collect::<anyhow::Result<Vec<_>>>()?;
    // Whoever names a file on a network share wants it read.
    let tree = DirTree::open(Path::new("/"))?.entering_remote();
    let wanted: Vec<Vec<u8>> = absolute.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
    let index = context.counting("listing files", |progress| Index::build_only(&tree, &wanted, progress))?;
    let index = index.ok_or(Interrupted::NO_REPORT)?;
    let scan = judge(&index, &ScanOptions { on_host: true, ..ScanOptions::default() }, context)?;
    for (path, wanted) in paths.iter().zip(&wanted) {
        reached(&index, wanted).with_context(|| format!("cannot read {}", path.display()))?;
    }
    let coverage = coverage(&index, &scan, Vec::new());
    Ok(Inputs { kind: "files", path: joined(paths), scan, coverage })
}

/// Roots of their own, one after another, beside files of this host.
fn several(paths: &[PathBuf], image: Option<&str>, context: &Context) -> anyhow::Result<Inputs> {
    let (roots, rest): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(|path| is_root(path));
    let mut all = if rest.is_empty() { nothing() } else { files(&rest, context)? };
    for root in roots {
        let name = root.as_os_str().as_bytes();
        match whole(&root, image, context) {
            Ok(one) => {
                all.scan.adopt(name, one.scan);
                add(&mut all.coverage, name, one.coverage);
            }
            Err(error) => all.scan.unreadable.push(unusable(name, error)?),
        }
    }
    all.scan.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Inputs { kind: "inputs", path: joined(paths), ..all })
}

/// What is in one of several inputs, and cannot be read, does not keep the others from being judged. Names that lead
/// nowhere and images that are not chosen are for the user to correct first.
fn unusable(name: &[u8], error: anyhow::Error) -> anyhow::Result<Unreadable> {
    let cause = match error.downcast_ref() {
        Some(OpenError::Unusable(error)) => cause_of(error.fault()),
        Some(OpenError::Compression(_)) => Cause::Limit,
        Some(OpenError::Unrecognized(_)) => Cause::Malformed,
        _ => return Err(error),
    };
    Ok(Unreadable { path: name.to_vec(), cause, reason: error.root_cause().to_string() })
}

fn nothing() -> Inputs {
    let scan = Scan { elves: Vec::new(), unreadable: Vec::new(), files_opened: 0, hidden_places: 0 };
    let coverage = Coverage {
        entries: 0,
        files: 0,
        directories: 0,
        elf_files: 0,
        not_entered: Vec::new(),
        problems: Vec::new(),
    };
    Inputs { kind: "inputs", path: BytePath::from(""), scan, coverage }
}

fn add(all: &mut Coverage, name: &[u8], one: Coverage) {
    let here = |problem: Problem| Problem {
        path: BytePath::from([name, b":", problem.path.as_bytes()].concat()),
        ..problem
    };
    all.entries += one.entries;
    all.files += one.files;
    all.directories += one.directories;
    all.elf_files += one.elf_files;
    all.not_entered.extend(one.not_entered.into_iter().map(here));
    all.problems.extend(one.problems.into_iter().map(here));
    all.not_entered.sort();
    all.problems.sort();
}

fn judge(index: &Index<'_>, options: &ScanOptions<'_>, context: &Context) -> anyhow::Result<Scan> {
    let scan = context.counting("reading files", |progress| scan(index, options, progress));
    Ok(scan.ok_or(Interrupted::NO_REPORT)?)
}

/// Whether the path is a root file system of its own, in which `/usr/lib` means its own `/usr/lib`.
fn is_root(path: &Path) -> bool {
    if path == Path::new("-") {
        return true;
    }
    if path.is_dir() {
        let has_system = ["usr", "etc"].iter().any(|name| path.join(name).is_dir());
        return has_system || hardpan_image::is_layout(path);
    }
    let is_module = hardpan_checksec::is_compressed_module(path.as_os_str().as_bytes());
    path.is_file() && !is_module && hardpan_image::holds_tree(&head(path))
}

/// Whether there is something in a file, or in a directory, that can be judged. One that was named alone and is nothing of
/// the kind is an error, since an empty report would look like a clean one.
fn may_be_elf(path: &Path) -> bool {
    if !path.is_file() || hardpan_checksec::is_compressed_module(path.as_os_str().as_bytes()) {
        return true;
    }
    let head = head(path);
    head.starts_with(b"\x7fELF") || hardpan_image::Ar::is_archive(&head)
}

/// The first bytes of a regular file, or none if it cannot be read, which shows when it is opened.
fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = std::fs::File::open(path)
        && file.take(512).read_to_end(&mut head).is_err()
    {
        head.clear();
    }
    head
}

/// Makes sure that a path which the user named was looked at: an empty report would look like a clean one.
fn reached(index: &Index<'_>, wanted: &[u8]) -> anyhow::Result<()> {
    let holds = |above: &[u8]| {
        wanted
            .strip_prefix(above.strip_suffix(b"/").unwrap_or(above))
            .is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
    };
    if let Some(skipped) = index.not_entered().iter().find(|skipped| holds(&skipped.path)) {
        bail!("{} was not entered: {}", skipped.path.escape_ascii(), skipped.reason);
    }
    // What could not be read on the way is in the report.
    if index.lookup(wanted).is_none() && index.troubles().is_empty() {
        bail!("it is gone");
    }
    Ok(())
}

fn named(path: &Path) -> BytePath {
    BytePath::from(path.as_os_str().as_bytes())
}

fn joined(paths: &[PathBuf]) -> BytePath {
    let shown: Vec<&[u8]> = paths.iter().map(|path| path.as_os_str().as_bytes()).collect();
    BytePath::from(shown.join(&b' '))
}
