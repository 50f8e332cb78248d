//! Rules: access vectors, extended permissions and types, with a condition or without.

/// A rule. Two rules with equal keys and equal `specified` are one, except in conditionals and for extended permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvEntry {
    /// A type or attribute.
    pub source: u16,
    /// A type or attribute.
    pub target: u16,
    /// A class.
    pub class: u16,
    /// What kind of rule it is: one of [`specified`], in the lists of conditionals that are in force together with
    /// [`specified::ENABLED`].
    pub specified: u16,
    /// What the rule says.
    pub datum: Datum,
}

impl AvEntry {
    /// What kind of rule it is, without [`specified::ENABLED`].
    pub fn kind(&self) -> u16 {
        self.specified & !specified::ENABLED
    }
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datum {
    /// The permissions of an allow or auditallow rule, and the permissions *still audited* of a dontaudit rule.
    Perms(u32),
    /// The type of a type rule.
    Type(u32),
    /// Extended permissions.
    Xperms(Box<Xperms>),
}

/// Extended permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xperms {
    /// What the bits are.
    pub kind: XpermsKind,
    /// The driver (high byte) of all, where the kind has one; 0 for [`XpermsKind::IoctlDriver`].
    pub driver: u8,
    /// 256 bits: bit `n % 32` of word `n / 32` is function or driver `n`.
    pub bits: [u32; 8],
}

/// What the bits of extended permissions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum XpermsKind {
    /// Functions of an ioctl driver.
    IoctlFunction,
    /// Whole ioctl drivers.
    IoctlDriver,
    /// Types of netlink messages, the driver being their high byte.
    Nlmsg,
}

/// Kinds of rules (`AVTAB_ALLOWED` and so on).
#[expect(missing_docs, reason = "they are the statements of these names")]
pub mod specified {
    pub const ALLOW: u16 = 0x0001;
    pub const AUDITALLOW: u16 = 0x0002;
    pub const DONTAUDIT: u16 = 0x0004;
    pub const TYPE_TRANSITION: u16 = 0x0010;
    pub const TYPE_MEMBER: u16 = 0x0020;
    pub const TYPE_CHANGE: u16 = 0x0040;
    pub const ALLOWX: u16 = 0x0100;
    pub const AUDITALLOWX: u16 = 0x0200;
    pub const DONTAUDITX: u16 = 0x0400;
    /// Any of the first three.
    pub const AV: u16 = ALLOW | AUDITALLOW | DONTAUDIT;
    /// Any that gives a type.
    pub const TYPE: u16 = TYPE_TRANSITION | TYPE_MEMBER | TYPE_CHANGE;
    /// Any of extended permissions.
    pub const XPERMS: u16 = ALLOWX | AUDITALLOWX | DONTAUDITX;
    /// The rule is of a conditional's branch that is in force.
    pub const ENABLED: u16 = 0x8000;
}

/// Rules that depend on booleans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditional {
    /// Whether the expression holds with the defaults of the booleans.
    pub state: bool,
    /// The condition, in postfix order.
    pub expression: Vec<CondOp>,
    /// In force where it holds.
    pub then: Vec<AvEntry>,
    /// In force where it does not.
    pub otherwise: Vec<AvEntry>,
}

/// A step of a conditional's expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are the operators of these names")]
pub enum CondOp {
    /// The value of a boolean.
    Bool(u32),
    Not,
    Or,
    And,
    Xor,
    Eq,
    Neq,
}
