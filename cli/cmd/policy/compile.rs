//! `hardpan policy compile`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use hardpan_selinux_policy::diagnostic::{Diagnostic, Source};
use hardpan_selinux_policy::ir::Ir;
use hardpan_selinux_policy::policydb::write;
use hardpan_selinux_policy::{Compiled, Options};
use serde_json::{Map, json};

use super::diagnostics::{ReportArgs, Said};
use super::language::LanguageArgs;
use crate::Context;
use crate::context::Interrupted;
use crate::output::replace;

/// Compile CIL to the binary policy that the kernel loads, and to file_contexts
///
/// The result is what secilc writes, byte for byte. Both files are written when everything is known to be right, each in one
/// step.
///
/// Exit codes: 0 compiled, 1 the policy has errors (or what --deny-… asks for), 2 something could not be read or written.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan policy compile policy/ -o policy.33 -f file_contexts
  hardpan policy compile base.cil app.cil -c 31 -O --deny-disabled-optionals")]
pub(crate) struct CompileArgs {
    #[command(flatten)]
    language: LanguageArgs,

    /// The binary policy to write [default: policy.VERSION]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The file_contexts to write
    #[arg(long, short, value_name = "FILE", default_value = "file_contexts")]
    file_contexts: PathBuf,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: &CompileArgs, context: &Context) -> anyhow::Result<u8> {
    let sources = args.language.sources()?;
    let options = args.language.options();
    let (compiled, said) = compile(&sources, &options, context)?;
    let verdict = args.report.verdict(&said);
    let Some(compiled) = compiled.filter(|_| verdict == crate::exit::CLEAN) else {
        let mut outcome = Map::new();
        outcome.insert("compiled".to_owned(), json!(false));
        args.report.tell(&said, &sources, outcome, Some("nothing was written"))?;
        return Ok(verdict);
    };
    let default = || PathBuf::from(format!("policy.{}", options.version));
    let output = args.output.clone().unwrap_or_else(default);
    let length = write_both(&compiled, &output, &args.file_contexts)?;
    let mut outcome = Map::new();
    outcome.insert("compiled".to_owned(), json!(true));
    outcome.insert("policy".to_owned(), json!({ "path": output.to_string_lossy(), "bytes": length }));
    let contexts =
        json!({ "path": args.file_contexts.to_string_lossy(), "bytes": compiled.file_contexts.len() });
    outcome.insert("file_contexts".to_owned(), contexts);
    args.report.tell(&said, &sources, outcome, None)?;
    Ok(verdict)
}

/// Compiles; there is no policy where an error was said.
pub(super) fn compile(
    sources: &[Source],
    options: &Options,
    context: &Context,
) -> anyhow::Result<(Option<Compiled>, Said)> {
    let result = context.waiting("compiling", || hardpan_selinux_policy::compile(sources, options));
    if !context.goes_on() {
        return Err(Interrupted::NO_POLICY.into());
    }
    Ok(match result {
        Ok(mut compiled) => {
            let diagnostics = std::mem::take(&mut compiled.warnings);
            let disabled = disabled(&compiled.ir);
            (Some(compiled), Said { diagnostics, disabled })
        }
        Err(failure) => (None, Said { diagnostics: failure.diagnostics, disabled: Vec::new() }),
    })
}

/// A warning for each optional block that is switched off, at what switched it off.
fn disabled(ir: &Ir) -> Vec<Diagnostic> {
    let told = ir.disabled.iter().map(|optional| {
        let (name, missing) = (ir.names.text(optional.name), ir.names.text(optional.missing));
        let message = format!(
            "the optional block `{name}` is switched off: there is no {} `{missing}`",
            optional.wanted
        );
        let told = Diagnostic::warning("disabled-optional", message);
        let told = told.at_origin(&ir.origins, optional.at);
        told.note_origin(&ir.origins, optional.origin, "the block")
    });
    told.collect()
}

/// Writes the policy and its file contexts; the length of the policy.
pub(super) fn write_both(compiled: &Compiled, policy: &Path, contexts: &Path) -> anyhow::Result<usize> {
    let bytes = write(&compiled.policy).context("the policy has no binary form")?;
    replace(policy, &bytes)?;
    replace(contexts, &compiled.file_contexts)?;
    Ok(bytes.len())
}
