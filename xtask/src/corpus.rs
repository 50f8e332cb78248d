//! `cargo xtask corpus`: what differential tests and benches read and what is too large, or not ours, to be kept here.
//!
//! Debian's policy is taken out of its package and not installed: installing it would configure SELinux on this machine.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::peers;
use crate::shell::{self, Outcome, check, find, say};

/// The policy's modules, and the program that turns a module into CIL.
const PACKAGES: &[&str] = &["selinux-policy-default", "policycoreutils"];
const TOOLS: &[(&str, &str, &str)] =
    &[("bunzip2", "bzip2", "compressed policy modules"), ("dpkg-deb", "dpkg", "Debian packages")];

/// `cargo xtask corpus`.
pub(crate) fn run(_: &[String]) -> Outcome {
    refpolicy().map(|place| say(&format!("the reference policy is in {}", place.display())))
}

/// The directory with the reference policy as CIL, one file for each module; made if it is not there.
pub(crate) fn refpolicy() -> Result<PathBuf, String> {
    let corpus = directory();
    let made = corpus.join("refpolicy");
    if made.is_dir() {
        return Ok(made);
    }
    peers::ensure(TOOLS)?;
    if find("apt-get").is_none() {
        return Err("the reference policy comes from Debian packages, which need apt-get".to_owned());
    }
    let work = corpus.join("unpacked");
    fresh(&work)?;
    check(Command::new("apt-get").args(["download", "--quiet"]).args(PACKAGES).current_dir(&work))?;
    let root = work.join("root");
    for package in entries(&work, "deb")? {
        check(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&root))?;
    }
    let text = work.join("refpolicy");
    fresh(&text)?;
    convert(&root, &text)?;
    fs::rename(&text, &made).map_err(|error| format!("{}: {error}", made.display()))?;
    fs::remove_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    Ok(made)
}

fn directory() -> PathBuf {
    shell::root().join("target/corpus")
}

/// Turns every module below an unpacked root into a file of CIL.
fn convert(root: &Path, to: &Path) -> Outcome {
    let modules = entries(&root.join("usr/share/selinux/default"), "bz2")?;
    if modules.is_empty() {
        return Err("the package selinux-policy-default has no modules".to_owned());
    }
    say(&format!("turning {} modules into CIL", modules.len()));
    let converter = root.join("usr/libexec/selinux/hll/pp");
    let (queue, failed) = (Mutex::new(modules), Mutex::new(Vec::new()));
    let next = || queue.lock().ok()?.pop();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(module) = next() {
                    if let (Err(error), Ok(mut failed)) =
                        (convert_one(&converter, &module, to), failed.lock())
                    {
                        failed.push(error);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().map_err(|error| error.to_string())?;
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// `name.pp.bz2` becomes `name.cil`.
fn convert_one(converter: &Path, module: &Path, to: &Path) -> Outcome {
    let failed = |error: std::io::Error| format!("{}: {error}", module.display());
    let name =
        module.file_stem().map(Path::new).and_then(Path::file_stem).map(OsString::from).unwrap_or_default();
    let file = File::create(to.join(name).with_extension("cil")).map_err(failed)?;
    let mut unpack =
        Command::new("bunzip2").arg("--stdout").arg(module).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let packed = unpack.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let status = Command::new(converter).stdin(packed).stdout(file).status().map_err(failed)?;
    let unpacked = unpack.wait().map_err(failed)?;
    if status.success() && unpacked.success() {
        return Ok(());
    }
    Err(format!("{}: it could not be turned into CIL", module.display()))
}

/// The files of a directory with an ending, by name.
fn entries(directory: &Path, ending: &str) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn fresh(directory: &Path) -> Outcome {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::create_dir_all(directory).map_err(failed)
}
