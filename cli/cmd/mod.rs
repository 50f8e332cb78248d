//! One file for each command.

pub(crate) mod audit;
pub(crate) mod checksec;
pub(crate) mod init;
pub(crate) mod rules;
pub(crate) mod schema;
