//! `deny`: takes away from `allow` rules what it names.
//!
//! Each rule that a deny rule touches is replaced by rules for what is left of it: the permissions that are not denied, the
//! sources that are not, and for sources that are, the targets that are not. Sets of types that none of the policy's
//! attributes holds get an attribute of their own. Which rules these are, and their order, is what libsepol's documentation
//! of deny rules gives; the binary policy shows it.

use rustc_hash::FxHashMap;

use super::access::{Access, Accesses};
use super::faults::Faults;
use super::keep::{self, Fate};
use crate::ir::{
    AttributeSet, AvKind, AvRule, ClassPermission, ClassPermissionId, ClassPerms, CondRule, DenyRule, Ir, Op,
    OriginId, Target, TypeDecl, TypeId,
};
use crate::options::Options;
use crate::policydb::Compat;
use crate::sema::{Bitset, TypeSets};

/// What the names of attributes that are made here begin with.
const PREFIX: &str = "deny_rule_attr";
/// The tables of types of a policy and of a block begin with so many buckets.
const ROOT_BUCKETS: u32 = 1 << 13;
const BLOCK_BUCKETS: u32 = 32;

/// A policy from whose rules everything denied is taken.
pub(crate) struct Denied {
    /// The policy.
    pub(crate) ir: Ir,
    /// What becomes of each type and attribute: decided by the rules before anything is taken from them.
    pub(crate) fates: Vec<Fate>,
    /// All types and attributes in the order of their values. New attributes come after what they are made of.
    pub(crate) order: Vec<TypeId>,
}

/// Applies all deny rules; `None` if there are none, or the policy cannot be evaluated, which is told later.
pub(crate) fn apply(ir: &Ir, options: &Options, faults: &mut Faults<'_>) -> Option<Denied> {
    if ir.deny_rules.is_empty() {
        return None;
    }
    let types = TypeSets::of_types(ir).ok()?;
    let fates = keep::fates(ir, &types, options, faults);
    let accesses = Accesses::new(ir, options.compat, &mut Faults::new(ir));
    let algebra = Algebra::new(ir.clone(), types, fates, options);
    let mut denier = Denier { algebra, accesses, known: FxHashMap::default(), work: 0 };
    for deny in &ir.deny_rules {
        denier.apply(deny);
        if let Some(reason) = denier.excess() {
            faults.error("too-many-rules", deny.origin, reason);
            return None;
        }
    }
    let Algebra { ir, fates, order, .. } = denier.algebra;
    Some(Denied { ir, fates, order })
}

struct Denier {
    algebra: Algebra,
    accesses: Accesses,
    /// The sets of class permissions that were made.
    known: FxHashMap<Vec<Access>, ClassPermissionId>,
    /// How many rules were looked at, and words of sets for those that deny rules may touch.
    work: u64,
}

/// How much may be looked at for all deny rules. Real policies have a handful of them over rules of a few classes.
const MAX_WORK: u64 = 1 << 27;
/// How many rules may be left when what is denied is taken from them.
const MAX_LEFT: usize = 1 << 20;
/// How many bytes the sets of attributes may have that deny rules need.
const MAX_MADE: usize = 64 << 20;

impl Denier {
    /// Takes from all rules, those of conditionals too, what one deny rule names. What is left of a rule is not looked at
    /// again.
    fn apply(&mut self, deny: &DenyRule) {
        let mut denied: FxHashMap<u32, u32> = FxHashMap::default();
        let mut accesses = Vec::new();
        self.add_accesses(&deny.access, &mut accesses);
        for (class, bits) in &accesses {
            *denied.entry(class.0).or_default() |= bits;
        }
        let rules = std::mem::take(&mut self.algebra.ir.av_rules);
        let mut left = Vec::with_capacity(rules.len());
        for rule in rules {
            if self.work > MAX_WORK {
                break;
            }
            match self.remainder(&rule, deny, &denied) {
                Some(rules) => left.extend(rules),
                None => left.push(rule),
            }
        }
        self.algebra.ir.av_rules = left;
        let mut conditionals = std::mem::take(&mut self.algebra.ir.conditionals);
        for conditional in &mut conditionals {
            for branch in [&mut conditional.then, &mut conditional.otherwise] {
                let rules = std::mem::take(branch);
                for rule in rules {
                    let remainder = match &rule {
                        CondRule::Av(rule) => self.remainder(rule, deny, &denied),
                        _ => None,
                    };
                    match remainder {
                        Some(rules) => branch.extend(rules.into_iter().map(CondRule::Av)),
                        None => branch.push(rule),
                    }
                }
            }
        }
        self.algebra.ir.conditionals = conditionals;
    }

    /// Why no further deny rule can be applied, if so.
    fn excess(&self) -> Option<String> {
        let made = self.algebra.made.len() * Bitset::size(self.algebra.types.bound());
        if self.work > MAX_WORK {
            Some(
                "deny rules and the rules that they touch are too many: with this one they take too long"
                    .to_owned(),
            )
        } else if self.algebra.ir.av_rules.len() > MAX_LEFT {
            Some(format!("deny rules up to this one split the policy into over {MAX_LEFT} rules"))
        } else if made > MAX_MADE {
            Some(format!("deny rules up to this one need attributes of over {MAX_MADE} bytes"))
        } else {
            None
        }
    }

    /// What is left of a rule; `None` if the deny rule does not touch it.
    fn remainder(
        &mut self,
        rule: &AvRule,
        deny: &DenyRule,
        denied: &FxHashMap<u32, u32>,
    ) -> Option<Vec<AvRule>> {
        if rule.kind != AvKind::Allow {
            return None;
        }
        let mut accesses = Vec::new();
        self.add_accesses(&rule.access, &mut accesses);
        self.work += 1 + accesses.len() as u64;
        let denied_of = |(class, _): &Access| denied.get(&class.0).copied().unwrap_or(0);
        if !accesses.iter().any(|access| access.1 & denied_of(access) != 0) {
            return None;
        }
        self.work += 8 + self.algebra.types.bound() as u64 / 16;
        if !self.algebra.touches((rule.source, rule.target), (deny.source, deny.target)) {
            return None;
        }
        let part = |keep: fn(u32, u32) -> u32| -> Vec<Access> {
            let parts = accesses.iter().map(|access| (access.0, keep(access.1, denied_of(access))));
            parts.filter(|(_, bits)| *bits != 0).collect()
        };
        let (kept, taken) = (part(|own, denied| own & !denied), part(|own, denied| own & denied));
        let mut left = Vec::new();
        let mut push = |this: &mut Self, source, target, accesses: &[Access]| {
            let access = this.set(accesses, rule.origin);
            left.push(AvRule { kind: AvKind::Allow, source, target, access, origin: rule.origin });
        };
        if !kept.is_empty() {
            push(self, rule.source, rule.target, &kept);
        }
        for (source, target) in self.algebra.left((rule.source, rule.target), (deny.source, deny.target)) {
            push(self, source, target, &taken);
        }
        Some(left)
    }

    fn add_accesses(&self, access: &ClassPerms, accesses: &mut Vec<Access>) {
        match access {
            // Sets that were made here are not among the evaluated ones.
            ClassPerms::Set(set) if set.index() >= self.accesses.set_count() => {
                for perms in &self.algebra.ir.class_permissions[set.index()].sets {
                    self.accesses.add_to(perms, accesses);
                }
            }
            access => self.accesses.add_to(access, accesses),
        }
    }

    /// Class permissions that stand for a list of accesses.
    fn set(&mut self, accesses: &[Access], origin: OriginId) -> ClassPerms {
        if let [(class, bits)] = accesses {
            return ClassPerms::Class(*class, *bits);
        }
        let sets = &mut self.algebra.ir.class_permissions;
        let id = *self.known.entry(accesses.to_vec()).or_insert_with(|| {
            let perms = accesses.iter().map(|(class, bits)| ClassPerms::Class(*class, *bits)).collect();
            sets.push(ClassPermission { name: None, sets: perms, origin });
            ClassPermissionId(u32::try_from(sets.len() - 1).expect("ids have 32 bits"))
        });
        ClassPerms::Set(id)
    }
}

/// Sets of types that have a name: a type, or an attribute. `None` is the empty set.
type Named = Option<TypeId>;

/// Source and target of a rule.
type Pair = (TypeId, Target);

/// Operations on types and attributes whose results are types and attributes again.
struct Algebra {
    ir: Ir,
    types: TypeSets,
    fates: Vec<Fate>,
    order: Vec<TypeId>,
    /// What the attributes that were made hold; the first has the id `first_made`.
    made: Vec<Bitset>,
    first_made: usize,
    /// The attributes that hold a set.
    holders: FxHashMap<Bitset, Vec<TypeId>>,
    /// How many types and attributes each block declares.
    in_scope: FxHashMap<Vec<u8>, u32>,
    compat: Compat,
    expand_size: usize,
}

impl Algebra {
    fn new(ir: Ir, types: TypeSets, fates: Vec<Fate>, options: &Options) -> Self {
        let first_made = ir.types.len();
        let order: Vec<TypeId> = (0..).map(TypeId).take(first_made).collect();
        let mut holders: FxHashMap<Bitset, Vec<TypeId>> = FxHashMap::default();
        let mut in_scope: FxHashMap<Vec<u8>, u32> = FxHashMap::default();
        for id in &order {
            if ir.types[id.index()].is_attribute {
                holders.entry(types.members(*id).to_set(types.bound())).or_default().push(*id);
            }
            *in_scope.entry(scope(ir.names.get(ir.types[id.index()].name)).to_vec()).or_default() += 1;
        }
        for alias in &ir.type_aliases {
            *in_scope.entry(scope(ir.names.get(alias.name)).to_vec()).or_default() += 1;
        }
        let (made, compat, expand_size) = (Vec::new(), options.compat, options.expand_size as usize);
        Self { ir, types, fates, order, made, first_made, holders, in_scope, compat, expand_size }
    }

    /// Whether rules have a source and a target in common. Sources that `self`, `notself` and `other` are the same for are
    /// not looked at further.
    fn touches(&self, (s1, t1): Pair, (s2, t2): Pair) -> bool {
        use Target::{NotSelf, Other, SelfType, Type};
        let (own, denied) = (self.set(s1), self.set(s2));
        let mut both = own.clone();
        both.and_with(&denied);
        if both.is_empty() {
            return false;
        }
        let common = |first: &Bitset, second: TypeId| {
            let mut common = first.clone();
            common.and_with(&self.set(second));
            common
        };
        match (t1, t2) {
            (SelfType, SelfType) | (NotSelf, NotSelf) | (Other, Other) => true,
            (SelfType, NotSelf | Other) | (NotSelf | Other, SelfType) => false,
            (SelfType, Type(target)) | (Type(target), SelfType) => both.intersects(&self.set(target)),
            (NotSelf, Other) => denied.count() > 1,
            (Other, NotSelf) => own.count() > 1,
            (NotSelf, Type(target)) | (Type(target), NotSelf) => differ(&both, &self.set(target)),
            (Other, Type(target)) => differ(&both, &common(&own, target)),
            (Type(target), Other) => differ(&both, &common(&denied, target)),
            (Type(first), Type(second)) => self.set(first).intersects(&self.set(second)),
        }
    }

    /// The sources and targets that a deny rule leaves to a rule that it touches.
    fn left(&mut self, (s1, t1): Pair, (s2, t2): Pair) -> Vec<Pair> {
        use Target::{NotSelf, Other, SelfType, Type};
        let mut left = Left::default();
        let spared = self.without(Some(s1), Some(s2));
        left.add(spared, Some(t1));
        if matches!((t1, t2), (SelfType, SelfType) | (NotSelf, NotSelf)) {
            return left.0;
        }
        let hit = self.and(Some(s1), Some(s2));
        match (t1, t2) {
            (NotSelf, Other) => {
                let targets = self.all_without(s2);
                left.add(hit, targets.map(Type));
            }
            (NotSelf, Type(target)) => {
                let (outside, inside) = (self.without(hit, Some(target)), self.and(hit, Some(target)));
                let others = self.all_without(target);
                let strangers = self.without(others, hit);
                left.add(inside, others.map(Type));
                left.add(outside, strangers.map(Type));
                left.add(self.several(outside), Some(Other));
            }
            (Other, NotSelf) => left.add(spared, hit.map(Type)),
            (Other, Other) => {
                left.add(spared, hit.map(Type));
                left.add(hit, spared.map(Type));
            }
            (Other, Type(target)) => {
                left.add(spared, hit.map(Type));
                let (outside, inside) = (self.without(hit, Some(target)), self.and(hit, Some(target)));
                let own = self.without(Some(s1), Some(target));
                let strangers = self.without(spared, Some(target));
                left.add(inside, own.map(Type));
                left.add(outside, strangers.map(Type));
                left.add(self.several(outside), Some(Other));
            }
            (Type(target), NotSelf | Other) => {
                let inside = self.and(hit, Some(target));
                left.add(inside, Some(SelfType));
                if t2 == Other {
                    let targets = self.without(Some(target), Some(s2));
                    left.add(hit, targets.map(Type));
                }
            }
            (SelfType, Type(target)) => {
                let outside = self.without(hit, Some(target));
                left.add(outside, Some(SelfType));
            }
            (Type(target), SelfType) => {
                let (outside, inside) = (self.without(hit, Some(target)), self.and(hit, Some(target)));
                let strangers = self.without(Some(target), hit);
                left.add(outside, Some(Type(target)));
                left.add(inside, strangers.map(Type));
                left.add(self.several(inside), Some(Other));
            }
            (Type(first), Type(second)) => {
                let targets = self.without(Some(first), Some(second));
                left.add(hit, targets.map(Type));
            }
            // These pairs have nothing in common, or are done above.
            (SelfType, _) | (NotSelf | Other, SelfType) | (NotSelf, NotSelf) => {}
        }
        left.0
    }

    /// A set if it has more than one type.
    fn several(&self, named: Named) -> Named {
        named.filter(|id| self.set(*id).count() > 1)
    }

    fn without(&mut self, from: Named, what: Named) -> Named {
        let Some(other) = what else { return from };
        let from = from.filter(|from| *from != other)?;
        let mut set = self.set(from);
        set.and_not_with(&self.set(other));
        self.named(set, from, vec![Op::Operand(from), Op::Operand(other), Op::Not, Op::And])
    }

    fn and(&mut self, first: Named, second: Named) -> Named {
        let (first, second) = (first?, second?);
        if first == second {
            return Some(first);
        }
        let mut set = self.set(first);
        set.and_with(&self.set(second));
        self.named(set, first, vec![Op::Operand(first), Op::Operand(second), Op::And])
    }

    fn all_without(&mut self, what: TypeId) -> Named {
        let mut set = self.set(what);
        set.complement_in(self.types.all());
        self.named(set, what, vec![Op::All, Op::Operand(what), Op::Not, Op::And])
    }

    fn set(&self, id: TypeId) -> Bitset {
        match id.index().checked_sub(self.first_made) {
            Some(made) => self.made[made].clone(),
            None => self.types.members(id).to_set(self.types.bound()),
        }
    }

    /// A type or attribute for a set: the one type that it has, an attribute of the same block or of none, or else a new
    /// attribute beside what it is made of.
    fn named(&mut self, set: Bitset, beside: TypeId, expression: Vec<Op<TypeId>>) -> Named {
        match set.count() {
            0 => None,
            1 => set.iter().next().map(|index| TypeId(u32::try_from(index).expect("ids have 32 bits"))),
            _ => self.holder(&set, beside).or_else(|| Some(self.make(set, beside, expression))),
        }
    }

    /// An attribute that holds a set. Where several do, libsepol takes the last of its table.
    fn holder(&self, set: &Bitset, beside: TypeId) -> Named {
        let holders = self.holders.get(set)?;
        let name = |id: TypeId| self.ir.names.get(self.ir.types[id.index()].name);
        let last_in = |place: &[u8], buckets: u32| {
            let mut candidates: Vec<(TypeId, &[u8])> = holders
                .iter()
                .filter(|id| scope(name(**id)) == place)
                .map(|id| (*id, &name(*id)[place.len() + usize::from(!place.is_empty())..]))
                .collect();
            self.compat.sort_symbols(&mut candidates, buckets, |(_, name)| name);
            candidates.last().map(|(id, _)| *id)
        };
        let place = scope(name(beside));
        let size = self.in_scope.get(place).copied().unwrap_or(0);
        let local = (!place.is_empty()).then(|| last_in(place, size.next_power_of_two().max(BLOCK_BUCKETS)));
        local.flatten().or_else(|| last_in(b"", ROOT_BUCKETS))
    }

    fn make(&mut self, set: Bitset, beside: TypeId, expression: Vec<Op<TypeId>>) -> TypeId {
        let id = TypeId(u32::try_from(self.ir.types.len()).expect("ids have 32 bits"));
        let name = self.ir.names.intern(format!("{PREFIX}_{}", id.0).as_bytes());
        let origin = self.ir.types[beside.index()].origin;
        self.ir.types.push(TypeDecl { name, is_attribute: true, origin });
        self.ir.type_attribute_sets.push(AttributeSet { attribute: id, set: expression, origin });
        let is_small = set.count() < self.expand_size;
        self.fates.push(Fate { is_kept: !is_small, is_expanded: is_small });
        let place =
            self.order.iter().position(|other| *other == beside).map_or(self.order.len(), |place| place + 1);
        self.order.insert(place, id);
        self.holders.entry(set.clone()).or_default().push(id);
        self.made.push(set);
        id
    }
}

/// Pairs of a source and a target, both of which there are.
#[derive(Default)]
struct Left(Vec<Pair>);

impl Left {
    fn add(&mut self, source: Named, target: Option<Target>) {
        self.0.extend(source.zip(target));
    }
}

/// Whether there are a type of one set and another type of the other.
fn differ(first: &Bitset, second: &Bitset) -> bool {
    let (a, b) = (first.count(), second.count());
    a > 0 && b > 0 && (a > 1 || b > 1 || !first.intersects(second))
}

/// The block that a name is declared in; empty for none.
fn scope(name: &[u8]) -> &[u8] {
    &name[..name.iter().rposition(|byte| *byte == b'.').unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ir::{Class, ClassId};

    /// Five types, and attributes that hold some of them; the last attribute is in a block.
    fn policy() -> Ir {
        let mut ir = Ir::default();
        let origin = OriginId(0);
        for (name, members) in
            [("t0", None), ("t1", None), ("t2", None), ("t3", None), ("t4", None)].into_iter().chain([
                ("a", Some(0..3)),
                ("b", Some(1..4)),
                ("c", Some(3..4)),
                ("all", Some(0..5)),
                ("x.d", Some(2..5)),
            ])
        {
            let name = ir.names.intern(name.as_bytes());
            ir.types.push(TypeDecl { name, is_attribute: members.is_some(), origin });
            let attribute = TypeId(u32::try_from(ir.types.len() - 1).unwrap());
            for member in members.into_iter().flatten() {
                ir.type_attribute_sets.push(AttributeSet {
                    attribute,
                    set: vec![Op::Operand(TypeId(member))],
                    origin,
                });
            }
        }
        let name = ir.names.intern(b"class");
        ir.classes.push(Class { name, common: None, permissions: Vec::new(), origin });
        ir
    }

    fn members(types: &TypeSets, id: TypeId) -> Vec<usize> {
        types.members(id).to_set(types.bound()).iter().collect()
    }

    /// What rules allow: source, target, permission.
    fn allowed(ir: &Ir, rules: &[AvRule]) -> BTreeSet<(usize, usize, u32)> {
        let types = TypeSets::of_types(ir).unwrap();
        let accesses = Accesses::new(ir, Compat::V3_6, &mut Faults::new(ir));
        let mut allowed = BTreeSet::new();
        for rule in rules {
            let mut perms = Vec::new();
            accesses.add_to(&rule.access, &mut perms);
            let own = members(&types, rule.source);
            for source in &own {
                let targets = match rule.target {
                    Target::Type(target) => members(&types, target),
                    Target::SelfType => vec![*source],
                    Target::NotSelf => types.all().iter().filter(|target| target != source).collect(),
                    Target::Other => own.iter().copied().filter(|target| target != source).collect(),
                };
                for target in targets {
                    for (_, bits) in &perms {
                        allowed.extend(
                            (0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| (*source, target, bit)),
                        );
                    }
                }
            }
        }
        allowed
    }

    fn rule((source, target): Pair, bits: u32) -> AvRule {
        let access = ClassPerms::Class(ClassId(0), bits);
        AvRule { kind: AvKind::Allow, source, target, access, origin: OriginId(0) }
    }

    /// Of every rule exactly what is denied is taken, whatever sources and targets there are.
    #[test]
    fn nothing_else_is_taken_and_nothing_is_left() {
        let base = policy();
        let ids: Vec<TypeId> = [0, 1, 3, 5, 6, 7, 8, 9].into_iter().map(TypeId).collect();
        let special = [Target::SelfType, Target::NotSelf, Target::Other];
        let targets: Vec<Target> = ids.iter().map(|id| Target::Type(*id)).chain(special).collect();
        let pairs: Vec<Pair> =
            ids.iter().flat_map(|id| targets.iter().map(|target| (*id, *target))).collect();
        for allow in &pairs {
            for deny in &pairs {
                let mut ir = base.clone();
                ir.av_rules = vec![rule(*allow, 0b011)];
                let denied = rule(*deny, 0b110);
                let expected: BTreeSet<_> =
                    &allowed(&ir, &ir.av_rules) - &allowed(&ir, std::slice::from_ref(&denied));
                let AvRule { source, target, access, origin, .. } = denied;
                ir.deny_rules.push(DenyRule { source, target, access, origin });
                let left = apply(&ir, &Options::default(), &mut Faults::new(&ir)).unwrap();
                assert_eq!(allowed(&left.ir, &left.ir.av_rules), expected, "{allow:?} without {deny:?}");
                assert_eq!(left.order.len(), left.ir.types.len());
            }
        }
    }

    #[test]
    fn attributes_are_made_beside_what_they_are_made_of() {
        let mut ir = policy();
        let (a, b, d) = (TypeId(5), TypeId(6), TypeId(9));
        ir.av_rules = vec![rule((a, Target::Type(d)), 1)];
        let access = ClassPerms::Class(ClassId(0), 1);
        let origin = OriginId(0);
        ir.deny_rules.push(DenyRule { source: b, target: Target::Type(TypeId(4)), access, origin });
        let left = apply(&ir, &Options::default(), &mut Faults::new(&ir)).unwrap();
        let names: Vec<String> =
            left.order.iter().map(|id| left.ir.names.text(left.ir.types[id.index()].name)).collect();
        // The sources a and b have t1 and t2 in common, the targets are t2 and t3 then.
        let made = ["t4", "a", "deny_rule_attr_10", "b", "c", "all", "x.d", "deny_rule_attr_11"];
        assert_eq!(names[4..], made);
    }
}
