//! What was named on the command line: files of this host, and roots of their own.

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_audit::Progress;
use hardpan_checksec::{ScanOptions, Unreadable, cause_of};
use hardpan_image::{DirTree, Error, Index, OpenError, ResolveError, Tree};
use hardpan_report::{BytePath, Cause};
use rayon::prelude::*;

use super::collect::Collected;
use crate::args::ChecksecArgs;
use crate::cmd::audit;
use crate::context::Interrupted;

/// Reads what is named, one root after another, and files of this host first.
pub(super) fn read(args: &ChecksecArgs, collected: &mut Collected<'_>) -> anyhow::Result<()> {
    let image = args.image.as_deref();
    collected.members = args.members;
    if let Some(root) = &args.root {
        return inside(root, &args.paths, image, collected);
    }
    match &args.paths[..] {
        [path] => one(path, image, collected),
        paths if !paths.par_iter().any(|path| is_root(path)) => {
            collected.begin("files", joined(paths))?;
            files(paths, collected)
        }
        paths => several(paths, image, collected),
    }
}

/// One input alone.
pub(super) fn one(path: &Path, image: Option<&str>, collected: &mut Collected<'_>) -> anyhow::Result<()> {
    if is_root(path) || !may_be_elf(path) {
        return whole(path, image, false, collected);
    }
    collected.begin("files", named(path))?;
    files(&[path.to_owned()], collected)
}

/// A root of its own, or one of several.
fn whole(
    path: &Path,
    image: Option<&str>,
    is_one_of_several: bool,
    collected: &mut Collected<'_>,
) -> anyhow::Result<()> {
    let tree = open(path, image)?;
    let index = list(|progress| Index::build(&*tree, progress), collected)?;
    if !is_one_of_several {
        collected.begin(tree.kind().as_str(), named(path))?;
    }
    let name = is_one_of_several.then(|| path.as_os_str().as_bytes());
    collected.judge(&index, &ScanOptions { members: collected.members, ..ScanOptions::default() }, name)
}

/// Opens a root. Of a directory's files, checksec needs no more beforehand than that they are files.
fn open(path: &Path, image: Option<&str>) -> anyhow::Result<Box<dyn Tree>> {
    if image.is_none() && path.is_dir() && !hardpan_image::is_layout(path) {
        let tree = DirTree::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        return Ok(Box::new(tree.briefly()));
    }
    audit::open(path, image)
}

/// Paths inside a root. All of it is listed, since what is named may be reached through links.
fn inside(
    root: &Path,
    paths: &[PathBuf],
    image: Option<&str>,
    collected: &mut Collected<'_>,
) -> anyhow::Result<()> {
    let tree = open(root, image)?;
    let index = list(|progress| Index::build(&*tree, progress), collected)?;
    let resolve = |path: &PathBuf| {
        let what = |error: ResolveError| format!("{} in {}: {error}", path.display(), root.display());
        index.resolve(path.as_os_str().as_bytes()).map_err(|error| anyhow::anyhow!(what(error)))
    };
    let only = paths.iter().map(resolve).collect::<anyhow::Result<Vec<_>>>()?;
    collected.begin(tree.kind().as_str(), named(root))?;
    let members = collected.members;
    let options = ScanOptions { only: &only, libraries: &only, members, ..ScanOptions::default() };
    collected.judge(&index, &options, None)
}

/// Files and directories of this host, by their absolute paths.
fn files(paths: &[PathBuf], collected: &mut Collected<'_>) -> anyhow::Result<()> {
    // The error is of the first that has one, whichever was looked at first.
    let absolute: Vec<_> = paths.par_iter().map(|path| absolute(path)).collect();
    let absolute = absolute.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    // Whoever names a file on a network share wants it read.
    let tree = DirTree::open(Path::new("/"))?.entering_remote().briefly();
    let wanted: Vec<Vec<u8>> = absolute.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
    let index = list(|progress| Index::build_only(&tree, &wanted, progress), collected)?;
    for (path, wanted) in paths.iter().zip(&wanted) {
        reached(&index, wanted).with_context(|| format!("cannot read {}", path.display()))?;
    }
    let libraries: Vec<_> = wanted.iter().filter_map(|path| index.lookup(path)).collect();
    let members = collected.members;
    let options = ScanOptions { on_host: true, libraries: &libraries, members, ..ScanOptions::default() };
    collected.judge(&index, &options, None)
}

/// The path of a file or directory without links, of which others would be left out in silence, and nothing would be as
/// clean as they.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let cannot = || format!("cannot read {}", path.display());
    let absolute = path.canonicalize().with_context(cannot)?;
    let metadata = absolute.metadata().with_context(cannot)?;
    if !metadata.is_file() && !metadata.is_dir() {
        bail!("{} is neither a file nor a directory", absolute.display());
    }
    Ok(absolute)
}

/// Roots of their own, one after another, beside files of this host.
fn several(paths: &[PathBuf], image: Option<&str>, collected: &mut Collected<'_>) -> anyhow::Result<()> {
    let (roots, rest): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(|path| is_root(path));
    collected.begin("inputs", joined(paths))?;
    if !rest.is_empty() {
        files(&rest, collected)?;
    }
    for root in roots {
        if let Err(error) = whole(&root, image, true, collected) {
            collected.unusable(unusable(root.as_os_str().as_bytes(), error)?)?;
        }
    }
    Ok(())
}

fn list<'t>(
    build: impl FnOnce(Progress<'_>) -> Result<Option<Index<'t>>, Error>,
    collected: &Collected<'_>,
) -> anyhow::Result<Index<'t>> {
    let index = collected.context.counting("listing files", build)?;
    Ok(index.ok_or(Interrupted::NO_REPORT)?)
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

/// Whether the path is a root file system of its own, in which `/usr/lib` means its own `/usr/lib`.
fn is_root(path: &Path) -> bool {
    if path == Path::new("-") {
        return true;
    }
    if path.is_dir() {
        let has_system = ["usr", "etc"].iter().any(|name| path.join(name).is_dir());
        // Some packages make a `/usr/etc`, and yet `/usr` is a part of a root.
        let is_part = path.canonicalize().is_ok_and(|path| path.ends_with("usr"));
        return (has_system && !is_part) || hardpan_image::is_layout(path);
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
