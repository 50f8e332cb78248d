//! The catalogue: one rule is one file, and one page beside it.

mod api;
pub(crate) mod boot;
mod etc;
mod lang;
mod mac;
mod min;
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
    &min::no_shell::RULE,
    &min::no_interpreter::RULE,
    &min::no_package_manager::RULE,
    &min::no_ssh::RULE,
    &min::no_scripts::RULE,
    &min::no_toolchain::RULE,
    &min::no_network_tools::RULE,
    &min::no_package_database::RULE,
    &mac::active::RULE,
    &mac::enforcing::RULE,
    &mac::policy::RULE,
    &mac::not_disabled::RULE,
    &mac::labelled::RULE,
    &mac::kernel_strict::RULE,
    &boot::secure_boot::RULE,
    &boot::signed_efi::RULE,
    &boot::one_kernel::RULE,
    &boot::signed_modules::RULE,
    &boot::menu_locked::RULE,
    &boot::no_backdoors::RULE,
    &boot::receipt::RULE,
    &upd::two_sets::RULE,
    &upd::trust_root::RULE,
    &upd::tuf_root::RULE,
    &upd::no_in_place::RULE,
    &api::no_passwords::RULE,
    &api::no_empty_passwords::RULE,
    &api::no_login_shells::RULE,
    &api::one_root::RULE,
    &api::no_set_id_files::RULE,
    &api::no_file_capabilities::RULE,
    &api::no_consoles::RULE,
    &api::few_services::RULE,
    &api::no_scheduled_jobs::RULE,
    &api::no_privilege_switchers::RULE,
    &api::no_trust_files::RULE,
    &lang::memory_safe_share::RULE,
    &lang::privileged_in_safe_language::RULE,
    &lang::language_known::RULE,
];
