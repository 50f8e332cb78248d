//! Pillar 3: no shell, interpreter, package manager or SSH.

pub(super) mod no_interpreter;
pub(super) mod no_network_tools;
pub(super) mod no_package_database;
pub(super) mod no_package_manager;
pub(super) mod no_scripts;
pub(super) mod no_shell;
pub(super) mod no_ssh;
pub(super) mod no_toolchain;
