//! Pillar 10: code in memory-safe languages.

pub(super) mod language_known;
pub(super) mod memory_safe_share;
pub(super) mod privileged_in_safe_language;

use std::collections::HashSet;

use crate::{Context, Program};

/// The programs of the tree, hard links once. Shared objects are left out, since they are no programs.
fn programs<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Program> {
    let mut seen = HashSet::new();
    context.programs.iter().filter(move |program| {
        let metadata = context.index.entry(program.id).metadata;
        program.is_program && seen.insert((metadata.device, metadata.inode))
    })
}
