//! `hardpan policy fingerprint`.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use hardpan_report::escape;
use hardpan_selinux_policy::policydb::{self, Fingerprint, Kernel, Target};
use serde_json::{Value, json};

use super::binary;
use crate::output::print_text;

/// Tell the SHA-256 that /sys/fs/selinux/policy will have when the kernel has loaded a policy
///
/// The kernel gives back its own tables and not the file that it loaded, so that the file's hash says nothing about what is
/// enforced. Its order follows from the policy alone, and is told here before anything is loaded: compare it with
/// `sha256sum /sys/fs/selinux/policy` on the running machine. Two files that differ only by the order in which compilers of
/// different releases write them are told the same hash.
///
/// FILE is a binary policy. Of /sys/fs/selinux/policy itself, wherever selinuxfs is mounted, the hash is that of what it
/// holds. Use `sha256sum` on a copy of it: a copy that is loaded need not be given back as it was.
///
/// The hash is that of a policy whose booleans have the values that the file says: one that was switched since, or kept its
/// value from a policy that was loaded before, changes it.
///
/// Exit codes: 0 told, 2 a file cannot be read, is no policy, or is none that Linux loads.
#[derive(Args)]
pub(crate) struct FingerprintArgs {
    /// Binary policies, as `hardpan policy compile` and secilc write them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The release of the kernel that loads the policy, as `uname -r` says it, or its first two numbers.
    ///
    /// Kernels 5.9 to 6.6 have one order, kernels from 6.10 on have another, on 64-bit little-endian machines; the order of
    /// others is not known. Tried were 6.1, 6.12 and 7.2
    #[arg(long, value_name = "RELEASE", default_value = "6.10", value_parser = release)]
    kernel: Release,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A release of the kernel whose order is known.
#[derive(Clone)]
struct Release {
    name: String,
    kernel: Kernel,
}

/// What is told of a file.
struct Told<'a> {
    file: &'a Path,
    fingerprint: Fingerprint,
    version: u32,
    is_kernels: bool,
}

pub(super) fn run(args: &FingerprintArgs) -> anyhow::Result<u8> {
    let told = args.files.iter().map(|file| tell(file, args.kernel.kernel)).collect::<Result<Vec<_>, _>>()?;
    let text = if args.json { format!("{:#}\n", as_json(&told, &args.kernel)) } else { as_text(&told) };
    print_text(&text)?;
    Ok(crate::exit::CLEAN)
}

/// The fingerprint of one policy, for a kernel of this release.
pub(crate) fn fingerprint_of(file: &Path, release: &str) -> anyhow::Result<[u8; 32]> {
    let release = self::release(release).map_err(|reason| anyhow!("release {release}: {reason}"))?;
    tell(file, release.kernel).map(|told| told.fingerprint.sha256)
}

fn tell(file: &Path, kernel: Kernel) -> anyhow::Result<Told<'_>> {
    let opened = binary::open(file)?;
    let policy = binary::parse(file, &opened)?;
    if policy.target == Target::Xen {
        bail!("{} is a policy for Xen, which gives none back", file.display());
    }
    let fingerprint = if opened.is_kernels {
        Fingerprint::of_readback(&opened.bytes)
    } else {
        policydb::fingerprint(&policy, kernel).with_context(|| file.display().to_string())?
    };
    Ok(Told { file, fingerprint, version: policy.version, is_kernels: opened.is_kernels })
}

fn release(name: &str) -> Result<Release, String> {
    let number = |text: &str| text.parse::<u32>().ok();
    let mut words = name.split(|it: char| !it.is_ascii_digit());
    let (Some(major), Some(minor)) = (words.next().and_then(number), words.next().and_then(number)) else {
        return Err("a release begins with two numbers, as in 6.12".to_owned());
    };
    let kernel = Kernel::of_release(major, minor);
    let kernel = kernel.ok_or("only the orders of 5.9 to 6.6, and of 6.10 and later, are known")?;
    Ok(Release { name: name.to_owned(), kernel })
}

/// Lines as sha256sum writes them; in names, what is no text is escaped.
fn as_text(told: &[Told<'_>]) -> String {
    let mut text = String::new();
    for it in told {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {}", hex(&it.fingerprint.sha256), shown(it.file));
    }
    text
}

fn as_json(told: &[Told<'_>], release: &Release) -> Value {
    let order = match release.kernel {
        Kernel::V5_9 => "5.9 to 6.6",
        Kernel::V6_10 => "6.10 and later",
    };
    let policy = |it: &Told<'_>| {
        json!({
            "file": shown(it.file),
            "sha256": hex(&it.fingerprint.sha256),
            "bytes": it.fingerprint.bytes,
            "version": it.version,
            "from": if it.is_kernels { "readback" } else { "prediction" },
        })
    };
    let policies: Vec<Value> = told.iter().map(policy).collect();
    json!({ "kernel": release.name, "order": order, "policies": policies })
}

fn shown(path: &Path) -> String {
    escape(path.as_os_str().as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
