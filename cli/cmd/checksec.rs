//! `hardpan checksec`.

mod collect;
mod diff;
mod inputs;
pub(crate) mod processes;
mod profiles;

use hardpan_report::Report;
use hardpan_report::sink::{self, Policy};

use crate::args::{ChecksecArgs, ChecksecCommand};
use crate::context::Context;
use crate::lines::LineWriter;
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
    let report = match processes::report(&args.processes, &policy, context)? {
        Some(report) => {
            if let Some(lines) = LineWriter::of(&args.output)? {
                lines.whole(&report)?;
            }
            report
        }
        None => of_files(args, &policy, context)?,
    };
    output::write(&report, &args.output, context)?;
    Ok(report.gate.exit_code)
}

fn of_files(args: &ChecksecArgs, policy: &Policy, context: &Context) -> anyhow::Result<Report> {
    let mut collected = Collected::new(&args.output, context)?;
    inputs::read(args, &mut collected)?;
    if !args.allow_empty {
        collected.refuse_empty()?;
    }
    let (draft, lines) = collected.finish();
    let report = sink::judge(draft, policy);
    if let Some(lines) = lines {
        lines.end(&report)?;
    }
    Ok(report)
}
