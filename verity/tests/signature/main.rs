//! Signatures, against openssl and fsverity, in both directions. Keys and certificates are openssl's and made anew.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "tests, some of which are skipped aloud")]

mod fsverity;
mod keys;
mod matrix;
mod openssl;
mod path;
mod shape;
mod tamper;
mod tree;
