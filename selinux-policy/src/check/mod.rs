//! Whether a policy keeps what it promises: that nothing allows what `neverallow` and `neverallowx` forbid, and that bounded
//! types, roles and users have no more rights than those that bound them.
//!
//! Rules are judged as they are written, with attributes, `self` and conditionals, before they become tables. Thus each
//! violation has the rule and the promise that it breaks, and a rule over a thousand types is one comparison of sets.

mod bounds;
mod conditions;
mod diagnostics;
mod grants;
mod neverallow;
mod neverallowx;
mod pairs;
mod role_user_bounds;
mod work;

use crate::ir::{AvKind, ClassId, Ir, OriginId, RoleId, TypeId, UserId, XKind};
use crate::sema::{Bitset, ClassSets, RoleSets, TypeSets, UserSets};

pub use conditions::MalformedCondition;
pub use grants::Site;

/// At most about this many violations are kept, the same number of each promise; those beyond are counted. It bounds memory:
/// one rule that breaks every promise of a policy with thousands would otherwise fill it.
pub const MAX_VIOLATIONS: usize = 100_000;

/// What attributes, class maps and sets of a policy stand for.
#[derive(Clone, Copy, Debug)]
pub struct Sets<'a> {
    /// Of types.
    pub types: &'a TypeSets,
    /// Of roles.
    pub roles: &'a RoleSets,
    /// Of users.
    pub users: &'a UserSets,
    /// Of classes.
    pub classes: &'a ClassSets,
}

/// What is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Broken `neverallow` and then `neverallowx`, in their order, each with the rules that break it in theirs.
    pub never_allowed: Vec<NeverAllowed>,
    /// Types with more rights than those that bound them.
    pub type_bounds: Vec<TypeBoundsExceeded>,
    /// Roles with more types than those that bound them.
    pub role_bounds: Vec<BoundsExceeded<RoleId>>,
    /// Users with more roles than those that bound them.
    pub user_bounds: Vec<BoundsExceeded<UserId>>,
    /// How many more there are at least, beyond [`MAX_VIOLATIONS`].
    pub omitted: u64,
    /// How many promises were not judged to their end, since that would take too long.
    pub unchecked: usize,
}

/// A rule that allows what never is to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeverAllowed {
    /// The `neverallow` or `neverallowx`.
    pub promise: OriginId,
    /// The rule that breaks it.
    pub rule: Site,
    /// The class.
    pub class: ClassId,
    /// What the rule allows of it.
    pub access: Access,
    /// The first source that it allows it, in the order of declarations.
    pub source: TypeId,
    /// The first target of that source.
    pub target: TypeId,
    /// For how many pairs of a source and a target it does.
    pub pairs: u64,
}

/// What is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The bits of permissions.
    Permissions(u32),
    /// Every number of extended permissions: the rule is an `allow` of the permission itself, and no `allowx` restricts it.
    EveryNumber(XKind),
    /// Numbers of extended permissions, as ascending ranges with both ends: the rule is an `allowx`.
    Numbers(XKind, Vec<(u16, u16)>),
}

/// A rule that allows a type what the one that bounds it may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeBoundsExceeded {
    /// The `typebounds`.
    pub promise: OriginId,
    /// The rule that allows it.
    pub rule: Site,
    /// The type that is bounded.
    pub child: TypeId,
    /// The one that bounds it.
    pub parent: TypeId,
    /// The first target of which the child has more rights.
    pub target: TypeId,
    /// The class.
    pub class: ClassId,
    /// The bits of the permissions that the child has and the parent lacks for that target.
    pub permissions: u32,
    /// For how many targets the child has more rights by this rule.
    pub targets: u64,
}

/// A role or user that has more than the one that bounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundsExceeded<T> {
    /// The `rolebounds` or `userbounds`.
    pub promise: OriginId,
    /// The one that is bounded.
    pub child: T,
    /// The one that bounds it.
    pub parent: T,
    /// What the parent lacks: types of a role by their places in [`Ir::types`], roles of a user by those in [`Ir::roles`].
    pub lacks: Bitset,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// Looks for all that is wrong. Rules that `deny` takes away must be gone.
pub fn check(ir: &Ir, sets: Sets<'_>) -> Result<Report, MalformedCondition> {
    let branches = conditions::branches(&ir.conditionals)?;
    let promises = Promises::new(ir, sets.classes);
    let grants = grants::Grants::new(ir, sets.classes, &promises.wanted);
    let limit = (MAX_VIOLATIONS / promises.count.max(1)).max(1);
    let mut report = Report::default();
    let mut work = work::Work::new();
    for broken in neverallow::check(ir, sets, &grants, limit, &mut work) {
        report.never_allowed.extend(broken.take(&mut report.omitted));
    }
    for broken in neverallowx::check(ir, sets, (&grants, &branches), limit, &mut work) {
        report.never_allowed.extend(broken.take(&mut report.omitted));
    }
    for broken in bounds::check(ir, sets, (&grants, &branches), limit, &mut work) {
        report.type_bounds.extend(broken.take(&mut report.omitted));
    }
    report.unchecked = work.unchecked;
    report.role_bounds = role_user_bounds::roles(ir, sets);
    report.user_bounds = role_user_bounds::users(ir, sets);
    Ok(report)
}

/// Which permissions the promises are about.
struct Promises {
    count: usize,
    /// The bits of each class.
    wanted: Vec<u32>,
}

impl Promises {
    fn new(ir: &Ir, classes: &ClassSets) -> Self {
        // A bounded type's rights are compared all; otherwise only those count that are forbidden somewhere.
        let everything = if ir.type_bounds.is_empty() { 0 } else { u32::MAX };
        let (mut wanted, mut count) = (vec![everything; ir.classes.len()], ir.type_bounds.len());
        for rule in ir.av_rules.iter().filter(|rule| rule.kind == AvKind::NeverAllow) {
            classes.for_each(&rule.access, |(class, bits)| wanted[class.index()] |= bits);
            count += 1;
        }
        for rule in ir.avx_rules.iter().filter(|rule| rule.kind == AvKind::NeverAllow) {
            let access = &ir.permissionx[rule.access.index()];
            classes.for_each_class(access.class, |class| {
                wanted[class.index()] |= neverallowx::base_permission(ir, class, access.kind);
            });
            count += 1;
        }
        Self { count, wanted }
    }
}

/// The violations of one promise: as many as may be kept.
#[derive(Debug)]
struct Broken<V> {
    limit: usize,
    kept: Vec<V>,
    omitted: u64,
    /// How many words of sets were compared.
    compared: u64,
}

impl<V> Broken<V> {
    fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), omitted: 0, compared: 0 }
    }

    /// Keeps a violation, which is only made if it is to be kept.
    fn add(&mut self, violation: impl FnOnce() -> V) {
        if self.kept.len() < self.limit {
            self.kept.push(violation());
        } else {
            self.omitted += 1;
        }
    }

    /// Whether further violations are only counted.
    fn is_full(&self) -> bool {
        self.kept.len() >= self.limit
    }

    fn take(self, omitted: &mut u64) -> Vec<V> {
        *omitted += self.omitted;
        self.kept
    }
}

#[cfg(test)]
mod tests;
