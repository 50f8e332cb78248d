//! Binary policies: whatever the bytes are, there is an error at a place in them, or a policy that is written to the same
//! bytes, read back by kernels, counted and optimized. Memory is bounded by the length of the bytes, whatever they promise.

use hardpan_selinux_policy::policydb::read;

use crate::common::policy;

/// Reads the bytes.
pub fn check(bytes: &[u8]) {
    let before = peak();
    let policy = read(bytes);
    let (grown, most) = (peak().saturating_sub(before), ROOM + PER_BYTE * bytes.len());
    assert!(grown <= most, "{grown} bytes of memory for {} of a policy", bytes.len());
    match policy {
        Ok(policy) => policy::holds(&policy, bytes),
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
}

/// What the process may take in for reasons of its own while it reads, such as a new arena of the allocator.
const ROOM: usize = 16 << 20;
/// How many bytes may be held of each byte that is read: the smallest elements of the format have a tenth of what stands
/// for them in memory.
const PER_BYTE: usize = 64;

/// The most memory that this process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.map_or(0, |kilobytes: usize| kilobytes << 10)
}

/// Policies of the generator, at all versions that are written and for both targets.
pub fn seeds() -> Vec<Vec<u8>> {
    policy::binaries(40)
}
