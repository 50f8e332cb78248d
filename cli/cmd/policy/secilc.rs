//! `hardpan secilc`, and `hardpan` called by the name secilc: its options, its output files, its exit codes.
//!
//! Two things are not imitated. secilc says that it does not know an option and goes on without it, so that a misspelt
//! option is lost; here that is an error. And of two output files it may leave one that was not finished; here each is
//! written in one step, when the policy is known to be right.

mod args;

use std::ffi::OsString;
use std::io::{self, Write as _};

use hardpan_selinux_policy::diagnostic::{Diagnostic, Source, render};

use self::args::{Asked, Refused};
use super::compile::{compile, write_both};
use super::sources;
use crate::Context;
use crate::context::Interrupted;

/// The words after `secilc`.
#[derive(clap::Args)]
pub(crate) struct FrontArgs {
    /// What secilc takes: see `hardpan secilc --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Runs `hardpan secilc`.
pub(crate) fn run(args: FrontArgs, context: &Context) -> u8 {
    front(args.words, context)
}

/// Compiles what the words ask for and returns secilc's exit code.
pub(crate) fn front(words: Vec<OsString>, context: &Context) -> u8 {
    let asked = match args::parse(words) {
        Ok(asked) => asked,
        Err(Refused::Shown(text)) => {
            let mut stdout = io::stdout().lock();
            let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
            return USAGE;
        }
        Err(Refused::Usage(message)) => {
            say(&message);
            say("Try 'secilc --help' for the options.");
            return USAGE;
        }
    };
    match act(&asked, context) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("{error:#}"));
            if error.is::<Interrupted>() { crate::exit::INTERRUPTED } else { FAILED }
        }
    }
}

fn act(asked: &Asked, context: &Context) -> anyhow::Result<u8> {
    let sources = sources::read_files(&asked.files)?;
    let (compiled, said) = compile(&sources, &asked.options, context)?;
    match &compiled {
        // Like secilc's, warnings are told on request, and what is switched off on a second one.
        Some(_) => {
            show(said.diagnostics.iter().filter(|_| asked.verbosity > 0), &sources);
            show(said.disabled.iter().filter(|_| asked.verbosity > 1), &sources);
        }
        None => show(said.diagnostics.iter(), &sources),
    }
    let Some(compiled) = compiled else { return Ok(FAILED) };
    write_both(&compiled, &asked.policy, &asked.file_contexts)?;
    Ok(0)
}

fn show<'a>(diagnostics: impl Iterator<Item = &'a Diagnostic>, sources: &[Source]) {
    let mut stderr = io::BufWriter::new(io::stderr().lock());
    for diagnostic in diagnostics {
        // Nobody is left to be told if standard error is closed.
        let _ = write!(stderr, "{}", render(diagnostic, sources));
    }
}

/// A line on standard error, whose control characters cannot drive a terminal.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{}", crate::printable(line));
}

/// What secilc ends with after it has shown its usage, asked for or not.
const USAGE: u8 = 1;
/// What it ends with when there is no policy: -1.
const FAILED: u8 = 255;
