//! The hash tree: where its blocks lie, how they are hashed, building and verifying it.

mod authenticate;
mod blocks;
pub(crate) mod build;
mod holes;
pub(crate) mod layout;
mod pool;
mod slack;
mod spans;
pub(crate) mod verify;
