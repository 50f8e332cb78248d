//! Views of a [`crate::Report`]; nothing here judges.
