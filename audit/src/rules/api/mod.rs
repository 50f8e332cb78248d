//! Pillar 9: configuration through an API only.

pub(super) mod no_privilege_switchers;
pub(super) mod one_root;
