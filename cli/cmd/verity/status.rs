//! `hardpan verity status`.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::Args;
use hardpan_lockdown::mapping::{Status, status};
use hardpan_report::escape_str;
use hardpan_sys::Host;
use hardpan_sys::dm::{Control, Name};
use serde_json::{Value, json};

use super::CORRUPT;
use super::output::{Lines, print_json};

/// Show a verity mapping: whether the kernel found corruption, with which options, over which devices
///
/// `verified` says that no block that was read so far was corrupt. Blocks that nobody has read yet are not known: `hardpan
/// verity verify` reads them all.
///
/// Exit codes: 0 active and nothing corrupt found, 1 active and corruption found, 2 not active or not to be known.
#[derive(Args)]
pub(crate) struct StatusArgs {
    /// The name of the mapping below /dev/mapper
    name: Name,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<u8> {
    let name = args.name.as_str();
    let status = status(&mut Control::open()?, &args.name).with_context(|| name.to_owned())?;
    let host = Host::running();
    if args.json {
        print_json(&to_json(name, &status, &host))?;
    } else {
        lines(name, &status, &host).print()?;
    }
    for warning in status.warnings() {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    Ok(if status.verity.corrupted { CORRUPT } else { 0 })
}

/// veritysetup's lines where it has one.
fn lines(name: &str, status: &Status, host: &Host) -> Lines {
    let used = if status.device.open_count > 0 { " and is in use" } else { "" };
    let table = &status.table;
    let mut lines = Lines::new(format!("/dev/mapper/{name} is active{used}."));
    let mut add = |label: &str, value: &str| lines.add_line(format!("  {:<16}{value}", format!("{label}:")));
    add("type", "VERITY");
    add("status", if status.verity.corrupted { "corrupted" } else { "verified" });
    add("hash type", &table.hash_type.to_string());
    add("data block", &table.data_block_size.to_string());
    add("hash block", &table.hash_block_size.to_string());
    add("hash name", &table.algorithm);
    add("salt", &table.salt());
    add("data device", &device(&table.data_device, host));
    add("size", &format!("{} sectors", status.sectors));
    add("mode", if status.device.read_only { "readonly" } else { "read/write" });
    add("hash device", &device(&table.hash_device, host));
    add("hash offset", &format!("{} blocks", table.hash_start_block));
    add("root hash", &table.root_hash());
    if let Some(fec) = &table.options.fec {
        add("FEC device", &device(&fec.device, host));
        add("FEC offset", &format!("{} blocks", fec.start));
        add("FEC roots", &fec.roots.to_string());
        add("FEC blocks", &fec.blocks.to_string());
        let corrected = status.verity.corrected_blocks;
        add(
            "FEC corrected",
            &corrected.map_or("this kernel does not say".into(), |count| format!("{count} blocks")),
        );
    }
    if let Some(key) = &table.options.signature_key {
        add("signature key", &escape_str(key));
    }
    let flags = table.options.flags();
    if !flags.is_empty() {
        add("flags", &flags.join(" "));
    }
    lines
}

fn to_json(name: &str, status: &Status, host: &Host) -> Value {
    let table = &status.table;
    let fec = table.options.fec.as_ref().map(|fec| {
        json!({
            "device": device_json(&fec.device, host),
            "roots": fec.roots,
            "blocks": fec.blocks,
            "start_block": fec.start,
            "corrected_blocks": status.verity.corrected_blocks,
        })
    });
    json!({
        "name": name,
        "active": true,
        "verified": !status.verity.corrupted,
        "uuid": status.device.uuid,
        "device": status.device.number.to_string(),
        "open_count": status.device.open_count,
        "read_only": status.device.read_only,
        "suspended": status.device.suspended,
        "removed_when_closed": status.device.removed_when_closed,
        "sectors": status.sectors,
        "hash_type": table.hash_type,
        "algorithm": table.algorithm,
        "data_block_size": table.data_block_size,
        "hash_block_size": table.hash_block_size,
        "data_blocks": table.data_blocks,
        "hash_start_block": table.hash_start_block,
        "root_hash": table.root_hash(),
        "salt": table.salt(),
        "data_device": device_json(&table.data_device, host),
        "hash_device": device_json(&table.hash_device, host),
        "fec": fec,
        "signature_key": table.options.signature_key,
        "options": table.options.flags(),
        "warnings": status.warnings(),
    })
}

/// A device of a table as a person knows it; the number where `/sys` does not say more.
fn device(number: &str, host: &Host) -> String {
    let found = number.parse().ok().and_then(|number| host.block_device(number).present().cloned());
    match found {
        None => number.to_owned(),
        Some(found) => match (found.backing_file, found.mapping) {
            (Some(file), _) => format!("/dev/{} ({})", found.name, escape_str(&file)),
            (None, Some(mapping)) => format!("/dev/mapper/{}", escape_str(&mapping)),
            (None, None) => format!("/dev/{}", found.name),
        },
    }
}

fn device_json(number: &str, host: &Host) -> Value {
    let found = number.parse().ok().and_then(|number| host.block_device(number).present().cloned());
    let node = found.as_ref().map(|found| format!("/dev/{}", found.name));
    json!({
        "number": number,
        "node": node,
        "backing_file": found.as_ref().and_then(|found| found.backing_file.clone()),
        "mapping": found.and_then(|found| found.mapping),
    })
}
