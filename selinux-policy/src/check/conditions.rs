//! Which conditionals have the same condition.

use rustc_hash::FxHashMap;

use crate::ir::{BoolId, BoolOp, Conditional, OriginId};

/// Conditions over at most this many booleans are compared by what they mean, others by how they are written. secilc has
/// the same limit, and it is one that decides which policies it takes.
const MAX_TABLE_BOOLS: usize = 5;

/// One of the two cases of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Branch {
    /// The same for all conditionals with that condition.
    pub(super) condition: u32,
    /// In which case.
    pub(super) holds: bool,
}

/// A condition that is none: operands are missing or left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a condition without meaning")]
pub struct MalformedCondition(pub OriginId);

/// The case in which the first branch of each conditional counts.
pub(super) fn branches(conditionals: &[Conditional]) -> Result<Vec<Branch>, MalformedCondition> {
    let mut known: FxHashMap<Key, u32> = FxHashMap::default();
    let mut branches = Vec::with_capacity(conditionals.len());
    for conditional in conditionals {
        let malformed = MalformedCondition(conditional.origin);
        let (key, holds) = key(&conditional.condition).ok_or(malformed)?;
        let next = u32::try_from(known.len()).map_err(|_| malformed)?;
        let condition = *known.entry(key).or_insert(next);
        branches.push(Branch { condition, holds });
    }
    Ok(branches)
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    /// The booleans, ascending, and the value for each of their states: bit `n` is that where the boolean at `i` has the
    /// value of bit `i` of `n`. The lowest bit is zero: of a condition and its opposite, one is turned around.
    Table(Vec<BoolId>, u32),
    /// As it is written.
    Written(Vec<Step>),
}

#[derive(PartialEq, Eq, Hash)]
enum Step {
    Bool(BoolId),
    Operator(u8),
}

/// What stands for a condition, and whether it is the condition itself and not its opposite.
fn key(condition: &[BoolOp]) -> Option<(Key, bool)> {
    let mut bools: Vec<BoolId> = condition.iter().copied().filter_map(bool_of).collect();
    bools.sort_unstable();
    bools.dedup();
    if bools.len() > MAX_TABLE_BOOLS {
        let is_turned = condition.last() == Some(&BoolOp::Not);
        let steps = &condition[..condition.len() - usize::from(is_turned)];
        return Some((Key::Written(steps.iter().copied().map(step).collect()), !is_turned));
    }
    let mask = u32::MAX >> (32 - (1_u32 << bools.len()));
    let table = table(condition, &bools)? & mask;
    let holds = table & 1 == 0;
    Some((Key::Table(bools, if holds { table } else { !table & mask }), holds))
}

/// The condition's value for each state of the booleans.
fn table(condition: &[BoolOp], bools: &[BoolId]) -> Option<u32> {
    let mut stack: Vec<u32> = Vec::new();
    for step in condition {
        if let BoolOp::Bool(id) = step {
            stack.push(COLUMNS[bools.binary_search(id).ok()?]);
        } else if *step == BoolOp::Not {
            let top = stack.last_mut()?;
            *top = !*top;
        } else {
            let (right, left) = (stack.pop()?, stack.pop()?);
            stack.push(joined(*step, left, right)?);
        }
    }
    let value = stack.pop()?;
    stack.is_empty().then_some(value)
}

/// What each boolean of a table is in each of its rows.
const COLUMNS: [u32; MAX_TABLE_BOOLS] = [0xaaaa_aaaa, 0xcccc_cccc, 0xf0f0_f0f0, 0xff00_ff00, 0xffff_0000];

fn joined(operator: BoolOp, left: u32, right: u32) -> Option<u32> {
    match operator {
        BoolOp::And => Some(left & right),
        BoolOp::Or => Some(left | right),
        BoolOp::Xor | BoolOp::Neq => Some(left ^ right),
        BoolOp::Eq => Some(!(left ^ right)),
        BoolOp::Bool(_) | BoolOp::Not => None,
    }
}

fn bool_of(step: BoolOp) -> Option<BoolId> {
    if let BoolOp::Bool(id) = step { Some(id) } else { None }
}

fn step(step: BoolOp) -> Step {
    match step {
        BoolOp::Bool(id) => Step::Bool(id),
        BoolOp::Not => Step::Operator(0),
        BoolOp::And => Step::Operator(1),
        BoolOp::Or => Step::Operator(2),
        BoolOp::Xor => Step::Operator(3),
        BoolOp::Eq => Step::Operator(4),
        BoolOp::Neq => Step::Operator(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: BoolOp = BoolOp::Bool(BoolId(0));
    const B: BoolOp = BoolOp::Bool(BoolId(1));

    fn conditional(condition: &[BoolOp]) -> Conditional {
        let (then, otherwise) = (Vec::new(), Vec::new());
        Conditional { condition: condition.to_vec(), then, otherwise, origin: OriginId(7) }
    }

    fn of(conditions: &[&[BoolOp]]) -> Vec<(u32, bool)> {
        let conditionals: Vec<Conditional> =
            conditions.iter().map(|condition| conditional(condition)).collect();
        let branches = branches(&conditionals).unwrap();
        branches.iter().map(|branch| (branch.condition, branch.holds)).collect()
    }

    #[test]
    fn conditions_are_known_by_what_they_mean() {
        let not_a_and_not_b = [A, BoolOp::Not, B, BoolOp::Not, BoolOp::And];
        let found =
            of(&[&[A], &[A, BoolOp::Not], &[A, B, BoolOp::Or], &not_a_and_not_b, &[B, A, BoolOp::Or], &[B]]);
        assert_eq!(found, [(0, true), (0, false), (1, true), (1, false), (1, true), (2, true)]);
        let found = of(&[&[A, B, BoolOp::Xor], &[A, B, BoolOp::Eq], &[A, B, BoolOp::Neq]]);
        assert_eq!(found, [(0, true), (0, false), (0, true)]);
    }

    #[test]
    fn long_conditions_are_known_by_how_they_are_written() {
        let mut long: Vec<BoolOp> = (0..6).map(|id| BoolOp::Bool(BoolId(id))).collect();
        long.extend([BoolOp::Or; 5]);
        let mut turned = long.clone();
        turned.push(BoolOp::Not);
        let mut other = long.clone();
        other.swap(0, 1);
        assert_eq!(of(&[&long, &turned, &other]), [(0, true), (0, false), (1, true)]);
    }

    #[test]
    fn conditions_without_meaning_are_refused() {
        for condition in [&[][..], &[A, BoolOp::And], &[A, B]] {
            assert_eq!(branches(&[conditional(condition)]), Err(MalformedCondition(OriginId(7))));
        }
    }
}
