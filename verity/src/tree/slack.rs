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
    while offset < range.end {
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
    Ok(None)
}
