//! Access vector rules outside of conditionals, and the table that they share with type rules.

use rustc_hash::FxHashMap;

use super::access::Access;
use super::tables::{Pairs, Tables};
use crate::ir::{AvKind, AvRule, ClassId, OriginId};
use crate::policydb::avtab::{AvEntry, Datum, specified};

/// What rules are kept by: source, target, class and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

impl Key {
    pub(crate) fn new(source: u16, target: u16, class: u16, specified: u16) -> Self {
        Self(
            u64::from(source) << 48 | u64::from(target) << 32 | u64::from(class) << 16 | u64::from(specified),
        )
    }

    /// The rule with this key.
    #[expect(clippy::cast_possible_truncation, reason = "each field has 16 bits")]
    pub(crate) fn entry(self, datum: Datum) -> AvEntry {
        let field = |shift: u32| (self.0 >> shift) as u16;
        AvEntry { source: field(48), target: field(32), class: field(16), specified: field(0), datum }
    }
}

/// The value of a class; the number of classes is checked before.
pub(crate) fn class_value(class: ClassId) -> u16 {
    u16::try_from(class.0 + 1).expect("classes are limited to values of 16 bits")
}

/// Rules in the order in which their keys first appeared.
#[derive(Default)]
pub(crate) struct Avtab {
    places: FxHashMap<Key, u32>,
    rules: Vec<(Key, u32)>,
    /// Where type rules come from.
    origins: FxHashMap<Key, OriginId>,
}

impl Avtab {
    /// Adds permissions to a rule, or to the rule of the same key.
    fn add(&mut self, key: Key, kind: AvKind, perms: u32) {
        match self.places.entry(key) {
            std::collections::hash_map::Entry::Occupied(place) => {
                let datum = &mut self.rules[*place.get() as usize].1;
                match kind {
                    // The table has the permissions that are still audited.
                    AvKind::DontAudit => *datum &= perms,
                    _ => *datum |= perms,
                }
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(u32::try_from(self.rules.len()).expect("fewer rules than memory for them"));
                self.rules.push((key, perms));
            }
        }
    }

    /// Adds a type rule; if there is one of the same key already, its result and origin are returned instead.
    pub(crate) fn add_type(
        &mut self,
        key: Key,
        result: u32,
        origin: OriginId,
    ) -> Result<(), (u32, OriginId)> {
        if let Some(existing) = self.type_rule(key) {
            return Err(existing);
        }
        self.places.insert(key, u32::try_from(self.rules.len()).expect("fewer rules than memory for them"));
        self.rules.push((key, result));
        self.origins.insert(key, origin);
        Ok(())
    }

    /// The result and origin of a type rule.
    pub(crate) fn type_rule(&self, key: Key) -> Option<(u32, OriginId)> {
        let place = self.places.get(&key)?;
        Some((self.rules[*place as usize].1, *self.origins.get(&key)?))
    }

    /// The rules as the binary policy has them.
    pub(crate) fn into_entries(self) -> Vec<AvEntry> {
        drop(self.places);
        self.rules.into_iter().map(|(key, datum)| key.entry(Datum::Perms(datum))).map(with_type).collect()
    }
}

/// Type rules have a type where others have permissions.
fn with_type(mut entry: AvEntry) -> AvEntry {
    if entry.specified & specified::TYPE != 0
        && let Datum::Perms(datum) = entry.datum
    {
        entry.datum = Datum::Type(datum);
    }
    entry
}

/// The kind of rule in the table; neverallow has none.
pub(crate) fn specified_of(kind: AvKind) -> Option<u16> {
    match kind {
        AvKind::Allow => Some(specified::ALLOW),
        AvKind::AuditAllow => Some(specified::AUDITALLOW),
        AvKind::DontAudit => Some(specified::DONTAUDIT),
        AvKind::NeverAllow => None,
    }
}

/// Adds all rules outside of conditionals.
pub(crate) fn access_vectors(tables: &Tables<'_>, avtab: &mut Avtab) {
    let mut scratch = Scratch::default();
    avtab.places.reserve(tables.ir.av_rules.len() / 2);
    for rule in &tables.ir.av_rules {
        scratch.each(tables, rule, |key, datum| avtab.add(key, rule.kind, datum));
    }
}

/// The pairs and accesses of a rule, kept from rule to rule.
#[derive(Default)]
pub(crate) struct Scratch {
    pairs: Pairs,
    accesses: Vec<Access>,
}

impl Scratch {
    /// Calls with each key and what the rule says about it. Rules that are left out and accesses without permissions have
    /// none.
    pub(crate) fn each(&mut self, tables: &Tables<'_>, rule: &AvRule, mut call: impl FnMut(Key, u32)) {
        let Some(specified) = specified_of(rule.kind) else { return };
        if rule.kind == AvKind::DontAudit && tables.options.disable_dontaudit {
            return;
        }
        self.accesses.clear();
        tables.accesses.add_to(&rule.access, &mut self.accesses);
        self.accesses.retain(|(_, perms)| *perms != 0);
        self.pairs.of_rule(tables, rule.source, rule.target);
        self.pairs.for_each(|source, target| {
            for (class, perms) in &self.accesses {
                let datum = if rule.kind == AvKind::DontAudit { !perms } else { *perms };
                call(Key::new(source, target, class_value(*class), specified), datum);
            }
        });
    }
}
