//! Taking out rules that others cover (`secilc -O`).
//!
//! A rule of a source and target is covered by rules of the same kind and class whose source and target are the same or
//! attributes that hold them. What they grant is taken out of it, and it goes once nothing is left. Rules are looked at in
//! the file's order, and what is taken out of one counts at once, so that of two that cover each other the second stays.

use rustc_hash::FxHashMap;

use super::avtab::{AvEntry, Datum, Xperms, XpermsKind, specified};
use super::{Bitmap, Policy};

impl Policy {
    /// Takes out rules that others cover. Rules must have the order that [`Policy::arrange`] gives them, since it decides
    /// which of several equal ones stay. Attributes must have names, as they do from version 24 on.
    ///
    /// In conditionals, rules of attributes move to the end of their branch, and a conditional without rules goes.
    pub fn optimize(&mut self) {
        let supersets = Supersets::new(self);
        let mut table = Table::new(std::mem::take(&mut self.avtab));
        table.optimize(&supersets);
        for conditional in &mut self.conditionals {
            for rules in [&mut conditional.then, &mut conditional.otherwise] {
                *rules = branch(std::mem::take(rules), &table, &supersets);
            }
        }
        self.conditionals.retain(|it| !it.then.is_empty() || !it.otherwise.is_empty());
        self.avtab = table.into_rules();
    }
}

/// Of each type and attribute itself and the attributes that hold it, by value less 1.
struct Supersets {
    /// Ascending.
    lists: Vec<Vec<u16>>,
    is_attribute: Vec<bool>,
}

impl Supersets {
    fn new(policy: &Policy) -> Self {
        let count = policy.type_attribute_map.len();
        let mut is_attribute = vec![false; count];
        for it in policy.types.iter().filter(|it| it.kind.is_attribute()) {
            is_attribute[it.value as usize - 1] = true;
        }
        let mut lists: Vec<Vec<u16>> =
            policy.type_attribute_map.iter().map(|map| map.values().map(narrow).collect()).collect();
        let members = members(&lists, &is_attribute);
        for attribute in (0..count).filter(|place| is_attribute[*place]) {
            let own = &members[attribute];
            let holds = |other: &usize| is_attribute[*other] && own.is_subset(&members[*other]);
            lists[attribute] = (0..count).filter(holds).map(|place| narrow(place + 1)).collect();
        }
        Self { lists, is_attribute }
    }

    fn of(&self, value: u16) -> &[u16] {
        &self.lists[usize::from(value) - 1]
    }

    fn holds(&self, superset: u16, value: u16) -> bool {
        self.of(value).binary_search(&superset).is_ok()
    }

    fn has_attribute(&self, rule: &AvEntry) -> bool {
        [rule.source, rule.target].into_iter().any(|value| self.is_attribute[usize::from(value) - 1])
    }
}

/// The types of each attribute.
fn members(lists: &[Vec<u16>], is_attribute: &[bool]) -> Vec<Bitmap> {
    let mut members = vec![Bitmap::new(); lists.len()];
    for (type_, list) in (0..).zip(lists).filter(|(type_, _)| !is_attribute[*type_ as usize]) {
        let attributes = list.iter().map(|value| usize::from(*value) - 1);
        for attribute in attributes.filter(|attribute| is_attribute[*attribute]) {
            members[attribute].insert(type_);
        }
    }
    members
}

/// Values of types have 16 bits in rules, and so do those of the policy that has the rules.
fn narrow(value: impl TryInto<u16>) -> u16 {
    value.try_into().unwrap_or(u16::MAX)
}

/// The rules without conditions.
struct Table {
    rules: Vec<AvEntry>,
    is_gone: Vec<bool>,
    /// The rules of a class and kind.
    groups: FxHashMap<(u16, u16), Group>,
}

/// For each source its targets, ascending, each with the place of its first rule.
type Group = FxHashMap<u16, Vec<(u16, u32)>>;

impl Table {
    fn new(rules: Vec<AvEntry>) -> Self {
        let mut groups: FxHashMap<(u16, u16), Group> = FxHashMap::default();
        for (place, rule) in (0..).zip(&rules) {
            if rule.specified & specified::TYPE != 0 {
                continue;
            }
            let group = groups.entry((rule.class, rule.kind())).or_default();
            group.entry(rule.source).or_default().push((rule.target, place));
        }
        // Extended permissions have several rules of one key: they stay in their order behind each other.
        for targets in groups.values_mut().flat_map(FxHashMap::values_mut) {
            targets.sort_by_key(|(target, _)| *target);
        }
        Self { is_gone: vec![false; rules.len()], rules, groups }
    }

    fn optimize(&mut self, supersets: &Supersets) {
        for place in 0..self.rules.len() {
            let mut rest = self.rules[place].datum.clone();
            let rule = &self.rules[place];
            let is_gone = self.cover(rule, &mut rest, supersets, true);
            self.is_gone[place] = is_gone;
            self.rules[place].datum = rest;
        }
    }

    /// Takes out of a rule what others grant; whether nothing is left. With `but_own` rules of the same source and target do
    /// not count, the rule itself among them.
    fn cover(&self, rule: &AvEntry, rest: &mut Datum, supersets: &Supersets, but_own: bool) -> bool {
        let Some(group) = self.groups.get(&(rule.class, rule.kind())) else { return false };
        let sources =
            supersets.of(rule.source).iter().filter_map(|source| Some((source, group.get(source)?)));
        for (source, targets) in sources {
            for target in common(targets, supersets.of(rule.target)) {
                let is_own = *source == rule.source && target == rule.target;
                if is_own && but_own {
                    continue;
                }
                let other = self.first(targets, target);
                if other.is_some_and(|other| is_covered(rest, rule.kind(), &other.datum)) {
                    return true;
                }
            }
        }
        false
    }

    /// The first rule of a target that is not gone.
    fn first(&self, targets: &[(u16, u32)], target: u16) -> Option<&AvEntry> {
        let start = targets.partition_point(|(other, _)| *other < target);
        let of_target = targets[start..].iter().take_while(|(other, _)| *other == target);
        let mut places = of_target.map(|(_, place)| *place as usize);
        places.find(|place| !self.is_gone[*place]).map(|place| &self.rules[place])
    }

    fn into_rules(self) -> Vec<AvEntry> {
        self.rules
            .into_iter()
            .zip(self.is_gone)
            .filter(|(_, is_gone)| !is_gone)
            .map(|(rule, _)| rule)
            .collect()
    }
}

/// The targets that are in both lists, each once. The shorter one is gone through.
fn common<'a>(targets: &'a [(u16, u32)], wanted: &'a [u16]) -> impl Iterator<Item = u16> + 'a {
    let by_target = targets.len() <= wanted.len();
    let (first, second) = if by_target { (targets, &[][..]) } else { (&[][..], wanted) };
    let of_targets = first.chunk_by(|(a, _), (b, _)| a == b).map(|same| same[0].0);
    let of_targets = of_targets.filter(|target| wanted.binary_search(target).is_ok());
    let has = |target: &u16| targets.binary_search_by_key(target, |(target, _)| *target).is_ok();
    of_targets.chain(second.iter().copied().filter(has))
}

/// Takes out of what a rule says what another of its kind says; whether nothing is left.
fn is_covered(rest: &mut Datum, kind: u16, other: &Datum) -> bool {
    match (rest, other) {
        // A dontaudit rule has what is still audited, so that its rest grows.
        (Datum::Perms(rest), Datum::Perms(other)) if kind == specified::DONTAUDIT => {
            *rest |= !other;
            *rest == u32::MAX
        }
        (Datum::Perms(rest), Datum::Perms(other)) => {
            *rest &= !other;
            *rest == 0
        }
        (Datum::Xperms(rest), Datum::Xperms(other)) => is_xperms_covered(rest, other),
        _ => false,
    }
}

fn is_xperms_covered(rest: &mut Xperms, other: &Xperms) -> bool {
    use XpermsKind::{IoctlDriver, IoctlFunction};
    if (rest.kind, other.kind) == (IoctlFunction, IoctlDriver) {
        let driver = usize::from(rest.driver);
        return other.bits[driver / 32] & 1 << (driver % 32) != 0;
    }
    if rest.kind != other.kind || (rest.kind != IoctlDriver && rest.driver != other.driver) {
        return false;
    }
    for (rest, other) in rest.bits.iter_mut().zip(other.bits) {
        *rest &= !other;
    }
    rest.bits == [0; 8]
}

/// The rules of a conditional's branch, without those that rules outside of conditionals or others of the branch cover.
fn branch(rules: Vec<AvEntry>, table: &Table, supersets: &Supersets) -> Vec<AvEntry> {
    let (of_attributes, mut rules): (Vec<_>, Vec<_>) =
        rules.into_iter().partition(|rule| supersets.has_attribute(rule));
    // Only those of attributes can cover others. They come last, in reverse.
    let first = rules.len();
    rules.extend(of_attributes.into_iter().rev());
    let mut is_gone = vec![false; rules.len()];
    for place in 0..rules.len() {
        let rule = &rules[place];
        if rule.specified & specified::TYPE != 0 {
            continue;
        }
        let mut rest = rule.datum.clone();
        let others = rules[first..].iter().zip(&is_gone[first..]).filter(|(_, is_gone)| !**is_gone);
        let mut others = others.map(|(other, _)| other).filter(|other| may_cover(other, rule, supersets));
        is_gone[place] = table.cover(rule, &mut rest, supersets, false)
            || others.any(|other| is_covered(&mut rest, rule.kind(), &other.datum));
        rules[place].datum = rest;
    }
    rules.into_iter().zip(is_gone).filter(|(_, is_gone)| !is_gone).map(|(rule, _)| rule).collect()
}

fn may_cover(other: &AvEntry, rule: &AvEntry, supersets: &Supersets) -> bool {
    other.specified == rule.specified
        && other.class == rule.class
        && (other.source, other.target) != (rule.source, rule.target)
        && supersets.holds(other.source, rule.source)
        && supersets.holds(other.target, rule.target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xperms(kind: XpermsKind, driver: u8, bits: u32) -> Xperms {
        Xperms { kind, driver, bits: [bits; 8] }
    }

    #[test]
    fn what_is_granted_shrinks_and_what_is_audited_grows() {
        let mut rest = Datum::Perms(0b111);
        assert!(!is_covered(&mut rest, specified::ALLOW, &Datum::Perms(0b1011)));
        assert_eq!(rest, Datum::Perms(0b100));
        assert!(is_covered(&mut rest, specified::ALLOW, &Datum::Perms(0b100)));
        let mut rest = Datum::Perms(!0b11);
        assert!(!is_covered(&mut rest, specified::DONTAUDIT, &Datum::Perms(!0b01)));
        assert!(is_covered(&mut rest, specified::DONTAUDIT, &Datum::Perms(!0b10)));
    }

    #[test]
    fn a_driver_covers_its_functions_but_not_the_other_way_round() {
        use XpermsKind::{IoctlDriver, IoctlFunction, Nlmsg};
        let covered = |mut rest: Xperms, other| is_xperms_covered(&mut rest, &other);
        let function = xperms(IoctlFunction, 33, 7);
        assert!(covered(function, xperms(IoctlDriver, 0, 2)));
        assert!(!covered(function, xperms(IoctlDriver, 0, 1)));
        assert!(!covered(xperms(IoctlDriver, 0, 2), function));
        assert!(covered(function, function) && !covered(function, xperms(IoctlFunction, 34, 7)));
        assert!(covered(xperms(Nlmsg, 1, 3), xperms(Nlmsg, 1, 7)));
        assert!(!covered(xperms(Nlmsg, 1, 3), xperms(Nlmsg, 2, 7)));
        assert!(!covered(xperms(Nlmsg, 1, 3), xperms(IoctlFunction, 1, 7)));
    }
}
