//! A directory that appears in one step.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::replace::real_path;

/// Refuses a target that holds something of somebody else, before any work is done.
pub(super) fn check_target(target: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot look at {}", target.display());
    let names = match fs::read_dir(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(cannot),
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>(),
    };
    let names = names.with_context(cannot)?;
    if !names.is_empty() && !names.iter().any(|name| name == "manifest.json") {
        bail!("{} is not empty, and not what an earlier run wrote: name another directory", target.display());
    }
    Ok(())
}

/// Writes the files into a directory beside the target and moves that into its place; what was there goes only then.
pub(super) fn write(target: &Path, files: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", target.display());
    let place = real_path(target).with_context(failed)?;
    let parent = place.parent().unwrap_or(Path::new("/")).to_owned();
    let new = tempfile::Builder::new()
        .prefix(".hardpan-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(&parent)
        .with_context(failed)?;
    for (name, bytes) in files {
        fill(&new.path().join(name), bytes).with_context(failed)?;
    }
    sync(new.path()).with_context(failed)?;
    let new = new.keep();
    let moved = exchange(&new, &place).and_then(|()| sync(&parent));
    if moved.is_err() {
        // Whatever could not be moved is of no use where it is.
        let _ = fs::remove_dir_all(&new);
    }
    moved.with_context(failed)
}

/// Moves the new directory into its place. One that is there is exchanged for it in the same step, and then removed.
fn exchange(new: &PathBuf, place: &PathBuf) -> io::Result<()> {
    if !place.exists() {
        return fs::rename(new, place);
    }
    renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE)?;
    fs::remove_dir_all(new)
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
