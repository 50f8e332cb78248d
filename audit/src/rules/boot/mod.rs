//! Pillar 7: each stage of the boot is checked by the one before.

pub(super) mod menu_locked;
pub(super) mod no_backdoors;
pub(super) mod one_kernel;
pub(super) mod receipt;
pub(super) mod secure_boot;
pub(super) mod signed_efi;
pub(super) mod signed_modules;
