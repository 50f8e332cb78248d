//! `hardpan lockdown generate`.

mod checks;
mod inputs;
mod manifest;
mod modules;
mod write;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use hardpan_lockdown::generate::{Generated, generate};
use hardpan_lockdown::profile::Profile;

use self::checks::Checks;
pub(super) use self::inputs::{Gathered, Wanted, gather};
use super::DISAGREES;
use crate::Context;
use crate::context::Interrupted;
use crate::output::print_text;

/// Generate what boots a verified root: configuration, initramfs, kernel command line, tables and sysctls
///
/// Everything follows from a profile in TOML, and from the files that it names or that options give in their place. Paths in a
/// profile are relative to it. What can be checked is checked before anything is written: every image is verified in full
/// against its root hash, signatures by the certificates that the profile names, modules for what they depend on, the policy's
/// fingerprint is computed, and all that is written is read back. What was not checked is said.
///
/// DIR then has boot.conf, initramfs.cpio (hardpan-boot as /init), cmdline, 90-hardpan.conf for sysctl.d, for each slot a
/// dm-table for dmsetup and a command line with dm-mod.create= for a kernel without an initramfs, and manifest.json with the
/// SHA-256 of each. The same inputs give the same bytes; SOURCE_DATE_EPOCH is the time of everything in the initramfs (otherwise
/// 1970). DIR appears in one step, and replaces one that an earlier run wrote.
///
/// Exit codes: 0 written, 1 the inputs do not agree and nothing was written, 2 something could not be read or done.
#[derive(Args)]
#[command(after_help = "\
Examples:
  hardpan verity format root.img root.hash --json > root.json
  hardpan lockdown generate --profile profile.toml --boot hardpan-boot --output boot
  hardpan lockdown generate --profile profile.toml --boot hardpan-boot --output boot \\
    --image a=root.img --hash a=root.hash --root-hash a=$HASH --kernel-modules /lib/modules/$(uname -r)
  hardpan lockdown plan boot/boot.conf")]
pub(crate) struct GenerateArgs {
    /// The profile
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// The directory to write
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// The hardpan-boot program, linked statically [default: beside this program]
    #[arg(long, value_name = "FILE")]
    boot: Option<PathBuf>,
    #[command(flatten)]
    given: GivenArgs,
    /// What the images were made of: a directory or archive. Init, policy and the factory directory are then looked up in it,
    /// since the images' own file systems are not read
    #[arg(long, value_name = "PATH")]
    tree: Option<PathBuf>,
    /// Do not verify images against their root hashes; that is said in the manifest
    #[arg(long)]
    danger_unverified: bool,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
}

/// Files in place of those that the profile names.
#[derive(Args)]
#[command(next_help_heading = "In place of the profile's")]
pub(super) struct GivenArgs {
    /// The image of a slot, in place of the profile's; without SLOT= it is that of the only one. May be repeated
    #[arg(long, value_name = "[SLOT=]FILE")]
    image: Vec<String>,
    /// The file with the hash tree of a slot's image, likewise
    #[arg(long, value_name = "[SLOT=]FILE")]
    hash: Vec<String>,
    /// The root hash of a slot's image, likewise; what else decides the tree is then read from the superblock
    #[arg(long, value_name = "[SLOT=]HEX")]
    root_hash: Vec<String>,
    /// The modules of the kernel that boots: /lib/modules/RELEASE, in place of the profile's
    #[arg(long, value_name = "DIR")]
    kernel_modules: Option<PathBuf>,
    /// The binary SELinux policy, in place of the profile's
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) fn run(args: &GenerateArgs, context: &Context) -> anyhow::Result<u8> {
    write::check_target(&args.output)?;
    let profile = read_profile(&args.profile)?;
    let base = args.profile.parent().unwrap_or(Path::new(""));
    let Gathered { mut inputs, mut checks } = gather(&Wanted {
        profile: &profile,
        base,
        given: &args.given,
        unverified: args.danger_unverified,
        context,
    })?;
    inputs.init = inputs::boot_program(args.boot.as_deref(), &mut checks)?;
    let generated = generate(&profile, &inputs).with_context(|| args.profile.display().to_string())?;
    checks::of_output(&generated, &mut checks)?;
    if let Some(tree) = &args.tree {
        checks::of_tree(
            tree,
            &generated.config,
            &inputs::policies(&profile, base, &args.given),
            &mut checks,
        )?;
    } else {
        checks.skip(
            "init",
            "",
            "init, policy and factory directory were not looked up: file systems of images are not read; --tree names what the image was made of",
        );
    }
    if !context.goes_on() {
        return Err(Interrupted::NO_BOOT.into());
    }
    if checks.has_failed() {
        report_failures(&checks)?;
        return Ok(DISAGREES);
    }
    let manifest = manifest::manifest(&generated, &inputs, &checks);
    let mut files = generated.files.clone();
    files.insert("manifest.json".to_owned(), format!("{manifest:#}\n").into_bytes());
    write::write(&args.output, &files)?;
    let text = if args.json { format!("{manifest:#}\n") } else { summary(args, &files, &generated, &checks) };
    print_text(&text)?;
    Ok(crate::exit::CLEAN)
}

/// Reads a profile; an error names the file, the line and the column.
pub(super) fn read_profile(path: &Path) -> anyhow::Result<Profile> {
    let text = std::fs::read(path).with_context(|| format!("cannot read the profile {}", path.display()))?;
    Profile::parse(&text).map_err(|error| {
        anyhow::anyhow!("{}:{}:{}: {}", path.display(), error.line, error.column, error.reason)
    })
}

fn report_failures(checks: &Checks) -> anyhow::Result<()> {
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "nothing was written: the inputs do not agree")?;
    for check in checks.failures() {
        let text = crate::printable(&check.to_string());
        for line in text.lines() {
            writeln!(stderr, "  {line}")?;
        }
    }
    Ok(())
}

fn summary(
    args: &GenerateArgs,
    files: &std::collections::BTreeMap<String, Vec<u8>>,
    generated: &Generated,
    checks: &Checks,
) -> String {
    let mut lines = vec![format!("Written to {}:", args.output.display())];
    lines.extend(files.iter().map(|(name, bytes)| format!("  {name:<20} {:>10} bytes", bytes.len())));
    lines.push("Proved:".to_owned());
    lines.extend(checks.proved().map(|check| format!("  {check}")));
    let skipped: Vec<String> = checks.skipped().map(|check| format!("  {check}")).collect();
    if !skipped.is_empty() {
        lines.push("Not checked:".to_owned());
        lines.extend(skipped);
    }
    if !generated.notes.is_empty() {
        lines.push("Note:".to_owned());
        lines.extend(generated.notes.iter().map(|note| format!("  {note}")));
    }
    lines.push(String::new());
    crate::printable(&lines.join("\n"))
}
