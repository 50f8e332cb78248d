//! What firmware and boot loaders start: where it lies, its signatures, and the command lines inside.

pub(crate) mod pe;
pub(crate) mod places;
pub(crate) mod uki;
