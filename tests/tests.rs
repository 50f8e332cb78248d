//! End-to-end tests: the `hardpan` command as users run it.

mod verity;
