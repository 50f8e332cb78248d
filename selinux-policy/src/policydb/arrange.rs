//! The order that libsepol gives the tables that it keeps hashed.
//!
//! A file has the elements of such a table bucket after bucket. Within a bucket they ascend by their keys, so what is
//! hashed has an order that depends on the set alone; only rules of equal source, target and class keep the order in which
//! they came.

use super::Policy;
use super::avtab::AvEntry;
use super::symbols::{Class, Common, Permission};

/// Which libsepol's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// Before 3.6.
    V3_4,
    /// From 3.6 on.
    #[default]
    V3_6,
}

/// How many buckets the tables begin with; they double so that there are never fewer buckets than elements.
mod buckets {
    pub(super) const COMMONS: u32 = 2;
    pub(super) const CLASSES: u32 = 32;
    pub(super) const ROLES: u32 = 16;
    pub(super) const TYPES: u32 = 512;
    pub(super) const USERS: u32 = 128;
    pub(super) const BOOLS: u32 = 16;
    pub(super) const SENSITIVITIES: u32 = 16;
    pub(super) const CATEGORIES: u32 = 16;
    pub(super) const PERMISSIONS: u32 = 32;
    pub(super) const FILENAME_TRANSITIONS: u32 = 1024;
    pub(super) const RANGE_TRANSITIONS: u32 = 256;
    /// This one never grows.
    pub(super) const AVTAB: u32 = 1 << 20;
}

impl Policy {
    /// Puts everything that libsepol keeps hashed into its order. What has an order of its own stays as it is: constraints,
    /// conditionals with their rules, role transitions and allows, contexts.
    pub fn arrange(&mut self, compat: Compat) {
        self.sort_symbols(compat, bucket_count);
        self.avtab.sort_by_cached_key(|it| (avtab_hash(it) & (buckets::AVTAB - 1), key(it)));
        let count = bucket_count(buckets::FILENAME_TRANSITIONS, self.filename_transitions.len());
        self.sort_filename_transitions(count, filename_hash);
        let count = bucket_count(buckets::RANGE_TRANSITIONS, self.range_transitions.len());
        self.sort_range_transitions(count);
    }

    /// Sorts the tables of symbols, by how many buckets a table has that begins with so many and has so many elements.
    pub(super) fn sort_symbols(&mut self, compat: Compat, count: impl Fn(u32, usize) -> u32) {
        compat.sort(&mut self.commons, buckets::COMMONS, &count, |it| &it.name);
        compat.sort(&mut self.classes, buckets::CLASSES, &count, |it| &it.name);
        compat.sort(&mut self.roles, buckets::ROLES, &count, |it| &it.name);
        compat.sort(&mut self.types, buckets::TYPES, &count, |it| &it.name);
        compat.sort(&mut self.users, buckets::USERS, &count, |it| &it.name);
        compat.sort(&mut self.bools, buckets::BOOLS, &count, |it| &it.name);
        compat.sort(&mut self.sensitivities, buckets::SENSITIVITIES, &count, |it| &it.name);
        compat.sort(&mut self.categories, buckets::CATEGORIES, &count, |it| &it.name);
        let of_commons = self.commons.iter_mut().map(|Common { permissions, .. }| permissions);
        let of_classes = self.classes.iter_mut().map(|Class { permissions, .. }| permissions);
        for permissions in of_commons.chain(of_classes) {
            compat.sort(permissions, buckets::PERMISSIONS, &count, |Permission { name, .. }| name);
        }
    }

    /// Sorts transitions by file name into so many buckets, a power of two.
    pub(super) fn sort_filename_transitions(&mut self, count: u32, hash: fn(u32, &[u8]) -> u32) {
        self.filename_transitions.sort_by_cached_key(|it| {
            let bucket = hash(it.target_type ^ it.class, &it.name) & (count - 1);
            (bucket, it.target_type, it.class, it.name.clone())
        });
    }

    /// Sorts range transitions into so many buckets, a power of two.
    pub(super) fn sort_range_transitions(&mut self, count: u32) {
        self.range_transitions.sort_by_cached_key(|it| {
            let bucket = triple_hash(it.source_type, it.target_type, it.class) & (count - 1);
            (bucket, it.source_type, it.target_type, it.class)
        });
    }
}

impl Compat {
    /// Sorts a table of symbols that libsepol begins with so many buckets.
    pub(crate) fn sort_symbols<T>(self, symbols: &mut Vec<T>, buckets: u32, name: impl Fn(&T) -> &[u8]) {
        self.sort(symbols, buckets, bucket_count, name);
    }

    fn sort<T>(
        self,
        symbols: &mut Vec<T>,
        first: u32,
        count: impl Fn(u32, usize) -> u32,
        name: impl Fn(&T) -> &[u8],
    ) {
        let count = count(first, symbols.len());
        let mut hashed: Vec<(u32, T)> =
            symbols.drain(..).map(|it| (self.symbol_hash(name(&it)) & (count - 1), it)).collect();
        hashed.sort_by(|(a, first), (b, second)| a.cmp(b).then_with(|| name(first).cmp(name(second))));
        symbols.extend(hashed.into_iter().map(|(_, it)| it));
    }

    fn symbol_hash(self, name: &[u8]) -> u32 {
        match self {
            // Each byte is a C char, which has a sign where libsepol is built for x86.
            Self::V3_4 => name.iter().fold(0_u32, |hash, byte| {
                hash.rotate_left(4) ^ i32::from(byte.cast_signed()).cast_unsigned()
            }),
            Self::V3_6 => name.iter().fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(*byte)),
        }
    }
}

/// What rules ascend by within a bucket.
pub(super) fn key(entry: &AvEntry) -> (u16, u16, u16) {
    (entry.source, entry.target, entry.class)
}

/// The hash of transitions of ranges, and of roles in kernels before 6.7.
pub(super) fn triple_hash(source: u32, target: u32, class: u32) -> u32 {
    source.wrapping_add(target << 3).wrapping_add(class << 5)
}

/// The size that a table of so many elements has grown to.
fn bucket_count(first: u32, elements: usize) -> u32 {
    let mut count = first;
    while (count as usize) < elements && count < 1 << 31 {
        count *= 2;
    }
    count
}

/// `MurmurHash3` (32 bits, seed 0) over class, target and source, without mixing in the length.
pub(super) fn avtab_hash(entry: &AvEntry) -> u32 {
    let mut hash = 0_u32;
    for number in [entry.class, entry.target, entry.source] {
        let block = u32::from(number).wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        hash = (hash ^ block).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// The kernel's old hash of file names, begun with the exclusive or of target and class. Only the low bits count.
pub(super) fn filename_hash(start: u32, name: &[u8]) -> u32 {
    name.iter().fold(start, |hash, byte| {
        let byte = u32::from(*byte);
        hash.wrapping_add(byte << 4).wrapping_add(byte >> 4).wrapping_mul(11)
    })
}
