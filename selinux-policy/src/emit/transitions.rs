//! Type rules, and changes of role and range.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::faults::Faults;
use super::rules::{Avtab, Key, class_value};
use super::tables::{Pairs, Tables};
use crate::ir::{ClassId, NameTransition, OriginId, TypeRule, TypeRuleKind};
use crate::names::Symbol;
use crate::policydb::avtab::specified;
use crate::policydb::{Bitmap, FilenameResult, FilenameTransition, RangeTransition, RoleTransition};

/// Two rules that give different results for the same. The message tells what the rules are about, the note is on the first.
const FIRST_RULE: &str = "the other result is given here";

/// Adds all type rules outside of conditionals.
pub(crate) fn type_rules(tables: &Tables<'_>, avtab: &mut Avtab, faults: &mut Faults<'_>) {
    let mut pairs = Pairs::default();
    for rule in &tables.ir.type_rules {
        let result = tables.type_value(rule.result);
        let mut conflict = None;
        each_key(tables, &mut pairs, rule, |key| {
            if let Err(existing) = avtab.add_type(key, result, rule.origin)
                && existing.0 != result
            {
                conflict.get_or_insert((key, existing));
            }
        });
        if let Some((key, (_, first))) = conflict {
            refuse_type_rule(tables, rule.origin, key, first, faults);
        }
    }
}

/// Calls with each key of a type rule.
pub(crate) fn each_key(tables: &Tables<'_>, pairs: &mut Pairs, rule: &TypeRule, mut call: impl FnMut(Key)) {
    let kind = match rule.kind {
        TypeRuleKind::Transition => specified::TYPE_TRANSITION,
        TypeRuleKind::Member => specified::TYPE_MEMBER,
        TypeRuleKind::Change => specified::TYPE_CHANGE,
    };
    let classes: Vec<ClassId> = tables.accesses.classes(rule.class).collect();
    pairs.of_types(tables, rule.source, rule.target);
    pairs.for_each(|source, target| {
        classes.iter().for_each(|class| call(Key::new(source, target, class_value(*class), kind)));
    });
}

/// Two type rules that give one key different results.
pub(crate) fn refuse_type_rule(
    tables: &Tables<'_>,
    at: OriginId,
    key: Key,
    first: OriginId,
    faults: &mut Faults<'_>,
) {
    let entry = key.entry(crate::policydb::avtab::Datum::Type(0));
    let about = about(tables, entry.source, entry.target, entry.class);
    let message = format!("type rules give different results for {about}");
    faults.conflict("conflicting-type-rules", (at, message), (first, FIRST_RULE));
}

/// Source, target and class by name.
fn about(tables: &Tables<'_>, source: u16, target: u16, class: u16) -> String {
    let type_name = |value: u16| {
        let ids = (0..).map(crate::ir::TypeId).take(tables.ir.types.len());
        let id = ids.into_iter().find(|id| tables.type_value(*id) == u32::from(value));
        id.map_or_else(String::new, |id| tables.ir.names.text(tables.ir.types[id.index()].name))
    };
    let class = tables.ir.names.text(tables.ir.classes[usize::from(class) - 1].name);
    format!("source {}, target {}, class {class}", type_name(source), type_name(target))
}

/// Type transitions by name.
pub(crate) fn filename_transitions(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<FilenameTransition> {
    let mut named = Named::default();
    let mut pairs = Pairs::default();
    for rule in &tables.ir.name_transitions {
        named.add(tables, &mut pairs, rule, faults);
    }
    named.transitions
}

#[derive(Default)]
struct Named {
    transitions: Vec<FilenameTransition>,
    /// By target, class and name.
    places: FxHashMap<(u16, u16, Symbol), usize>,
    /// The result of each source of a transition, and where it was given.
    results: FxHashMap<(usize, u16), (u32, OriginId)>,
}

impl Named {
    fn add(
        &mut self,
        tables: &Tables<'_>,
        pairs: &mut Pairs,
        rule: &NameTransition,
        faults: &mut Faults<'_>,
    ) {
        let classes: Vec<ClassId> = tables.accesses.classes(rule.class).collect();
        let result = tables.type_value(rule.result);
        let mut conflict = None;
        pairs.of_types(tables, rule.source, rule.target);
        pairs.for_each(|source, target| {
            for class in &classes {
                let class = class_value(*class);
                let place = self.place(tables, rule.name, target, class);
                match self.results.entry((place, source)) {
                    Entry::Occupied(known) if known.get().0 == result => {}
                    Entry::Occupied(known) => {
                        _ = conflict.get_or_insert((source, target, class, known.get().1))
                    }
                    Entry::Vacant(free) => {
                        free.insert((result, rule.origin));
                        add_result(&mut self.transitions[place].results, source, result);
                    }
                }
            }
        });
        if let Some((source, target, class, first)) = conflict {
            let (about, name) = (about(tables, source, target, class), tables.ir.names.text(rule.name));
            let message = format!("type transitions give different results for {about}, name {name}");
            faults.conflict("conflicting-type-rules", (rule.origin, message), (first, FIRST_RULE));
        }
    }

    fn place(&mut self, tables: &Tables<'_>, name: Symbol, target: u16, class: u16) -> usize {
        *self.places.entry((target, class, name)).or_insert_with(|| {
            let name = tables.ir.names.get(name).into();
            let (target_type, class) = (u32::from(target), u32::from(class));
            self.transitions.push(FilenameTransition { name, target_type, class, results: Vec::new() });
            self.transitions.len() - 1
        })
    }
}

fn add_result(results: &mut Vec<FilenameResult>, source: u16, result: u32) {
    match results.iter_mut().find(|known| known.result == result) {
        Some(known) => known.sources.insert_value(u32::from(source)),
        None => {
            let sources = Bitmap::from_iter([u32::from(source) - 1]);
            results.push(FilenameResult { sources, result });
        }
    }
}

/// Changes of range, with MLS.
pub(crate) fn range_transitions(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<RangeTransition> {
    if !tables.mls {
        return Vec::new();
    }
    let mut transitions: Vec<RangeTransition> = Vec::new();
    let mut known: FxHashMap<(u16, u16, u16), (usize, OriginId)> = FxHashMap::default();
    for rule in &tables.ir.range_transitions {
        let range = tables.levels.range(tables.ir, rule.range);
        let classes: Vec<ClassId> = tables.accesses.classes(rule.class).collect();
        let targets = tables.type_members(rule.target);
        let mut conflict = None;
        for source in tables.type_members(rule.source) {
            for target in &targets {
                for class in classes.iter().map(|class| class_value(*class)) {
                    match known.entry((source, *target, class)) {
                        Entry::Vacant(free) => {
                            free.insert((transitions.len(), rule.origin));
                            let (source_type, target_type) = (u32::from(source), u32::from(*target));
                            let (class, range) = (u32::from(class), range.clone());
                            transitions.push(RangeTransition { source_type, target_type, class, range });
                        }
                        Entry::Occupied(first) if transitions[first.get().0].range != range => {
                            conflict.get_or_insert((source, *target, class, first.get().1));
                        }
                        Entry::Occupied(_) => {}
                    }
                }
            }
        }
        if let Some((source, target, class, first)) = conflict {
            let about = about(tables, source, target, class);
            let message = format!("range transitions give different ranges for {about}");
            faults.conflict("conflicting-range-transitions", (rule.origin, message), (first, FIRST_RULE));
        }
    }
    transitions
}

/// Changes of role: the last is the first.
pub(crate) fn role_transitions(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<RoleTransition> {
    let mut transitions: Vec<RoleTransition> = Vec::new();
    let mut known: FxHashMap<(u32, u32, u32), (u32, OriginId)> = FxHashMap::default();
    for rule in &tables.ir.role_transitions {
        let result = tables.role_value(rule.result);
        let classes: Vec<ClassId> = tables.accesses.classes(rule.class).collect();
        let targets = tables.type_members(rule.target);
        let mut conflict = None;
        for role in tables.role_members(rule.source) {
            for target_type in targets.iter().map(|target| u32::from(*target)) {
                for class in classes.iter().map(|class| u32::from(class_value(*class))) {
                    match known.entry((role, target_type, class)) {
                        Entry::Vacant(free) => {
                            free.insert((result, rule.origin));
                            transitions.push(RoleTransition { role, target_type, class, result });
                        }
                        Entry::Occupied(first) if first.get().0 != result => {
                            conflict.get_or_insert(first.get().1);
                        }
                        Entry::Occupied(_) => {}
                    }
                }
            }
        }
        if let Some(first) = conflict {
            let message = "role transitions give different roles for the same".to_owned();
            faults.conflict("conflicting-role-transitions", (rule.origin, message), (first, FIRST_RULE));
        }
    }
    transitions.reverse();
    transitions
}

/// Allowed changes of role, repeated ones too: the last is the first.
pub(crate) fn role_allows(tables: &Tables<'_>) -> Vec<(u32, u32)> {
    let mut allows = Vec::new();
    for (source, target, _) in &tables.ir.role_allows {
        let targets = tables.role_members(*target);
        for source in tables.role_members(*source) {
            allows.extend(targets.iter().map(|target| (source, *target)));
        }
    }
    allows.reverse();
    allows
}
