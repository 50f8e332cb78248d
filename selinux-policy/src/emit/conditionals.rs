//! Rules that depend on booleans.
//!
//! Conditionals with equivalent conditions are one. A condition whose last step is a negation is taken without it, with the
//! branches swapped. Rules are neither joined nor sorted: each goes to the front of its branch, so that the branch ends up
//! reversed, and then type rules go before all others.

use rustc_hash::FxHashMap;

use super::faults::Faults;
use super::rules::{Avtab, Key, Scratch};
use super::tables::{Pairs, Tables};
use super::transitions::{each_key, refuse_type_rule};
use super::xperms::Collected;
use crate::ir::{AvKind, AvxRule, BoolOp, CondRule, OriginId, TypeRule};
use crate::policydb::Compat;
use crate::policydb::avtab::{AvEntry, CondOp, Conditional, Datum, specified};

/// Conditions over more booleans than this are the same only if they are written the same; those over fewer if they hold for
/// the same values.
const MAX_COMPARED_BOOLS: usize = 5;
/// How many values the kernel keeps while it works out a condition (`COND_EXPR_MAXDEPTH`).
const MAX_DEPTH: usize = 10;
/// The first version of the format in which conditionals have extended permissions.
const VERSION_XPERMS: u32 = 34;

/// All conditionals; the last that appeared is the first.
pub(crate) fn conditionals(tables: &Tables<'_>, avtab: &Avtab, faults: &mut Faults<'_>) -> Vec<Conditional> {
    let mut builder =
        Builder { avtab, nodes: Vec::new(), known: FxHashMap::default(), types: TypeRules::default() };
    let mut scratch = (Scratch::default(), Pairs::default());
    for conditional in &tables.ir.conditionals {
        let Some((node, swapped)) = builder.node(tables, conditional, faults) else { continue };
        let (mut first, mut second) = (&conditional.then, &conditional.otherwise);
        if swapped {
            std::mem::swap(&mut first, &mut second);
        }
        builder.add_branch(tables, (node, Branch::Then), first, &mut scratch, faults);
        builder.add_branch(tables, (node, Branch::Otherwise), second, &mut scratch, faults);
    }
    builder.nodes.into_iter().rev().map(Node::finish).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Branch {
    Then,
    Otherwise,
}

/// What makes conditions the same.
#[derive(PartialEq, Eq, Hash)]
enum Condition {
    /// The booleans, ascending, and for which of their values it holds. The bits of those values are counted in the order in
    /// which the condition names the booleans, as in libsepol: it takes `a and not b` for `b and not a`.
    Few(Vec<u32>, u32),
    /// The condition.
    Many(Vec<CondOp>),
}

/// A conditional in the making; its rules are in the order in which they came.
struct Node {
    state: bool,
    expression: Vec<CondOp>,
    then: Vec<AvEntry>,
    otherwise: Vec<AvEntry>,
}

impl Node {
    fn finish(self) -> Conditional {
        let Self { state, expression, then, otherwise } = self;
        let (then, otherwise) = (finish_branch(then, state), finish_branch(otherwise, !state));
        Conditional { state, expression, then, otherwise }
    }
}

/// Type rules in conditionals, which may contradict neither each other nor those outside.
#[derive(Default)]
struct TypeRules {
    /// Of each key the last result, and where it was given.
    last: FxHashMap<Key, (u32, OriginId)>,
    /// The keys of each branch.
    in_branch: FxHashMap<(usize, Branch, Key), ()>,
}

struct Builder<'a> {
    avtab: &'a Avtab,
    nodes: Vec<Node>,
    known: FxHashMap<Condition, usize>,
    types: TypeRules,
}

impl Builder<'_> {
    /// The place of the conditional with the same condition, and whether the branches are swapped.
    fn node(
        &mut self,
        tables: &Tables<'_>,
        conditional: &crate::ir::Conditional,
        faults: &mut Faults<'_>,
    ) -> Option<(usize, bool)> {
        let mut expression: Vec<CondOp> = conditional.condition.iter().map(|step| op(*step)).collect();
        if let Err(reason) = check_depth(&expression) {
            faults.error("condition", conditional.origin, reason.to_owned());
            return None;
        }
        let swapped = expression.last() == Some(&CondOp::Not);
        if swapped {
            expression.pop();
        }
        let nodes = &mut self.nodes;
        let place = *self.known.entry(condition(&expression)).or_insert_with(|| {
            let state = evaluate(&expression, |bool| tables.ir.bools[bool as usize - 1].value);
            nodes.push(Node { state, expression, then: Vec::new(), otherwise: Vec::new() });
            nodes.len() - 1
        });
        Some((place, swapped))
    }

    fn add_branch(
        &mut self,
        tables: &Tables<'_>,
        branch: (usize, Branch),
        rules: &[CondRule],
        (scratch, pairs): &mut (Scratch, Pairs),
        faults: &mut Faults<'_>,
    ) {
        let mut collected = Collected::default();
        for rule in rules {
            match rule {
                CondRule::Av(rule) if rule.kind == AvKind::NeverAllow => {
                    refuse("neverallow", rule.origin, "is checked whatever booleans are", faults);
                }
                CondRule::Av(rule) => {
                    scratch
                        .each(tables, rule, |key, datum| self.push(branch, key.entry(Datum::Perms(datum))));
                }
                CondRule::Avx(rule) => add_xperms(tables, rule, &mut collected, faults),
                CondRule::Type(rule) => self.add_type(tables, branch, rule, pairs, faults),
                CondRule::Name(rule) => {
                    refuse(
                        "typetransition with a name",
                        rule.origin,
                        "has no place in the binary format",
                        faults,
                    );
                }
            }
        }
        for entry in collected.into_entries(tables) {
            self.push(branch, entry);
        }
    }

    fn add_type(
        &mut self,
        tables: &Tables<'_>,
        branch: (usize, Branch),
        rule: &TypeRule,
        pairs: &mut Pairs,
        faults: &mut Faults<'_>,
    ) {
        let result = tables.type_value(rule.result);
        let mut conflict = None;
        each_key(tables, pairs, rule, |key| match self.judge_type(branch, key, result) {
            Verdict::New => {
                self.types.last.insert(key, (result, rule.origin));
                self.types.in_branch.insert((branch.0, branch.1, key), ());
                self.push(branch, key.entry(Datum::Type(result)));
            }
            Verdict::Repeated => {}
            Verdict::Conflicts(first) => _ = conflict.get_or_insert((key, first)),
        });
        if let Some((key, first)) = conflict {
            refuse_type_rule(tables, rule.origin, key, first, faults);
        }
    }

    fn judge_type(&self, (node, branch): (usize, Branch), key: Key, result: u32) -> Verdict {
        if let Some((outside, origin)) = self.avtab.type_rule(key) {
            return if outside == result { Verdict::Repeated } else { Verdict::Conflicts(origin) };
        }
        let other = if branch == Branch::Then { Branch::Otherwise } else { Branch::Then };
        match self.types.last.get(&key) {
            // What the two branches of one conditional say is never in force together.
            Some(_) if self.types.in_branch.contains_key(&(node, other, key)) => Verdict::New,
            Some((last, origin)) if *last != result => Verdict::Conflicts(*origin),
            Some(_) if self.types.in_branch.contains_key(&(node, branch, key)) => Verdict::Repeated,
            _ => Verdict::New,
        }
    }

    fn push(&mut self, (node, branch): (usize, Branch), entry: AvEntry) {
        let node = &mut self.nodes[node];
        match branch {
            Branch::Then => node.then.push(entry),
            Branch::Otherwise => node.otherwise.push(entry),
        }
    }
}

enum Verdict {
    New,
    Repeated,
    Conflicts(OriginId),
}

fn add_xperms(tables: &Tables<'_>, rule: &AvxRule, collected: &mut Collected, faults: &mut Faults<'_>) {
    if rule.kind == AvKind::NeverAllow {
        refuse("neverallowx", rule.origin, "is checked whatever booleans are", faults);
    } else if tables.options.compat == Compat::V3_4 || tables.options.version < VERSION_XPERMS {
        let reason = "has a place in the binary format only from version 34 on";
        refuse("a rule over extended permissions", rule.origin, reason, faults);
    } else {
        collected.add(tables, rule);
    }
}

fn refuse(what: &str, origin: OriginId, reason: &str, faults: &mut Faults<'_>) {
    faults.error("statement-in-conditional", origin, format!("{what} in a conditional: it {reason}"));
}

/// A branch as the binary policy has it.
fn finish_branch(mut rules: Vec<AvEntry>, is_in_force: bool) -> Vec<AvEntry> {
    rules.reverse();
    let is_type = |rule: &AvEntry| rule.specified & specified::TYPE != 0;
    // Each type rule is put before all others when it is met, but for the first rule, which is there already.
    let (mut types, mut others) = (Vec::new(), Vec::with_capacity(rules.len()));
    for (place, rule) in rules.into_iter().enumerate() {
        if place > 0 && is_type(&rule) { types.push(rule) } else { others.push(rule) }
    }
    types.reverse();
    types.append(&mut others);
    if is_in_force {
        types.iter_mut().for_each(|rule| rule.specified |= specified::ENABLED);
    }
    types
}

fn op(step: BoolOp) -> CondOp {
    match step {
        BoolOp::Bool(bool) => CondOp::Bool(bool.0 + 1),
        BoolOp::Not => CondOp::Not,
        BoolOp::And => CondOp::And,
        BoolOp::Or => CondOp::Or,
        BoolOp::Xor => CondOp::Xor,
        BoolOp::Eq => CondOp::Eq,
        BoolOp::Neq => CondOp::Neq,
    }
}

fn check_depth(expression: &[CondOp]) -> Result<(), &'static str> {
    let mut depth = 0_usize;
    for step in expression {
        match step {
            CondOp::Bool(_) if depth == MAX_DEPTH => {
                return Err("the condition keeps more than 10 values, which is what the kernel has room for");
            }
            CondOp::Bool(_) => depth += 1,
            CondOp::Not if depth >= 1 => {}
            CondOp::Not => return Err("a condition without meaning"),
            _ if depth >= 2 => depth -= 1,
            _ => return Err("a condition without meaning"),
        }
    }
    if depth == 1 { Ok(()) } else { Err("a condition without meaning") }
}

fn condition(expression: &[CondOp]) -> Condition {
    let mut bools: Vec<u32> = Vec::new();
    for step in expression {
        if let CondOp::Bool(bool) = step
            && !bools.contains(bool)
        {
            bools.push(*bool);
            if bools.len() > MAX_COMPARED_BOOLS {
                return Condition::Many(expression.to_vec());
            }
        }
    }
    let mut holds = 0;
    for values in 0..1_u32 << bools.len() {
        let value = |bool: u32| {
            bools.iter().position(|known| *known == bool).is_some_and(|bit| values >> bit & 1 == 1)
        };
        holds |= u32::from(evaluate(expression, value)) << values;
    }
    bools.sort_unstable();
    Condition::Few(bools, holds)
}

/// The value of a condition whose depth is checked.
fn evaluate(expression: &[CondOp], value: impl Fn(u32) -> bool) -> bool {
    let mut stack = Vec::with_capacity(MAX_DEPTH);
    for step in expression {
        let result = match step {
            CondOp::Bool(bool) => value(*bool),
            CondOp::Not => !stack.pop().unwrap_or(false),
            binary => {
                let (right, left) = (stack.pop().unwrap_or(false), stack.pop().unwrap_or(false));
                match binary {
                    CondOp::And => left & right,
                    CondOp::Or => left | right,
                    CondOp::Eq => left == right,
                    _ => left != right,
                }
            }
        };
        stack.push(result);
    }
    stack.pop().unwrap_or(false)
}
