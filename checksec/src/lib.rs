//! ELF hardening: facts of each file, parsed once, and rules that judge them.
//!
//! [`scan`] reads every ELF file of an index and applies [`rules::RULES`]; [`verdicts`], [`matrix`] and [`languages`] are
//! views of what it found. A rule is a pure function of [`ElfFacts`]. [`process`] does the same for running processes and what
//! is mapped into them.

mod environment;
mod error;
pub mod facts;
mod matrix;
mod merge;
mod nested;
mod order;
pub mod process;
pub mod profiles;
mod reader;
pub mod rules;
mod scan;
mod summary;
mod verdict;

pub use environment::{HostEnvironment, IndexEnvironment};
pub use error::ElfError;
pub use facts::{ElfFacts, Kind, machine_names};
pub use matrix::{columns, languages, matrix, row};
pub use nested::is_compressed_module;
pub use reader::{ByteOrder, Class};
pub use rules::ElfRule;
pub use scan::{Elf, Scan, ScanOptions, Sniff, Unreadable, cause_of, judge_file, scan, scan_in_order};
pub use summary::Summary;
pub use verdict::verdicts;
