//! Where the description comes from, and what it says.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_verity::Uuid;
use hardpan_verity::compare::Description;
use hardpan_verity::dps::SignaturePartition;
use hardpan_verity::table::systemd::{SystemdOptions, Veritytab};
use hardpan_verity::table::{CreatedTarget, ErrorMode, Options, TableLine};

use super::super::cmdline::CmdlineDevices;
use super::super::input::{MAX_FILE, MAX_TEXT, read_bytes, read_text};

/// The description.
#[derive(Args)]
#[group(id = "description", required = true, multiple = true)]
#[command(next_help_heading = "Description")]
pub(super) struct SourceArgs {
    /// A kernel command line in this file: dm-mod.create=, roothash= or usrhash=; /proc/cmdline is this machine's
    #[arg(long, value_name = "FILE", group = "source", conflicts_with_all = ["data_partuuid", "hash_partuuid"])]
    cmdline: Option<PathBuf>,
    /// The text of a kernel table, as `dmsetup table` prints it
    #[arg(long, value_name = "TEXT", group = "source", conflicts_with_all = ["data_partuuid", "hash_partuuid"])]
    table: Option<String>,
    /// A file with such a text; - reads standard input
    #[arg(long, value_name = "FILE", group = "source", conflicts_with_all = ["data_partuuid", "hash_partuuid"])]
    table_file: Option<PathBuf>,
    /// A veritytab
    #[arg(long, value_name = "FILE", group = "source", conflicts_with_all = ["data_partuuid", "hash_partuuid"])]
    veritytab: Option<PathBuf>,
    /// A signature partition. Its root hash is compared; whether the signature is good is not asked here
    #[arg(long, value_name = "FILE", group = "source", conflicts_with_all = ["data_partuuid", "hash_partuuid"])]
    dps_signature: Option<PathBuf>,
    /// The UUID of the partition with the data, which should be the first half of the root hash
    #[arg(long, value_name = "UUID", requires = "hash_partuuid")]
    data_partuuid: Option<Uuid>,
    /// The UUID of the partition with the hash tree, which should be the second half
    #[arg(long, value_name = "UUID", requires = "data_partuuid")]
    hash_partuuid: Option<Uuid>,
}

/// A description, and what one should know about it.
pub(super) struct Described {
    /// What it is called in messages.
    pub(super) what: String,
    pub(super) description: Description,
    pub(super) warnings: Vec<String>,
}

/// A device that a file describes.
struct Candidate {
    name: String,
    described: Described,
}

impl SourceArgs {
    pub(super) fn read(&self, device_name: Option<&str>) -> anyhow::Result<Described> {
        if let Some(path) = &self.cmdline {
            let text = read_text(path, "command line", MAX_TEXT)?;
            return choose(in_cmdline(&text).with_context(|| in_file(path))?, path, device_name);
        }
        if let Some(path) = &self.veritytab {
            let text = read_text(path, "veritytab", MAX_FILE)?;
            return choose(in_veritytab(&text).with_context(|| in_file(path))?, path, device_name);
        }
        if device_name.is_some() {
            bail!("--device-name goes with --cmdline and --veritytab: here is only one device");
        }
        if let Some(text) = &self.table {
            return Ok(table(&TableLine::parse(text)?));
        }
        if let Some(path) = &self.table_file {
            let text = read_text(path, "table", MAX_TEXT)?;
            return Ok(table(&TableLine::parse(&text).with_context(|| in_file(path))?));
        }
        if let Some(path) = &self.dps_signature {
            let bytes = read_bytes(path, "signature partition", SignaturePartition::MAX_SIZE)?;
            let partition = SignaturePartition::parse(&bytes).with_context(|| in_file(path))?;
            let description = Description::from(&partition);
            return Ok(Described {
                what: "the signature partition".to_owned(),
                description,
                warnings: Vec::new(),
            });
        }
        let (data_partition, hash_partition) = (self.data_partuuid, self.hash_partuuid);
        let description = Description { data_partition, hash_partition, ..Description::default() };
        Ok(Described { what: "the pair of partition UUIDs".to_owned(), description, warnings: Vec::new() })
    }
}

/// The one that is meant.
fn choose(mut candidates: Vec<Candidate>, path: &Path, name: Option<&str>) -> anyhow::Result<Described> {
    let path = path.display();
    let names: Vec<String> = candidates.iter().map(|candidate| candidate.name.clone()).collect();
    let names = names.join(", ");
    candidates.retain(|candidate| name.is_none_or(|name| candidate.name == name));
    match (candidates.pop(), candidates.is_empty(), name) {
        (Some(candidate), true, _) => Ok(candidate.described),
        (None, _, _) if names.is_empty() => bail!("{path} describes no verity device"),
        (None, _, _) => bail!("{path} describes no verity device of that name (there: {names})"),
        (Some(_), false, None) => {
            bail!("{path} describes several verity devices: say --device-name (there: {names})")
        }
        (Some(_), false, Some(name)) => bail!("{path} describes {name} more than once, and they may differ"),
    }
}

fn in_file(path: &Path) -> String {
    format!("in {}", path.display())
}

fn in_cmdline(text: &str) -> anyhow::Result<Vec<Candidate>> {
    let CmdlineDevices { created: targets, systemd } = CmdlineDevices::read(text)?;
    let candidate =
        |target: &CreatedTarget| Candidate { name: target.name.clone(), described: created(target) };
    let mut candidates: Vec<Candidate> = targets.iter().map(candidate).collect();
    for (name, parameter, device) in [("root", "roothash=", &systemd.root), ("usr", "usrhash=", &systemd.usr)]
    {
        let Some(device) = device else { continue };
        let mut warnings = warnings_of_options(&device.options);
        if systemd.enabled == Some(false) {
            warnings.push("systemd.verity=no switches it off".to_owned());
        }
        let described = Described { what: parameter.to_owned(), description: device.into(), warnings };
        candidates.push(Candidate { name: name.to_owned(), described });
    }
    Ok(candidates)
}

fn in_veritytab(text: &str) -> anyhow::Result<Vec<Candidate>> {
    let table = Veritytab::parse(text)?;
    let candidates = table.entries.iter().map(|entry| Candidate {
        name: entry.name.clone(),
        described: Described {
            what: format!("the line of veritytab for {}", entry.name),
            description: entry.into(),
            warnings: warnings_of_options(&entry.options),
        },
    });
    Ok(candidates.collect())
}

fn created(target: &CreatedTarget) -> Described {
    let mut warnings = warnings_of_table(&target.table.options);
    if !target.read_only {
        warnings.push("the device is rw, with which the kernel refuses verity".to_owned());
    }
    Described { what: format!("dm-mod.create= of {}", target.name), description: target.into(), warnings }
}

fn table(line: &TableLine) -> Described {
    let warnings = warnings_of_table(&line.table.options);
    Described { what: "the table".to_owned(), description: line.into(), warnings }
}

fn warnings_of_table(options: &Options) -> Vec<String> {
    let fec = options.fec.is_some();
    warnings(options.corruption, options.check_at_most_once, fec)
}

fn warnings_of_options(options: &SystemdOptions) -> Vec<String> {
    warnings(options.corruption, options.check_at_most_once, options.fec_device.is_some())
}

fn warnings(corruption: Option<ErrorMode>, once: bool, fec: bool) -> Vec<String> {
    let all = [
        (
            corruption == Some(ErrorMode::Ignore),
            "it ignores corruption: corrupt blocks are returned as if they were good",
        ),
        (once, "it checks at most once: what changes after a block's first reading is not noticed"),
        (fec, "error correction was not compared"),
    ];
    all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text.to_owned()).collect()
}
