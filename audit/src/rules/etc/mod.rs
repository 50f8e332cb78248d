//! Pillar 2: `/etc` is made anew at each boot.

pub(super) mod factory;
mod key;
pub(super) mod machine_id;
mod mount;
pub(super) mod mount_options;
pub(super) mod no_credentials;
pub(super) mod no_private_keys;
pub(super) mod volatile;
