//! `rolebounds` and `userbounds`: a role has no types, and a user no roles, that the one that bounds it lacks.

use crate::ir::{Bounds, Ir};
use crate::sema::Bitset;

use super::{BoundsExceeded, Sets};

/// Roles with types that those that bound them lack.
pub(super) fn roles(ir: &Ir, sets: Sets<'_>) -> Vec<BoundsExceeded<crate::ir::RoleId>> {
    exceeded(&ir.role_bounds, sets.types.bound(), |role, types| {
        for (who, what, _) in &ir.role_types {
            if sets.roles.members(*who).contains(role.index()) {
                sets.types.members(*what).add_to(types);
            }
        }
    })
}

/// Users with roles that those that bound them lack.
pub(super) fn users(ir: &Ir, sets: Sets<'_>) -> Vec<BoundsExceeded<crate::ir::UserId>> {
    exceeded(&ir.user_bounds, sets.roles.bound(), |user, roles| {
        for (who, what, _) in &ir.user_roles {
            if sets.users.members(*who).contains(user.index()) {
                sets.roles.members(*what).add_to(roles);
            }
        }
    })
}

fn exceeded<T: Copy>(
    bounds: &[Bounds<T>],
    bound: usize,
    add: impl Fn(T, &mut Bitset),
) -> Vec<BoundsExceeded<T>> {
    let rights = |of: T| {
        let mut rights = Bitset::new(bound);
        add(of, &mut rights);
        rights
    };
    let mut exceeded = Vec::new();
    for Bounds { parent, child, origin } in bounds {
        let mut lacks = rights(*child);
        lacks.and_not_with(&rights(*parent));
        if !lacks.is_empty() {
            exceeded.push(BoundsExceeded { promise: *origin, child: *child, parent: *parent, lacks });
        }
    }
    exceeded
}
