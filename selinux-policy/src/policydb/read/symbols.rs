//! The symbol tables.

use std::collections::BTreeSet;

use super::cursor::{Cursor, Result};
use super::expression;
use crate::policydb::contexts::{Level, Range};
use crate::policydb::format::{DEFAULT_GLBLUB, MAX_PERMISSIONS, OBJECT_R, symbol_tables, version};
use crate::policydb::symbols::{
    Bool, Category, Class, Common, Permission, Role, Sensitivity, Type, TypeKind, User,
};
use crate::policydb::values::HighestValues;
use crate::policydb::{Bitmap, Name, Policy, Problem};

/// Types and classes are named by 16 bits in rules.
const MAX_IN_RULES: u32 = u16::MAX as u32;

/// All tables, into the policy; what they say that their highest values are.
pub(super) fn read(cursor: &mut Cursor, policy: &mut Policy) -> Result<HighestValues> {
    let mut highest = HighestValues::default();
    let tables = symbol_tables(cursor.version);
    (highest.commons, policy.commons) = table(cursor, "common", 16, common)?;
    (highest.classes, policy.classes) = classes(cursor, &policy.commons)?;
    (highest.roles, policy.roles) = table(cursor, "role", 32, role)?;
    (highest.types, policy.types) = table(cursor, "type", 12, type_)?;
    (highest.users, policy.users) = table(cursor, "user", 20, user)?;
    if tables > 5 {
        (highest.bools, policy.bools) = table(cursor, "boolean", 12, boolean)?;
    }
    if tables > 6 {
        (highest.sensitivities, policy.sensitivities) = table(cursor, "sensitivity", 24, sensitivity)?;
        (highest.categories, policy.categories) = table(cursor, "category", 12, category)?;
    }
    for (what, found) in [("types", highest.types), ("classes", highest.classes)] {
        if found > MAX_IN_RULES {
            return Err(cursor.error(Problem::TooMany { what, found, most: MAX_IN_RULES }));
        }
    }
    Ok(highest)
}

trait Symbol {
    fn name(&self) -> &Name;
}

macro_rules! symbols {
    ($($symbol:ty)*) => {$(
        impl Symbol for $symbol {
            fn name(&self) -> &Name {
                &self.name
            }
        }
    )*};
}

symbols! { Common Permission Class Role Type User Bool Sensitivity Category }

fn table<T: Symbol>(
    cursor: &mut Cursor,
    structure: &'static str,
    smallest: usize,
    symbol: impl FnMut(&mut Cursor) -> Result<T>,
) -> Result<(u32, Vec<T>)> {
    cursor.enter(structure);
    let highest = cursor.u32()?;
    let symbols = cursor.list(smallest, symbol)?;
    cursor.enter(structure);
    check_names(cursor, structure, &symbols)?;
    Ok((highest, symbols))
}

fn check_names<T: Symbol>(cursor: &Cursor, what: &'static str, symbols: &[T]) -> Result<()> {
    let mut names = BTreeSet::new();
    match symbols.iter().find(|it| !names.insert(it.name())) {
        None => Ok(()),
        Some(twice) => Err(cursor.error(Problem::Twice { what, name: shown(twice.name()) })),
    }
}

pub(super) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn common(cursor: &mut Cursor) -> Result<Common> {
    let [length, value, highest, count] = cursor.u32s()?;
    let name = cursor.name(length)?;
    let permissions = permissions(cursor, count, highest)?;
    let common = Common { name, value, permissions };
    check_permissions(cursor, highest, &common.permissions, None)?;
    Ok(common)
}

fn permissions(cursor: &mut Cursor, count: u32, highest: u32) -> Result<Vec<Permission>> {
    if highest > MAX_PERMISSIONS {
        let problem = Problem::TooMany { what: "permissions", found: highest, most: MAX_PERMISSIONS };
        return Err(cursor.error(problem));
    }
    let count = cursor.check_count(count, 8)?;
    let permission = |cursor: &mut Cursor| {
        let length = cursor.u32()?;
        let value = cursor.value("permission", highest)?;
        Ok(Permission { name: cursor.name(length)?, value })
    };
    (0..count).map(|_| permission(cursor)).collect()
}

/// Own permissions and those of the common have each value once, up to the highest.
fn check_permissions(
    cursor: &Cursor,
    highest: u32,
    own: &[Permission],
    common: Option<&Common>,
) -> Result<()> {
    check_names(cursor, "permission", own)?;
    let shared = common.map(|common| &common.permissions[..]).unwrap_or_default();
    let mut seen = 0_u64;
    for permission in shared.iter().chain(own) {
        // Those of a common have kept to the common's own number, and the kernel makes room for that of the class.
        cursor.check_value("permission", permission.value, highest)?;
        let bit = 1 << permission.value;
        if seen & bit != 0 {
            return Err(
                cursor.error(Problem::Twice { what: "permission value", name: permission.value.to_string() })
            );
        }
        seen |= bit;
    }
    match (1..=highest).find(|value| seen & 1 << value == 0) {
        None => Ok(()),
        Some(value) => Err(cursor.error(Problem::Missing { what: "permission", value })),
    }
}

fn classes(cursor: &mut Cursor, commons: &[Common]) -> Result<(u32, Vec<Class>)> {
    table(cursor, "class", 24, |cursor| class(cursor, commons))
}

fn class(cursor: &mut Cursor, commons: &[Common]) -> Result<Class> {
    cursor.enter("class");
    let [length, common_length, value, highest, permission_count, constraint_count] = cursor.u32s()?;
    let name = cursor.name(length)?;
    let common = if common_length == 0 { None } else { Some(find_common(cursor, common_length, commons)?) };
    let permissions = permissions(cursor, permission_count, highest)?;
    check_permissions(cursor, highest, &permissions, common)?;
    let constraints = expression::constraints(cursor, constraint_count, false)?;
    let validate_transitions = if cursor.version >= version::VALIDATETRANS {
        let count = cursor.u32()?;
        expression::constraints(cursor, count, true)?
    } else {
        Vec::new()
    };
    let [default_user, default_role, default_range, default_type] = defaults(cursor)?;
    let common = common.map(|common| common.name.clone());
    Ok(Class {
        name,
        value,
        common,
        permissions,
        constraints,
        validate_transitions,
        default_user,
        default_role,
        default_type,
        default_range,
    })
}

fn find_common<'a>(cursor: &mut Cursor, length: u32, commons: &'a [Common]) -> Result<&'a Common> {
    let name = cursor.name(length)?;
    let found = commons.iter().find(|common| common.name == name);
    found.ok_or_else(|| cursor.error(Problem::Undefined { what: "common", name: shown(&name) }))
}

/// Of user, role, range and type, in this order.
fn defaults(cursor: &mut Cursor) -> Result<[u32; 4]> {
    let mut default = |since: u32, what: &'static str, highest: u32| {
        if cursor.version < since {
            return Ok(0);
        }
        let value = cursor.u32()?;
        if value > highest { Err(cursor.code(what, value.into())) } else { Ok(value) }
    };
    let highest_range = DEFAULT_GLBLUB;
    Ok([
        default(version::NEW_OBJECT_DEFAULTS, "default user", 2)?,
        default(version::NEW_OBJECT_DEFAULTS, "default role", 2)?,
        default(version::NEW_OBJECT_DEFAULTS, "default range", highest_range)?,
        default(version::DEFAULT_TYPE, "default type", 2)?,
    ])
}

fn bounds(cursor: &mut Cursor, what: &'static str, highest: u32) -> Result<u32> {
    if cursor.version < version::BOUNDARY { Ok(0) } else { cursor.value_or_none(what, highest) }
}

fn role(cursor: &mut Cursor) -> Result<Role> {
    let highest = cursor.highest;
    let length = cursor.u32()?;
    let value = cursor.value("role", highest.roles)?;
    let bounds = bounds(cursor, "role", highest.roles)?;
    let name = cursor.name(length)?;
    let dominates = cursor.values("role", highest.roles)?;
    let mut types = cursor.values("type", highest.types)?;
    if value == OBJECT_R {
        // Old releases of libsepol wrote them. The kernel does not look at them.
        types = Bitmap::new();
    }
    Ok(Role { name, value, bounds, dominates, types })
}

fn type_(cursor: &mut Cursor) -> Result<Type> {
    let highest = cursor.highest.types;
    let length = cursor.u32()?;
    let value = cursor.value("type", highest)?;
    let properties = cursor.u32()?;
    let kind = TypeKind::from_properties(properties)
        .filter(|kind| cursor.version >= version::BOUNDARY || !kind.is_attribute());
    let kind = kind.ok_or_else(|| cursor.code("kind of types", properties.into()))?;
    let bounds = bounds(cursor, "type", highest)?;
    Ok(Type { name: cursor.name(length)?, value, kind, bounds })
}

fn user(cursor: &mut Cursor) -> Result<User> {
    let highest = cursor.highest;
    let length = cursor.u32()?;
    let value = cursor.value("user", highest.users)?;
    let bounds = bounds(cursor, "user", highest.users)?;
    let name = cursor.name(length)?;
    let roles = cursor.values("role", highest.roles)?;
    let (range, default_level) = if cursor.version >= version::MLS {
        (cursor.range()?, cursor.level()?)
    } else {
        (Range::default(), Level::default())
    };
    Ok(User { name, value, bounds, roles, range, default_level })
}

fn boolean(cursor: &mut Cursor) -> Result<Bool> {
    let value = cursor.value("boolean", cursor.highest.bools)?;
    let state = cursor.flag("state of a boolean")?;
    Ok(Bool { value, state, name: cursor.counted_name()? })
}

fn sensitivity(cursor: &mut Cursor) -> Result<Sensitivity> {
    let length = cursor.u32()?;
    let is_alias = cursor.flag("mark of aliases")?;
    let name = cursor.name(length)?;
    let start = cursor.offset();
    let level = cursor.level()?;
    if level.sensitivity == 0 {
        let highest = cursor.highest.sensitivities;
        return Err(cursor.error_at(start, Problem::Value { what: "sensitivity", value: 0, highest }));
    }
    Ok(Sensitivity { name, is_alias, level })
}

fn category(cursor: &mut Cursor) -> Result<Category> {
    let length = cursor.u32()?;
    let value = cursor.value("category", cursor.highest.categories)?;
    let is_alias = cursor.flag("mark of aliases")?;
    Ok(Category { name: cursor.name(length)?, value, is_alias })
}
