//! How parameters are shown: in veritysetup's words, or as JSON.

use std::io::{self, Write};

use hardpan_verity::fec::FecLayout;
use hardpan_verity::{HashArea, Layout, Params, Uuid};
use serde_json::{Map, Value, json};

use super::fec;

/// Lines of a label and a value, in veritysetup's columns.
pub(super) struct Lines(Vec<String>);

impl Lines {
    pub(super) fn new(title: String) -> Self {
        Self(vec![title])
    }

    pub(super) fn add(&mut self, label: &str, value: &str) {
        self.0.push(format!("{:<17}\t{value}", format!("{label}:")));
    }

    /// A line as it is: two of veritysetup's are not in the columns of the others.
    pub(super) fn add_line(&mut self, line: String) {
        self.0.push(line);
    }

    pub(super) fn print(&self) -> io::Result<()> {
        print_lines(self.0.iter())
    }
}

pub(super) fn print_lines(mut lines: impl Iterator<Item = impl std::fmt::Display>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = lines.try_for_each(|line| writeln!(stdout, "{line}"));
    unless_closed(written.and_then(|()| stdout.flush()))
}

pub(super) fn print_json(value: &Value) -> io::Result<()> {
    print_line(&format!("{value:#}"))
}

pub(super) fn print_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{text}");
    unless_closed(written.and_then(|()| stdout.flush()))
}

/// Says something on standard error. If that is closed, nobody is left to be told, and the verdict is the same.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whoever stops reading wants no error, and the exit code of what was done all the same.
pub(super) fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A tree, to be shown.
pub(super) struct Tree<'a> {
    pub(super) params: &'a Params,
    pub(super) layout: &'a Layout,
    pub(super) area: HashArea,
    pub(super) uuid: Option<Uuid>,
    pub(super) fec: Option<&'a FecLayout>,
}

impl Tree<'_> {
    pub(super) fn add_to(&self, lines: &mut Lines) {
        let params = self.params;
        lines.add("UUID", &self.uuid.map(|uuid| uuid.to_string()).unwrap_or_default());
        lines.add("Hash type", &params.hash_type.number().to_string());
        lines.add("Data blocks", &params.data_blocks.to_string());
        lines.add("Data block size", &params.data_block_size.bytes().to_string());
        lines.add("Hash blocks", &self.layout.tree_blocks().to_string());
        lines.add("Hash block size", &params.hash_block_size.bytes().to_string());
        lines.add("Hash algorithm", params.algorithm.name());
        if let Some(fec) = self.fec {
            fec::add_to(fec, lines);
        }
        lines.add("Salt", &params.salt.to_string());
    }

    /// The lines that veritysetup prints last, and only where an area starts its device.
    pub(super) fn add_size_to(&self, lines: &mut Lines) {
        if self.area.offset() == 0 {
            lines.add_line(format!("Hash device size: \t{} [bytes]", self.layout.end));
        }
        if let Some(fec) = self.fec {
            fec::add_size_to(fec, lines);
        }
    }

    pub(super) fn json(&self) -> Map<String, Value> {
        let params = self.params;
        let mut map = Map::new();
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put("uuid", json!(self.uuid.map(|uuid| uuid.to_string())));
        put("hash_type", json!(params.hash_type.number()));
        put("algorithm", json!(params.algorithm.name()));
        put("data_block_size", json!(params.data_block_size.bytes()));
        put("hash_block_size", json!(params.hash_block_size.bytes()));
        put("data_blocks", json!(params.data_blocks));
        put("hash_blocks", json!(self.layout.tree_blocks()));
        put("salt", json!(params.salt.to_string()));
        put("hash_offset", json!(self.area.offset()));
        put("superblock", json!(self.area.has_superblock()));
        put("hash_start_block", json!(self.layout.start / u64::from(params.hash_block_size.bytes())));
        put("hash_end", json!(self.layout.end));
        map
    }
}
