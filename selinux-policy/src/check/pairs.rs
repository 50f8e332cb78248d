//! The pairs of a source and a target that several rules have in common.

use crate::ir::{Target, TypeId};
use crate::sema::{Bitset, TypeSets};

/// The types of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub(super) source: TypeId,
    pub(super) target: Target,
}

/// Pairs of types, of which there is at least one.
#[derive(Debug)]
pub(super) struct Pairs {
    sources: Bitset,
    targets: Bitset,
    relation: Relation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// Any source with any target.
    Any,
    /// A source with itself; sources and targets are the same set.
    Same,
    /// A source with all targets but itself.
    Different,
}

impl Pairs {
    /// How many words of sets are looked at to find what rules have in common.
    pub(super) fn cost(sets: &TypeSets) -> usize {
        8 + sets.bound() / 8
    }

    /// What rules have in common.
    pub(super) fn common(rules: &[Reach], sets: &TypeSets) -> Option<Self> {
        let (mut sources, mut targets) = (sets.all().clone(), sets.all().clone());
        let (mut is_same, mut is_different) = (false, false);
        for rule in rules {
            let members = sets.members(rule.source);
            members.keep_in(&mut sources);
            match rule.target {
                Target::Type(target) => sets.members(target).keep_in(&mut targets),
                Target::SelfType => is_same = true,
                Target::NotSelf => is_different = true,
                Target::Other => {
                    is_different = true;
                    members.keep_in(&mut targets);
                }
            }
        }
        let relation = match (is_same, is_different) {
            (false, false) => Relation::Any,
            (true, false) => Relation::Same,
            (false, true) => Relation::Different,
            (true, true) => return None,
        };
        if relation == Relation::Same {
            sources.and_with(&targets);
            targets = sources.clone();
        }
        let pairs = Self { sources, targets, relation };
        (pairs.count() != 0).then_some(pairs)
    }

    /// How many pairs there are.
    pub(super) fn count(&self) -> u64 {
        let (sources, targets) = (self.sources.count() as u64, self.targets.count() as u64);
        match self.relation {
            Relation::Any => sources * targets,
            Relation::Same => sources,
            Relation::Different => {
                sources * targets - self.sources.intersection(&self.targets).count() as u64
            }
        }
    }

    /// The first source and its first target, in the order of declarations.
    pub(super) fn first(&self) -> Option<(TypeId, TypeId)> {
        self.sources.iter().find_map(|source| {
            let target = match self.relation {
                Relation::Any => self.targets.iter().next(),
                Relation::Same => Some(source),
                Relation::Different => self.targets.iter().find(|target| *target != source),
            };
            Some((type_id(source), type_id(target?)))
        })
    }

    /// The sources. With other targets than themselves, some may have none.
    pub(super) fn sources(&self) -> &Bitset {
        &self.sources
    }

    /// The targets of one of the sources.
    pub(super) fn targets_of(&self, source: usize) -> Bitset {
        let mut targets = self.targets.clone();
        match self.relation {
            Relation::Any => {}
            Relation::Same => {
                targets = Bitset::new(targets.bound());
                targets.insert(source);
            }
            Relation::Different => targets.remove(source),
        }
        targets
    }
}

/// The type at a place.
pub(super) fn type_id(index: usize) -> TypeId {
    // Places of types come from ids, which are u32.
    TypeId(u32::try_from(index).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::Policy;

    fn pairs(policy: &Policy, rules: &[(&str, &str)]) -> Option<(Vec<(usize, usize)>, u64)> {
        let sets = TypeSets::of_types(&policy.ir).unwrap();
        let reach = |(source, target): &(&str, &str)| Reach {
            source: policy.type_id(source),
            target: policy.target(target),
        };
        let rules: Vec<Reach> = rules.iter().map(reach).collect();
        let pairs = Pairs::common(&rules, &sets)?;
        let listed: Vec<(usize, usize)> = pairs
            .sources()
            .iter()
            .flat_map(|source| {
                pairs.targets_of(source).iter().map(|target| (source, target)).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(listed.len() as u64, pairs.count());
        let first = pairs.first().map(|(source, target)| (source.index(), target.index()));
        assert_eq!(listed.first().copied(), first);
        Some((listed, pairs.count()))
    }

    fn policy() -> Policy {
        // Types are 0, 1, 2.
        Policy::new("a b c ab=a,b bc=b,c none=")
    }

    #[test]
    fn sources_meet_and_targets_meet() {
        let policy = policy();
        assert_eq!(pairs(&policy, &[("ab", "bc"), ("bc", "c")]), Some((vec![(1, 2)], 1)));
        assert_eq!(pairs(&policy, &[("ab", "bc"), ("c", "c")]), None);
        assert_eq!(pairs(&policy, &[("ab", "none"), ("a", "c")]), None);
    }

    #[test]
    fn self_is_of_the_sources_in_common() {
        let policy = policy();
        assert_eq!(pairs(&policy, &[("ab", "self"), ("bc", "bc")]), Some((vec![(1, 1)], 1)));
        assert_eq!(pairs(&policy, &[("ab", "self"), ("a", "bc")]), None);
        assert_eq!(pairs(&policy, &[("ab", "self"), ("ab", "notself")]), None);
        assert_eq!(pairs(&policy, &[("ab", "self"), ("ab", "self")]), Some((vec![(0, 0), (1, 1)], 2)));
    }

    #[test]
    fn notself_and_other_leave_out_each_source() {
        let policy = policy();
        assert_eq!(pairs(&policy, &[("a", "notself")]), Some((vec![(0, 1), (0, 2)], 2)));
        assert_eq!(pairs(&policy, &[("ab", "other"), ("ab", "a")]), Some((vec![(1, 0)], 1)));
        assert_eq!(pairs(&policy, &[("a", "other")]), None);
        // The targets of `other` are those of its own attribute, not those of what both have in common.
        assert_eq!(pairs(&policy, &[("ab", "other"), ("a", "ab")]), Some((vec![(0, 1)], 1)));
    }
}
