//! `hardpan`: the command line over the libraries.
//!
//! Only this crate prints, and only it decides exit codes.

mod args;
mod cmd;
mod config;
mod context;
mod output;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
pub(crate) use crate::context::Context;
use crate::context::Interrupted;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version come this way too, and are no errors. A closed pipe is nobody's fault.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::UNUSABLE } else { exit::CLEAN });
        }
    };
    let context = match Context::new(args.quiet) {
        Ok(context) => context,
        Err(error) => return fail(&error),
    };
    match run(args.command, &context) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is::<Interrupted>() => ExitCode::from(exit::INTERRUPTED),
        Err(error) => fail(&error),
    }
}

fn run(command: Command, context: &Context) -> anyhow::Result<u8> {
    match command {
        Command::Audit(args) => cmd::audit::run(&args, context),
        Command::Checksec(args) => cmd::checksec::run(&args, context),
        Command::Rules(args) => unless_closed(cmd::rules::list(&args)),
        Command::Explain(args) => unless_closed(cmd::rules::explain(&args)),
        Command::Init(args) => cmd::init::run(&args),
        Command::Schema => unless_closed(cmd::schema::run()),
        Command::Verity(command) => cmd::verity::run(command, context),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Not `eprintln!`: it panics when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    ExitCode::from(exit::UNUSABLE)
}

/// `hardpan rules | head` is no error. Commands that judge keep their verdict instead.
fn unless_closed(result: anyhow::Result<u8>) -> anyhow::Result<u8> {
    match result {
        Err(error) if is_broken_pipe(&error) => Ok(exit::CLEAN),
        result => result,
    }
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Exit codes. 2 wins over 1: what could not be judged is worse than what failed.
pub(crate) mod exit {
    /// Nothing at or over the threshold.
    pub(crate) const CLEAN: u8 = 0;
    /// The tool could not do its work.
    pub(crate) const UNUSABLE: u8 = 2;
    /// 128 + SIGINT, as shells have it.
    pub(crate) const INTERRUPTED: u8 = 130;
}
