//! `hardpan`: the command line over the libraries.
//!
//! Only this crate prints, and only it decides exit codes.

mod args;
mod cmd;
mod config;
mod context;
mod lines;
mod output;
mod replace;

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
pub(crate) use crate::context::Context;
use crate::context::Interrupted;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let called = words.next();
    if let Some(front) = called.as_ref().and_then(|program| front(Path::new(program).file_name()?)) {
        return match Context::new(false) {
            Ok(context) => ExitCode::from(front(words.collect(), &context)),
            Err(error) => fail(&error),
        };
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version come this way too, and are no errors. A closed pipe is nobody's fault.
            let plain = error.render().to_string();
            let _ = match printable(&plain) {
                text if text == plain => error.print(),
                text => write!(std::io::stderr(), "{text}"),
            };
            return ExitCode::from(if error.use_stderr() { exit::UNUSABLE } else { exit::CLEAN });
        }
    };
    let context = match Context::new(args.quiet) {
        Ok(context) => context,
        Err(error) => return fail(&error),
    };
    match run(args.command, &context) {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.is::<Interrupted>() => {
            fail(&error);
            ExitCode::from(exit::INTERRUPTED)
        }
        Err(error) => fail(&error),
    }
}

/// What stands in for the program of this name.
fn front(name: &OsStr) -> Option<fn(Vec<OsString>, &Context) -> u8> {
    match name.to_str()? {
        "secilc" => Some(cmd::policy::secilc::front),
        "veritysetup" => Some(cmd::verity::veritysetup::front),
        _ => None,
    }
}

fn run(command: Command, context: &Context) -> anyhow::Result<u8> {
    match command {
        Command::Audit(args) => cmd::audit::run(&args, context),
        Command::Checksec(args) => cmd::checksec::run(&args, context),
        Command::Lockdown(command) => cmd::lockdown::run(command, context),
        Command::Rules(args) => unless_closed(cmd::rules::list(&args)),
        Command::Explain(args) => unless_closed(cmd::rules::explain(&args)),
        Command::Init(args) => cmd::init::run(&args),
        Command::Schema(args) => unless_closed(cmd::schema::run(&args)),
        Command::Policy(command) => cmd::policy::run(command, context),
        Command::Secilc(args) => Ok(cmd::policy::secilc::run(args, context)),
        Command::Verity(command) => cmd::verity::run(command, context),
        Command::Veritysetup(args) => Ok(cmd::verity::veritysetup::run(args, context)),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Not `eprintln!`: it panics when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {}", printable(&format!("{error:#}")));
    ExitCode::from(exit::UNUSABLE)
}

/// An error with control characters as `\xNN`: it may name a file whose name drives a terminal. Its lines stay lines, and
/// backslashes stay single, since it may also show a line of the policy, under which a caret points.
pub(crate) fn printable(error: &str) -> String {
    let show = |character: char| match character {
        '\n' => "\n".to_owned(),
        '\\' => "\\".to_owned(),
        other => hardpan_report::escape_str(other.encode_utf8(&mut [0; 4])),
    };
    error.chars().map(show).collect()
}

/// `hardpan rules | head` is no error. Commands that judge keep their verdict instead.
pub(crate) fn unless_closed(result: anyhow::Result<u8>) -> anyhow::Result<u8> {
    match result {
        Err(error) if is_broken_pipe(&error) => Ok(exit::CLEAN),
        result => result,
    }
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        let plain = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        // It keeps its cause to itself.
        plain.or_else(|| cause.downcast_ref::<serde_json::Error>()?.io_error_kind())
    };
    error.chain().any(|cause| kind(cause) == Some(std::io::ErrorKind::BrokenPipe))
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
