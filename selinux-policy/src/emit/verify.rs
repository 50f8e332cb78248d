//! What a policy must have besides names that resolve: users with levels and ranges, contexts that can be, bounds without
//! circles.

use super::faults::Faults;
use super::tables::Tables;
use crate::ir::{
    Bounds, Context, ContextId, LevelId, OriginId, RangeId, RoleId, SensitivityId, TypeId, UserId, XKind,
};
use crate::names::Symbol;

/// Looks for all of it.
pub(crate) fn verify(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    if tables.ir.av_rules.is_empty() {
        let message =
            "the policy has no access vector rule outside of conditionals, which the compilers demand"
                .to_owned();
        faults.error_of_all("no-rules", message);
    }
    users(tables, faults);
    selinux_users(tables, faults);
    classes(tables, faults);
    all_bounds(tables, faults);
    extended_permissions(tables, faults);
    ranges(tables, faults);
    contexts(tables, faults);
}

fn users(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    for user in tables.ir.users.iter().filter(|user| !user.is_attribute) {
        let name = tables.ir.names.text(user.name);
        if user.level.is_none() {
            faults.error("user-without-level", user.origin, format!("user {name} has no userlevel"));
        }
        if user.range.is_none() {
            faults.error("user-without-range", user.origin, format!("user {name} has no userrange"));
        }
    }
}

fn selinux_users(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    let mut defaults = tables.ir.selinux_users.iter().filter(|user| user.login.is_none());
    if let Some(first) = defaults.next() {
        for other in defaults {
            let message = "a second selinuxuserdefault".to_owned();
            faults.conflict(
                "repeated-selinuxuserdefault",
                (other.origin, message),
                (first.origin, "the first is here"),
            );
        }
    }
}

/// How many permissions an access vector has bits for.
const MAX_PERMISSIONS: usize = 32;

fn classes(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    let (ir, names) = (tables.ir, &tables.ir.names);
    for class in &ir.classes {
        let common = class.common.map_or(&[][..], |common| &ir.commons[common.index()].permissions);
        if common.len() + class.permissions.len() > MAX_PERMISSIONS {
            let name = names.text(class.name);
            let message = format!("class {name} has more than {MAX_PERMISSIONS} permissions");
            faults.error("too-many-permissions", class.origin, message);
        }
        for permission in class.permissions.iter().filter(|permission| common.contains(permission)) {
            let (class_name, permission) = (names.text(class.name), names.text(*permission));
            let message = format!("class {class_name} declares {permission}, which its common has already");
            faults.error("repeated-permission", class.origin, message);
        }
    }
}

fn all_bounds(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    let ir = tables.ir;
    bounds("type", &places(&ir.type_bounds, TypeId::index), |place| ir.types[place].name, tables, faults);
    bounds("role", &places(&ir.role_bounds, RoleId::index), |place| ir.roles[place].name, tables, faults);
    bounds("user", &places(&ir.user_bounds, UserId::index), |place| ir.users[place].name, tables, faults);
}

fn places<T: Copy>(bounds: &[Bounds<T>], index: impl Fn(T) -> usize) -> Vec<(usize, usize, OriginId)> {
    bounds.iter().map(|bound| (index(bound.parent), index(bound.child), bound.origin)).collect()
}

/// Each may have one parent, and none be its own ancestor.
fn bounds(
    kind: &str,
    list: &[(usize, usize, OriginId)],
    name: impl Fn(usize) -> Symbol,
    tables: &Tables<'_>,
    faults: &mut Faults<'_>,
) {
    let text = |place| tables.ir.names.text(name(place));
    let mut parents = rustc_hash::FxHashMap::default();
    for (parent, child, origin) in list {
        if let Some((_, first)) = parents.insert(*child, (*parent, *origin)) {
            let message = format!("{kind} {} is bounded twice", text(*child));
            faults.conflict("repeated-bounds", (*origin, message), (first, "the first is here"));
        }
    }
    let mut is_clear = rustc_hash::FxHashSet::default();
    for (_, child, origin) in list {
        let mut path = vec![*child];
        let mut current = *child;
        while let Some((parent, _)) = parents.get(&current)
            && !is_clear.contains(&current)
        {
            if *parent == *child {
                let message = format!("{kind} {} is bounded by itself", text(*child));
                faults.error("bounds-cycle", *origin, message);
                break;
            }
            if path.len() > list.len() {
                // A circle further up, which is told where it closes.
                break;
            }
            current = *parent;
            path.push(current);
        }
        is_clear.extend(path);
    }
}

fn extended_permissions(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    let (ir, names) = (tables.ir, &tables.ir.names);
    for extended in &ir.permissionx {
        let permission = match extended.kind {
            XKind::Ioctl => "ioctl",
            XKind::Nlmsg => "nlmsg",
        };
        let is_it = |symbol: &Symbol| names.get(*symbol) == permission.as_bytes();
        for class in tables.accesses.classes(extended.class) {
            let class = &ir.classes[class.index()];
            let common = class.common.map_or(&[][..], |common| &ir.commons[common.index()].permissions);
            if !class.permissions.iter().chain(common).any(is_it) {
                let class = names.text(class.name);
                let message = format!("class {class} has no permission {permission} that could be extended");
                faults.error("extended-permission", extended.origin, message);
            }
        }
    }
}

/// Ranges with a name and those of users.
fn ranges(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    let ranges = (0..).map(RangeId).take(tables.ir.ranges.len());
    for range in ranges.filter(|range| tables.ir.ranges[range.index()].name.is_some()) {
        check_range(tables, range, tables.ir.ranges[range.index()].origin, faults);
    }
    for user in tables.ir.users.iter().filter(|user| !user.is_attribute) {
        if let Some(range) = user.range
            && tables.ir.ranges[range.index()].name.is_none()
        {
            check_range(tables, range, user.origin, faults);
        }
    }
}

fn check_range(tables: &Tables<'_>, id: RangeId, at: OriginId, faults: &mut Faults<'_>) {
    let range = &tables.ir.ranges[id.index()];
    let (low, high) = (tables.levels.get(range.low), tables.levels.get(range.high));
    if low.level.sensitivity > high.level.sensitivity {
        let [low, high] = [range.low, range.high].map(|level| sensitivity_name(tables, level));
        let message = format!("a range goes from {low} to {high}, which does not dominate it");
        faults.error("range", at, message);
    }
    if low.has_categories && (!high.has_categories || !low.set.is_subset(&high.set)) {
        let message = "a range's low level has categories that its high level has not".to_owned();
        faults.error("range", at, message);
    }
    for level in [range.low, range.high] {
        check_categories(tables, level, at, faults);
    }
}

/// The categories of a level must be associated with its sensitivity.
fn check_categories(tables: &Tables<'_>, id: LevelId, at: OriginId, faults: &mut Faults<'_>) {
    let level = tables.levels.get(id);
    let allowed = tables.levels.allowed(tables.ir.levels[id.index()].sensitivity);
    if !level.has_categories {
        return;
    }
    if let Some(category) = level.set.iter().find(|category| !allowed.contains(*category)) {
        let category = tables.ir.names.text(tables.ir.categories[category].name);
        let sensitivity = sensitivity_name(tables, id);
        let message =
            format!("no sensitivitycategory gives category {category} to sensitivity {sensitivity}");
        faults.error("category-of-sensitivity", at, message);
    }
}

fn sensitivity_name(tables: &Tables<'_>, level: LevelId) -> String {
    let sensitivity = tables.ir.levels[level.index()].sensitivity;
    tables.ir.names.text(tables.ir.sensitivities[sensitivity.index()].name)
}

fn contexts(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    let ir = tables.ir;
    let contexts = (0..).map(ContextId).take(ir.contexts.len());
    for context in contexts.filter(|context| ir.contexts[context.index()].name.is_some()) {
        check_context(tables, context, ir.contexts[context.index()].origin, faults);
    }
    let mut check = |context: ContextId, at: OriginId| {
        if ir.contexts[context.index()].name.is_none() {
            check_context(tables, context, at, faults);
        }
    };
    ir.filecons.iter().for_each(|it| it.context.into_iter().for_each(|context| check(context, it.origin)));
    ir.fsuses.iter().for_each(|it| check(it.context, it.origin));
    ir.genfscons.iter().for_each(|it| check(it.context, it.origin));
    ir.portcons.iter().for_each(|it| check(it.context, it.origin));
    for netif in &ir.netifcons {
        check(netif.interface, netif.origin);
        check(netif.packet, netif.origin);
    }
    ir.nodecons.iter().for_each(|it| check(it.context, it.origin));
    ir.ibpkeycons.iter().for_each(|it| check(it.context, it.origin));
    ir.ibendportcons.iter().for_each(|it| check(it.context, it.origin));
    ir.xen.pirqs.iter().for_each(|(_, context, origin)| check(*context, *origin));
    ir.xen.iomems.iter().for_each(|(_, _, context, origin)| check(*context, *origin));
    ir.xen.ioports.iter().for_each(|(_, _, context, origin)| check(*context, *origin));
    ir.xen.pci_devices.iter().for_each(|(_, context, origin)| check(*context, *origin));
    ir.xen.device_trees.iter().for_each(|(_, context, origin)| check(*context, *origin));
    doubt_sids(tables, faults);
}

/// The compilers take contexts of initial SIDs that cannot be, if they are written out in the statement; the kernel does not
/// load the policy then.
fn doubt_sids(tables: &Tables<'_>, faults: &mut Faults<'_>) {
    for sid in &tables.ir.sids {
        let Some(id) = sid.context else { continue };
        let context = &tables.ir.contexts[id.index()];
        if context.name.is_none()
            && let Err(reason) = judge(tables, context)
        {
            let name = tables.ir.names.text(sid.name);
            let message = format!("the kernel will refuse the context of initial SID {name}: {reason}");
            faults.warning("context", context.origin, message);
        }
    }
}

fn check_context(tables: &Tables<'_>, id: ContextId, at: OriginId, faults: &mut Faults<'_>) {
    let context = &tables.ir.contexts[id.index()];
    if let Err(reason) = judge(tables, context) {
        faults.error("context", at, reason);
    }
    if tables.ir.ranges[context.range.index()].name.is_none() {
        check_range(tables, context.range, at, faults);
    }
}

/// Whether a context can be, but for its range by itself.
fn judge(tables: &Tables<'_>, context: &Context) -> Result<(), String> {
    let (ir, names) = (tables.ir, &tables.ir.names);
    let user = &ir.users[context.user.index()];
    let user_name = || names.text(user.name);
    let role_name = || names.text(ir.roles[context.role.index()].name);
    if !tables.user_roles.has(context.user, context.role) {
        return Err(format!("user {} may not be with role {}", user_name(), role_name()));
    }
    if !tables.role_types.has(context.role, context.type_) {
        let type_name = names.text(ir.types[context.type_.index()].name);
        return Err(format!("role {} may not be with type {type_name}", role_name()));
    }
    let Some(range) = user.range else { return Ok(()) };
    let sensitivities = |range: RangeId| {
        let range = &ir.ranges[range.index()];
        [range.low, range.high].map(|level| ir.levels[level.index()].sensitivity)
    };
    let (own, users) = (sensitivities(context.range), sensitivities(range));
    if is_outside(own, users) {
        return Err(format!("the range is not within that of user {}", user_name()));
    }
    Ok(())
}

/// Whether a range of sensitivities is outside of a user's. Categories are not looked at.
fn is_outside([low, high]: [SensitivityId; 2], [users_low, users_high]: [SensitivityId; 2]) -> bool {
    low < users_low || high > users_high
}
