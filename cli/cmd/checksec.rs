//! `hardpan checksec`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_checksec::{Scan, ScanOptions, languages, matrix, scan, verdicts};
use hardpan_image::{DirTree, Index, Tree};
use hardpan_report::sink::{self, Draft};
use hardpan_report::{BytePath, Pillar, Subject};

use super::{audit, coverage};
use crate::args::ChecksecArgs;
use crate::context::{Context, Interrupted};
use crate::{config, output};

pub(crate) fn run(args: &ChecksecArgs, context: &Context) -> anyhow::Result<u8> {
    output::check(&args.output)?;
    let (policy, _) = config::policy(&args.gate)?;
    let draft = match &args.paths[..] {
        [path] if holds_root(path) => whole(path, context)?,
        paths => some(paths, context)?,
    };
    let report = sink::judge(draft, &policy);
    output::write(&report, &args.output, context)?;
    Ok(report.gate.exit_code)
}

/// Whether the path is a root file system of its own, in which `/usr/lib` means its own `/usr/lib`.
fn holds_root(path: &Path) -> bool {
    let is_archive = || {
        let mut magic = [0; 4];
        let read =
            std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut magic));
        read.is_ok() && magic != *b"\x7fELF"
    };
    path == Path::new("-")
        || (path.is_dir() && ["usr", "etc"].iter().any(|name| path.join(name).is_dir()))
        || (path.is_file() && is_archive())
}

fn whole<'m>(path: &Path, context: &Context) -> anyhow::Result<Draft<'m>> {
    let tree = audit::open(path)?;
    let (index, scan) = read(&*tree, &[], context)?;
    Ok(draft(&index, &scan, tree.kind().as_str(), BytePath::from(path.as_os_str().as_bytes())))
}

/// Files and directories of this host, by their absolute paths.
fn some<'m>(paths: &[PathBuf], context: &Context) -> anyhow::Result<Draft<'m>> {
    let absolute = paths
        .iter()
        .map(|path| path.canonicalize().with_context(|| format!("cannot read {}", path.display())))
        .collect::<anyhow::Result<Vec<_>>>()?;
    // Whoever names a file on a network share wants it read.
    let tree = DirTree::open(Path::new("/"))?.entering_remote();
    let wanted: Vec<Vec<u8>> = absolute.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
    let (index, scan) = read(&tree, &wanted, context)?;
    for (path, wanted) in paths.iter().zip(&wanted) {
        reached(&index, wanted).with_context(|| format!("cannot read {}", path.display()))?;
    }
    let shown: Vec<&[u8]> = paths.iter().map(|path| path.as_os_str().as_bytes()).collect();
    Ok(draft(&index, &scan, "files", BytePath::from(shown.join(&b' '))))
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

fn read<'t>(tree: &'t dyn Tree, paths: &[Vec<u8>], context: &Context) -> anyhow::Result<(Index<'t>, Scan)> {
    let index = context.counting("listing files", |progress| Index::build_only(tree, paths, progress))?;
    let index = index.ok_or(Interrupted::NO_REPORT)?;
    let options = ScanOptions { on_host: !paths.is_empty(), ..ScanOptions::default() };
    let scan = context.counting("reading files", |progress| scan(&index, &options, progress));
    let scan = scan.ok_or(Interrupted::NO_REPORT)?;
    Ok((index, scan))
}

fn draft<'m>(index: &Index<'_>, scan: &Scan, kind: &'static str, path: BytePath) -> Draft<'m> {
    Draft {
        command: "checksec",
        subject: Subject { kind, path, live: false, os: None },
        coverage: coverage(index, scan, Vec::new()),
        verdicts: verdicts(scan),
        pillars: vec![Pillar::HardenedExecutables],
        matrix: Some(matrix(scan)),
        languages: languages(scan),
    }
}
