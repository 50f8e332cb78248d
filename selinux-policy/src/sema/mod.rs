//! What the names of a resolved policy stand for.

mod bitset;
mod class_sets;
mod order;
mod type_sets;

pub use bitset::Bitset;
pub use class_sets::{ClassBits, ClassSetError, ClassSets, MAX_CLASS_PERMISSIONS};
pub use type_sets::{AttributeSets, MAX_SET_BYTES, Members, RoleSets, SetError, TypeSets, UserSets};
