//! The report for programs.

use std::io::{self, Write};

use crate::Report;

/// The JSON Schema (draft 2020-12) of what [`json`] writes.
pub const SCHEMA: &str = include_str!("../../../docs/report.schema.json");

/// Writes the whole report, indented, with a newline at its end. The same report gives the same bytes.
pub fn json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}
