//! `hardpan verity manifest`.

mod check;
mod read;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use hardpan_report::escape;
use hardpan_verity::fsverity::Manifest;
use serde_json::json;

use super::files::ParamsArgs;
use super::output::{print_json, unless_closed};
use crate::cmd::audit;
use crate::context::Context;
use crate::{exit, output};

/// List what a directory holds, with the fs-verity digest of every file, or check a directory against such a list
///
/// A manifest is text with one line for each file of whatever kind, by path: type, permissions, owner, and for a regular file
/// its length and digest, for a symbolic link its target, for a device its numbers. It is the same for any order of files on
/// disk. Times, extended attributes and which names are links to one file are not in it. Symbolic links are not followed,
/// FIFOs, sockets and devices are not opened, and file systems of the kernel (proc, sysfs and the like) are not entered.
///
/// To sign a manifest, sign it as a file.
///
/// Exit codes: 0 written, or nothing differs; 1 something differs; 2 something could not be read or the work not be done, and
/// no manifest was written.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan verity manifest /usr -o usr.manifest             list
  hardpan verity manifest --check usr.manifest /usr        what was changed, is missing or was added")]
pub(crate) struct ManifestArgs {
    /// A directory, or a tar of one (plain, gzip or Zstandard); `-` reads a tar from standard input
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Write the manifest to this file in one step [default: print it]
    ///
    /// Keep it outside of DIR: a manifest cannot list itself.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Check DIR against the manifest in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "no_owner", "hash_alg", "block_size", "salt"])]
    check: Option<PathBuf>,
    #[command(flatten)]
    params: ParamsArgs,
    /// Leave out user and group, for trees that are unpacked by whoever checks them
    #[arg(long)]
    no_owner: bool,
    /// Print what was done, or what differs, as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ManifestArgs, context: &Context) -> anyhow::Result<u8> {
    let tree = audit::open(&args.directory, None)?;
    if let Some(path) = &args.check {
        return check::run(args, path, &*tree, context);
    }
    let found = read::read(&*tree, &args.params.params(), !args.no_owner, context)?;
    if !found.unread.is_empty() {
        complain(&found.unread);
        return Ok(exit::UNUSABLE);
    }
    write(args, &found.manifest)?;
    Ok(exit::CLEAN)
}

fn write(args: &ManifestArgs, manifest: &Manifest) -> anyhow::Result<()> {
    let text = manifest.encode();
    match &args.output {
        Some(path) => output::replace(path, text.as_bytes())?,
        None if args.json => {}
        None => {
            let mut stdout = io::stdout().lock();
            unless_closed(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))?;
        }
    }
    if args.json {
        let lines: Vec<String> = manifest.entries().iter().map(ToString::to_string).collect();
        let params = manifest.params();
        print_json(&json!({
            "algorithm": params.algorithm.name(),
            "block_size": params.block_size.bytes(),
            "salt": params.salt.to_string(),
            "count": lines.len(),
            "entries": lines,
        }))?;
    }
    Ok(())
}

/// What could not be read, on standard error.
fn complain(unread: &[read::Unread]) {
    for unread in unread {
        // Nobody is left to be told if standard error is closed.
        let _ = writeln!(
            io::stderr(),
            "error: cannot read {}: {}",
            escape(&unread.path),
            crate::printable(&unread.reason)
        );
    }
}
