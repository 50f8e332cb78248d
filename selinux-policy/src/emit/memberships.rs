//! Which types roles have, and which roles users have.

use crate::ir::{Ir, RoleId, TypeId, UserId};
use crate::sema::{Bitset, RoleSets, TypeSets, UserSets};

/// The types of each role.
pub(crate) struct RoleTypes(Vec<Option<Bitset>>);

/// The roles of each user.
pub(crate) struct UserRoles(Vec<Option<Bitset>>);

/// How many words of sets `roletype` and `userrole` may each be about, 64 MiB if no set is in two statements. Real policies
/// have ten thousand statements for sets of a hundred words.
const MAX_WORDS: usize = 8 << 20;

/// Whether statements about so many sets each are few enough for sets of this bound.
fn fits(statements: impl Iterator<Item = usize>, bound: usize) -> bool {
    let sets = statements.fold(0_usize, usize::saturating_add);
    sets.saturating_mul(Bitset::size(bound) / 8) <= MAX_WORDS
}

impl RoleTypes {
    /// Evaluates all `roletype`; `None` if they are about too much.
    pub(crate) fn new(ir: &Ir, types: &TypeSets, roles: &RoleSets) -> Option<Self> {
        if !fits(ir.role_types.iter().map(|(role, ..)| roles.members(*role).count()), types.bound()) {
            return None;
        }
        let mut sets = vec![None; ir.roles.len()];
        for (role, type_, _) in &ir.role_types {
            roles.members(*role).for_each(|index| {
                let set = sets[index].get_or_insert_with(|| Bitset::new(types.bound()));
                types.members(*type_).add_to(set);
            });
        }
        Some(Self(sets))
    }

    /// The types of a role, by the places of the types; `None` if no statement gives it any.
    pub(crate) fn of(&self, role: RoleId) -> Option<&Bitset> {
        self.0[role.index()].as_ref()
    }

    /// Whether a role may be with a type.
    pub(crate) fn has(&self, role: RoleId, type_: TypeId) -> bool {
        self.of(role).is_some_and(|types| types.contains(type_.index()))
    }
}

impl UserRoles {
    /// Evaluates all `userrole`; `None` if they are about too much.
    pub(crate) fn new(ir: &Ir, roles: &RoleSets, users: &UserSets) -> Option<Self> {
        if !fits(ir.user_roles.iter().map(|(user, ..)| users.members(*user).count()), roles.bound()) {
            return None;
        }
        let mut sets = vec![None; ir.users.len()];
        for (user, role, _) in &ir.user_roles {
            users.members(*user).for_each(|index| {
                let set = sets[index].get_or_insert_with(|| Bitset::new(roles.bound()));
                roles.members(*role).add_to(set);
            });
        }
        Some(Self(sets))
    }

    /// The roles of a user, by the places of the roles; `None` if no statement gives it any.
    pub(crate) fn of(&self, user: UserId) -> Option<&Bitset> {
        self.0[user.index()].as_ref()
    }

    /// Whether a user may be with a role.
    pub(crate) fn has(&self, user: UserId, role: RoleId) -> bool {
        self.of(user).is_some_and(|roles| roles.contains(role.index()))
    }
}
