//! The tests of the crate, in one binary so that they share their helpers.

mod matrix;
mod readelf;
mod support;
