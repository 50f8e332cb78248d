//! `hardpan checksec diff`.

use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_report::diff::{self, Diff, Side};
use hardpan_report::escape;
use hardpan_report::policy::Policy;
use hardpan_report::render::TerminalStyle;
use hardpan_report::sink;

use super::collect::Collected;
use super::inputs;
use crate::args::{DiffArgs, DiffFormat};
use crate::context::Context;
use crate::replace::real_path;
use crate::{config, output};

pub(super) fn run(args: &DiffArgs, context: &Context) -> anyhow::Result<u8> {
    let targets = targets(&args.output)?;
    let (policy, _) = config::without_baseline(&args.policy)?;
    let read = |path| side(path, args.image.as_deref(), &policy, context).with_context(|| shown(path));
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let diff = Diff::between(&old, &new, policy.fail_on);
    for (path, format) in targets {
        context.check()?;
        let mut bytes = Vec::new();
        write(&diff, format, &TerminalStyle::FILE, &mut bytes)?;
        output::replace(path, &bytes)?;
    }
    context.check()?;
    match print(&diff, args) {
        // Whoever reads only the first lines wants the verdict all the same.
        Err(error) if crate::is_broken_pipe(&error) => {}
        printed => printed?,
    }
    Ok(diff.gate.exit_code)
}

fn shown(path: &Path) -> String {
    format!("cannot compare {}", path.display())
}

/// The files to write, each with its format. Asked before the work is done.
fn targets(paths: &[PathBuf]) -> anyhow::Result<Vec<(&Path, DiffFormat)>> {
    let mut targets = Vec::new();
    let mut seen = Vec::new();
    for path in paths {
        let ending = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        let format = match ending.as_deref().and_then(std::ffi::OsStr::to_str) {
            Some("json") => DiffFormat::Json,
            Some("md" | "markdown") => DiffFormat::Markdown,
            Some("txt") => DiffFormat::Text,
            _ => bail!("{} has an ending that tells no format; use .json, .md or .txt", path.display()),
        };
        // A directory that is not there is for the writing to report.
        let place = real_path(path).unwrap_or_else(|_| path.clone());
        if seen.contains(&place) {
            bail!("two comparisons are to be written to {}", path.display());
        }
        seen.push(place);
        targets.push((path.as_path(), format));
    }
    Ok(targets)
}

/// One side: a report as it is, or anything else judged now.
fn side(path: &Path, image: Option<&str>, policy: &Policy, context: &Context) -> anyhow::Result<Side> {
    if is_report(path)? {
        let mut side = Side::parse(&std::fs::read(path)?)?;
        if let Some(root) = side.recorded_root() {
            side.rooted_at(&root);
        }
        return Ok(side);
    }
    let mut collected = Collected::silent(context);
    inputs::one(path, image, &mut collected)?;
    let report = sink::judge(collected.finish().0, policy);
    let mut side = Side::of(&report)?;
    if side.kind == "files" {
        side.rooted_at(&escape(path.canonicalize()?.as_os_str().as_bytes()));
    }
    Ok(side)
}

/// Whether a file is JSON, by its first character: neither an ELF file nor an archive begins with a brace.
fn is_report(path: &Path) -> anyhow::Result<bool> {
    if path == Path::new("-") || !path.metadata()?.is_file() {
        return Ok(false);
    }
    let mut head = [0; 64];
    let length = io::Read::read(&mut std::fs::File::open(path)?, &mut head)?;
    Ok(head[..length].trim_ascii_start().starts_with(b"{"))
}

fn print(diff: &Diff, args: &DiffArgs) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let style =
        TerminalStyle { color: output::color(args.color), width: output::width(), ..TerminalStyle::FILE };
    write(diff, args.format, &style, &mut out)?;
    Ok(out.flush()?)
}

fn write(
    diff: &Diff,
    format: DiffFormat,
    style: &TerminalStyle,
    out: &mut dyn io::Write,
) -> anyhow::Result<()> {
    match format {
        DiffFormat::Text => diff::text(diff, style, out)?,
        DiffFormat::Markdown => diff::markdown(diff, out)?,
        DiffFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, diff)?;
            writeln!(out)?;
        }
    }
    Ok(())
}
