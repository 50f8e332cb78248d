//! The hash tree: where its blocks lie, how they are hashed, building and verifying it.

mod authenticate;
mod blocks;
pub(crate) mod build;
pub(crate) mod layout;
mod pool;
mod slack;
mod spans;
pub(crate) mod stored;
pub(crate) mod verify;
