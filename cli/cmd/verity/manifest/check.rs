//! `hardpan verity manifest --check`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use hardpan_image::Tree;
use hardpan_report::escape;
use hardpan_verity::fsverity::{Difference, Manifest, compare};
use serde_json::{Value, json};

use super::super::CORRUPT;
use super::super::output::{print_json, print_lines};
use super::read::{Found, Unread, read};
use super::{ManifestArgs, complain};
use crate::context::Context;
use crate::exit;

pub(super) fn run(
    args: &ManifestArgs,
    path: &Path,
    tree: &dyn Tree,
    context: &Context,
) -> anyhow::Result<u8> {
    let bytes = read_manifest(path).with_context(|| format!("cannot read manifest {}", path.display()))?;
    let expected = Manifest::parse(&bytes).with_context(|| format!("manifest {}", path.display()))?;
    drop(bytes);
    let found = read(tree, expected.params(), true, context)?;
    let differences = differences(&expected, &found);
    if args.json {
        print_json(&json!({
            "matches": differences.is_empty() && found.unread.is_empty(),
            "checked": found.manifest.entries().len(),
            "differences": differences.iter().map(difference_json).collect::<Vec<_>>(),
            "unread": found.unread.iter().map(unread_json).collect::<Vec<_>>(),
        }))?;
    } else {
        print_lines(differences.iter().flat_map(lines))?;
    }
    complain(&found.unread);
    Ok(match () {
        () if !found.unread.is_empty() => exit::UNUSABLE,
        () if !differences.is_empty() => CORRUPT,
        () => exit::CLEAN,
    })
}

fn read_manifest(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_MANIFEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_MANIFEST {
        return Err(io::Error::other(format!("it has more than {MAX_MANIFEST} bytes")));
    }
    Ok(bytes)
}

/// What differs, but for what was not read: of that nothing is known, and it is not missing.
fn differences(expected: &Manifest, found: &Found) -> Vec<Difference> {
    let is_read = |difference: &Difference| {
        !matches!(difference, Difference::Missing(_))
            || !found.unread.iter().any(|unread| is_at_or_below(difference.path(), &unread.path))
    };
    compare(expected, &found.manifest).into_iter().filter(is_read).collect()
}

fn is_at_or_below(path: &[u8], directory: &[u8]) -> bool {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    path.strip_prefix(directory).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}

/// A line for each thing that differs.
fn lines(difference: &Difference) -> Vec<String> {
    let path = escape(difference.path());
    match difference {
        Difference::Added(_) => vec![format!("added    {path}")],
        Difference::Missing(_) => vec![format!("missing  {path}")],
        Difference::Changed { .. } => difference
            .changes()
            .iter()
            .map(|(name, expected, found)| format!("changed  {path}: {name} is {found}, was {expected}"))
            .collect(),
    }
}

fn difference_json(difference: &Difference) -> Value {
    let path = escape(difference.path());
    match difference {
        Difference::Added(entry) => json!({ "kind": "added", "path": path, "type": entry.kind.name() }),
        Difference::Missing(entry) => json!({ "kind": "missing", "path": path, "type": entry.kind.name() }),
        Difference::Changed { found, .. } => {
            let changes = difference.changes();
            let change = |(name, expected, found): &(&str, String, String)| json!({ "what": name, "expected": expected, "found": found });
            let changes: Vec<Value> = changes.iter().map(change).collect();
            json!({ "kind": "changed", "path": path, "type": found.kind.name(), "changes": changes })
        }
    }
}

fn unread_json(unread: &Unread) -> Value {
    json!({ "path": escape(&unread.path), "reason": unread.reason })
}

/// Some millions of files: more need more memory than a check should take.
const MAX_MANIFEST: u64 = 1 << 30;
