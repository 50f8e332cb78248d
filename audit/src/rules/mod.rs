//! The catalogue: one rule is one file, and one page beside it.

mod api;
mod boot;
mod etc;
mod root;
mod upd;

use hardpan_report::{RuleMeta, Verdict};

use crate::Context;

/// A rule over the facts of a whole tree.
///
/// A struct with a function pointer does what a trait with two methods would, and spares each rule the boilerplate.
pub struct AuditRule {
    /// What is known of it beforehand.
    pub meta: RuleMeta,
    /// Judges.
    pub check: fn(&Context<'_>) -> Verdict,
}

/// Every rule, ordered by pillar and id.
pub static RULES: &[&AuditRule] = &[
    &root::read_only::RULE,
    &root::verified::RULE,
    &root::corruption_action::RULE,
    &root::strong_hash::RULE,
    &root::world_writable::RULE,
    &root::system_owned::RULE,
    &root::no_device_nodes::RULE,
    &etc::volatile::RULE,
    &etc::mount_options::RULE,
    &etc::no_private_keys::RULE,
    &etc::machine_id::RULE,
    &etc::factory::RULE,
    &etc::no_credentials::RULE,
    &boot::secure_boot::RULE,
    &boot::signed_efi::RULE,
    &boot::one_kernel::RULE,
    &boot::signed_modules::RULE,
    &boot::menu_locked::RULE,
    &boot::no_backdoors::RULE,
    &upd::two_sets::RULE,
    &upd::trust_root::RULE,
    &upd::tuf_root::RULE,
    &upd::no_in_place::RULE,
    &api::one_root::RULE,
];
