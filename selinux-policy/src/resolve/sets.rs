//! Expressions, written out in postfix order.

use super::Resolver;
use super::lookup::{At, Stop};
use crate::ir::{BoolOp, Op};
use crate::syntax::Word;

/// A step of an expression in postfix order.
pub(super) trait Postfix: Sized {
    /// The step of an operator.
    fn operator(word: Word) -> Option<Self>;
}

impl<T> Postfix for Op<T> {
    fn operator(word: Word) -> Option<Self> {
        Some(match word {
            Word::All => Self::All,
            Word::Not => Self::Not,
            Word::And => Self::And,
            Word::Or => Self::Or,
            Word::Xor => Self::Xor,
            _ => return None,
        })
    }
}

impl Postfix for BoolOp {
    fn operator(word: Word) -> Option<Self> {
        Some(match word {
            Word::Not => Self::Not,
            Word::And => Self::And,
            Word::Or => Self::Or,
            Word::Xor => Self::Xor,
            Word::Eq => Self::Eq,
            Word::Neq => Self::Neq,
            _ => return None,
        })
    }
}

/// What is still to be done for an expression.
enum Task {
    Node(u32),
    Operator(Word),
}

/// Adds what a node, or a range between two, stands for.
type Add<R, N, T> = fn(&mut R, At, N, &mut Vec<T>) -> Result<(), Stop>;

impl Resolver<'_> {
    /// An expression in postfix order. `operand` adds what an atom stands for, `range` what a range of two does.
    pub(super) fn expression<T: Postfix>(
        &mut self,
        at: At,
        node: u32,
        out: &mut Vec<T>,
        operand: Add<Self, u32, T>,
        range: Add<Self, [u32; 2], T>,
    ) -> Result<(), Stop> {
        // Not by recursion: lists may be as deep as the parser lets them.
        let mut tasks = vec![Task::Node(node)];
        while let Some(task) = tasks.pop() {
            let node = match task {
                Task::Operator(word) => {
                    out.extend(T::operator(word));
                    continue;
                }
                Task::Node(node) => node,
            };
            let tree = &self.trees[at.file as usize];
            if !tree.is_list(node) {
                operand(self, at, node, out)?;
                continue;
            }
            let mut children = tree.children(node);
            let first = children.clone().next();
            let word = first.and_then(|first| tree.symbol(first)).and_then(Word::of);
            match word {
                Some(Word::Range) => {
                    let [_, low, high] = tree.parts(node);
                    range(self, at, [low, high], out)?;
                }
                Some(Word::All) => tasks.push(Task::Operator(Word::All)),
                Some(word @ (Word::And | Word::Or | Word::Xor | Word::Not | Word::Eq | Word::Neq)) => {
                    let [_, left, right] = tree.parts(node);
                    tasks.push(Task::Operator(word));
                    if word != Word::Not {
                        tasks.push(Task::Node(right));
                    }
                    tasks.push(Task::Node(left));
                }
                _ => {
                    // A list means any of what is in it.
                    let first = children.next();
                    let start = tasks.len();
                    for child in children {
                        tasks.push(Task::Operator(Word::Or));
                        tasks.push(Task::Node(child));
                    }
                    reverse_pairs(&mut tasks[start..]);
                    tasks.extend(first.map(Task::Node));
                }
            }
        }
        Ok(())
    }

    /// For expressions that have no ranges, which their form was checked for.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "it stands for functions that can fail"
    )]
    pub(super) fn no_range<T>(&mut self, _at: At, _nodes: [u32; 2], _out: &mut Vec<T>) -> Result<(), Stop> {
        Ok(())
    }
}

/// Turns pairs of tasks around, so that the last is done first; within a pair the order stays.
fn reverse_pairs(tasks: &mut [Task]) {
    tasks.reverse();
    for pair in tasks.chunks_exact_mut(2) {
        pair.reverse();
    }
}

/// A set of numbers below a bound, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    bound: u32,
}

impl Bits {
    fn new(bound: u32) -> Self {
        Self { words: vec![0; (bound as usize).div_ceil(64)], bound }
    }

    fn add(&mut self, low: u32, high: u32) {
        let end = high.saturating_add(1).min(self.bound);
        let mut number = low;
        while number < end {
            // The rest of a word at once: extended permissions are ranges of thousands.
            let count = (64 - number % 64).min(end - number);
            self.words[number as usize / 64] |= (u64::MAX >> (64 - count)) << (number % 64);
            number += count;
        }
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        // Words without bits are most of a set of extended permissions, and there are sets by the thousand.
        let words = (0_u32..).step_by(64).zip(&self.words).filter(|(_, word)| **word != 0);
        words.flat_map(|(start, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| start + bit)
        })
    }

    /// The numbers as ascending ranges with both ends. Runs of bits are taken at once: there are statements by the thousand
    /// that name nearly all 65,536 numbers.
    pub(super) fn ranges(&self) -> Vec<(u16, u16)> {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for (start, word) in (0_u32..).step_by(64).zip(&self.words) {
            let mut bit = 0;
            while let Some(rest) = word.checked_shr(bit).filter(|rest| *rest != 0) {
                let low = bit + rest.trailing_zeros();
                let end = low + (word >> low).trailing_ones();
                let (Ok(first), Ok(last)) = (u16::try_from(start + low), u16::try_from(start + end - 1))
                else {
                    return ranges;
                };
                match ranges.last_mut() {
                    Some((_, before)) if before.checked_add(1) == Some(first) => *before = last,
                    _ => ranges.push((first, last)),
                }
                bit = end;
            }
        }
        ranges
    }

    fn invert(&mut self) {
        let bound = self.bound;
        for (place, word) in (0_u32..).zip(&mut self.words) {
            let used = (bound - place * 64).min(64);
            *word = !*word & (u64::MAX >> (64 - used));
        }
    }

    fn join(&mut self, other: &Value, with: fn(u64, u64) -> u64) {
        let other = other.bits(self.bound);
        for (word, other) in self.words.iter_mut().zip(other.words) {
            *word = with(*word, other);
        }
    }
}

/// What a part of an expression comes to. Ranges stay ranges, since most expressions are lists of numbers.
enum Value {
    Range(u32, u32),
    Bits(Bits),
}

impl Value {
    fn bits(&self, bound: u32) -> Bits {
        match self {
            Self::Bits(bits) => bits.clone(),
            Self::Range(low, high) => {
                let mut bits = Bits::new(bound);
                bits.add(*low, *high);
                bits
            }
        }
    }

    fn into_bits(self, bound: u32) -> Bits {
        match self {
            Self::Bits(bits) => bits,
            range @ Self::Range(..) => range.bits(bound),
        }
    }
}

/// The set that an expression over numbers below a bound comes to.
pub(super) fn evaluate(steps: &[Op<u32>], bound: u32) -> Bits {
    let mut stack: Vec<Value> = Vec::new();
    for step in steps {
        let value = match step {
            Op::Operand(number) => Value::Range(*number, *number),
            Op::Range(low, high) => Value::Range(*low, *high),
            Op::All => Value::Range(0, bound.saturating_sub(1)),
            Op::Not => {
                let mut bits = pop(&mut stack).into_bits(bound);
                bits.invert();
                Value::Bits(bits)
            }
            Op::And | Op::Or | Op::Xor => {
                let (right, mut left) = {
                    let right = pop(&mut stack);
                    (right, pop(&mut stack).into_bits(bound))
                };
                match (step, &right) {
                    (Op::Or, Value::Range(low, high)) => left.add(*low, *high),
                    (Op::Or, _) => left.join(&right, |left, right| left | right),
                    (Op::And, _) => left.join(&right, |left, right| left & right),
                    _ => left.join(&right, |left, right| left ^ right),
                }
                Value::Bits(left)
            }
        };
        stack.push(value);
    }
    pop(&mut stack).into_bits(bound)
}

fn pop(stack: &mut Vec<Value>) -> Value {
    stack.pop().unwrap_or(Value::Bits(Bits { words: Vec::new(), bound: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(steps: &[Op<u32>], bound: u32) -> Vec<u32> {
        evaluate(steps, bound).iter().collect()
    }

    #[test]
    fn sets_are_told_in_ranges() {
        use Op::{All, Not, Operand, Or, Range, Xor};
        let ranges = |steps: &[Op<u32>], bound| evaluate(steps, bound).ranges();
        assert_eq!(ranges(&[All], 0x1_0000), [(0, 0xffff)]);
        assert_eq!(ranges(&[All, Not], 0x1_0000), []);
        assert_eq!(ranges(&[Range(60, 130), Operand(100), Xor], 0x1_0000), [(60, 99), (101, 130)]);
        assert_eq!(ranges(&[Operand(0), Operand(63), Or, Operand(64), Or], 128), [(0, 0), (63, 64)]);
        assert_eq!(ranges(&[Operand(65_535), Not], 0x1_0000), [(0, 65_534)]);
    }

    #[test]
    fn expressions_are_evaluated() {
        use Op::{All, And, Not, Operand, Or, Range, Xor};
        assert_eq!(numbers(&[Operand(1), Operand(70), Or], 71), [1, 70]);
        assert_eq!(numbers(&[Operand(1), Not], 4), [0, 2, 3]);
        assert_eq!(numbers(&[All, Range(1, 2), Not, And], 65).len(), 63);
        assert_eq!(numbers(&[Range(0, 3), Range(2, 5), Xor], 64), [0, 1, 4, 5]);
        assert_eq!((numbers(&[All], 0), numbers(&[Operand(0), All, Not, Or], 0)), (vec![], vec![]));
        assert_eq!(numbers(&[Range(5, 3), Operand(u32::MAX), Or], 64), []);
        assert_eq!(numbers(&[All, Not], 64), []);
        let wide: Vec<u32> = (62..=200).collect();
        assert_eq!((numbers(&[Range(62, 200)], 300), numbers(&[Range(64, 127)], 128).len()), (wide, 64));
    }
}
