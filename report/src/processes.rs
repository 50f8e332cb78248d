//! Running processes by property.

use serde::Serialize;

use crate::{BytePath, Cell, Column};

/// Running processes by property: a line for each, as the matrix has one for each file.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessTable {
    /// One for each property.
    pub columns: Vec<Column>,
    /// One for each process with memory of its own, ordered by number.
    pub rows: Vec<ProcessRow>,
    /// How many were looked at that are threads of the kernel's.
    pub kernel_threads: u64,
    /// How many had ended already and waited for their parents to take notice.
    pub ended: u64,
    /// How many ended while they were read. They are not judged.
    pub gone: u64,
}

/// One process.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessRow {
    /// Its number.
    pub pid: u32,
    /// What it calls itself, at most 15 bytes, escaped.
    pub name: String,
    /// The path of its program, as the kernel tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<BytePath>,
    /// How many threads it has; 0 if that could not be read.
    pub threads: u64,
    /// `none`, `strict`, `filter`; `mixed` if its threads differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<&'static str>,
    /// Whether all of its threads are without means to gain privileges by running programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_new_privs: Option<bool>,
    /// The effective capabilities: 16 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<String>,
    /// The paths of the files that code is mapped from, as the kernel tells them, in the order of addresses.
    pub files: Vec<BytePath>,
    /// In the order of the columns.
    pub cells: Vec<Cell>,
}
