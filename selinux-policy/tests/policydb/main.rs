//! Binary policies that secilc and checkpolicy make: they read, and come back to the byte, also after everything that has
//! an order by its hash has been shuffled.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod corrupt;
mod fingerprint;
mod optimize;
mod peers;
mod round_trip;
mod shuffle;
mod versions;
