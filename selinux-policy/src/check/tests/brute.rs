//! Random policies, judged pair of types by pair of types.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Types of a random policy; attributes come after them.
const TYPES: usize = 5;
const ATTRIBUTES: usize = 5;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn name(&mut self) -> String {
        format!("t{}", self.below(TYPES + ATTRIBUTES))
    }

    fn rule(&mut self, keyword: &str) -> String {
        let special = ["self", "notself", "other"];
        let source = self.name();
        let target = if self.below(3) == 0 { self.pick(&special).to_owned() } else { self.name() };
        let class = self.pick(&["file", "file", "dir"]);
        let access = match keyword {
            "allowx" | "neverallowx" => self.pick(&["1", "2", "1-2", "3", "2-4", "1,4"]),
            _ => self.pick(&["ioctl", "ioctl,read", "read,write", "write"]),
        };
        format!("{keyword} {source} {target} {class} {access}")
    }

    fn lines(&mut self, count: usize, keywords: &[&str]) -> String {
        let bound = self.below(count + 1);
        (0..bound)
            .map(|_| self.pick(keywords))
            .collect::<Vec<_>>()
            .iter()
            .map(|word| self.rule(word) + "\n")
            .collect()
    }

    fn policy(&mut self) -> Policy {
        let mut types: Vec<String> = (0..TYPES).map(|index| format!("t{index}")).collect();
        for index in TYPES..TYPES + ATTRIBUTES {
            let members: Vec<&String> = types[..TYPES].iter().filter(|_| self.below(3) == 0).collect();
            let members: Vec<&str> = members.into_iter().map(String::as_str).collect();
            types.push(format!("t{index}={}", members.join(",")));
        }
        let mut policy = Policy::new(&types.join(" "))
            .rules(&self.lines(12, &["allow", "allow", "allowx", "neverallow", "neverallowx"]));
        for _ in 0..self.below(3) {
            let (then, otherwise) =
                (self.lines(3, &["allow", "allowx"]), self.lines(3, &["allow", "allowx"]));
            policy = policy.when(u32::try_from(self.below(2)).unwrap(), &then, &otherwise);
        }
        if self.below(3) == 0 {
            policy = policy.rules("typebounds t0 t1");
        }
        if self.below(4) == 0 {
            policy = policy.rules("typebounds t2 t0");
        }
        policy
    }
}

/// Where a rule counts: always, or in a branch of the boolean's condition.
type Case = Option<(u32, bool)>;
type Pair = (usize, usize);

/// A rule that allows, or a promise, over pairs of types.
struct Flat {
    origin: OriginId,
    case: Case,
    class: usize,
    pairs: Vec<Pair>,
    bits: u32,
    /// `None` if it is about permissions.
    numbers: Option<BTreeSet<u16>>,
}

fn members(policy: &Policy, id: TypeId) -> BTreeSet<usize> {
    if id.index() < TYPES {
        return BTreeSet::from([id.index()]);
    }
    let sets = policy.ir.type_attribute_sets.iter().filter(|set| set.attribute == id);
    sets.flat_map(|set| {
        set.set.iter().filter_map(|step| if let Op::Operand(id) = step { Some(id.index()) } else { None })
    })
    .collect()
}

fn pairs(policy: &Policy, source: TypeId, target: Target) -> Vec<Pair> {
    let sources = members(policy, source);
    let mut pairs = Vec::new();
    for source in &sources {
        for target_type in 0..TYPES {
            let is_target = match target {
                Target::Type(target) => members(policy, target).contains(&target_type),
                Target::SelfType => *source == target_type,
                Target::NotSelf => *source != target_type,
                Target::Other => *source != target_type && sources.contains(&target_type),
            };
            if is_target {
                pairs.push((*source, target_type));
            }
        }
    }
    pairs
}

/// Rules and promises, those of permissions before those of numbers.
fn flat(policy: &Policy) -> (Vec<Flat>, Vec<Flat>) {
    let mut all: Vec<(CondRule, Case)> =
        policy.ir.av_rules.iter().map(|rule| (CondRule::Av(rule.clone()), None)).collect();
    all.extend(policy.ir.avx_rules.iter().map(|rule| (CondRule::Avx(*rule), None)));
    for conditional in &policy.ir.conditionals {
        let [BoolOp::Bool(boolean)] = conditional.condition[..] else { panic!() };
        all.extend(conditional.then.iter().map(|rule| (rule.clone(), Some((boolean.0, true)))));
        all.extend(conditional.otherwise.iter().map(|rule| (rule.clone(), Some((boolean.0, false)))));
    }
    let (mut rules, mut promises) = (Vec::new(), Vec::new());
    for (rule, case) in all {
        let (kind, one) = match rule {
            CondRule::Av(rule) => {
                let ClassPerms::Class(class, bits) = rule.access else { panic!() };
                let pairs = pairs(policy, rule.source, rule.target);
                let (origin, class, numbers) = (rule.origin, class.index(), None);
                (rule.kind, Flat { origin, case, class, pairs, bits, numbers })
            }
            CondRule::Avx(rule) => {
                let access = &policy.ir.permissionx[rule.access.index()];
                let ClassRef::Class(class) = access.class else { panic!() };
                let pairs = pairs(policy, rule.source, rule.target);
                let numbers = access.numbers.iter().flat_map(|(low, high)| *low..=*high).collect();
                let (origin, class, numbers) = (rule.origin, class.index(), Some(numbers));
                (rule.kind, Flat { origin, case, class, pairs, bits: 0, numbers })
            }
            _ => panic!(),
        };
        if kind == AvKind::NeverAllow { promises.push(one) } else { rules.push(one) }
    }
    (rules, promises)
}

/// What rules break which promises for how many pairs.
type Broken = BTreeSet<(u32, u32, usize, String, u64)>;

fn judge(policy: &Policy) -> Broken {
    let (rules, promises) = flat(policy);
    let mut broken = Broken::new();
    for promise in &promises {
        for rule in rules.iter().filter(|rule| rule.class == promise.class) {
            let is_broken =
                |pair: &&Pair| promise.pairs.contains(pair) && breaks(rule, promise, **pair, &rules);
            let count = rule.pairs.iter().filter(is_broken).count() as u64;
            if count != 0 {
                broken.insert((promise.origin.0, rule.origin.0, rule.class, access(rule, promise), count));
            }
        }
    }
    broken.extend(bounds(policy, &rules));
    broken
}

fn breaks(rule: &Flat, promise: &Flat, pair: Pair, rules: &[Flat]) -> bool {
    let at_pair = |other: &&Flat| other.class == rule.class && other.pairs.contains(&pair);
    match (&rule.numbers, &promise.numbers) {
        (None, None) => rule.bits & promise.bits != 0,
        (Some(_), None) => false,
        (Some(numbers), Some(forbidden)) => {
            let mut bases = rules.iter().filter(at_pair);
            !numbers.is_disjoint(forbidden) && bases.any(|base| base.bits & 1 != 0)
        }
        (None, Some(_)) => {
            let has = |case: Case| {
                rules.iter().filter(at_pair).any(|other| other.numbers.is_some() && other.case == case)
            };
            let in_both = (0..2).any(|boolean| has(Some((boolean, true))) && has(Some((boolean, false))));
            rule.bits & 1 != 0 && !has(rule.case) && !(rule.case.is_none() && in_both)
        }
    }
}

fn access(rule: &Flat, promise: &Flat) -> String {
    match (&rule.numbers, &promise.numbers) {
        (Some(numbers), Some(forbidden)) => {
            format!("{:?}", numbers.intersection(forbidden).collect::<Vec<_>>())
        }
        (None, Some(_)) => "*".to_owned(),
        _ => format!("{:#b}", rule.bits & promise.bits),
    }
}

fn bounds(policy: &Policy, rules: &[Flat]) -> Broken {
    let parents: BTreeMap<usize, usize> =
        policy.ir.type_bounds.iter().map(|bounds| (bounds.child.index(), bounds.parent.index())).collect();
    let mut broken = Broken::new();
    for bounds in &policy.ir.type_bounds {
        for rule in rules.iter().filter(|rule| rule.bits != 0) {
            let mut found = Vec::new();
            for (source, target) in &rule.pairs {
                let pair = (bounds.parent.index(), *parents.get(target).unwrap_or(target));
                let may = |case: Case| {
                    let rights = rules.iter().filter(|of_parent| {
                        of_parent.class == rule.class
                            && of_parent.case == case
                            && of_parent.pairs.contains(&pair)
                    });
                    rights.fold(0, |all, right| all | right.bits)
                };
                let in_both = (0..2)
                    .fold(0, |all, boolean| all | may(Some((boolean, true))) & may(Some((boolean, false))));
                let lacks = rule.bits & !(may(None) | may(rule.case) | in_both);
                if *source == bounds.child.index() && lacks != 0 {
                    found.push(lacks);
                }
            }
            if let Some(first) = found.first() {
                let (promise, origin) = (bounds.origin.0, rule.origin.0);
                broken.insert((promise, origin, rule.class, format!("{first:#b}"), found.len() as u64));
            }
        }
    }
    broken
}

fn ours(policy: &Policy) -> Broken {
    let report = policy.check();
    let mut broken = Broken::new();
    for one in &report.never_allowed {
        let access = match &one.access {
            Access::Permissions(bits) => format!("{bits:#b}"),
            Access::EveryNumber(_) => "*".to_owned(),
            Access::Numbers(_, ranges) => {
                format!("{:?}", ranges.iter().flat_map(|(low, high)| *low..=*high).collect::<Vec<_>>())
            }
        };
        // An allowx counts for the pairs of the first allow that it breaks the promise with; which are not all.
        let pairs = if matches!(one.access, Access::Numbers(..)) { 0 } else { one.pairs };
        assert!(
            broken.insert((one.promise.0, one.rule.origin.0, one.class.index(), access, pairs)),
            "told twice"
        );
    }
    for one in &report.type_bounds {
        let (promise, rule, access) = (one.promise.0, one.rule.origin.0, format!("{:#b}", one.permissions));
        broken.insert((promise, rule, one.class.index(), access, one.targets));
    }
    broken
}

#[test]
fn random_policies_are_judged_as_pair_by_pair() {
    let mut random = Random(1);
    let (mut broken, mut kept) = (0, 0);
    for _ in 0..4000 {
        let policy = random.policy();
        let mut expected = judge(&policy);
        expected = expected
            .into_iter()
            .map(|one| if one.3.starts_with('[') { (one.0, one.1, one.2, one.3, 0) } else { one })
            .collect();
        assert_eq!(ours(&policy), expected);
        if expected.is_empty() { kept += 1 } else { broken += 1 }
    }
    assert!(broken > 1000 && kept > 500, "{broken} broken, {kept} kept");
}
