//! Binary policies, read from files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_selinux_policy::policydb::{Policy, read};

/// More than any policy has: the kernel takes 64 MiB at once.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// `SELINUX_MAGIC`: the kind of the file system that the kernel shows its policy in.
const SELINUXFS: u64 = 0xf97c_ff8c;

/// A file with a binary policy.
pub(super) struct PolicyFile {
    pub(super) bytes: Vec<u8>,
    /// Whether it is the kernel's own, such as `/sys/fs/selinux/policy`.
    pub(super) is_kernels: bool,
}

/// Reads a binary policy, of a file or of `/sys/fs/selinux/policy`.
pub(super) fn policy(path: &Path) -> anyhow::Result<Policy> {
    parse(path, &open(path)?)
}

/// Reads a file, and no more of it than a policy can have.
pub(super) fn open(path: &Path) -> anyhow::Result<PolicyFile> {
    let shown = || path.display().to_string();
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", shown()))?;
    let kind =
        rustix::fs::fstatfs(&file).with_context(|| format!("cannot tell the file system of {}", shown()))?;
    // The kernel's file has no length to be asked for.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", shown()))?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!(
            "{} is longer than a policy that the kernel takes, which has at most {MAX_BYTES} bytes",
            shown()
        );
    }
    Ok(PolicyFile { bytes, is_kernels: u64::try_from(kind.f_type) == Ok(SELINUXFS) })
}

/// The policy in a file.
pub(super) fn parse(path: &Path, file: &PolicyFile) -> anyhow::Result<Policy> {
    read(&file.bytes).with_context(|| format!("{} is no policy that the kernel takes", path.display()))
}
