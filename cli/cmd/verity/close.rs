//! `hardpan verity close`.

use clap::Args;
use hardpan_lockdown::mapping::{Patience, cancel_deferred, close};
use hardpan_sys::dm::{Control, DevMapper, Name, Removal, Removed};
use serde_json::json;

use super::output::print_json;
use anyhow::Context as _;

/// Remove a verity mapping
///
/// Devices of other kinds are not touched. Loop devices that were made for regular files go with the mapping.
///
/// Exit codes: 0 removed, or to be removed when it is closed; 2 the work could not be done.
#[derive(Args)]
pub(crate) struct CloseArgs {
    /// The name of the mapping below /dev/mapper
    name: Name,
    /// Remove a mapping that is in use when it is closed: unmounted, say
    #[arg(long, conflicts_with = "cancel_deferred")]
    deferred: bool,
    /// Take back that a mapping is to be removed when it is closed
    #[arg(long)]
    cancel_deferred: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CloseArgs) -> anyhow::Result<u8> {
    let mut kernel = Control::open()?;
    let name = args.name.as_str();
    if args.cancel_deferred {
        cancel_deferred(&mut kernel, &args.name).with_context(|| format!("cannot keep {name}"))?;
        if args.json {
            print_json(&json!({ "name": name, "closed": false, "deferred": false }))?;
        }
        return Ok(0);
    }
    let removal = if args.deferred { Removal::Deferred } else { Removal::Now };
    let removed = close(&mut kernel, &DevMapper::default(), &args.name, removal, Patience::DEFAULT);
    let removed = removed.with_context(|| format!("cannot close {name}"))?;
    if args.json {
        let gone = removed == Removed::Gone;
        print_json(&json!({ "name": name, "closed": gone, "deferred": !gone }))?;
    }
    Ok(0)
}
