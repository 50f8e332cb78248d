//! `hardpan policy info`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use hardpan_selinux_policy::info::{Info, info};
use hardpan_selinux_policy::policydb::{HandleUnknown, Target};
use serde_json::{Map, Value, json};

use super::binary;
use crate::output::print_text;

/// Show what a binary policy holds, in numbers
///
/// Things are counted as seinfo counts them. The file is held to what the kernel demands of a policy, and more strictly.
///
/// Exit codes: 0 shown, 2 it cannot be read or is no policy.
#[derive(Args)]
pub(crate) struct InfoArgs {
    /// A binary policy; /sys/fs/selinux/policy is the one that the kernel enforces
    file: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &InfoArgs) -> anyhow::Result<u8> {
    let info = info(&binary::policy(&args.file)?);
    let text = if args.json { format!("{:#}\n", as_json(&info)) } else { as_text(&info) };
    print_text(&text)?;
    Ok(crate::exit::CLEAN)
}

fn as_text(info: &Info) -> String {
    let mut lines = vec![
        ("Version", info.version.to_string()),
        ("Target", target(info).to_owned()),
        ("Levels", if info.mls { "yes" } else { "no" }.to_owned()),
        ("Handle unknown", handle_unknown(info).to_owned()),
    ];
    lines.extend(info.counts.iter().map(|count| (count.label, count.count.to_string())));
    let mut text = String::new();
    for (label, value) in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<17}{value:>8}", format!("{label}:"));
    }
    text
}

fn as_json(info: &Info) -> Value {
    let counts: Map<String, Value> =
        info.counts.iter().map(|count| (count.name.to_owned(), json!(count.count))).collect();
    json!({
        "version": info.version,
        "target": target(info),
        "mls": info.mls,
        "handle_unknown": handle_unknown(info),
        "counts": counts,
    })
}

fn target(info: &Info) -> &'static str {
    match info.target {
        Target::Selinux => "selinux",
        Target::Xen => "xen",
    }
}

fn handle_unknown(info: &Info) -> &'static str {
    match info.handle_unknown {
        HandleUnknown::Deny => "deny",
        HandleUnknown::Reject => "reject",
        HandleUnknown::Allow => "allow",
    }
}
