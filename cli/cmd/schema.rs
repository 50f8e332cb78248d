//! `hardpan schema`.

use std::io::Write as _;

use crate::exit;

pub(crate) fn run() -> anyhow::Result<u8> {
    std::io::stdout().lock().write_all(hardpan_report::render::SCHEMA.as_bytes())?;
    Ok(exit::CLEAN)
}
