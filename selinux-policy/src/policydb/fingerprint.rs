//! What a running kernel gives back of its policy.
//!
//! `/sys/fs/selinux/policy` is not the file that was loaded: the kernel writes its own tables, which have other sizes and
//! thus another order. The order follows from the policy alone, so that the bytes, and their hash, are known before it is
//! loaded. Two files that differ only by the release of libsepol that wrote them are read back alike.

use sha2::{Digest as _, Sha256};

use super::arrange::{avtab_hash, filename_hash, key, triple_hash};
use super::avtab::{AvEntry, specified};
use super::contexts::GenFs;
use super::format::{OBJECT_R, version};
use super::{Bitmap, Compat, Policy, WriteError, write};

/// Which releases of Linux; others hash other things in other ways, and are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// 5.9 to 6.6.
    V5_9,
    /// From 6.10 on, on 64-bit little-endian machines, where file names are hashed by words.
    V6_10,
}

impl Kernel {
    /// The kernels that this release is one of, by the first two numbers of its name; `None` before 5.9 and for 6.7 to 6.9.
    pub fn of_release(major: u32, minor: u32) -> Option<Self> {
        match (major, minor) {
            (5, 9..) | (6, ..=6) => Some(Self::V5_9),
            (6, 10..) | (7.., _) => Some(Self::V6_10),
            _ => None,
        }
    }
}

/// The hash of a policy that was, or will be, read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of all bytes.
    pub sha256: [u8; 32],
    /// How many bytes there are.
    pub bytes: usize,
}

impl Fingerprint {
    /// Of bytes that a kernel gave back. A kernel that loads them gives other ones back, since it keeps extended permissions
    /// of one source, target and class in reverse.
    pub fn of_readback(bytes: &[u8]) -> Self {
        Self { sha256: Sha256::digest(bytes).into(), bytes: bytes.len() }
    }
}

/// `MAX_AVTAB_HASH_BUCKETS`: rules never have more buckets than that.
const MAX_RULE_BUCKETS: usize = 1 << 16;

/// How many buckets transitions by file name have before version 33, whatever their number.
const OLD_FILENAME_BUCKETS: u32 = 1 << 11;

/// The hash of what a kernel gives back that has loaded the policy and changed no boolean.
///
/// # Errors
///
/// If the version cannot be written, see [`write()`].
pub fn fingerprint(policy: &Policy, kernel: Kernel) -> Result<Fingerprint, WriteError> {
    Ok(Fingerprint::of_readback(&write(&readback(policy, kernel))?))
}

/// The policy in the order in which a kernel gives it back.
///
/// Conditionals stay as the file has them: they are not evaluated at the first load after a start, only at later ones and when
/// a boolean changes. All compilers write what the evaluation would give.
pub fn readback(policy: &Policy, kernel: Kernel) -> Policy {
    let mut policy = policy.clone();
    let compat = if kernel == Kernel::V5_9 { Compat::V3_4 } else { Compat::V3_6 };
    policy.sort_symbols(compat, |_, elements| buckets(elements));
    // The kernel makes this role itself and keeps nothing of the file's but its name.
    for role in policy.roles.iter_mut().filter(|role| role.value == OBJECT_R) {
        (role.bounds, role.dominates, role.types) = (0, Bitmap::new(), Bitmap::new());
    }
    policy.avtab = rules(policy.avtab);
    sort_role_transitions(&mut policy, kernel);
    sort_filename_transitions(&mut policy, kernel);
    policy.sort_range_transitions(buckets(policy.range_transitions.len()));
    sort_genfs(&mut policy.genfs);
    for (bit, attributes) in (0..).zip(&mut policy.type_attribute_map) {
        attributes.insert(bit);
    }
    policy
}

/// A table has as many buckets as elements, but a power of two.
fn buckets(elements: usize) -> u32 {
    u32::try_from(elements.next_power_of_two()).unwrap_or(1 << 31)
}

/// Rules by bucket and key. Extended permissions of one key and kind end up in reverse, since each is put before the
/// first one.
fn rules(rules: Vec<AvEntry>) -> Vec<AvEntry> {
    let count = match rules.len() {
        0..4 => 2,
        more => (1 << (more / 2).ilog2()).min(MAX_RULE_BUCKETS),
    };
    let mask = u32::try_from(count - 1).unwrap_or(u32::MAX);
    let mut rules = rules;
    rules.sort_by_cached_key(|it| (avtab_hash(it) & mask, key(it)));
    let mut ordered: Vec<AvEntry> = Vec::with_capacity(rules.len());
    for same in rules.chunk_by(|a, b| key(a) == key(b)) {
        // Kinds stay in the order in which they appear. There are a few of them, while one can have very many rules.
        let mut kinds: Vec<u16> = Vec::new();
        for rule in same {
            if !kinds.contains(&rule.kind()) {
                kinds.push(rule.kind());
            }
        }
        for kind in kinds {
            let start = ordered.len();
            ordered.extend(same.iter().filter(|rule| rule.kind() == kind).cloned());
            if kind & specified::XPERMS != 0 {
                ordered[start..].reverse();
            }
        }
    }
    ordered
}

fn sort_role_transitions(policy: &mut Policy, kernel: Kernel) {
    let mask = buckets(policy.role_transitions.len()) - 1;
    policy.role_transitions.sort_by_cached_key(|it| {
        let hash = match kernel {
            Kernel::V5_9 => triple_hash(it.role, it.target_type, it.class),
            Kernel::V6_10 => jenkins_hash(it.role, it.target_type, it.class << 16 | it.class),
        };
        (hash & mask, it.role, it.target_type, it.class)
    });
}

fn sort_filename_transitions(policy: &mut Policy, kernel: Kernel) {
    let count = match policy.version {
        version::COMP_FTRANS.. => buckets(policy.filename_transitions.len()),
        _ => OLD_FILENAME_BUCKETS,
    };
    let hash = if kernel == Kernel::V5_9 { filename_hash } else { word_hash };
    policy.sort_filename_transitions(count, hash);
}

/// File systems by name, and in each the longest paths first, equally long ones as they came.
fn sort_genfs(genfs: &mut [GenFs]) {
    genfs.sort_by(|a, b| a.name.cmp(&b.name));
    for filesystem in genfs {
        filesystem.paths.sort_by_key(|it| std::cmp::Reverse(it.path.len()));
    }
}

/// Jenkins' `lookup3` of three words (`jhash_3words` with the initial value 0).
fn jenkins_hash(a: u32, b: u32, c: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(3 << 2);
    let mut words = [a, b, c].map(|word| word.wrapping_add(start));
    let rounds = [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)];
    for (to, from, by) in rounds {
        words[to] = (words[to] ^ words[from]).wrapping_sub(words[from].rotate_left(by));
    }
    words[2]
}

/// `full_name_hash` where names are hashed by 64-bit words.
fn word_hash(salt: u32, name: &[u8]) -> u32 {
    const GOLDEN_RATIO: u64 = 0x61c8_8646_80b5_83eb;
    let (mut x, mut y) = (0_u64, u64::from(salt));
    let mut words = name.chunks_exact(8);
    for word in words.by_ref() {
        x ^= little_endian(word);
        y ^= x;
        x = x.rotate_left(12).wrapping_add(y);
        y = y.rotate_left(45).wrapping_mul(9);
    }
    x ^= little_endian(words.remainder());
    let folded = (y ^ x.wrapping_mul(GOLDEN_RATIO)).wrapping_mul(GOLDEN_RATIO);
    u32::try_from(folded >> 32).unwrap_or_default()
}

/// Up to eight bytes, padded with zeros.
fn little_endian(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
