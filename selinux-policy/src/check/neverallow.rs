//! `neverallow`.
//!
//! A promise with a source and a target is broken by a rule if their sources have a type in common and their targets too. For
//! each attribute that a promise names, the types and attributes that have something in common with it are found once; then
//! a rule is held against a promise by two bits, whatever the attributes hold.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::ir::{AvKind, AvRule, Ir, Target, TypeId};
use crate::sema::{Bitset, ClassBits, Members, TypeSets};

use super::grants::{Grant, Grants};
use super::pairs::{Pairs, Reach, type_id};
use super::work::Work;
use super::{Access, Broken, NeverAllowed, Sets};

/// The violations of each `neverallow`, in their order.
pub(super) fn check(
    ir: &Ir,
    sets: Sets<'_>,
    grants: &Grants,
    limit: usize,
    work: &mut Work,
) -> Vec<Broken<NeverAllowed>> {
    let promises: Vec<&AvRule> = ir.av_rules.iter().filter(|rule| rule.kind == AvKind::NeverAllow).collect();
    let reaches = promises.iter().map(|promise| Reach { source: promise.source, target: promise.target });
    let touching = Touching::new(sets.types, reaches);
    let check = |promise: &&AvRule| {
        let mut broken = Broken::new(limit);
        sets.classes.for_each(&promise.access, |bits| {
            check_class(promise, bits, sets.types, grants, &touching, &mut broken);
        });
        broken
    };
    work.judge(&promises, check)
}

fn check_class(
    promise: &AvRule,
    (class, bits): ClassBits,
    sets: &TypeSets,
    grants: &Grants,
    touching: &Touching,
    broken: &mut Broken<NeverAllowed>,
) {
    let reach = Reach { source: promise.source, target: promise.target };
    grants.for_each_touching(class, bits, reach, touching, sets, |grant| {
        let is_certain = matches!((reach.target, grant.target), (Target::Type(_), Target::Type(_)));
        if is_certain && broken.is_full() {
            broken.omitted += 1;
            return;
        }
        if !broken.may_compare(Pairs::cost(sets)) {
            return;
        }
        let Some(pairs) = Pairs::common(&[reach, grant.reach()], sets) else { return };
        let Some((source, target)) = pairs.first() else { return };
        broken.add(|| NeverAllowed {
            promise: promise.origin,
            rule: grant.site,
            class,
            access: Access::Permissions(grant.permissions & bits),
            source,
            target,
            pairs: pairs.count(),
        });
    });
}

impl Grants {
    /// Calls with each rule of a class that has some of the permissions and may have a source and a target in common with
    /// another. Where neither has a target like `self`, it does have them.
    pub(super) fn for_each_touching(
        &self,
        class: crate::ir::ClassId,
        bits: u32,
        reach: Reach,
        touching: &Touching,
        sets: &TypeSets,
        mut call: impl FnMut(&Grant),
    ) {
        let sources = touching.of(reach.source, sets);
        let targets =
            if let Target::Type(target) = reach.target { Some(touching.of(target, sets)) } else { None };
        for run in self.of(class).chunk_by(|left, right| left.source == right.source) {
            if !sources.holds(run[0].source) {
                continue;
            }
            for grant in run.iter().filter(|grant| grant.permissions & bits != 0) {
                let is_near = match (grant.target, &targets) {
                    (Target::Type(target), Some(targets)) => targets.holds(target),
                    _ => true,
                };
                if is_near {
                    call(grant);
                }
            }
        }
    }
}

impl Grant {
    pub(super) fn reach(&self) -> Reach {
        Reach { source: self.source, target: self.target }
    }
}

/// What has types in common with attributes.
pub(super) struct Touching {
    /// Of each attribute, the places of types and attributes that have something in common with it.
    of: FxHashMap<TypeId, Bitset>,
}

/// What has a type in common with a type or attribute.
pub(super) enum Touched<'a> {
    Type(usize, &'a TypeSets),
    Attribute(&'a Bitset),
}

impl Touching {
    /// For what rules name.
    pub(super) fn new(sets: &TypeSets, rules: impl Iterator<Item = Reach>) -> Self {
        let mut named = Vec::new();
        for rule in rules {
            named.push(rule.source);
            if let Target::Type(target) = rule.target {
                named.push(target);
            }
        }
        named.sort_unstable();
        named.dedup();
        let of = named.into_par_iter().filter_map(|id| Some((id, touching(sets, id)?))).collect();
        Self { of }
    }

    /// For one of those that were named.
    pub(super) fn of<'a>(&'a self, id: TypeId, sets: &'a TypeSets) -> Touched<'a> {
        match self.of.get(&id) {
            Some(set) => Touched::Attribute(set),
            None => Touched::Type(id.index(), sets),
        }
    }
}

impl Touched<'_> {
    pub(super) fn holds(&self, id: TypeId) -> bool {
        match self {
            // Types are not indexed: the sets of thousands of them would need more memory than the attributes' own.
            Self::Type(own, sets) => sets.members(id).contains(*own),
            Self::Attribute(set) => set.contains(id.index()),
        }
    }
}

/// What has something in common with an attribute; `None` if it is a type.
fn touching(sets: &TypeSets, id: TypeId) -> Option<Bitset> {
    let Members::Set(members) = sets.members(id) else { return None };
    let mut touching = members.clone();
    for other in 0..sets.bound() {
        if let Members::Set(its) = sets.members(type_id(other))
            && its.intersects(members)
        {
            touching.insert(other);
        }
    }
    Some(touching)
}
