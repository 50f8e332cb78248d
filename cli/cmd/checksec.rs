//! `hardpan checksec`.

mod diff;
mod inputs;
pub(crate) mod processes;
mod profiles;

use hardpan_checksec::{languages, matrix, verdicts};
use hardpan_report::sink::{self, Draft};
use hardpan_report::{Pillar, Subject};

use crate::args::{ChecksecArgs, ChecksecCommand};
use crate::context::Context;
use crate::{config, output};
use inputs::Inputs;

pub(crate) fn run(args: &ChecksecArgs, context: &Context) -> anyhow::Result<u8> {
    match &args.command {
        Some(ChecksecCommand::Diff(args)) => return diff::run(args, context),
        Some(ChecksecCommand::Profiles(args)) => return crate::unless_closed(profiles::run(args)),
        None => {}
    }
    output::check(&args.output)?;
    let (policy, _) = config::policy(&args.gate)?;
    let report = match processes::report(&args.processes, &policy, context)? {
        Some(report) => report,
        None => sink::judge(draft(Inputs::read(args, context)?), &policy),
    };
    output::write(&report, &args.output, context)?;
    Ok(report.gate.exit_code)
}

fn draft<'m>(inputs: Inputs) -> Draft<'m> {
    let Inputs { kind, path, scan, coverage } = inputs;
    Draft {
        command: "checksec",
        subject: Subject { kind, path, live: false, os: None },
        coverage,
        verdicts: verdicts(&scan),
        pillars: vec![Pillar::HardenedExecutables],
        matrix: Some(matrix(&scan)),
        languages: languages(&scan),
    }
}
