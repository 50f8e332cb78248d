//! Pillar 8: updates are signed images, written to the partition set that is not running.

pub(super) mod no_in_place;
pub(super) mod trust_root;
pub(super) mod tuf_root;
pub(super) mod two_sets;
mod updaters;
