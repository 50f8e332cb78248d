//! Binary policies: what the kernel loads from `/sys/fs/selinux/load`.
//!
//! [`Policy`] holds what such a file holds, in the file's order. All numbers that name a symbol are its value, which begins
//! at 1; in a [`Bitmap`] value `v` is bit `v - 1`.

mod arrange;
pub mod avtab;
mod bitmap;
mod canonical;
pub mod contexts;
mod error;
mod fingerprint;
mod format;
mod optimize;
mod read;
pub mod symbols;
mod values;
mod write;

pub use arrange::Compat;
pub use bitmap::Bitmap;
pub use error::{PolicyError, Problem};
pub use fingerprint::{Fingerprint, Kernel, fingerprint, readback};
pub use read::read;
pub use write::{WriteError, write};

use avtab::{AvEntry, Conditional};
use contexts::{GenFs, Ocontexts, Range};
use symbols::{Bool, Category, Class, Common, Role, Sensitivity, Type, User};

/// A name; bytes of any value but, by the tools that read it, 0.
pub type Name = Box<[u8]>;

/// A binary policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The version of the format; 30 to 35 can be written.
    pub version: u32,
    /// Who enforces it.
    pub target: Target,
    /// Whether contexts have levels that matter.
    pub mls: bool,
    /// What happens to classes and permissions that the policy does not define.
    pub handle_unknown: HandleUnknown,
    /// The capabilities, by their numbers (bit `n` is capability `n`, not `n + 1`).
    pub policycaps: Bitmap,
    /// Permissive types. Unlike elsewhere, type value `v` is bit `v`.
    pub permissive: Bitmap,
    /// Types whose denials are never audited (version 35). Type value `v` is bit `v`.
    pub neveraudit: Bitmap,

    /// Permissions that classes share.
    pub commons: Vec<Common>,
    /// Classes.
    pub classes: Vec<Class>,
    /// Roles.
    pub roles: Vec<Role>,
    /// Types, attributes and aliases.
    pub types: Vec<Type>,
    /// Users.
    pub users: Vec<User>,
    /// Booleans.
    pub bools: Vec<Bool>,
    /// Sensitivities and their aliases.
    pub sensitivities: Vec<Sensitivity>,
    /// Categories and their aliases.
    pub categories: Vec<Category>,
    /// How many values after the highest role's are taken: by role attributes, which checkpolicy counts but does not write.
    /// secilc takes none.
    pub reserved_roles: u32,

    /// Rules that do not depend on booleans.
    pub avtab: Vec<AvEntry>,
    /// Rules that do.
    pub conditionals: Vec<Conditional>,
    /// Changes of role.
    pub role_transitions: Vec<RoleTransition>,
    /// Allowed changes of role: from, to.
    pub role_allows: Vec<(u32, u32)>,
    /// Type transitions that depend on the new object's name.
    pub filename_transitions: Vec<FilenameTransition>,
    /// Contexts of initial SIDs, file systems, ports and so on.
    pub ocontexts: Ocontexts,
    /// Contexts of files in file systems without labels.
    pub genfs: Vec<GenFs>,
    /// Changes of range.
    pub range_transitions: Vec<RangeTransition>,
    /// For each type value (the first is value 1) itself and its attributes; for an attribute itself. Its length is the
    /// highest value that a type or attribute has.
    pub type_attribute_map: Vec<Bitmap>,
}

impl Policy {
    /// A policy with nothing in it.
    pub fn new(version: u32, target: Target) -> Self {
        Self {
            version,
            target,
            mls: false,
            handle_unknown: HandleUnknown::Deny,
            policycaps: Bitmap::new(),
            permissive: Bitmap::new(),
            neveraudit: Bitmap::new(),
            commons: Vec::new(),
            classes: Vec::new(),
            roles: Vec::new(),
            types: Vec::new(),
            users: Vec::new(),
            bools: Vec::new(),
            sensitivities: Vec::new(),
            categories: Vec::new(),
            reserved_roles: 0,
            avtab: Vec::new(),
            conditionals: Vec::new(),
            role_transitions: Vec::new(),
            role_allows: Vec::new(),
            filename_transitions: Vec::new(),
            ocontexts: Ocontexts::new(target),
            genfs: Vec::new(),
            range_transitions: Vec::new(),
            type_attribute_map: Vec::new(),
        }
    }
}

/// Who enforces a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Linux.
    Selinux,
    /// The Xen hypervisor.
    Xen,
}

/// What happens to classes and permissions that the policy does not define.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleUnknown {
    /// They are denied.
    Deny,
    /// The policy is not loaded.
    Reject,
    /// They are allowed.
    Allow,
}

/// A change of role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleTransition {
    /// From this role.
    pub role: u32,
    /// On an object of this type.
    pub target_type: u32,
    /// Of this class.
    pub class: u32,
    /// To this role.
    pub result: u32,
}

/// What a new object's type is, by its name, its directory's type and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilenameTransition {
    /// The last component of the object's path.
    pub name: Name,
    /// The type of the directory.
    pub target_type: u32,
    /// The class of the object.
    pub class: u32,
    /// For each result who makes the object; in the order in which the results first appeared. No source is in two.
    pub results: Vec<FilenameResult>,
}

/// A result of a [`FilenameTransition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilenameResult {
    /// The types that make the object.
    pub sources: Bitmap,
    /// Its type.
    pub result: u32,
}

/// A change of range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeTransition {
    /// A process of this type.
    pub source_type: u32,
    /// Executes or makes an object of this type.
    pub target_type: u32,
    /// And this class.
    pub class: u32,
    /// The new range.
    pub range: Range,
}
