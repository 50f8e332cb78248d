//! Rules over extended permissions.
//!
//! Rules of one key are joined before they are split by driver, so that a driver that several rules cover together is
//! recognised as whole. The keys then go into the table in the order of a hash table that libsepol keeps them in meanwhile,
//! each in front of those of its kind.

use rustc_hash::FxHashMap;

use super::faults::Faults;
use super::rules::{Key, class_value};
use super::tables::{Pairs, Tables};
use crate::ir::{AvKind, AvxRule, ClassId, PermissionXId, XKind};
use crate::policydb::Target;
use crate::policydb::avtab::{AvEntry, Datum, Xperms, XpermsKind, specified};

/// The hash table that libsepol collects rules in has this many chains, and never more.
const CHAINS: u32 = 1 << 10;

/// The whole of a driver.
const ALL: [u32; 8] = [u32::MAX; 8];

/// Source, target, class and kind.
type RuleKey = (u16, u16, u16, u16);

/// Adds all rules outside of conditionals behind the other rules. The format has none for Xen, so that those that leave
/// something to write there are errors.
pub(crate) fn rules(tables: &Tables<'_>, entries: &mut Vec<AvEntry>, faults: &mut Faults<'_>) {
    let mut collected = Collected::default();
    for rule in &tables.ir.avx_rules {
        let is_written =
            collected.add(tables, rule) && !tables.ir.permissionx[rule.access.index()].numbers.is_empty();
        if is_written && tables.options.target == Target::Xen {
            let message = "policies for Xen cannot have rules over extended permissions".to_owned();
            faults.error("target", rule.origin, message);
        }
    }
    let inserted = collected.into_entries(tables);
    // Each is inserted in front of those of its kind, while kinds stay in the order in which they appear.
    let mut groups: Vec<Vec<AvEntry>> = Vec::new();
    let mut places: FxHashMap<RuleKey, usize> = FxHashMap::default();
    for entry in inserted {
        let place = places.entry((entry.source, entry.target, entry.class, entry.specified));
        let place = *place.or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(entry);
    }
    entries.extend(groups.into_iter().flat_map(|group| group.into_iter().rev()));
}

/// Rules over extended permissions by their keys.
#[derive(Default)]
pub(crate) struct Collected {
    pairs: Pairs,
    ioctl: ByKey,
    nlmsg: ByKey,
}

/// Of each key, in the order of their first appearance, the permissions of all rules.
#[derive(Default)]
struct ByKey {
    places: FxHashMap<RuleKey, usize>,
    rules: Vec<(RuleKey, Vec<PermissionXId>)>,
}

impl Collected {
    /// Adds a rule; whether there are types and classes that it is for.
    pub(crate) fn add(&mut self, tables: &Tables<'_>, rule: &AvxRule) -> bool {
        let specified = match rule.kind {
            AvKind::Allow => specified::ALLOWX,
            AvKind::AuditAllow => specified::AUDITALLOWX,
            AvKind::DontAudit if tables.options.disable_dontaudit => return false,
            AvKind::DontAudit => specified::DONTAUDITX,
            AvKind::NeverAllow => return false,
        };
        let permissions = &tables.ir.permissionx[rule.access.index()];
        let by_key = match permissions.kind {
            XKind::Ioctl => &mut self.ioctl,
            XKind::Nlmsg => &mut self.nlmsg,
        };
        let classes: Vec<ClassId> = tables.accesses.classes(permissions.class).collect();
        self.pairs.of_rule(tables, rule.source, rule.target);
        let mut is_of_use = false;
        self.pairs.for_each(|source, target| {
            is_of_use |= !classes.is_empty();
            for class in &classes {
                by_key.add((source, target, class_value(*class), specified), rule.access);
            }
        });
        is_of_use
    }

    /// The rules in the order in which they are inserted.
    pub(crate) fn into_entries(self, tables: &Tables<'_>) -> Vec<AvEntry> {
        let mut entries = Vec::new();
        self.ioctl.add_to(tables, XKind::Ioctl, &mut entries);
        self.nlmsg.add_to(tables, XKind::Nlmsg, &mut entries);
        entries
    }
}

impl ByKey {
    fn add(&mut self, key: RuleKey, permissions: PermissionXId) {
        let place = *self.places.entry(key).or_insert_with(|| {
            self.rules.push((key, Vec::new()));
            self.rules.len() - 1
        });
        let all = &mut self.rules[place].1;
        if all.last() != Some(&permissions) {
            all.push(permissions);
        }
    }

    fn add_to(mut self, tables: &Tables<'_>, kind: XKind, entries: &mut Vec<AvEntry>) {
        // The sort is stable: within a chain keys stay as they came.
        self.rules.sort_by_key(|(key, _)| chain(*key));
        let mut known: FxHashMap<Vec<PermissionXId>, Vec<Xperms>> = FxHashMap::default();
        for ((source, target, class, specified), mut permissions) in self.rules {
            permissions.sort_unstable();
            permissions.dedup();
            let split = known.entry(permissions).or_insert_with_key(|all| split(tables, kind, all));
            for xperms in split {
                let entry =
                    Key::new(source, target, class, specified).entry(Datum::Xperms(Box::new(*xperms)));
                entries.push(entry);
            }
        }
    }
}

/// The permissions of some statements together, by driver: first the drivers that are in part covered, then those that are
/// whole.
fn split(tables: &Tables<'_>, kind: XKind, permissions: &[PermissionXId]) -> Vec<Xperms> {
    let mut drivers: Vec<[u32; 8]> = vec![[0; 8]; 256];
    for id in permissions {
        for (first, last) in &tables.ir.permissionx[id.index()].numbers {
            for driver in first >> 8..=last >> 8 {
                let bits = &mut drivers[usize::from(driver)];
                match (driver << 8, driver << 8 | 0xff) {
                    // Thousands of rules over all numbers are not gone through number by number.
                    (low, high) if *first <= low && high <= *last => *bits = ALL,
                    (low, high) => {
                        ((*first).max(low)..=(*last).min(high))
                            .for_each(|number| insert(bits, number & 0xff));
                    }
                }
            }
        }
    }
    let partial_kind = match kind {
        XKind::Ioctl => XpermsKind::IoctlFunction,
        XKind::Nlmsg => XpermsKind::Nlmsg,
    };
    let (mut split, mut whole) = (Vec::new(), [0; 8]);
    for (driver, bits) in (0..=u8::MAX).zip(drivers) {
        if kind == XKind::Ioctl && bits == ALL {
            insert(&mut whole, u16::from(driver));
        } else if bits != [0; 8] {
            split.push(Xperms { kind: partial_kind, driver, bits });
        }
    }
    if whole != [0; 8] {
        split.push(Xperms { kind: XpermsKind::IoctlDriver, driver: 0, bits: whole });
    }
    split
}

fn insert(bits: &mut [u32; 8], number: u16) {
    bits[usize::from(number / 32)] |= 1 << (number % 32);
}

/// The chain of a key in the table that libsepol collects rules in: `MurmurHash3` over class, target, source and kind.
fn chain((source, target, class, specified): RuleKey) -> u32 {
    let mut hash = 0_u32;
    for part in [class, target, source, specified] {
        let mixed = u32::from(part).wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        hash = (hash ^ mixed).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    (hash ^ hash >> 16) % CHAINS
}
