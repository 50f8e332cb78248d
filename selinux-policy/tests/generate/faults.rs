//! Small changes of policies, after which they may mean something else, or nothing.

use super::random::Random;

/// Makes one or two of them.
pub(crate) fn add(random: &mut Random, statements: &mut Vec<String>) {
    for _ in 0..random.within(1, 2) {
        let place = random.below(statements.len());
        match random.below(5) {
            0 => drop(statements.remove(place)),
            1 => {
                let again = statements[place].clone();
                let to = random.below(statements.len());
                statements.insert(to, again);
            }
            2 => {
                let (from, to) = (random.below(statements.len()), random.below(statements.len()));
                let moved = statements.remove(from);
                statements.insert(to.min(statements.len()), moved);
            }
            3 => {
                let other = random.below(statements.len());
                let words = words(&statements[other]);
                let (start, end) = random.pick(&words);
                let word = statements[other][start..end].to_owned();
                replace(random, &mut statements[place], &word);
            }
            _ => {
                let word = random
                    .pick(&["nothing", "self", "()", "(all)", "s0", "ty0", "true", "process", "*", "0x10"]);
                replace(random, &mut statements[place], word);
            }
        }
    }
}

/// Puts something else in the place of a word.
fn replace(random: &mut Random, statement: &mut String, word: &str) {
    let words = words(statement);
    let (start, end) = random.pick(&words);
    statement.replace_range(start..end, word);
}

/// Where the words of a statement start and end.
fn words(statement: &str) -> Vec<(usize, usize)> {
    let is_between = |byte: u8| byte.is_ascii_whitespace() || byte == b'(' || byte == b')';
    let mut words = Vec::new();
    let mut start = None;
    for (place, byte) in statement.bytes().chain([b' ']).enumerate() {
        match start {
            None if !is_between(byte) => start = Some(place),
            Some(from) if is_between(byte) => {
                words.push((from, place));
                start = None;
            }
            _ => {}
        }
    }
    words
}
