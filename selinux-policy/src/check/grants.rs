//! What rules allow, class by class.

use crate::ir::{
    AvKind, AvRule, AvxRule, ClassId, CondRule, Conditional, Ir, OriginId, Target, TypeId, XKind,
};
use crate::sema::{Bitset, ClassSets, Members, TypeSets};

use super::conditions::Branch;

/// A rule that allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) source: TypeId,
    pub(super) target: Target,
    /// The bits of its permissions of the class whose list it is in.
    pub(super) permissions: u32,
    pub(super) site: Site,
}

/// A rule that says which extended permissions an access has.
#[derive(Clone, Copy, Debug)]
pub(super) struct XGrant<'a> {
    pub(super) source: TypeId,
    pub(super) target: Target,
    /// Ascending ranges.
    pub(super) numbers: &'a [(u16, u16)],
    pub(super) site: Site,
}

/// Where a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The rule.
    pub origin: OriginId,
    /// The `booleanif` that it is in, by its place in [`Ir::conditionals`], and which branch: `true` if the condition must
    /// hold.
    pub conditional: Option<(u32, bool)>,
}

impl Site {
    pub(super) fn branch(self, branches: &[Branch]) -> Option<Branch> {
        let (conditional, holds) = self.conditional?;
        let branch = branches[conditional as usize];
        Some(Branch { holds: branch.holds == holds, ..branch })
    }
}

/// All `allow` rules of some permissions, by class.
#[derive(Debug, Default)]
pub(super) struct Grants {
    by_class: Vec<Vec<Grant>>,
}

impl Grants {
    /// The rules that have a permission that is wanted: bits by class.
    pub(super) fn new(ir: &Ir, classes: &ClassSets, wanted: &[u32]) -> Self {
        let mut by_class = vec![Vec::new(); ir.classes.len()];
        for_each_rule(ir, |rule, conditional| {
            let CondRuleRef::Av(rule) = rule else { return };
            if rule.kind != AvKind::Allow {
                return;
            }
            let site = Site { origin: rule.origin, conditional };
            classes.for_each(&rule.access, |(class, bits)| {
                let permissions = bits & wanted[class.index()];
                if permissions != 0 {
                    let grant = Grant { source: rule.source, target: rule.target, permissions, site };
                    by_class[class.index()].push(grant);
                }
            });
        });
        for grants in &mut by_class {
            // Stable, so that what is reported keeps the order of the source.
            grants.sort_by_key(|grant| grant.source);
        }
        Self { by_class }
    }

    /// The rules of a class, in the order of their sources.
    pub(super) fn of(&self, class: ClassId) -> &[Grant] {
        &self.by_class[class.index()]
    }
}

/// All `allowx` rules of a kind, by class, in the order of their sources.
pub(super) fn x_grants<'a>(ir: &'a Ir, classes: &ClassSets, kind: XKind) -> Vec<Vec<XGrant<'a>>> {
    let mut by_class = vec![Vec::new(); ir.classes.len()];
    for_each_rule(ir, |rule, conditional| {
        let CondRuleRef::Avx(rule) = rule else { return };
        let access = &ir.permissionx[rule.access.index()];
        if rule.kind != AvKind::Allow || access.kind != kind {
            return;
        }
        let (source, target, numbers) = (rule.source, rule.target, access.numbers.as_slice());
        let site = Site { origin: rule.origin, conditional };
        classes.for_each_class(access.class, |class| {
            by_class[class.index()].push(XGrant { source, target, numbers, site });
        });
    });
    for grants in &mut by_class {
        grants.sort_by_key(|grant| grant.source);
    }
    by_class
}

/// Rules that checks look at.
enum CondRuleRef<'a> {
    Av(&'a AvRule),
    Avx(&'a AvxRule),
}

fn for_each_rule<'a>(ir: &'a Ir, mut call: impl FnMut(CondRuleRef<'a>, Option<(u32, bool)>)) {
    for rule in &ir.av_rules {
        call(CondRuleRef::Av(rule), None);
    }
    for rule in &ir.avx_rules {
        call(CondRuleRef::Avx(rule), None);
    }
    for (place, conditional) in (0..).zip(&ir.conditionals) {
        for (rule, holds) in rules_of(conditional) {
            match rule {
                CondRule::Av(rule) => call(CondRuleRef::Av(rule), Some((place, holds))),
                CondRule::Avx(rule) => call(CondRuleRef::Avx(rule), Some((place, holds))),
                CondRule::Type(_) | CondRule::Name(_) => {}
            }
        }
    }
}

fn rules_of(conditional: &Conditional) -> impl Iterator<Item = (&CondRule, bool)> {
    let then = conditional.then.iter().map(|rule| (rule, true));
    then.chain(conditional.otherwise.iter().map(|rule| (rule, false)))
}

/// The targets that a rule means for one of its sources.
pub(super) enum Targets<'a> {
    /// These.
    These(Members<'a>),
    /// These but the source.
    Others(Members<'a>),
}

impl<'a> Targets<'a> {
    /// The targets of a rule with a source of `sources` for its member `source`.
    pub(super) fn of(target: Target, sources: Members<'a>, source: usize, sets: &'a TypeSets) -> Self {
        match target {
            Target::Type(target) => Self::These(sets.members(target)),
            Target::SelfType => Self::These(Members::One(source)),
            Target::NotSelf => Self::Others(Members::Set(sets.all())),
            Target::Other => Self::Others(sources),
        }
    }

    /// Those for a source, in a set.
    pub(super) fn to_set(&self, source: usize, bound: usize) -> Bitset {
        let mut set = Bitset::new(bound);
        self.add_to(source, &mut set);
        set
    }

    /// Adds those for a source to a set.
    pub(super) fn add_to(&self, source: usize, set: &mut Bitset) {
        match self {
            Self::These(members) => members.add_to(set),
            Self::Others(members) => {
                let had_source = set.contains(source);
                members.add_to(set);
                if !had_source {
                    set.remove(source);
                }
            }
        }
    }
}
