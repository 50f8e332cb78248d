//! The report for programs.

use std::io::{self, BufWriter, Write};

use crate::Report;

/// The JSON Schema (draft 2020-12) of what [`json`] writes.
pub const SCHEMA: &str = include_str!("../../../docs/report.schema.json");

/// Writes the whole report, indented, with a newline at its end. The same report gives the same bytes.
pub fn json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    // It comes in pieces of a few bytes, for each of which `out` would be asked.
    let mut buffer = BufWriter::with_capacity(BUFFER, out);
    serde_json::to_writer_pretty(&mut buffer, report)?;
    buffer.write_all(b"\n")?;
    buffer.flush()
}

/// What a pipe holds.
const BUFFER: usize = 64 << 10;
