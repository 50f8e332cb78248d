//! Numbers of the format that reading and writing share. The names of versions are those of what each began.

use super::avtab::{CondOp, XpermsKind};
use super::symbols::TypeKind;
use super::{HandleUnknown, Target};

/// `POLICYDB_MAGIC`.
pub(super) const MAGIC: u32 = 0xf97c_ff8c;

/// The first version of each addition (`POLICYDB_VERSION_…`).
pub(super) mod version {
    /// The oldest that Linux reads.
    pub(in crate::policydb) const BASE: u32 = 15;
    pub(in crate::policydb) const BOOL: u32 = 16;
    pub(in crate::policydb) const IPV6: u32 = 17;
    pub(in crate::policydb) const MLS: u32 = 19;
    pub(in crate::policydb) const VALIDATETRANS: u32 = 19;
    pub(in crate::policydb) const AVTAB: u32 = 20;
    pub(in crate::policydb) const RANGETRANS: u32 = 21;
    pub(in crate::policydb) const POLCAP: u32 = 22;
    pub(in crate::policydb) const PERMISSIVE: u32 = 23;
    pub(in crate::policydb) const BOUNDARY: u32 = 24;
    pub(in crate::policydb) const FILENAME_TRANS: u32 = 25;
    pub(in crate::policydb) const ROLETRANS: u32 = 26;
    pub(in crate::policydb) const NEW_OBJECT_DEFAULTS: u32 = 27;
    pub(in crate::policydb) const DEFAULT_TYPE: u32 = 28;
    pub(in crate::policydb) const CONSTRAINT_NAMES: u32 = 29;
    pub(in crate::policydb) const XPERMS_IOCTL: u32 = 30;
    pub(in crate::policydb) const XEN_DEVICETREE: u32 = 30;
    pub(in crate::policydb) const INFINIBAND: u32 = 31;
    pub(in crate::policydb) const GLBLUB: u32 = 32;
    pub(in crate::policydb) const COMP_FTRANS: u32 = 33;
    pub(in crate::policydb) const COND_XPERMS: u32 = 34;
    pub(in crate::policydb) const NEVERAUDIT: u32 = 35;
    /// The newest that Xen has; libsepol writes 24 and this one for it.
    pub(in crate::policydb) const XEN_MAX: u32 = XEN_DEVICETREE;
    /// The newest that is known.
    pub(in crate::policydb) const MAX: u32 = NEVERAUDIT;
}

/// Bits of the header's configuration word.
pub(super) mod config {
    pub(in crate::policydb) const MLS: u32 = 1;
    pub(in crate::policydb) const REJECT_UNKNOWN: u32 = 2;
    pub(in crate::policydb) const ALLOW_UNKNOWN: u32 = 4;
}

/// The default range that versions before [`version::GLBLUB`] lack.
pub(super) const DEFAULT_GLBLUB: u32 = 7;

/// `OBJECT_R_VAL`: the value of the role `object_r`.
pub(super) const OBJECT_R: u32 = 1;

/// Flags of a constraint's types.
pub(super) const TYPE_SET_FLAGS: u32 = 3;

/// How many permissions a class can have: access vectors have 32 bits.
pub(super) const MAX_PERMISSIONS: u32 = 32;

/// Steps of a constraint's expression (`CEXPR_NOT` and so on).
pub(super) mod constraint {
    pub(in crate::policydb) const NOT: u32 = 1;
    pub(in crate::policydb) const AND: u32 = 2;
    pub(in crate::policydb) const OR: u32 = 3;
    pub(in crate::policydb) const ATTR: u32 = 4;
    pub(in crate::policydb) const NAMES: u32 = 5;
    /// `CEXPR_MAXDEPTH`: how many operands may wait for an operator; the kernel's stack has no more places.
    pub(in crate::policydb) const MAX_DEPTH: usize = 5;
}

impl Target {
    /// The string that names it in the header.
    pub(super) fn name(self) -> &'static [u8] {
        match self {
            Self::Selinux => b"SE Linux",
            Self::Xen => b"XenFlask",
        }
    }

    /// How many lists of contexts there are.
    pub(super) fn ocontext_lists(self, version: u32) -> u32 {
        match self {
            Self::Selinux if version >= version::INFINIBAND => 9,
            Self::Selinux if version >= version::IPV6 => 7,
            Self::Selinux => 6,
            Self::Xen if version >= version::XEN_DEVICETREE => 6,
            Self::Xen => 5,
        }
    }
}

/// How many symbol tables a version has.
pub(super) fn symbol_tables(version: u32) -> u32 {
    match version {
        ..version::BOOL => 5,
        version::BOOL..version::MLS => 6,
        version::MLS.. => 8,
    }
}

impl HandleUnknown {
    /// Its bits in the configuration word.
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Deny => 0,
            Self::Reject => config::REJECT_UNKNOWN,
            Self::Allow => config::ALLOW_UNKNOWN,
        }
    }
}

impl TypeKind {
    /// From version 24 on the type's properties: 1 primary, 2 attribute. Before, 1 or 0.
    pub(super) fn properties(self) -> u32 {
        match self {
            Self::Alias => 0,
            Self::Type => 1,
            Self::Attribute => 2,
            Self::PrimaryAttribute => 3,
        }
    }

    /// The kind that has these properties.
    pub(super) fn from_properties(properties: u32) -> Option<Self> {
        let all = [Self::Alias, Self::Type, Self::Attribute, Self::PrimaryAttribute];
        all.into_iter().find(|kind| kind.properties() == properties)
    }
}

impl XpermsKind {
    /// `AVTAB_XPERMS_IOCTLFUNCTION` and so on.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::IoctlFunction => 1,
            Self::IoctlDriver => 2,
            Self::Nlmsg => 3,
        }
    }

    /// The kind of this code.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::IoctlFunction, Self::IoctlDriver, Self::Nlmsg].into_iter().find(|kind| kind.code() == code)
    }
}

impl CondOp {
    /// `COND_BOOL` and so on, and the boolean, 0 for operators.
    pub(super) fn codes(self) -> (u32, u32) {
        match self {
            Self::Bool(value) => (1, value),
            Self::Not => (2, 0),
            Self::Or => (3, 0),
            Self::And => (4, 0),
            Self::Xor => (5, 0),
            Self::Eq => (6, 0),
            Self::Neq => (7, 0),
        }
    }

    /// The step of these codes.
    pub(super) fn from_codes(code: u32, value: u32) -> Option<Self> {
        let operators = [Self::Not, Self::Or, Self::And, Self::Xor, Self::Eq, Self::Neq];
        let mut all = std::iter::once(Self::Bool(value)).chain(operators);
        all.find(|op| op.codes() == (code, value))
    }
}
