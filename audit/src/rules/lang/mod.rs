//! Pillar 10: code in memory-safe languages.

pub(super) mod language_known;
pub(super) mod memory_safe_share;
pub(super) mod privileged_in_safe_language;
