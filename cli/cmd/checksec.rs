//! `hardpan checksec`.

mod collect;
mod diff;
mod inputs;
mod profiles;

use hardpan_report::sink;

use crate::args::{ChecksecArgs, ChecksecCommand};
use crate::context::Context;
use crate::{config, output};
use collect::Collected;

pub(crate) fn run(args: &ChecksecArgs, context: &Context) -> anyhow::Result<u8> {
    match &args.command {
        Some(ChecksecCommand::Diff(args)) => return diff::run(args, context),
        Some(ChecksecCommand::Profiles(args)) => return crate::unless_closed(profiles::run(args)),
        None => {}
    }
    output::check(&args.output)?;
    let (policy, _) = config::policy(&args.gate)?;
    let mut collected = Collected::new(&args.output, context)?;
    inputs::read(args, &mut collected)?;
    let (draft, lines) = collected.finish();
    let report = sink::judge(draft, &policy);
    if let Some(lines) = lines {
        lines.end(&report)?;
    }
    output::write(&report, &args.output, context)?;
    Ok(report.gate.exit_code)
}
