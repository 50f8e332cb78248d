//! The tests of the crate, in one binary so that they share their helpers.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod adversarial;
mod features;
mod flags;
mod goblin;
mod matrix;
mod nested;
mod notes;
mod processes;
mod readelf;
mod readelf_notes;
mod registry;
mod samples;
mod scan;
mod specials;
mod support;
mod tiny;
mod truth;
