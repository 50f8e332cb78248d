//! Binary policies that secilc and checkpolicy make: they read, and come back to the byte, also after everything that has
//! an order by its hash has been shuffled.

mod corrupt;
mod peers;
mod round_trip;
mod shuffle;
mod versions;
