//! `hardpan init`.

use anyhow::bail;

use crate::args::InitArgs;
use crate::{config, exit, output};

pub(crate) fn run(args: &InitArgs) -> anyhow::Result<u8> {
    if args.path.exists() && !args.force {
        bail!("{} is there already; --force replaces it", args.path.display());
    }
    output::replace(&args.path, config::TEMPLATE.as_bytes())?;
    Ok(exit::CLEAN)
}
