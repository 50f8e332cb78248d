//! Whether what `PT_GNU_RELRO` names is read-only in a process.

use std::ops::Range;

use object::elf::{PT_GNU_RELRO, PT_LOAD};

use crate::ElfFacts;
use crate::facts::Segment;
use crate::process::{Mapping, Maps};

/// What became of the segment of one file, over all places where it is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relro {
    /// The addresses of the pages that the loader is to make read-only, of the first place that is worst. Empty if the
    /// segment is smaller than a page, or if the file is not mapped as its program headers say.
    pub pages: Range<u64>,
    /// How many of their bytes can be written.
    pub writable: u64,
    /// How many of their bytes are not mapped.
    pub missing: u64,
    /// Whether the file could be found in memory as its program headers say.
    pub is_located: bool,
    /// The address of a slot that the segment leaves out, if it is on a page that can be written.
    pub open_slot: Option<u64>,
    /// How many slots the segment leaves out.
    pub slots_outside: u64,
}

/// Looks at the pages of a file. `name`, device and inode of `executable` say which mappings are of it. `None` if it has
/// no such segment.
pub(crate) fn see(facts: &ElfFacts, maps: &Maps, executable: &Mapping, page: u64) -> Option<Relro> {
    let (_, segment) = facts.segments.last(PT_GNU_RELRO)?;
    let outside = facts.slots.as_ref().ok().and_then(Option::as_ref).filter(|slots| slots.outside > 0);
    let mut biases: Vec<u64> = maps
        .all
        .iter()
        .filter(|mapping| mapping.executable && is_of(mapping, executable))
        .filter_map(|mapping| bias(facts, mapping, page))
        .collect();
    biases.sort_unstable();
    biases.dedup();
    let at = |bias: u64| {
        let pages = pages(segment, bias, page);
        let slot = outside.and_then(|slots| slots.first_outside).map(|slot| slot.wrapping_add(bias));
        let is_open = |slot: &u64| maps.holding(*slot).is_some_and(|mapping| mapping.writable);
        let length = |(part, _): (Range<u64>, &Mapping)| part.end - part.start;
        let mapped: u64 = maps.within(&pages).map(length).sum();
        Relro {
            writable: maps.within(&pages).filter(|(_, mapping)| mapping.writable).map(length).sum(),
            missing: (pages.end - pages.start).saturating_sub(mapped),
            is_located: true,
            open_slot: slot.filter(is_open),
            slots_outside: outside.map_or(0, |slots| slots.outside),
            pages,
        }
    };
    let worse = |a: Relro, b: Relro| {
        let badness = |relro: &Relro| (relro.writable, relro.missing, relro.open_slot.is_some());
        if badness(&b) > badness(&a) { b } else { a }
    };
    Some(biases.into_iter().map(at).reduce(worse).unwrap_or_default())
}

/// Whether both are of one file.
pub(crate) fn is_of(mapping: &Mapping, other: &Mapping) -> bool {
    (mapping.device, mapping.inode, &mapping.name) == (other.device, other.inode, &other.name)
}

/// What the loader added to the addresses of the file, by the executable segment that the mapping begins in.
fn bias(facts: &ElfFacts, mapping: &Mapping, page: u64) -> Option<u64> {
    let down = |number: u64| number & !(page - 1);
    facts.segments.of(PT_LOAD).filter(|(_, load)| load.is_executable()).find_map(|(_, load)| {
        let into = mapping.offset.checked_sub(down(load.offset))?;
        let length = load.file_size.checked_add(load.offset - down(load.offset))?;
        // A prelinked library may be moved down: the difference is taken modulo the address space, as the loader does.
        (into < length).then(|| mapping.start.wrapping_sub(into).wrapping_sub(down(load.address)))
    })
}

/// Like the loader, both ends are rounded down.
fn pages(segment: &Segment, bias: u64, page: u64) -> Range<u64> {
    let down = |number: u64| number & !(page - 1);
    let start = bias.wrapping_add(segment.address);
    let end = down(start.saturating_add(segment.memory_size));
    down(start)..end.max(down(start))
}
