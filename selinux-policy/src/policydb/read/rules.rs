//! Rules and transitions.

use rustc_hash::{FxHashMap, FxHashSet};

use super::check::Index;
use super::cursor::{Cursor, Result};
use super::expression;
use crate::policydb::avtab::{AvEntry, Conditional, Datum, Xperms, XpermsKind, specified};
use crate::policydb::format::version;
use crate::policydb::{FilenameResult, FilenameTransition, Policy, Problem, RoleTransition, Target};

/// From the rules without conditions to the transitions by file names.
pub(super) fn read(cursor: &mut Cursor, policy: &mut Policy, index: &Index) -> Result<()> {
    cursor.enter("rule");
    policy.avtab = entries(cursor, policy.target, version::XPERMS_IOCTL)?;
    check_unique(cursor, &policy.avtab)?;
    if cursor.version >= version::BOOL {
        policy.conditionals = conditionals(cursor, policy.target)?;
        check_type_rules(cursor, policy)?;
    }
    cursor.enter("role transition");
    policy.role_transitions = cursor.list(12, |cursor| role_transition(cursor, index))?;
    cursor.enter("allowed change of roles");
    let highest = cursor.highest.roles;
    policy.role_allows =
        cursor.list(8, |cursor| Ok((cursor.value("role", highest)?, cursor.value("role", highest)?)))?;
    cursor.enter("transition by file name");
    if cursor.version >= version::COMP_FTRANS {
        policy.filename_transitions = filename_transitions(cursor)?;
    } else if cursor.version >= version::FILENAME_TRANS {
        policy.filename_transitions = filename_transitions_by_source(cursor)?;
    }
    Ok(())
}

/// Rules; those of extended permissions only from a version on.
fn entries(cursor: &mut Cursor, target: Target, xperms_since: u32) -> Result<Vec<AvEntry>> {
    if cursor.version < version::AVTAB {
        return old_entries(cursor);
    }
    let takes_xperms = target == Target::Selinux && cursor.version >= xperms_since;
    cursor.list(12, |cursor| entry(cursor, takes_xperms))
}

fn entry(cursor: &mut Cursor, takes_xperms: bool) -> Result<AvEntry> {
    let start = cursor.offset();
    let [source, target, class] = [cursor.u16()?, cursor.u16()?, cursor.u16()?];
    check_key(cursor, [source, target, class])?;
    let specified = cursor.u16()?;
    let kind = specified & !specified::ENABLED;
    let is_known = kind & !(specified::AV | specified::TYPE | specified::XPERMS) == 0;
    if !is_known || kind.count_ones() != 1 || (kind & specified::XPERMS != 0 && !takes_xperms) {
        let problem = Problem::Code { what: "kind of rules in this version", value: specified.into() };
        return Err(cursor.error_at(start, problem));
    }
    let datum = if kind & specified::XPERMS != 0 { xperms(cursor)? } else { datum(cursor, kind)? };
    Ok(AvEntry { source, target, class, specified, datum })
}

fn check_key(cursor: &Cursor, [source, target, class]: [u16; 3]) -> Result<()> {
    let highest = cursor.highest;
    cursor.check_value("type", source.into(), highest.types)?;
    cursor.check_value("type", target.into(), highest.types)?;
    cursor.check_value("class", class.into(), highest.classes)?;
    Ok(())
}

fn datum(cursor: &mut Cursor, kind: u16) -> Result<Datum> {
    if kind & specified::TYPE == 0 {
        return cursor.u32().map(Datum::Perms);
    }
    cursor.value("type", cursor.highest.types).map(Datum::Type)
}

fn xperms(cursor: &mut Cursor) -> Result<Datum> {
    let [code, driver] = cursor.array()?;
    let kind = XpermsKind::from_code(code);
    let kind = kind.ok_or_else(|| cursor.code("kind of extended permissions", code.into()))?;
    Ok(Datum::Xperms(Box::new(Xperms { kind, driver, bits: cursor.u32s()? })))
}

/// The order in which an entry of the form before version 20 has its numbers.
const OLD_ORDER: [u16; 6] = [
    specified::ALLOW,
    specified::DONTAUDIT,
    specified::AUDITALLOW,
    specified::TYPE_TRANSITION,
    specified::TYPE_CHANGE,
    specified::TYPE_MEMBER,
];

/// [`specified::ENABLED`] in the form before version 20.
const OLD_ENABLED: u32 = 0x8000_0000;

/// Before version 20 an entry has all access vectors, or all types, of its source, target and class.
fn old_entries(cursor: &mut Cursor) -> Result<Vec<AvEntry>> {
    let count = cursor.count(24)?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        old_entry(cursor, &mut entries)?;
    }
    Ok(entries)
}

fn old_entry(cursor: &mut Cursor, entries: &mut Vec<AvEntry>) -> Result<()> {
    let start = cursor.offset();
    let [words, source, target, class, flags] = cursor.u32s()?;
    let key = [source, target, class].map(|number| u16::try_from(number).unwrap_or(0));
    check_key(cursor, key)?;
    let wrong = |what| cursor.error_at(start, Problem::Code { what, value: flags.into() });
    let kinds = u16::try_from(flags & !OLD_ENABLED).map_err(|_| wrong("kind of rules in this version"))?;
    let is_av = kinds & !specified::AV == 0;
    if kinds == 0 || !(is_av || kinds & !specified::TYPE == 0) {
        return Err(wrong("kind of rules in this version"));
    }
    if words != 4 + kinds.count_ones() {
        let problem =
            Problem::Fixed { what: "words in this rule", expected: 4 + kinds.count_ones(), found: words };
        return Err(cursor.error_at(start, problem));
    }
    let enabled = if flags & OLD_ENABLED != 0 { specified::ENABLED } else { 0 };
    let [source, target, class] = key;
    for kind in OLD_ORDER.into_iter().filter(|kind| kinds & kind != 0) {
        let datum = datum(cursor, kind)?;
        entries.push(AvEntry { source, target, class, specified: kind | enabled, datum });
    }
    Ok(())
}

/// A rule's source, target, class and kind.
type Key = (u16, u16, u16, u16);

fn key(entry: &AvEntry) -> Key {
    (entry.source, entry.target, entry.class, entry.kind())
}

/// Outside of conditionals only extended permissions have several rules of one kind.
fn check_unique(cursor: &Cursor, entries: &[AvEntry]) -> Result<()> {
    let mut seen = FxHashSet::with_capacity_and_hasher(entries.len(), rustc_hash::FxBuildHasher);
    let mut entries = entries.iter().filter(|entry| entry.specified & specified::XPERMS == 0).map(key);
    match entries.find(|key| !seen.insert(*key)) {
        None => Ok(()),
        Some(twice) => Err(twice_error(cursor, twice)),
    }
}

fn twice_error(cursor: &Cursor, (source, target, class, kind): Key) -> super::PolicyError {
    let name = format!("of kind {kind:#x}, source {source}, target {target} and class {class}");
    cursor.error(Problem::Twice { what: "the rule", name })
}

fn conditionals(cursor: &mut Cursor, target: Target) -> Result<Vec<Conditional>> {
    cursor.enter("conditional");
    cursor.list(16, |cursor| {
        let state = cursor.flag("state of a conditional")?;
        let expression = expression::condition(cursor)?;
        let then = entries(cursor, target, version::COND_XPERMS)?;
        let otherwise = entries(cursor, target, version::COND_XPERMS)?;
        Ok(Conditional { state, expression, then, otherwise })
    })
}

/// Only one type rule of a kind may ever be in force for a source, target and class: it may be once in each branch of one
/// conditional.
fn check_type_rules(cursor: &Cursor, policy: &Policy) -> Result<()> {
    let is_type = |entry: &&AvEntry| entry.specified & specified::TYPE != 0;
    let unconditional: FxHashSet<Key> = policy.avtab.iter().filter(is_type).map(key).collect();
    let mut places: FxHashMap<Key, (usize, bool)> = FxHashMap::default();
    let mut both = FxHashSet::default();
    for (place, conditional) in policy.conditionals.iter().enumerate() {
        let then = conditional.then.iter().map(|entry| (entry, true));
        let otherwise = conditional.otherwise.iter().map(|entry| (entry, false));
        for (entry, branch) in then.chain(otherwise).filter(|(entry, _)| is_type(entry)) {
            let key = key(entry);
            let first = *places.entry(key).or_insert((place, branch));
            let is_free = first == (place, true) && !branch && both.insert(key);
            let is_first =
                first == (place, branch) && both.insert((key.0, key.1, key.2, key.3 | specified::ENABLED));
            if unconditional.contains(&key) || !(is_free || is_first) {
                return Err(twice_error(cursor, key));
            }
        }
    }
    Ok(())
}

fn role_transition(cursor: &mut Cursor, index: &Index) -> Result<RoleTransition> {
    let highest = cursor.highest;
    let role = cursor.value("role", highest.roles)?;
    let target_type = cursor.value("type", highest.types)?;
    let result = cursor.value("role", highest.roles)?;
    let class = if cursor.version >= version::ROLETRANS {
        cursor.value("class", highest.classes)?
    } else {
        index.process(cursor)?
    };
    Ok(RoleTransition { role, target_type, class, result })
}

fn filename_transitions(cursor: &mut Cursor) -> Result<Vec<FilenameTransition>> {
    let mut seen = FxHashSet::default();
    let highest = cursor.highest;
    cursor.list(16, |cursor| {
        let name = cursor.counted_name()?;
        let target_type = cursor.value("type", highest.types)?;
        let class = cursor.value("class", highest.classes)?;
        if !seen.insert((target_type, class, name.clone())) {
            return Err(cursor
                .error(Problem::Twice { what: "the transition of", name: super::symbols::shown(&name) }));
        }
        let results = filename_results(cursor)?;
        Ok(FilenameTransition { name, target_type, class, results })
    })
}

fn filename_results(cursor: &mut Cursor) -> Result<Vec<FilenameResult>> {
    let highest = cursor.highest.types;
    let mut known: FxHashSet<u32> = FxHashSet::default();
    let results = cursor.list(16, |cursor| {
        let sources = cursor.values("type", highest)?;
        let twice = sources.values().find(|source| !known.insert(*source));
        if let Some(source) = twice {
            return Err(cursor.error(Problem::Twice { what: "the source", name: source.to_string() }));
        }
        Ok(FilenameResult { sources, result: cursor.value("type", highest)? })
    })?;
    if results.is_empty() {
        return Err(cursor.code("number of results", 0));
    }
    Ok(results)
}

/// Before version 33 each source has an entry of its own. Those of one name, target and class become one.
fn filename_transitions_by_source(cursor: &mut Cursor) -> Result<Vec<FilenameTransition>> {
    let mut transitions: Vec<FilenameTransition> = Vec::new();
    let (mut places, mut results, mut seen) =
        (FxHashMap::default(), FxHashMap::default(), FxHashSet::default());
    for _ in 0..cursor.count(20)? {
        let (name, [source, target_type, class, result]) = filename_transition_of_source(cursor)?;
        let place = *places.entry((name.clone(), target_type, class)).or_insert(transitions.len());
        if !seen.insert((place, source)) {
            return Err(cursor.error(Problem::Twice { what: "the source", name: source.to_string() }));
        }
        if place == transitions.len() {
            transitions.push(FilenameTransition { name, target_type, class, results: Vec::new() });
        }
        let all = &mut transitions[place].results;
        let result_place = *results.entry((place, result)).or_insert(all.len());
        if result_place == all.len() {
            all.push(FilenameResult { sources: crate::policydb::Bitmap::new(), result });
        }
        all[result_place].sources.insert_value(source);
    }
    Ok(transitions)
}

fn filename_transition_of_source(cursor: &mut Cursor) -> Result<(crate::policydb::Name, [u32; 4])> {
    let highest = cursor.highest;
    let name = cursor.counted_name()?;
    let source = cursor.value("type", highest.types)?;
    let target_type = cursor.value("type", highest.types)?;
    let class = cursor.value("class", highest.classes)?;
    let result = cursor.value("type", highest.types)?;
    Ok((name, [source, target_type, class, result]))
}
