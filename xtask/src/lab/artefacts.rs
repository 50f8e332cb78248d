//! Programs and Debian packages that a lab needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{check, root};

/// Where labs keep what they download and build.
pub(super) fn directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("lab")
}

/// Downloads a package with apt and unpacks it, without installing it; returns where. What is there already stays.
pub(super) fn unpacked(package: &str) -> Result<PathBuf, String> {
    let place = directory().join("packages").join(package);
    let done = place.join(".unpacked");
    if done.exists() {
        return Ok(place);
    }
    recreate(&place)?;
    check(Command::new("apt-get").args(["download", "--quiet", package]).current_dir(&place))?;
    let archive = only_file(&place)?;
    check(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(&place))?;
    fs::remove_file(&archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    fs::write(&done, "").map_err(|error| format!("{}: {error}", done.display()))?;
    Ok(place)
}

/// The packages that a package depends on, whose names begin with `prefix`.
pub(super) fn depends(package: &str, prefix: &str) -> Result<Vec<String>, String> {
    let listed = output(Command::new("apt-cache").args(["depends", package]))?;
    let names = listed.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    Ok(names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect())
}

/// The standard output of a command that succeeds.
pub(super) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name} could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// An empty directory.
pub(super) fn recreate(directory: &Path) -> Result<(), String> {
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn only_file(directory: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    files.next().ok_or_else(|| format!("{}: nothing was downloaded", directory.display()))
}
