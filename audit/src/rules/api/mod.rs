//! Pillar 9: configuration through an API only.

pub(super) mod few_services;
pub(super) mod no_consoles;
pub(super) mod no_empty_passwords;
pub(super) mod no_file_capabilities;
pub(super) mod no_login_shells;
pub(super) mod no_passwords;
pub(super) mod no_privilege_switchers;
pub(super) mod no_scheduled_jobs;
pub(super) mod no_set_id_files;
pub(super) mod no_trust_files;
pub(super) mod one_root;
