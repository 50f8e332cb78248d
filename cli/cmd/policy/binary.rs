//! Binary policies, read from files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_selinux_policy::policydb::{Policy, read};

/// More than any policy has: the kernel takes 64 MiB at once.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a binary policy, of a file or of `/sys/fs/selinux/policy`.
pub(super) fn policy(path: &Path) -> anyhow::Result<Policy> {
    let shown = || path.display().to_string();
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", shown()))?;
    // The kernel's file has no length to be asked for.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {}", shown()))?;
    if bytes.len() as u64 > MAX_BYTES {
        bail!(
            "{} is longer than a policy that the kernel takes, which has at most {MAX_BYTES} bytes",
            shown()
        );
    }
    read(&bytes).with_context(|| format!("{} is no policy that the kernel takes", shown()))
}
