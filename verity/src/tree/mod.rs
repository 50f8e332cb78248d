//! The hash tree: where its blocks lie, how they are hashed, building and verifying it.

pub(crate) mod authenticate;
pub(crate) mod blocks;
pub(crate) mod build;
mod holes;
pub(crate) mod layout;
pub(crate) mod pool;
pub(crate) mod slack;
mod spans;
pub(crate) mod stored;
pub(crate) mod verify;
