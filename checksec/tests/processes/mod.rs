//! Running processes: real ones that the tests start, and made-up ones for what no kernel shows on demand.

mod files;
mod made_up;
mod memory;
mod registry;
pub(crate) mod running;
