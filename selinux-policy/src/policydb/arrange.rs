//! The order that libsepol gives the tables that it keeps hashed.
//!
//! A file has the elements of such a table bucket after bucket. Within a bucket they ascend by their keys, so what is
//! hashed has an order that depends on the set alone; only rules of equal source, target and class keep the order in which
//! they came.

use std::cmp::Ordering;

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
        compat.sort_symbols(&mut self.commons, buckets::COMMONS, |it| &it.name);
        compat.sort_symbols(&mut self.classes, buckets::CLASSES, |it| &it.name);
        compat.sort_symbols(&mut self.roles, buckets::ROLES, |it| &it.name);
        compat.sort_symbols(&mut self.types, buckets::TYPES, |it| &it.name);
        compat.sort_symbols(&mut self.users, buckets::USERS, |it| &it.name);
        compat.sort_symbols(&mut self.bools, buckets::BOOLS, |it| &it.name);
        compat.sort_symbols(&mut self.sensitivities, buckets::SENSITIVITIES, |it| &it.name);
        compat.sort_symbols(&mut self.categories, buckets::CATEGORIES, |it| &it.name);
        let of_commons = self.commons.iter_mut().map(|Common { permissions, .. }| permissions);
        let of_classes = self.classes.iter_mut().map(|Class { permissions, .. }| permissions);
        for permissions in of_commons.chain(of_classes) {
            compat.sort_symbols(permissions, buckets::PERMISSIONS, |Permission { name, .. }| name);
        }
        self.arrange_rules();
    }

    fn arrange_rules(&mut self) {
        self.avtab
            .sort_by_cached_key(|it| (avtab_hash(it) & (buckets::AVTAB - 1), it.source, it.target, it.class));
        let count = bucket_count(buckets::FILENAME_TRANSITIONS, self.filename_transitions.len());
        self.filename_transitions.sort_by_cached_key(|it| {
            let bucket = filename_hash(it.target_type ^ it.class, &it.name) & (count - 1);
            (bucket, it.target_type, it.class, it.name.clone())
        });
        let count = bucket_count(buckets::RANGE_TRANSITIONS, self.range_transitions.len());
        self.range_transitions.sort_by_cached_key(|it| {
            let hash = it.source_type.wrapping_add(it.target_type << 3).wrapping_add(it.class << 5);
            (hash & (count - 1), it.source_type, it.target_type, it.class)
        });
    }
}

impl Compat {
    /// Puts symbols into the order of a table that began with so many buckets.
    pub(crate) fn sort_symbols<T>(self, symbols: &mut Vec<T>, buckets: u32, name: impl Fn(&T) -> &[u8]) {
        let count = bucket_count(buckets, symbols.len());
        let mut hashed: Vec<(u32, T)> =
            symbols.drain(..).map(|it| (self.symbol_hash(name(&it)) & (count - 1), it)).collect();
        hashed.sort_by(|(a, first), (b, second)| match a.cmp(b) {
            Ordering::Equal => name(first).cmp(name(second)),
            different => different,
        });
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
