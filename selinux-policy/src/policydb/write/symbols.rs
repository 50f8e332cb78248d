//! The eight symbol tables.

use super::super::Policy;
use super::super::format::{DEFAULT_GLBLUB, OBJECT_R, constraint, version};
use super::super::symbols::{
    Bool, Category, Class, Common, Constraint, ConstraintOp, Permission, Role, Sensitivity, Type, User,
};
use super::super::{Bitmap, Name};
use super::sink::Sink;

/// All tables. Each begins with its highest value and its number of names.
pub(super) fn write(sink: &mut Sink, policy: &Policy) {
    let highest = policy.highest_values();
    table(sink, highest.commons, &policy.commons, common);
    table(sink, highest.classes, &policy.classes, |sink, it| class(sink, it, &policy.commons));
    table(sink, highest.roles, &policy.roles, role);
    table(sink, highest.types, &policy.types, type_);
    table(sink, highest.users, &policy.users, user);
    table(sink, highest.bools, &policy.bools, boolean);
    table(sink, highest.sensitivities, &policy.sensitivities, sensitivity);
    table(sink, highest.categories, &policy.categories, category);
}

fn table<T>(sink: &mut Sink, highest: u32, symbols: &[T], symbol: impl Fn(&mut Sink, &T)) {
    sink.u32(highest);
    sink.count(symbols.len());
    for it in symbols {
        symbol(sink, it);
    }
}

fn common(sink: &mut Sink, common: &Common) {
    sink.count(common.name.len());
    sink.u32(common.value);
    sink.u32(common.highest_permission());
    sink.count(common.permissions.len());
    sink.raw(&common.name);
    permissions(sink, &common.permissions);
}

fn permissions(sink: &mut Sink, permissions: &[Permission]) {
    for permission in permissions {
        sink.count(permission.name.len());
        sink.u32(permission.value);
        sink.raw(&permission.name);
    }
}

fn class(sink: &mut Sink, class: &Class, commons: &[Common]) {
    let common: &[u8] = class.common.as_deref().unwrap_or_default();
    sink.count(class.name.len());
    sink.count(common.len());
    sink.u32(class.value);
    sink.u32(class.highest_permission(commons));
    sink.count(class.permissions.len());
    sink.count(class.constraints.len());
    sink.raw(&class.name);
    sink.raw(common);
    permissions(sink, &class.permissions);
    class.constraints.iter().for_each(|it| constraint(sink, it));
    sink.count(class.validate_transitions.len());
    class.validate_transitions.iter().for_each(|it| constraint(sink, it));
    defaults(sink, class);
}

fn defaults(sink: &mut Sink, class: &Class) {
    if sink.version >= version::NEW_OBJECT_DEFAULTS {
        let is_unknown = sink.version < version::GLBLUB && class.default_range == DEFAULT_GLBLUB;
        sink.u32(class.default_user);
        sink.u32(class.default_role);
        sink.u32(if is_unknown { 0 } else { class.default_range });
    }
    if sink.version >= version::DEFAULT_TYPE {
        sink.u32(class.default_type);
    }
}

fn constraint(sink: &mut Sink, constraint: &Constraint) {
    sink.u32(constraint.permissions);
    sink.count(constraint.expression.len());
    constraint.expression.iter().for_each(|step| constraint_step(sink, step));
}

fn constraint_step(sink: &mut Sink, step: &ConstraintOp) {
    let (code, operand, relation) = match step {
        ConstraintOp::Not => (constraint::NOT, 0, 0),
        ConstraintOp::And => (constraint::AND, 0, 0),
        ConstraintOp::Or => (constraint::OR, 0, 0),
        ConstraintOp::Attribute { operand, relation } => (constraint::ATTR, *operand, *relation),
        ConstraintOp::Names { operand, relation, .. } => (constraint::NAMES, *operand, *relation),
    };
    sink.u32s([code, operand, relation]);
    let ConstraintOp::Names { names, type_names, .. } = step else { return };
    sink.bitmap(names);
    if sink.version >= version::CONSTRAINT_NAMES {
        sink.bitmap(&type_names.types);
        sink.bitmap(&type_names.except);
        sink.u32(type_names.flags);
    }
}

/// The name's length, two numbers and the name.
fn entry(sink: &mut Sink, name: &Name, numbers: [u32; 2]) {
    sink.count(name.len());
    sink.u32s(numbers);
    sink.raw(name);
}

fn role(sink: &mut Sink, role: &Role) {
    entry(sink, &role.name, [role.value, role.bounds]);
    sink.bitmap(&role.dominates);
    // The kernel keeps nothing of object_r but its value, and libsepol writes nothing that it would not read back.
    let none = Bitmap::new();
    sink.bitmap(if role.value == OBJECT_R { &none } else { &role.types });
}

fn type_(sink: &mut Sink, it: &Type) {
    sink.count(it.name.len());
    sink.u32s([it.value, it.kind.properties(), it.bounds]);
    sink.raw(&it.name);
}

fn user(sink: &mut Sink, user: &User) {
    entry(sink, &user.name, [user.value, user.bounds]);
    sink.bitmap(&user.roles);
    sink.range(&user.range);
    sink.level(&user.default_level);
}

fn boolean(sink: &mut Sink, boolean: &Bool) {
    sink.u32(boolean.value);
    sink.u32(boolean.state.into());
    sink.counted(&boolean.name);
}

fn sensitivity(sink: &mut Sink, sensitivity: &Sensitivity) {
    sink.count(sensitivity.name.len());
    sink.u32(sensitivity.is_alias.into());
    sink.raw(&sensitivity.name);
    sink.level(&sensitivity.level);
}

fn category(sink: &mut Sink, category: &Category) {
    entry(sink, &category.name, [category.value, category.is_alias.into()]);
}
