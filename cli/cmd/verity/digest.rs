//! `hardpan verity digest`.

mod outputs;
mod signature;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use hardpan_report::escape;
use hardpan_verity::fsverity::{self, Descriptor, FileDigest, Params};
use hardpan_verity::{BlockSink, Error, Progress};
use rustix::fs::OFlags;
use serde_json::{Map, Value, json};

use self::outputs::Outputs;
use self::signature::{Done, SignatureArgs};
use super::device::Lending;
use super::files::{ParamsArgs, for_each_file};
use super::output::{print_json, print_lines};
use super::{CORRUPT, with_progress};
use crate::context::{Context, Interrupted};
use crate::exit;

/// Compute the fs-verity digest of files, as the kernel measures it once fs-verity is enabled on them
///
/// Prints a line `sha256:DIGITS FILE` for each, byte for byte what `fsverity digest` prints; in names, a backslash doubles and
/// what is not printable becomes \xNN. A file that changes while it is read has no digest.
///
/// With --sign-key, signs the digest for the kernel's built-in signatures; with --check-signature, checks such a signature
/// without a kernel.
///
/// Exit codes: 0 done, 1 not what was expected or no valid signature, 2 a file could not be read or the work not be done; the
/// other files are printed all the same.
#[derive(Args)]
pub(crate) struct DigestArgs {
    /// Regular files, or links to them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    params: ParamsArgs,
    /// Print only the digits
    #[arg(long, conflicts_with = "json")]
    compact: bool,
    /// Print what the kernel's built-in signatures are over, struct fsverity_formatted_digest, instead of the digest
    #[arg(long, conflicts_with = "json")]
    for_builtin_sig: bool,
    /// Check that the digest is this one, which also says the hash algorithm. For one FILE
    #[arg(long, value_name = "ALG:HEX")]
    expect: Option<FileDigest>,
    /// Write the Merkle tree to this file. For one FILE
    #[arg(long, value_name = "PATH")]
    out_merkle_tree: Option<PathBuf>,
    /// Write the descriptor, whose hash is the digest, to this file. For one FILE
    #[arg(long, value_name = "PATH")]
    out_descriptor: Option<PathBuf>,
    #[command(flatten)]
    signature: SignatureArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DigestArgs, context: &Context) -> anyhow::Result<u8> {
    let params = params(args)?;
    check_alone(args)?;
    let task = args.signature.task()?;
    let outputs = Outputs::new(args)?;
    let digests = digests(args, &params, &outputs, context)?;
    let mut code = verdict(args, &digests);
    let mut done = Done::Nothing;
    // Nothing is signed or written for what is not as expected.
    if let ([Ok(descriptor)], exit::CLEAN) = (&digests[..], code) {
        done = task.run(&descriptor.digest())?;
        code = done.exit_code();
        if code == exit::CLEAN {
            outputs.write(descriptor, done.message())?;
        }
    }
    print(args, &digests, &done)?;
    complain(args, &digests);
    done.complain();
    Ok(code)
}

/// The digests in the order of the files.
fn digests(
    args: &DigestArgs,
    params: &Params,
    outputs: &Outputs,
    context: &Context,
) -> anyhow::Result<Vec<anyhow::Result<Descriptor>>> {
    // What has no length is for the opening to tell.
    let size = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    let total = args.files.iter().map(size).fold(0, u64::saturating_add);
    let digests = with_progress(context, total, |progress| {
        for_each_file(&args.files, size, |path| {
            if !context.goes_on() {
                return Err(Interrupted::NO_DIGEST.into());
            }
            Input::open(path)?.digest(params, outputs.tree(), progress)
        })
    });
    if context.goes_on() { Ok(digests) } else { Err(Interrupted::NO_DIGEST.into()) }
}

/// The parameters, with the algorithm of the digest that is expected.
fn params(args: &DigestArgs) -> anyhow::Result<Params> {
    let mut params = args.params.params();
    if let Some(expected) = &args.expect {
        if args.params.hash_alg.is_some_and(|algorithm| algorithm != expected.algorithm()) {
            bail!("--expect has a digest of {}, --hash-alg says {}", expected.algorithm(), params.algorithm);
        }
        params.algorithm = expected.algorithm();
    }
    Ok(params)
}

/// Refuses more than one file where there is one digest, or one place for what is written.
fn check_alone(args: &DigestArgs) -> anyhow::Result<()> {
    let options = [
        ("--expect", args.expect.is_some()),
        ("--out-merkle-tree", args.out_merkle_tree.is_some()),
        ("--out-descriptor", args.out_descriptor.is_some()),
    ];
    match options.into_iter().chain(args.signature.for_one_file()).find(|(_, given)| *given) {
        Some((name, _)) if args.files.len() > 1 => {
            bail!("{name} is for one file, and there are {}", args.files.len())
        }
        _ => Ok(()),
    }
}

/// What went wrong wins over what is not as expected.
fn verdict(args: &DigestArgs, digests: &[anyhow::Result<Descriptor>]) -> u8 {
    let differs = |descriptor: &Descriptor| args.expect.as_ref().is_some_and(|it| *it != descriptor.digest());
    if digests.iter().any(Result::is_err) {
        return exit::UNUSABLE;
    }
    if digests.iter().flatten().any(differs) { CORRUPT } else { exit::CLEAN }
}

fn print(args: &DigestArgs, digests: &[anyhow::Result<Descriptor>], done: &Done) -> io::Result<()> {
    let files = args.files.iter().zip(digests);
    if args.json {
        let files: Vec<Value> = files.map(|(path, digest)| file_json(args, path, digest, done)).collect();
        return print_json(&json!({ "files": files }));
    }
    let line = |(path, digest): (&PathBuf, &anyhow::Result<Descriptor>)| {
        let digest = digest.as_ref().ok()?.digest();
        let digits = if args.for_builtin_sig {
            digest.formatted_hex()
        } else if args.compact {
            digest.to_hex()
        } else {
            digest.to_string()
        };
        Some(if args.compact { digits } else { format!("{digits} {}", shown(path)) })
    };
    print_lines(files.filter_map(line))?;
    match done.lines(args.signature.signature_out.as_deref()) {
        Some(lines) if !args.compact => lines.print(),
        _ => Ok(()),
    }
}

fn file_json(args: &DigestArgs, path: &Path, digest: &anyhow::Result<Descriptor>, done: &Done) -> Value {
    let mut map = Map::new();
    map.insert("path".to_owned(), json!(shown(path)));
    match digest {
        Err(error) => {
            map.insert("error".to_owned(), json!(format!("{error:#}")));
        }
        Ok(descriptor) => {
            let params = descriptor.params();
            let digest = descriptor.digest();
            map.insert("size".to_owned(), json!(descriptor.size()));
            map.insert("algorithm".to_owned(), json!(params.algorithm.name()));
            map.insert("block_size".to_owned(), json!(params.block_size.bytes()));
            map.insert("salt".to_owned(), json!(params.salt.to_string()));
            map.insert("root_hash".to_owned(), json!(descriptor.root_hex()));
            map.insert("digest".to_owned(), json!(digest.to_string()));
            map.insert("formatted_digest".to_owned(), json!(digest.formatted_hex()));
            if let Some(expected) = &args.expect {
                map.insert("expected".to_owned(), json!(expected.to_string()));
                map.insert("matches".to_owned(), json!(*expected == digest));
            }
            if let Some(signature) = done.json() {
                map.insert("signature".to_owned(), signature);
            }
        }
    }
    map.into()
}

/// What went wrong, on standard error.
fn complain(args: &DigestArgs, digests: &[anyhow::Result<Descriptor>]) {
    for (path, digest) in args.files.iter().zip(digests) {
        let problem = match (digest, &args.expect) {
            (Err(error), _) => format!("error: {error:#}"),
            (Ok(descriptor), Some(expected)) if *expected != descriptor.digest() => {
                format!("verification failed: {} does not have the digest {expected}", shown(path))
            }
            _ => continue,
        };
        // Nobody is left to be told if standard error is closed.
        let _ = writeln!(io::stderr(), "{}", crate::printable(&problem));
    }
}

fn shown(path: &Path) -> String {
    escape(path.as_os_str().as_bytes())
}

/// A file that is to be hashed.
struct Input<'a> {
    path: &'a Path,
    file: File,
    /// At opening.
    before: Metadata,
}

impl<'a> Input<'a> {
    fn open(path: &'a Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot open {}", path.display());
        // Looked at before it is opened: to open some devices is to set them off.
        check_regular(path, &path.metadata().with_context(cannot)?)?;
        // Without blocking, should it have become a FIFO since.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).with_context(cannot)?;
        let before = file.metadata().with_context(cannot)?;
        check_regular(path, &before)?;
        Ok(Self { path, file, before })
    }

    fn digest(
        &self,
        params: &Params,
        tree: Option<&dyn BlockSink>,
        progress: Progress<'_>,
    ) -> anyhow::Result<Descriptor> {
        let descriptor = match fsverity::digest(&Lending::new(&self.file), params, tree, progress) {
            Err(Error::Cancelled) => return Err(Interrupted::NO_DIGEST.into()),
            // Without the causes, which it tells itself.
            other => other.map_err(|error| anyhow!("{}: {error}", self.path.display()))?,
        };
        let after = self.file.metadata().with_context(|| self.path.display().to_string())?;
        let state = |metadata: &Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        // A file that was written to has a digest of something that it never was. Its length alone may be the same.
        if state(&after) != state(&self.before) || descriptor.size() != after.len() {
            bail!("{} was changed while it was read", self.path.display());
        }
        Ok(descriptor)
    }
}

fn check_regular(path: &Path, metadata: &Metadata) -> anyhow::Result<()> {
    let kind = metadata.file_type();
    let name = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_block_device() || kind.is_char_device() => "a device",
        () => "of another kind",
    };
    bail!("{} is {name}: fs-verity is for regular files", path.display())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_file_that_is_written_to_while_it_is_read_has_no_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let digest = |meanwhile: &(dyn Fn() + Sync)| {
            let progress = |_| {
                meanwhile();
                true
            };
            Input::open(&path).unwrap().digest(&Params::default(), None, &progress).map(|_| ())
        };
        assert!(digest(&|| ()).is_ok());
        // Of the same length, so that only the time tells.
        let error = digest(&|| File::open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap());
        assert!(error.unwrap_err().to_string().contains("was changed while it was read"));
        assert!(digest(&|| std::fs::write(&path, "longer").unwrap()).is_err());
        assert!(digest(&|| std::fs::write(&path, "").unwrap()).is_err());
    }
}
