//! `neverallowx`.
//!
//! An `allow` of the permission that extended ones belong to (`ioctl`, `nlmsg`) allows every number, unless an `allowx` says
//! for that source and target which. So a promise is broken by each `allowx` with a forbidden number, and by each `allow` that
//! has a pair of types without any `allowx`.
//!
//! What an `allow` in a conditional allows is restricted only by the `allowx` of the same branch, and an `allow` outside by
//! those outside, or by those of both branches of a condition: that is how secilc judges it, too.

use crate::ir::{AvKind, AvxRule, ClassId, Ir, Target, XKind};
use crate::sema::{Bitset, TypeSets};

use super::conditions::Branch;
use super::grants::{Grant, Grants, Targets, XGrant, x_grants};
use super::neverallow::Touching;
use super::pairs::{Pairs, Reach, type_id};
use super::work::Work;
use super::{Access, Broken, NeverAllowed, Sets};

/// The violations of each `neverallowx`, in their order.
pub(super) fn check(
    ir: &Ir,
    sets: Sets<'_>,
    (grants, branches): (&Grants, &[Branch]),
    limit: usize,
    work: &mut Work,
) -> Vec<Broken<NeverAllowed>> {
    let promises: Vec<&AvxRule> =
        ir.avx_rules.iter().filter(|rule| rule.kind == AvKind::NeverAllow).collect();
    if promises.is_empty() {
        return Vec::new();
    }
    let reaches = promises.iter().map(|promise| Reach { source: promise.source, target: promise.target });
    let touching = Touching::new(sets.types, reaches);
    let rules = XRules::new(ir, sets);
    let check = |promise: &&AvxRule| {
        let mut broken = Broken::new(limit);
        let access = &ir.permissionx[promise.access.index()];
        sets.classes.for_each_class(access.class, |class| {
            let bits = base_permission(ir, class, access.kind);
            let judge = Judge {
                promise,
                class,
                kind: access.kind,
                numbers: &access.numbers,
                rules: rules.of(access.kind, class),
                sets: sets.types,
                branches,
            };
            judge.check(grants, bits, &touching, &mut broken);
        });
        broken
    };
    work.judge(&promises, check)
}

/// The bit of the permission that extended ones of a kind belong to; none if the class has no such permission, and so
/// nothing can have them.
pub(super) fn base_permission(ir: &Ir, class: ClassId, kind: XKind) -> u32 {
    let name: &[u8] = match kind {
        XKind::Ioctl => b"ioctl",
        XKind::Nlmsg => b"nlmsg",
    };
    let class = &ir.classes[class.index()];
    let common = class.common.map_or(&[][..], |common| &ir.commons[common.index()].permissions);
    let mut permissions = common.iter().chain(&class.permissions);
    let place = permissions.position(|permission| ir.names.get(*permission) == name);
    place.and_then(|place| 1_u32.checked_shl(u32::try_from(place).ok()?)).unwrap_or(0)
}

/// All `allowx`, by class and kind.
struct XRules<'a> {
    ioctl: Vec<Vec<XGrant<'a>>>,
    nlmsg: Vec<Vec<XGrant<'a>>>,
}

impl<'a> XRules<'a> {
    fn new(ir: &'a Ir, sets: Sets<'_>) -> Self {
        let of = |kind| x_grants(ir, sets.classes, kind);
        Self { ioctl: of(XKind::Ioctl), nlmsg: of(XKind::Nlmsg) }
    }

    fn of(&self, kind: XKind, class: ClassId) -> &[XGrant<'a>] {
        match kind {
            XKind::Ioctl => &self.ioctl[class.index()],
            XKind::Nlmsg => &self.nlmsg[class.index()],
        }
    }
}

/// A promise about one class.
struct Judge<'a> {
    promise: &'a AvxRule,
    class: ClassId,
    kind: XKind,
    numbers: &'a [(u16, u16)],
    /// All `allowx` of the class and kind.
    rules: &'a [XGrant<'a>],
    sets: &'a TypeSets,
    branches: &'a [Branch],
}

impl Judge<'_> {
    fn check(&self, grants: &Grants, bits: u32, touching: &Touching, broken: &mut Broken<NeverAllowed>) {
        let own = self.reach();
        let mut bases: Vec<Grant> = Vec::new();
        grants.for_each_touching(self.class, bits, own, touching, self.sets, |grant| bases.push(*grant));
        for base in &bases {
            self.check_base(base, broken);
        }
        for rule in self.rules {
            self.check_rule(rule, &bases, touching, broken);
        }
    }

    /// Whether an `allow` allows every number to a pair of types.
    fn check_base(&self, base: &Grant, broken: &mut Broken<NeverAllowed>) {
        if self.is_restricted_alike(base) || !broken.may_compare(Pairs::cost(self.sets)) {
            return;
        }
        let Some(pairs) = Pairs::common(&[self.reach(), base.reach()], self.sets) else { return };
        let (mut first, mut count) = (None, 0);
        for source in pairs.sources().iter() {
            if !broken.may_compare(Pairs::cost(self.sets) + self.rules.len()) {
                return;
            }
            let mut targets = pairs.targets_of(source);
            targets.and_not_with(&self.restricted(base, source));
            first = first.or_else(|| Some((type_id(source), type_id(targets.iter().next()?))));
            count += targets.count() as u64;
        }
        if let Some((source, target)) = first {
            broken.add(|| NeverAllowed {
                promise: self.promise.origin,
                rule: base.site,
                class: self.class,
                access: Access::EveryNumber(self.kind),
                source,
                target,
                pairs: count,
            });
        }
    }

    /// Whether there is an `allowx` just like an `allow`, which is the rule. The general answer takes far longer.
    fn is_restricted_alike(&self, base: &Grant) -> bool {
        let from = self.rules.partition_point(|rule| rule.source < base.source);
        let same = self.rules[from..].iter().take_while(|rule| rule.source == base.source);
        let branch = base.site.branch(self.branches);
        same.into_iter().any(|rule| rule.target == base.target && rule.site.branch(self.branches) == branch)
    }

    /// The targets for which an `allowx` says what numbers an `allow` allows a source.
    fn restricted(&self, base: &Grant, source: usize) -> Bitset {
        let branch = base.site.branch(self.branches);
        let mut restricted = Bitset::new(self.sets.bound());
        let mut in_branches: Vec<(Branch, &XGrant<'_>)> = Vec::new();
        for rule in self.rules.iter().filter(|rule| self.sets.members(rule.source).contains(source)) {
            let its = rule.site.branch(self.branches);
            if its == branch {
                self.add_targets(rule, source, &mut restricted);
            } else if let (Some(its), None) = (its, branch) {
                in_branches.push((its, rule));
            }
        }
        // In a stable order by condition; which branch comes first does not matter.
        in_branches.sort_by_key(|(branch, _)| branch.condition);
        for rules in in_branches.chunk_by(|left, right| left.0.condition == right.0.condition) {
            let mut both = self.targets_in(rules, true, source);
            both.and_with(&self.targets_in(rules, false, source));
            restricted.or_with(&both);
        }
        restricted
    }

    fn targets_in(&self, rules: &[(Branch, &XGrant<'_>)], holds: bool, source: usize) -> Bitset {
        let mut targets = Bitset::new(self.sets.bound());
        for (_, rule) in rules.iter().filter(|(branch, _)| branch.holds == holds) {
            self.add_targets(rule, source, &mut targets);
        }
        targets
    }

    fn add_targets(&self, rule: &XGrant<'_>, source: usize, targets: &mut Bitset) {
        let sources = self.sets.members(rule.source);
        Targets::of(rule.target, sources, source, self.sets).add_to(source, targets);
    }

    /// Whether an `allowx` has forbidden numbers for a pair that an `allow` makes it count for.
    fn check_rule(
        &self,
        rule: &XGrant<'_>,
        bases: &[Grant],
        touching: &Touching,
        broken: &mut Broken<NeverAllowed>,
    ) {
        let is_near = touching.of(self.promise.source, self.sets).holds(rule.source)
            && match (rule.target, self.promise.target) {
                (Target::Type(its), Target::Type(own)) => touching.of(own, self.sets).holds(its),
                _ => true,
            };
        if !is_near {
            return;
        }
        let numbers = common_numbers(rule.numbers, self.numbers);
        if numbers.is_empty() {
            return;
        }
        let its = Reach { source: rule.source, target: rule.target };
        let cost = Pairs::cost(self.sets);
        let in_common = |base: &Grant| {
            let may = broken.may_compare(cost);
            may.then(|| Pairs::common(&[self.reach(), its, base.reach()], self.sets)).flatten()
        };
        if let Some(pairs) = bases.iter().find_map(in_common)
            && let Some((source, target)) = pairs.first()
        {
            broken.add(|| NeverAllowed {
                promise: self.promise.origin,
                rule: rule.site,
                class: self.class,
                access: Access::Numbers(self.kind, numbers),
                source,
                target,
                pairs: pairs.count(),
            });
        }
    }

    fn reach(&self) -> Reach {
        Reach { source: self.promise.source, target: self.promise.target }
    }
}

/// What two lists of ascending ranges have in common.
fn common_numbers(left: &[(u16, u16)], right: &[(u16, u16)]) -> Vec<(u16, u16)> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    let mut common = Vec::new();
    while let (Some((left_low, left_high)), Some((right_low, right_high))) = (left.peek(), right.peek()) {
        let (low, high) = (*left_low.max(right_low), *left_high.min(right_high));
        if low <= high {
            common.push((low, high));
        }
        if left_high < right_high {
            left.next();
        } else {
            right.next();
        }
    }
    common
}
