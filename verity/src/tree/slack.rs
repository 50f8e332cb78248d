//! Lengths, and the bytes beside data and tree that no digest covers.

use std::ops::Range;

use crate::Progress;
use crate::damage::{Slack, SlackArea};
use crate::error::Error;
use crate::source::BlockSource;
use crate::tree::blocks::{read_buffer, to_usize};

/// The length of `source`, if it is at least `needed`.
pub(crate) fn check_size(source: &dyn BlockSource, what: &'static str, needed: u64) -> Result<u64, Error> {
    let len = source.size().map_err(|source| Error::Size { what, source })?;
    if len < needed { Err(Error::TooShort { what, len, needed }) } else { Ok(len) }
}

/// Checks that `source` still has the length `was`.
pub(super) fn check_same_size(source: &dyn BlockSource, what: &'static str, was: u64) -> Result<(), Error> {
    match source.size().map_err(|source| Error::Size { what, source })? {
        is if is != was => Err(Error::Resized { what, was, is }),
        _ => Ok(()),
    }
}

/// What is left of `range` without `others`, which may be in any order and overlap.
pub(super) fn without(range: Range<u64>, others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut others = others.to_vec();
    others.sort_unstable_by_key(|other| other.start);
    let mut rest = Vec::new();
    let mut next = range.start;
    for other in others.into_iter().filter(|other| !other.is_empty()) {
        rest.push(next..other.start.min(range.end));
        next = next.max(other.end);
    }
    rest.push(next..range.end);
    rest.retain(|range| !range.is_empty());
    rest
}

/// The slack in `range` of `source`, if there is a byte that is not zero.
pub(super) fn find_slack(
    source: &dyn BlockSource,
    what: &'static str,
    area: SlackArea,
    range: Range<u64>,
    progress: Progress<'_>,
) -> Result<Option<Slack>, Error> {
    let mut buffer = read_buffer(1);
    let mut offset = range.start;
    loop {
        // Holes are skipped: a file may be made of them, as long as a file can be.
        offset = source.next_data(offset).map_err(Error::read(what, offset))?.start.max(offset);
        if offset >= range.end {
            return Ok(None);
        }
        let len = (range.end - offset).min(buffer.len() as u64);
        let read = &mut buffer[..to_usize(len)];
        source.read_exact_at(read, offset).map_err(Error::read(what, offset))?;
        if let Some(at) = read.iter().position(|byte| *byte != 0) {
            return Ok(Some(Slack { area, first: offset + at as u64, range }));
        }
        if !progress(0) {
            return Err(Error::Cancelled);
        }
        offset += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts and ends.
    type Pairs = &'static [(u64, u64)];

    #[test]
    fn what_is_left_is_in_no_other_range() {
        let cases: [(Pairs, Pairs); 8] = [
            (&[], &[(10, 20)]),
            (&[(12, 14)], &[(10, 12), (14, 20)]),
            (&[(16, u64::MAX), (12, 14)], &[(10, 12), (14, 16)]),
            (&[(0, 15), (12, 13)], &[(15, 20)]),
            (&[(0, 10), (20, 30)], &[(10, 20)]),
            (&[(0, u64::MAX)], &[]),
            (&[(15, 15)], &[(10, 20)]),
            (&[(25, 30), (30, 40)], &[(10, 20)]),
        ];
        for (others, wanted) in cases {
            let others: Vec<Range<u64>> = others.iter().map(|(start, end)| *start..*end).collect();
            let rest: Vec<(u64, u64)> =
                without(10..20, &others).into_iter().map(|range| (range.start, range.end)).collect();
            assert_eq!(rest, wanted, "{others:?}");
        }
    }
}
