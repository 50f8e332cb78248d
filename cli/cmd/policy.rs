//! `hardpan policy`: SELinux policies, from their source text to what the kernel loads.

mod binary;
mod check;
mod compile;
mod diagnostics;
pub(crate) mod fingerprint;
mod info;
mod language;
mod sarif;
pub(crate) mod secilc;
mod sources;

use clap::Subcommand;

use crate::Context;

/// What to do with a policy.
#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    Compile(Box<compile::CompileArgs>),
    Check(Box<check::CheckArgs>),
    Info(info::InfoArgs),
    Fingerprint(fingerprint::FingerprintArgs),
}

/// The exit code for a policy with errors.
const FAULTY: u8 = 1;

/// Runs the command and returns the exit code.
pub(crate) fn run(command: PolicyCommand, context: &Context) -> anyhow::Result<u8> {
    match command {
        PolicyCommand::Compile(args) => compile::run(&args, context),
        PolicyCommand::Check(args) => check::run(&args, context),
        PolicyCommand::Info(args) => info::run(&args),
        PolicyCommand::Fingerprint(args) => fingerprint::run(&args),
    }
}
