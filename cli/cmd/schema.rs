//! `hardpan schema`.

use std::io::Write as _;

use hardpan_report::render::{LINES_SCHEMA, SCHEMA};

use crate::args::{SchemaArgs, SchemaOf};
use crate::exit;

pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<u8> {
    let schema = match args.of {
        SchemaOf::Json => SCHEMA,
        SchemaOf::Jsonl => LINES_SCHEMA,
    };
    std::io::stdout().lock().write_all(schema.as_bytes())?;
    Ok(exit::CLEAN)
}
