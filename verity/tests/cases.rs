//! The hard cases of trees in memory, plans, and images in which every bit counts.

#![expect(clippy::cast_possible_truncation, clippy::unwrap_used, reason = "tests; offsets in memory fit")]

mod common;
#[path = "cases/hard.rs"]
mod hard;
#[path = "common/image.rs"]
mod image;
#[path = "cases/mutation.rs"]
mod mutation;
#[path = "cases/owner.rs"]
mod owner;
#[path = "cases/plan.rs"]
mod plan;
