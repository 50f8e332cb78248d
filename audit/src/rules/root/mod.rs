//! Pillar 1: the root file system is read-only and verified.

pub(super) mod corruption_action;
pub(super) mod no_device_nodes;
pub(super) mod read_only;
pub(super) mod strong_hash;
pub(super) mod system_owned;
pub(super) mod verified;
mod verity;
pub(super) mod world_writable;
