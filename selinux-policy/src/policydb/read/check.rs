//! What symbols must keep to together, and contexts by them.

use rustc_hash::{FxHashMap, FxHashSet};

use super::cursor::{Cursor, Result};
use super::symbols::shown;
use crate::policydb::contexts::{Context, Level, Range};
use crate::policydb::format::OBJECT_R;
use crate::policydb::symbols::TypeKind;
use crate::policydb::values::highest;
use crate::policydb::{Bitmap, Name, Policy, Problem};

/// `POLICYDB_BOUNDS_MAXDEPTH`: how far the kernel follows what bounds what.
const MAX_BOUNDS: usize = 4;

/// What contexts are checked against, by value. Values are not used as places, since a file may leave some out.
pub(super) struct Index {
    mls: bool,
    /// Of each user its roles and range.
    users: FxHashMap<u32, (Bitmap, Range)>,
    /// Of each role its types.
    roles: FxHashMap<u32, Bitmap>,
    /// Of each sensitivity its categories.
    sensitivities: FxHashMap<u32, Bitmap>,
    /// The class `process`.
    process: Option<u32>,
}

impl Index {
    pub(super) fn new(policy: &Policy) -> Self {
        let users = policy.users.iter().map(|it| (it.value, (it.roles.clone(), it.range.clone())));
        let levels = policy.sensitivities.iter().filter(|it| !it.is_alias);
        let levels = levels.map(|it| (it.level.sensitivity, it.level.categories.clone()));
        let process = policy.classes.iter().find(|class| *class.name == *b"process");
        Self {
            mls: policy.mls,
            users: users.collect(),
            roles: policy.roles.iter().map(|it| (it.value, it.types.clone())).collect(),
            sensitivities: levels.collect(),
            process: process.map(|class| class.value),
        }
    }

    /// The class that transitions of versions before they named one are of.
    pub(super) fn process(&self, cursor: &Cursor) -> Result<u32> {
        let name = "process".to_owned();
        self.process.ok_or_else(|| cursor.error(Problem::Undefined { what: "class", name }))
    }

    /// Whether a user may be with the role, the role with the type, and the user with the range; if not, what is wrong.
    pub(super) fn check_context(&self, context: &Context) -> std::result::Result<(), &'static str> {
        let (roles, range) = self.users.get(&context.user).ok_or("its user has no name")?;
        if context.role != OBJECT_R {
            let types = self.roles.get(&context.role).ok_or("its role has no name")?;
            if !types.contains_value(context.type_) {
                return Err("its role may not be with its type");
            }
            if !roles.contains_value(context.role) {
                return Err("its user may not be with its role");
            }
        }
        self.check_range(&context.range)?;
        let is_within =
            dominates(&context.range.low, &range.low) && dominates(&range.high, &context.range.high);
        if self.mls && context.role != OBJECT_R && !is_within {
            return Err("its user may not be with its range");
        }
        Ok(())
    }

    /// Whether a range is one with MLS.
    pub(super) fn check_range(&self, range: &Range) -> std::result::Result<(), &'static str> {
        if !self.mls {
            return Ok(());
        }
        if !dominates(&range.high, &range.low) {
            return Err("the high level of its range does not dominate the low level");
        }
        let is_level = |level: &Level| {
            let known = self.sensitivities.get(&level.sensitivity);
            known.is_some_and(|categories| level.categories.is_subset(categories))
        };
        if is_level(&range.low) && is_level(&range.high) {
            return Ok(());
        }
        Err("a level of its range has categories that its sensitivity may not be with")
    }
}

fn dominates(high: &Level, low: &Level) -> bool {
    high.sensitivity >= low.sensitivity && low.categories.is_subset(&high.categories)
}

/// Each table has the values that it says, and what bounds something else has all that this has.
pub(super) fn symbols(cursor: &mut Cursor, policy: &Policy) -> Result<()> {
    cursor.enter("tables of symbols");
    let said = cursor.highest;
    let sensitivities = policy.sensitivities.iter().filter(|it| !it.is_alias).map(|it| it.level.sensitivity);
    let categories = policy.categories.iter().filter(|it| !it.is_alias).map(|it| it.value);
    all_values(cursor, "common", said.commons, policy.commons.iter().map(|it| it.value))?;
    all_values(cursor, "class", said.classes, policy.classes.iter().map(|it| it.value))?;
    all_values(cursor, "user", said.users, policy.users.iter().map(|it| it.value))?;
    all_values(cursor, "boolean", said.bools, policy.bools.iter().map(|it| it.value))?;
    all_values(cursor, "sensitivity", said.sensitivities, sensitivities)?;
    all_values(cursor, "category", said.categories, categories)?;
    unique_values(cursor, "role", policy.roles.iter().map(|it| it.value))?;
    types(cursor, policy)?;
    if let Some(role) = policy.roles.iter().find(|it| (*it.name == *b"object_r") != (it.value == OBJECT_R)) {
        let problem =
            Problem::Value { what: "object_r with the value", value: role.value, highest: OBJECT_R };
        return Err(cursor.error(problem));
    }
    if let Some(bit) = policy.permissive.last().filter(|bit| *bit > said.types) {
        let problem = Problem::Value { what: "permissive type", value: bit, highest: said.types };
        return Err(cursor.error(problem));
    }
    bounds(cursor, policy)
}

/// How many values of roles are taken by attributes, which have no name in the file.
pub(super) fn reserved_roles(cursor: &Cursor, policy: &Policy) -> u32 {
    cursor.highest.roles - highest(policy.roles.iter().map(|it| it.value))
}

fn unique_values(cursor: &Cursor, what: &'static str, values: impl Iterator<Item = u32>) -> Result<usize> {
    let mut seen = FxHashSet::default();
    for value in values {
        if !seen.insert(value) {
            let name = format!("with the value {value}");
            return Err(cursor.error(Problem::Twice { what, name }));
        }
    }
    Ok(seen.len())
}

fn all_values(
    cursor: &Cursor,
    what: &'static str,
    said: u32,
    values: impl Iterator<Item = u32> + Clone,
) -> Result<()> {
    let found = highest(values.clone());
    if found != said {
        return Err(cursor.error(Problem::Highest { what, said, found }));
    }
    let count = unique_values(cursor, what, values.clone())?;
    if count == said as usize {
        return Ok(());
    }
    let known: FxHashSet<u32> = values.collect();
    let value = (1..said).find(|value| !known.contains(value)).unwrap_or(said);
    Err(cursor.error(Problem::Missing { what, value }))
}

/// Types and attributes have a value each; an alias has that of a type. Values may be left out: those of attributes are
/// before version 24, where attributes have no names.
fn types(cursor: &Cursor, policy: &Policy) -> Result<()> {
    let own = policy.types.iter().filter(|it| it.kind != TypeKind::Alias).map(|it| it.value);
    unique_values(cursor, "type", own)?;
    let of_types = policy.types.iter().filter(|it| it.kind == TypeKind::Type).map(|it| it.value);
    let of_types: FxHashSet<u32> = of_types.collect();
    let is_wrong = |value: &u32| !of_types.contains(value);
    let mut aliases = policy.types.iter().filter(|it| it.kind == TypeKind::Alias);
    match aliases.find(|it| is_wrong(&it.value)) {
        None => Ok(()),
        Some(alias) => {
            let name = format!("that {} could be an alias of", shown(&alias.name));
            Err(cursor.error(Problem::Undefined { what: "type", name }))
        }
    }
}

/// Something that may be bounded by another of its kind, of which it may have nothing that that one lacks.
struct Bounded<'a> {
    name: &'a Name,
    value: u32,
    bounds: u32,
    /// What it has.
    has: Option<&'a Bitmap>,
    /// Whether it may neither bound nor be bounded.
    is_attribute: bool,
}

fn bounds(cursor: &Cursor, policy: &Policy) -> Result<()> {
    let roles = policy.roles.iter().map(|it| Bounded {
        name: &it.name,
        value: it.value,
        bounds: it.bounds,
        has: Some(&it.types),
        is_attribute: false,
    });
    let users = policy.users.iter().map(|it| Bounded {
        name: &it.name,
        value: it.value,
        bounds: it.bounds,
        has: Some(&it.roles),
        is_attribute: false,
    });
    let types = policy.types.iter().filter(|it| it.kind != TypeKind::Alias).map(|it| Bounded {
        name: &it.name,
        value: it.value,
        bounds: it.bounds,
        has: None,
        is_attribute: it.kind.is_attribute(),
    });
    bounds_of(cursor, "role", roles)?;
    bounds_of(cursor, "user", users)?;
    bounds_of(cursor, "type", types)
}

fn bounds_of<'a>(cursor: &Cursor, what: &'static str, all: impl Iterator<Item = Bounded<'a>>) -> Result<()> {
    let all: FxHashMap<u32, Bounded> = all.map(|it| (it.value, it)).collect();
    let mut bounded: Vec<&Bounded> = all.values().filter(|it| it.bounds != 0).collect();
    // Errors must not depend on the order of a hash table.
    bounded.sort_by_key(|it| it.value);
    for it in bounded {
        check_bounds(it, &all)
            .map_err(|reason| cursor.error(Problem::Bounds { what, name: shown(it.name), reason }))?;
    }
    Ok(())
}

fn check_bounds(it: &Bounded, all: &FxHashMap<u32, Bounded>) -> std::result::Result<(), &'static str> {
    let (mut upper, mut depth) = (it, 0);
    while upper.bounds != 0 {
        upper = all.get(&upper.bounds).ok_or("is bounded by what has no name")?;
        depth += 1;
        if depth > MAX_BOUNDS {
            return Err("is bounded over more than 4 others, or in a circle");
        }
        if upper.is_attribute || it.is_attribute {
            return Err("is bounded by an attribute or is one");
        }
        let is_within = it.has.zip(upper.has).is_none_or(|(lower, upper)| lower.is_subset(upper));
        if !is_within {
            return Err("has what that which bounds it lacks");
        }
    }
    Ok(())
}
