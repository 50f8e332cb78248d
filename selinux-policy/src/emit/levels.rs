//! Categories, levels and ranges.

use std::borrow::Cow;

use super::faults::Faults;
use crate::ir::{CategoryId, CategoryRef, Ir, LevelId, Op, OriginId, RangeId};
use crate::policydb::Bitmap;
use crate::policydb::contexts::{Level, Range};
use crate::sema::Bitset;

/// All levels of a policy.
pub(crate) struct Levels {
    /// By [`LevelId`].
    levels: Vec<Evaluated>,
    /// By [`SensitivityId`](crate::ir::SensitivityId): the categories that it may be with.
    allowed: Vec<Bitset>,
}

/// A level whose categories are worked out.
pub(crate) struct Evaluated {
    /// What it is in the binary policy; the sensitivity's value begins at 1.
    pub(crate) level: Level,
    /// Its categories, which bits count from 0.
    pub(crate) set: Bitset,
    /// Whether categories are written, be it an expression that comes to none.
    pub(crate) has_categories: bool,
    /// The categories if they are but written one after the other.
    plain: Option<Vec<CategoryId>>,
}

impl Evaluated {
    /// The categories as texts have them: as written if they are but written one after the other, else ascending. They are
    /// not kept: ranges can have ten thousand categories in each of ten thousand levels.
    pub(crate) fn listed(&self) -> Cow<'_, [CategoryId]> {
        self.plain.as_ref().map_or_else(|| Cow::Owned(ids(&self.set)), |plain| Cow::Borrowed(&plain[..]))
    }
}

impl Levels {
    pub(crate) fn new(ir: &Ir, faults: &mut Faults<'_>) -> Self {
        let sets = evaluate_sets(ir, faults);
        let mut evaluate = |expression: &[Op<CategoryRef>], origin: OriginId| {
            value(ir, expression, &sets).unwrap_or_else(|fault| {
                faults.error("categories", origin, fault.to_owned());
                Bitset::new(ir.categories.len())
            })
        };
        let sensitivities = ir.sensitivities.iter();
        let allowed = sensitivities.map(|sensitivity| evaluate(&sensitivity.categories, sensitivity.origin));
        let allowed: Vec<Bitset> = allowed.collect();
        let level = |level: &crate::ir::Level| {
            let set = evaluate(&level.categories, level.origin);
            let has_categories = !level.categories.is_empty();
            let plain = plain_list(&level.categories).filter(|_| has_categories);
            let categories = Bitmap::from_words(set.words().iter().copied());
            Evaluated {
                level: Level { sensitivity: level.sensitivity.0 + 1, categories },
                set,
                has_categories,
                plain,
            }
        };
        let levels = ir.levels.iter().map(level).collect();
        Self { levels, allowed }
    }

    /// A level.
    pub(crate) fn get(&self, id: LevelId) -> &Evaluated {
        &self.levels[id.index()]
    }

    /// The categories that a sensitivity may be with.
    pub(crate) fn allowed(&self, sensitivity: crate::ir::SensitivityId) -> &Bitset {
        &self.allowed[sensitivity.index()]
    }

    /// A level of the binary policy.
    pub(crate) fn level(&self, id: LevelId) -> Level {
        self.get(id).level.clone()
    }

    /// A range of the binary policy.
    pub(crate) fn range(&self, ir: &Ir, id: RangeId) -> Range {
        let range = &ir.ranges[id.index()];
        Range { low: self.level(range.low), high: self.level(range.high) }
    }
}

fn ids(set: &Bitset) -> Vec<CategoryId> {
    set.iter().map(|bit| CategoryId(u32::try_from(bit).expect("ids have 32 bits"))).collect()
}

/// The categories of an expression that is just some of them one after the other.
fn plain_list(expression: &[Op<CategoryRef>]) -> Option<Vec<CategoryId>> {
    let mut categories = Vec::new();
    for (place, step) in expression.iter().enumerate() {
        match step {
            Op::Operand(CategoryRef::Category(category)) if place < 2 || place % 2 == 1 => {
                categories.push(*category);
            }
            Op::Or if place >= 2 && place % 2 == 0 => {}
            _ => return None,
        }
    }
    Some(categories)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Untouched,
    Open,
    Done,
}

/// What each category set holds.
fn evaluate_sets(ir: &Ir, faults: &mut Faults<'_>) -> Vec<Bitset> {
    let empty = Bitset::new(ir.categories.len());
    let mut sets = vec![empty; ir.category_sets.len()];
    let mut states = vec![State::Untouched; ir.category_sets.len()];
    for start in 0..ir.category_sets.len() {
        let mut stack = vec![start];
        while let Some(set) = stack.last().copied() {
            let declared = &ir.category_sets[set];
            match states[set] {
                State::Done => {
                    stack.pop();
                }
                State::Untouched => {
                    states[set] = State::Open;
                    for step in &declared.set {
                        let Op::Operand(CategoryRef::Set(named)) = step else { continue };
                        match states[named.index()] {
                            State::Untouched => stack.push(named.index()),
                            State::Open => {
                                let message = "a category set is defined by itself".to_owned();
                                faults.error("category-set-cycle", declared.origin, message);
                            }
                            State::Done => {}
                        }
                    }
                }
                State::Open => {
                    states[set] = State::Done;
                    match value(ir, &declared.set, &sets) {
                        Ok(value) => sets[set] = value,
                        Err(fault) => faults.error("categories", declared.origin, fault.to_owned()),
                    }
                    stack.pop();
                }
            }
        }
    }
    sets
}

/// The value of an expression over categories.
fn value(ir: &Ir, expression: &[Op<CategoryRef>], sets: &[Bitset]) -> Result<Bitset, &'static str> {
    const MALFORMED: &str = "an expression of categories without meaning";
    let count = ir.categories.len();
    let is_used = expression.iter().any(|step| matches!(step, Op::All | Op::Not));
    let mut all = Bitset::new(count);
    (0..count).filter(|_| is_used).for_each(|category| _ = all.insert(category));
    let mut stack: Vec<Bitset> = Vec::new();
    for step in expression {
        match step {
            Op::Operand(CategoryRef::Category(category)) => {
                let mut one = Bitset::new(count);
                one.insert(category.index());
                stack.push(one);
            }
            Op::Operand(CategoryRef::Set(set)) => stack.push(sets[set.index()].clone()),
            Op::Range(CategoryRef::Category(first), CategoryRef::Category(last)) => {
                if first > last {
                    return Err("the range of categories ends before it begins");
                }
                let mut range = Bitset::new(count);
                (first.index()..=last.index()).for_each(|category| _ = range.insert(category));
                stack.push(range);
            }
            Op::Range(..) => return Err("a range of categories ends in a category set"),
            Op::All => stack.push(all.clone()),
            Op::Not => stack.last_mut().ok_or(MALFORMED)?.complement_in(&all),
            Op::And | Op::Or | Op::Xor => {
                let right = stack.pop().ok_or(MALFORMED)?;
                let left = stack.last_mut().ok_or(MALFORMED)?;
                match step {
                    Op::And => left.and_with(&right),
                    Op::Or => left.or_with(&right),
                    _ => left.xor_with(&right),
                }
            }
        }
    }
    let value = stack.pop().unwrap_or_else(|| Bitset::new(count));
    if stack.is_empty() { Ok(value) } else { Err(MALFORMED) }
}
