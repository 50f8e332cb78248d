//! The symbols of the binary policy.

use super::constraints;
use super::faults::Faults;
use super::tables::{OBJECT_ROLE, Tables};
use crate::ir::{
    Bounds, ClassId, ClassRef, CommonId, Component, OriginId, RangeFrom, RoleId, Side, TypeId, UserId,
};
use crate::names::Symbol;
use crate::policydb::Compat;
use crate::policydb::contexts::Level;
use crate::policydb::symbols::{
    Bool, Category, Class, Common, Permission, Role, Sensitivity, Type, TypeKind, User,
};
use crate::policydb::{Bitmap, Name};

/// Policy capabilities by their numbers: first those that releases before 3.6 know.
const POLICYCAPS: [&str; 15] = [
    "network_peer_controls",
    "open_perms",
    "extended_socket_class",
    "always_check_network",
    "cgroup_seclabel",
    "nnp_nosuid_transition",
    "genfs_seclabel_symlinks",
    "ioctl_skip_cloexec",
    "userspace_initial_context",
    "netlink_xperm",
    "netif_wildcard",
    "genfs_seclabel_wildcard",
    "functionfs_seclabel",
    "memfd_class",
    "bpf_token_perms",
];
/// How many of them releases before 3.6 know.
const POLICYCAPS_3_4: usize = 8;

fn name(tables: &Tables<'_>, symbol: Symbol) -> Name {
    tables.ir.names.get(symbol).into()
}

fn value_of_place(place: usize) -> u32 {
    u32::try_from(place + 1).expect("ids have 32 bits")
}

/// The capabilities of the policy. Their names may be written in capitals.
pub(crate) fn policycaps(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Bitmap {
    let known = if tables.options.compat != Compat::V3_4 { POLICYCAPS.len() } else { POLICYCAPS_3_4 };
    let mut capabilities = Bitmap::new();
    for (symbol, origin) in &tables.ir.policycaps {
        let name = tables.ir.names.get(*symbol);
        let number =
            (0..).zip(&POLICYCAPS[..known]).find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name));
        match number {
            Some((number, _)) => capabilities.insert(number),
            None => {
                let message = format!("there is no policy capability {}", tables.ir.names.text(*symbol));
                faults.error("unknown-policy-capability", *origin, message);
            }
        }
    }
    capabilities
}

/// Permissive types: value `v` is bit `v`.
pub(crate) fn permissive(tables: &Tables<'_>) -> Bitmap {
    values_as_bits(tables, &tables.ir.type_permissive)
}

/// Types whose denials are never logged: value `v` is bit `v`.
pub(crate) fn neveraudit(tables: &Tables<'_>) -> Bitmap {
    values_as_bits(tables, &tables.ir.type_neveraudit)
}

fn values_as_bits(tables: &Tables<'_>, list: &[(TypeId, OriginId)]) -> Bitmap {
    list.iter().flat_map(|(id, _)| tables.type_members(*id)).map(u32::from).collect()
}

/// Commons in the order in which classes first use them; others have no value and are left out.
pub(crate) fn commons(tables: &Tables<'_>) -> Vec<Common> {
    let mut used: Vec<CommonId> = Vec::new();
    for common in tables.ir.classes.iter().filter_map(|class| class.common) {
        if !used.contains(&common) {
            used.push(common);
        }
    }
    let common = |(place, id): (usize, &CommonId)| {
        let common = &tables.ir.commons[id.index()];
        let permissions = permissions(tables, &common.permissions, 0);
        Common { name: name(tables, common.name), value: value_of_place(place), permissions }
    };
    used.iter().enumerate().map(common).collect()
}

fn permissions(tables: &Tables<'_>, symbols: &[Symbol], before: usize) -> Vec<Permission> {
    let permission = |(place, symbol): (usize, &Symbol)| Permission {
        name: name(tables, *symbol),
        value: value_of_place(before + place),
    };
    symbols.iter().enumerate().map(permission).collect()
}

/// Classes with their constraints and defaults.
pub(crate) fn classes(tables: &Tables<'_>, faults: &mut Faults<'_>) -> Vec<Class> {
    let class = |(place, class): (usize, &crate::ir::Class)| {
        let common = class.common.map(|common| &tables.ir.commons[common.index()]);
        Class {
            name: name(tables, class.name),
            value: value_of_place(place),
            common: common.map(|common| name(tables, common.name)),
            permissions: permissions(
                tables,
                &class.permissions,
                common.map_or(0, |common| common.permissions.len()),
            ),
            constraints: Vec::new(),
            validate_transitions: Vec::new(),
            default_user: 0,
            default_role: 0,
            default_type: 0,
            default_range: 0,
        }
    };
    let mut classes: Vec<Class> = tables.ir.classes.iter().enumerate().map(class).collect();
    constraints::add(tables, &mut classes, faults);
    add_defaults(tables, &mut classes, faults);
    classes
}

fn add_defaults(tables: &Tables<'_>, classes: &mut [Class], faults: &mut Faults<'_>) {
    for default in &tables.ir.defaults {
        let number = match default.from {
            Side::Source => 1,
            Side::Target => 2,
        };
        let (what, slot): (_, fn(&mut Class) -> &mut u32) = match default.component {
            Component::User => ("user", |class| &mut class.default_user),
            Component::Role => ("role", |class| &mut class.default_role),
            Component::Type => ("type", |class| &mut class.default_type),
        };
        for id in each_class(tables, &default.classes) {
            set_default(slot(&mut classes[id.index()]), number, (tables, id, what, default.origin), faults);
        }
    }
    for default in &tables.ir.default_ranges {
        let number = match default.from {
            RangeFrom::Low(Side::Source) => 1,
            RangeFrom::High(Side::Source) => 2,
            RangeFrom::LowHigh(Side::Source) => 3,
            RangeFrom::Low(Side::Target) => 4,
            RangeFrom::High(Side::Target) => 5,
            RangeFrom::LowHigh(Side::Target) => 6,
            RangeFrom::GlbLub => 7,
        };
        for id in each_class(tables, &default.classes) {
            let slot = &mut classes[id.index()].default_range;
            set_default(slot, number, (tables, id, "range", default.origin), faults);
        }
    }
}

fn each_class<'a>(tables: &'a Tables<'_>, classes: &'a [ClassRef]) -> impl Iterator<Item = ClassId> + 'a {
    classes.iter().flat_map(|class| tables.accesses.classes(*class))
}

fn set_default(
    slot: &mut u32,
    number: u32,
    (tables, id, what, origin): (&Tables<'_>, ClassId, &str, OriginId),
    faults: &mut Faults<'_>,
) {
    if *slot != 0 && *slot != number {
        let class = tables.ir.names.text(tables.ir.classes[id.index()].name);
        let message = format!("class {class} has another default for the {what} already");
        faults.error("conflicting-defaults", origin, message);
    } else {
        *slot = number;
    }
}

/// Roles, `object_r` first.
pub(crate) fn roles(tables: &Tables<'_>) -> Vec<Role> {
    let bounds =
        bounds(tables.ir.roles.len(), &tables.ir.role_bounds, RoleId::index, |id| tables.role_value(id));
    let role = |name: Name, value: u32, bounds: u32, types: Bitmap| {
        // The compilers make object_r before they fill in what a role dominates.
        let dominates = if value == 1 { Bitmap::new() } else { Bitmap::from_iter([value - 1]) };
        Role { name, value, bounds, dominates, types }
    };
    let mut roles = vec![role(OBJECT_ROLE.into(), 1, 0, Bitmap::new())];
    for id in (0..).map(RoleId).take(tables.ir.roles.len()) {
        let (declared, value) = (&tables.ir.roles[id.index()], tables.role_value(id));
        match value {
            0 => {}
            1 => roles[0].bounds = bounds[id.index()],
            value => {
                let types = tables.role_types.of(id).into_iter().flat_map(|types| types.iter());
                let types = types.map(|index| tables.type_value(type_id(index)) - 1).collect();
                roles.push(role(name(tables, declared.name), value, bounds[id.index()], types));
            }
        }
    }
    roles
}

fn type_id(index: usize) -> TypeId {
    TypeId(u32::try_from(index).expect("ids have 32 bits"))
}

fn bounds<T: Copy>(
    count: usize,
    list: &[Bounds<T>],
    index: impl Fn(T) -> usize,
    value: impl Fn(T) -> u32,
) -> Vec<u32> {
    let mut bounds = vec![0; count];
    for bound in list {
        bounds[index(bound.child)] = value(bound.parent);
    }
    bounds
}

/// Types, kept attributes and aliases.
pub(crate) fn types(tables: &Tables<'_>) -> Vec<Type> {
    let bounds =
        bounds(tables.ir.types.len(), &tables.ir.type_bounds, TypeId::index, |id| tables.type_value(id));
    let mut types = Vec::with_capacity(tables.ir.types.len() + tables.ir.type_aliases.len());
    for id in (0..).map(TypeId).take(tables.ir.types.len()) {
        let declared = &tables.ir.types[id.index()];
        if tables.fates[id.index()].is_kept {
            let kind = if declared.is_attribute { TypeKind::PrimaryAttribute } else { TypeKind::Type };
            let (name, value) = (name(tables, declared.name), tables.type_value(id));
            types.push(Type { name, value, kind, bounds: bounds[id.index()] });
        }
    }
    let alias = |alias: &crate::ir::Alias<TypeId>| {
        let (name, value) = (name(tables, alias.name), tables.type_value(alias.actual));
        Type { name, value, kind: TypeKind::Alias, bounds: 0 }
    };
    types.extend(tables.ir.type_aliases.iter().map(alias));
    types
}

/// Of each type and kept attribute, itself and its kept attributes.
pub(crate) fn type_attribute_map(tables: &Tables<'_>) -> Vec<Bitmap> {
    let count = tables.fates.iter().filter(|fate| fate.is_kept).count();
    let mut map: Vec<Bitmap> = (0..).map(|bit| Bitmap::from_iter([bit])).take(count).collect();
    for id in (0..).map(TypeId).take(tables.ir.types.len()) {
        if tables.ir.types[id.index()].is_attribute && tables.fates[id.index()].is_kept {
            let attribute = tables.type_value(id);
            for member in tables.type_members(id) {
                map[usize::from(member) - 1].insert_value(attribute);
            }
        }
    }
    map
}

/// Users.
pub(crate) fn users(tables: &Tables<'_>) -> Vec<User> {
    let bounds =
        bounds(tables.ir.users.len(), &tables.ir.user_bounds, UserId::index, |id| tables.user_value(id));
    let mut users = Vec::new();
    for id in (0..).map(UserId).take(tables.ir.users.len()) {
        let declared = &tables.ir.users[id.index()];
        if declared.is_attribute {
            continue;
        }
        let roles = tables.user_roles.of(id).into_iter().flat_map(|roles| roles.iter());
        let values =
            roles.map(|index| tables.role_value(RoleId(u32::try_from(index).expect("ids have 32 bits"))));
        // All users may be with object_r, so that it is not listed.
        let roles = values.filter(|value| *value != 1).map(|value| value - 1).collect();
        let range = declared.range.filter(|_| tables.mls);
        let level = declared.level.filter(|_| tables.mls);
        users.push(User {
            name: name(tables, declared.name),
            value: tables.user_value(id),
            bounds: bounds[id.index()],
            roles,
            range: range.map(|range| tables.levels.range(tables.ir, range)).unwrap_or_default(),
            default_level: level.map(|level| tables.levels.level(level)).unwrap_or_default(),
        });
    }
    users
}

/// Booleans.
pub(crate) fn bools(tables: &Tables<'_>) -> Vec<Bool> {
    let bool = |(place, bool): (usize, &crate::ir::BoolDecl)| Bool {
        name: name(tables, bool.name),
        value: value_of_place(place),
        state: bool.value,
    };
    tables.ir.bools.iter().enumerate().map(bool).collect()
}

/// Sensitivities and their aliases, with MLS.
pub(crate) fn sensitivities(tables: &Tables<'_>) -> Vec<Sensitivity> {
    if !tables.mls {
        return Vec::new();
    }
    let level = |id: crate::ir::SensitivityId| {
        let categories = Bitmap::from_words(tables.levels.allowed(id).words().iter().copied());
        Level { sensitivity: id.0 + 1, categories }
    };
    let declared = (0..).map(crate::ir::SensitivityId).zip(&tables.ir.sensitivities);
    let declared = declared.map(|(id, sensitivity)| (sensitivity.name, false, id));
    let aliases = tables.ir.sensitivity_aliases.iter().map(|alias| (alias.name, true, alias.actual));
    let sensitivity =
        |(symbol, is_alias, id)| Sensitivity { name: name(tables, symbol), is_alias, level: level(id) };
    declared.chain(aliases).map(sensitivity).collect()
}

/// Categories and their aliases, with MLS.
pub(crate) fn categories(tables: &Tables<'_>) -> Vec<Category> {
    if !tables.mls {
        return Vec::new();
    }
    let declared = (1..).zip(&tables.ir.categories).map(|(value, category)| (category.name, value, false));
    let aliases = tables.ir.category_aliases.iter().map(|alias| (alias.name, alias.actual.0 + 1, true));
    let category = |(symbol, value, is_alias)| Category { name: name(tables, symbol), value, is_alias };
    declared.chain(aliases).map(category).collect()
}
