//! What a compilation is asked for.

use crate::ir::HandleUnknown;
use crate::policydb::{Compat, Target};

/// What a compilation is asked for. The default is what `secilc` without options does, but for the release that it is
/// compatible with.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent options of a command line")]
pub struct Options {
    /// The version of the binary format, one of those that can be written.
    pub version: u32,
    /// Who enforces the policy.
    pub target: Target,
    /// Which release of secilc the result is the same as.
    pub compat: Compat,
    /// Whether contexts have levels (`-M`), whatever the policy says.
    pub mls: Option<bool>,
    /// What happens to what the policy does not define (`-U`), whatever the policy says.
    pub handle_unknown: Option<HandleUnknown>,
    /// Leaves out `dontaudit` and `dontauditx` (`-D`).
    pub disable_dontaudit: bool,
    /// Leaves `neverallow`, `neverallowx` and bounds unchecked (`-N`).
    pub disable_neverallow: bool,
    /// Makes booleans of tunables (`-P`).
    pub preserve_tunables: bool,
    /// Takes a repeated declaration of types, attributes and so on as one (`-m`).
    pub multiple_declarations: bool,
    /// Takes names with dots, and no blocks (`-Q`).
    pub qualified_names: bool,
    /// Replaces the attributes that other tools generate by what they hold (`-G`).
    pub expand_generated: bool,
    /// Replaces attributes that hold fewer types by those (`-X`).
    pub expand_size: u32,
    /// Leaves out rules that others make superfluous (`-O`).
    pub optimize: bool,
    /// Numbers types, roles, users and booleans by their names, so that the order of the sources decides nothing. The result
    /// is not that of secilc.
    pub canonical: bool,
}

/// Attributes with fewer types than this are replaced by them unless told otherwise: those that are empty.
pub const DEFAULT_EXPAND_SIZE: u32 = 1;
/// The version of the binary format unless told otherwise.
pub const DEFAULT_VERSION: u32 = 33;

impl Default for Options {
    fn default() -> Self {
        Self {
            version: DEFAULT_VERSION,
            target: Target::Selinux,
            compat: Compat::default(),
            mls: None,
            handle_unknown: None,
            disable_dontaudit: false,
            disable_neverallow: false,
            preserve_tunables: false,
            multiple_declarations: false,
            qualified_names: false,
            expand_generated: false,
            expand_size: DEFAULT_EXPAND_SIZE,
            optimize: false,
            canonical: false,
        }
    }
}
