//! Pillar 9: configuration through an API only.

pub(super) mod one_root;
