//! The program that labs prove.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::artefacts::{directory, output};
use crate::shell::{cargo, check};

/// The command, linked statically, as in an initramfs: against musl if its target is installed, else against glibc.
pub(super) fn build_program() -> Result<PathBuf, String> {
    let musl = output(Command::new("rustc").args(["--print", "target-libdir", "--target", MUSL]));
    let target = match musl {
        Ok(path) if Path::new(path.trim()).is_dir() => MUSL,
        _ => GLIBC,
    };
    let place = directory().join("build");
    let mut build = cargo();
    build.args(["build", "--bin", "hardpan", "--target", target, "--target-dir"]).arg(&place);
    build
        .env("RUSTFLAGS", "-C target-feature=+crt-static -C strip=symbols")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    check(&mut build)?;
    Ok(place.join(target).join("debug/hardpan"))
}

const MUSL: &str = "x86_64-unknown-linux-musl";
const GLIBC: &str = "x86_64-unknown-linux-gnu";
