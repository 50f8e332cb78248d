//! `typebounds`: a bounded type has no rights that the type that bounds it lacks.
//!
//! Where a target is bounded itself, the one that bounds it is what the parent must have the right to. What a rule in a
//! branch of a conditional allows the child, the parent must be allowed outside of conditionals, in the same branch, or in
//! both branches of any one condition.

use rustc_hash::FxHashMap;

use crate::ir::{Bounds, ClassId, Ir, TypeId};
use crate::sema::{Bitset, TypeSets};

use super::conditions::Branch;
use super::grants::{Grant, Grants, Targets};
use super::pairs::type_id;
use super::work::Work;
use super::{Broken, Sets, TypeBoundsExceeded};

/// The violations of each `typebounds`, in their order.
pub(super) fn check(
    ir: &Ir,
    sets: Sets<'_>,
    (grants, branches): (&Grants, &[Branch]),
    limit: usize,
    work: &mut Work,
) -> Vec<Broken<TypeBoundsExceeded>> {
    let mut bounded_by: FxHashMap<usize, usize> = FxHashMap::default();
    for bounds in &ir.type_bounds {
        bounded_by.insert(bounds.child.index(), bounds.parent.index());
    }
    let check = |bounds: &Bounds<TypeId>| {
        let mut broken = Broken::new(limit);
        let judge = Judge { bounds, sets: sets.types, branches, bounded_by: &bounded_by };
        for class in (0..).map(ClassId).take(ir.classes.len()) {
            judge.check(class, grants.of(class), &mut broken);
        }
        broken
    };
    work.judge(&ir.type_bounds, check)
}

struct Judge<'a> {
    bounds: &'a Bounds<TypeId>,
    sets: &'a TypeSets,
    branches: &'a [Branch],
    /// The parents of all bounded types.
    bounded_by: &'a FxHashMap<usize, usize>,
}

/// What a type may do to each target, by its place.
type Rights = Vec<u32>;

impl Judge<'_> {
    fn check(&self, class: ClassId, grants: &[Grant], broken: &mut Broken<TypeBoundsExceeded>) {
        let mut of_child = self.rules_of(self.bounds.child, grants);
        if of_child.is_empty() {
            return;
        }
        let mut of_parent = self.rules_of(self.bounds.parent, grants);
        // Each rule's targets are gone through one by one, and the parent's once for each branch that the child has.
        let rules = of_child.len() + of_parent.len();
        if !broken.may_compare(rules.saturating_mul(4 + self.sets.bound())) {
            return;
        }
        // Stable: within a branch, rules keep the order of the source. Those of no branch come first.
        of_child.sort_by_key(|(branch, _)| order(*branch));
        of_parent.sort_by_key(|(branch, _)| order(*branch));
        let always = self.always(&of_parent);
        for rules in of_child.chunk_by(|left, right| left.0 == right.0) {
            let in_branch = rules[0].0.map(|branch| self.rights(&of_parent, Some(branch)));
            for (_, rule) in rules {
                self.check_rule(class, rule, &always, in_branch.as_ref(), broken);
            }
        }
    }

    fn check_rule(
        &self,
        class: ClassId,
        rule: &Grant,
        always: &Rights,
        in_branch: Option<&Rights>,
        broken: &mut Broken<TypeBoundsExceeded>,
    ) {
        let (mut first, mut targets) = (None, 0);
        for target in self.targets(rule, self.bounds.child).iter() {
            let place = *self.bounded_by.get(&target).unwrap_or(&target);
            let covered = always[place] | in_branch.map_or(0, |rights| rights[place]);
            let permissions = rule.permissions & !covered;
            if permissions != 0 {
                first.get_or_insert((target, permissions));
                targets += 1;
            }
        }
        if let Some((target, permissions)) = first {
            broken.add(|| TypeBoundsExceeded {
                promise: self.bounds.origin,
                rule: rule.site,
                child: self.bounds.child,
                parent: self.bounds.parent,
                target: type_id(target),
                class,
                permissions,
                targets,
            });
        }
    }

    /// The rules that have a type as source, with the branch that they are in.
    fn rules_of<'g>(&self, of: TypeId, grants: &'g [Grant]) -> Vec<(Option<Branch>, &'g Grant)> {
        let mut rules = Vec::new();
        for run in grants.chunk_by(|left, right| left.source == right.source) {
            if self.sets.members(run[0].source).contains(of.index()) {
                rules.extend(run.iter().map(|grant| (grant.site.branch(self.branches), grant)));
            }
        }
        rules
    }

    /// What the parent may always do: by rules outside of conditionals, and by both branches of a condition.
    fn always(&self, of_parent: &[(Option<Branch>, &Grant)]) -> Rights {
        let mut always = self.rights(of_parent, None);
        let conditional = &of_parent[of_parent.partition_point(|(branch, _)| branch.is_none())..];
        let condition = |branch: &Option<Branch>| branch.map(|branch| branch.condition);
        for rules in conditional.chunk_by(|left, right| condition(&left.0) == condition(&right.0)) {
            let Some(branch) = rules[0].0 else { continue };
            let (then, otherwise) = (Branch { holds: true, ..branch }, Branch { holds: false, ..branch });
            let (then, otherwise) = (self.rights(rules, Some(then)), self.rights(rules, Some(otherwise)));
            for (always, (then, otherwise)) in always.iter_mut().zip(then.into_iter().zip(otherwise)) {
                *always |= then & otherwise;
            }
        }
        always
    }

    /// What the parent may do by the rules of a branch, which are in the order of branches.
    fn rights(&self, of_parent: &[(Option<Branch>, &Grant)], branch: Option<Branch>) -> Rights {
        let mut rights = vec![0; self.sets.bound()];
        let from = of_parent.partition_point(|(its, _)| order(*its) < order(branch));
        for (_, rule) in of_parent[from..].iter().take_while(|(its, _)| *its == branch) {
            for target in self.targets(rule, self.bounds.parent).iter() {
                rights[target] |= rule.permissions;
            }
        }
        rights
    }

    fn targets(&self, rule: &Grant, source: TypeId) -> Bitset {
        let sources = self.sets.members(rule.source);
        let targets = Targets::of(rule.target, sources, source.index(), self.sets);
        targets.to_set(source.index(), self.sets.bound())
    }
}

fn order(branch: Option<Branch>) -> Option<(u32, bool)> {
    branch.map(|branch| (branch.condition, branch.holds))
}
