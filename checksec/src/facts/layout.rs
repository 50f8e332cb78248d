//! What is mapped executable beside the code.
//!
//! The kernel maps whole pages, so that what shares a page of the file with code is executable too, whatever its own
//! segment says.

use object::elf::PT_LOAD;

use crate::facts::{Header, Sections, Segment, Segments};

/// What is mapped executable beside the code, worst first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// How many segments are executable.
    pub executable: u64,
    /// What is in them that is no code.
    pub intruders: Box<[Intruder]>,
}

/// Something in executable memory that is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intruder {
    /// The segment is writable too: its data and its code are one. With the file offset of its program header.
    Writable(u64),
    /// The ELF header or the program headers lie in the segment itself, and so does read-only data after them. With the
    /// file offset of its program header.
    Headers(u64),
    /// A section of data lies in the segment, by the section headers. With the file offset of its section header.
    Data(u64),
    /// A page at the segment's border holds bytes of another segment, or the headers. With the file offset of the page.
    SharedPage(u64),
}

/// Looks at the executable segments.
pub(crate) fn of(header: &Header, segments: &Segments, sections: Option<&Sections>) -> Layout {
    let code = || segments.of(PT_LOAD).filter(|(_, load)| load.is_executable() && load.file_size > 0);
    let mut intruders: Vec<_> =
        code().flat_map(|(at, load)| of_segment((at, load), header, segments, sections)).collect();
    intruders.sort_unstable();
    intruders.dedup();
    Layout { executable: code().count() as u64, intruders: intruders.into() }
}

fn of_segment(
    (at, load): (u64, &Segment),
    header: &Header,
    segments: &Segments,
    sections: Option<&Sections>,
) -> Vec<Intruder> {
    let own = load.offset..load.offset.saturating_add(load.file_size);
    let table = header.program_headers;
    if load.is_writable() {
        return vec![Intruder::Writable(at)];
    }
    if own.start == 0 || own.contains(&table) {
        return vec![Intruder::Headers(at)];
    }
    if let Some(section) = sections.and_then(|sections| sections.data_within(&own)) {
        return vec![Intruder::Data(section)];
    }
    let (first, end) = (own.start / PAGE * PAGE, own.end.div_ceil(PAGE).saturating_mul(PAGE));
    let is_shared = |range: std::ops::Range<u64>| {
        let overlaps =
            |start: u64, size: u64| size > 0 && start < range.end && start.saturating_add(size) > range.start;
        let others = segments.of(PT_LOAD).filter(|(_, other)| !other.is_executable());
        let mut others = others.map(|(_, other)| (other.offset, other.file_size));
        overlaps(0, 1) || overlaps(table, 1) || others.any(|(start, size)| overlaps(start, size))
    };
    let borders = [(first, first..own.start), (end - PAGE.min(end), own.end..end)];
    let shared = borders.into_iter().filter(|(_, range)| range.start < range.end && is_shared(range.clone()));
    shared.map(|(page, _)| Intruder::SharedPage(page)).collect()
}

/// The smallest that Linux can be built with on nearly all machines. With larger ones more is shared, which only the
/// kernel that will run knows.
const PAGE: u64 = 4096;
