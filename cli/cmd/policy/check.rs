//! `hardpan policy check`.

use clap::Args;
use serde_json::{Map, json};

use super::compile::compile;
use super::diagnostics::ReportArgs;
use super::language::LanguageArgs;
use crate::Context;

/// Compile CIL and write nothing: tell whether it is right
///
/// Everything that `compile` checks is checked: names, contexts, contradictory rules, neverallow, neverallowx and bounds, all
/// of them and not only the first.
///
/// Exit codes: 0 right, 1 the policy has errors (or what --deny-… asks for), 2 something could not be read.
#[derive(Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    language: LanguageArgs,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: &CheckArgs, context: &Context) -> anyhow::Result<u8> {
    let sources = args.language.sources()?;
    let (compiled, said) = compile(&sources, &args.language.options(), context)?;
    let verdict = args.report.verdict(&said);
    let mut outcome = Map::new();
    outcome.insert("compiled".to_owned(), json!(compiled.is_some()));
    args.report.tell(&said, &sources, outcome, None)?;
    Ok(verdict)
}
