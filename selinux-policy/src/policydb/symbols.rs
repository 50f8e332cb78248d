//! The symbols of a policy. Each list may hold several names of one value only where it has aliases.

use super::contexts::{Level, Range};
use super::{Bitmap, Name};

/// Permissions that classes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: u32,
    /// Its permissions.
    pub permissions: Vec<Permission>,
}

/// A permission of a class or common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Its name.
    pub name: Name,
    /// Its value, 1 to 32: the bit `value - 1` of access vectors.
    pub value: u32,
}

/// A class of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: u32,
    /// The name of its common, whose permissions have the lowest values.
    pub common: Option<Name>,
    /// Its own permissions, without those of the common.
    pub permissions: Vec<Permission>,
    /// Constraints.
    pub constraints: Vec<Constraint>,
    /// Constraints on changes of context; their `permissions` are 0.
    pub validate_transitions: Vec<Constraint>,
    /// Where the user of a new object comes from: 0 unset, 1 source, 2 target.
    pub default_user: u32,
    /// The same for the role.
    pub default_role: u32,
    /// The same for the type.
    pub default_type: u32,
    /// The same for the range: 0 unset, 1 to 3 the source's low, high, both, 4 to 6 the target's, 7 glblub.
    pub default_range: u32,
}

/// A condition that must hold for permissions of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The permissions.
    pub permissions: u32,
    /// The condition, in postfix order.
    pub expression: Vec<ConstraintOp>,
}

/// A step of a [`Constraint`]'s condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintOp {
    /// What is before does not hold.
    Not,
    /// Both things before hold.
    And,
    /// Either holds.
    Or,
    /// Compares components of the contexts with each other.
    Attribute {
        /// What is compared: one of [`operand`].
        operand: u32,
        /// How: one of [`relation`].
        relation: u32,
    },
    /// Compares a component of a context with names.
    Names {
        /// What is compared: one of [`operand`], with [`operand::TARGET`] or [`operand::XTARGET`] or neither.
        operand: u32,
        /// How: one of [`relation`].
        relation: u32,
        /// The values, attributes replaced by what they hold.
        names: Bitmap,
        /// As it was written (from version 29 on), with attributes. Empty where no types are compared.
        type_names: TypeSet,
    },
}

/// What constraints compare (`CEXPR_USER` and so on).
#[expect(missing_docs, reason = "they are components of the source's and target's context")]
pub mod operand {
    pub const USER: u32 = 1;
    pub const ROLE: u32 = 2;
    pub const TYPE: u32 = 4;
    /// Added to one of those before: of the target instead of the source.
    pub const TARGET: u32 = 8;
    /// Added to one of those before: of the process that relabels.
    pub const XTARGET: u32 = 16;
    pub const L1L2: u32 = 32;
    pub const L1H2: u32 = 64;
    pub const H1L2: u32 = 128;
    pub const H1H2: u32 = 256;
    pub const L1H1: u32 = 512;
    pub const L2H2: u32 = 1024;
}

/// How constraints compare (`CEXPR_EQ` and so on).
pub mod relation {
    /// Equal, or one of the names.
    pub const EQ: u32 = 1;
    /// Not equal, or none of the names.
    pub const NEQ: u32 = 2;
    /// The first dominates the second.
    pub const DOM: u32 = 3;
    /// The second dominates the first.
    pub const DOMBY: u32 = 4;
    /// Neither dominates the other.
    pub const INCOMP: u32 = 5;
}

/// Types as a constraint names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeSet {
    /// Types and attributes.
    pub types: Bitmap,
    /// Types and attributes that are taken out; no compiler that is left writes any.
    pub except: Bitmap,
    /// 1 for all types (`*`), 2 for the complement (`~`).
    pub flags: u32,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: Name,
    /// Its value; `object_r` is 1.
    pub value: u32,
    /// The role that bounds it, 0 if none does.
    pub bounds: u32,
    /// Roles that it dominates: itself.
    pub dominates: Bitmap,
    /// Types that it may be with. For `object_r`, which may be with all, empty.
    pub types: Bitmap,
}

/// A type, attribute or alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// Its name.
    pub name: Name,
    /// Its value; an alias has that of its type.
    pub value: u32,
    /// What it is.
    pub kind: TypeKind,
    /// The type that bounds it, 0 if none does.
    pub bounds: u32,
}

/// What a [`Type`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeKind {
    /// Another name of a type.
    Alias,
    /// A type.
    Type,
    /// An attribute as secilc writes it.
    Attribute,
    /// An attribute as checkpolicy and the linker of modules write it: marked as primary like a type.
    PrimaryAttribute,
}

impl TypeKind {
    /// Whether it is an attribute.
    pub fn is_attribute(self) -> bool {
        matches!(self, Self::Attribute | Self::PrimaryAttribute)
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: u32,
    /// The user that bounds it, 0 if none does.
    pub bounds: u32,
    /// Roles that it may be with.
    pub roles: Bitmap,
    /// Its range.
    pub range: Range,
    /// The level that it logs in at.
    pub default_level: Level,
}

/// A boolean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bool {
    /// Its name.
    pub name: Name,
    /// Its value: its place, not its state.
    pub value: u32,
    /// Its default.
    pub state: bool,
}

/// A sensitivity or an alias of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensitivity {
    /// Its name.
    pub name: Name,
    /// Whether it is an alias.
    pub is_alias: bool,
    /// Its value, and the categories that it may be with.
    pub level: Level,
}

/// A category or an alias of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its name.
    pub name: Name,
    /// Its value; an alias has that of its category.
    pub value: u32,
    /// Whether it is an alias.
    pub is_alias: bool,
}
