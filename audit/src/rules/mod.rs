//! The catalogue: one rule is one file, and one page beside it.

mod api;
mod lang;
mod mac;
mod min;

use hardpan_report::{RuleMeta, Verdict};

use crate::Context;

pub use min::catalogue::{Ban, TOOLS, Tool};

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
