//! The findings of an earlier report, so that a gate can fail on what is new only.
