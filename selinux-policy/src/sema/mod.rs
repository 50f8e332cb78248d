//! What the names of a resolved policy stand for.

mod bitset;
mod type_sets;

pub use bitset::Bitset;
pub use type_sets::{AttributeSets, MAX_SET_BYTES, Members, RoleSets, SetError, TypeSets, UserSets};
