//! `cargo xtask docs`: the rules' pages as files, for readers without the tool.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::shell::{Outcome, cargo, check, root};

/// Writes `docs/rules/`, or with `--check` says which files are stale.
pub(crate) fn run(args: &[String]) -> Outcome {
    check(cargo().args(["build", "--quiet", "--bin", "hardpan"]))?;
    let directory = root().join("docs/rules");
    let wanted = pages()?;
    if args.iter().any(|arg| arg == "--check") {
        return compare(&directory, &wanted);
    }
    std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    for name in present(&directory) {
        if !wanted.contains_key(&name) {
            std::fs::remove_file(directory.join(&name)).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    for (name, text) in wanted {
        std::fs::write(directory.join(&name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// File names and texts: one for each rule, and the list.
fn pages() -> Result<BTreeMap<String, String>, String> {
    let list = hardpan(&["rules"])?;
    let mut pages = BTreeMap::new();
    let mut index =
        String::from("# Rules\n\nMade by `cargo xtask docs` from what `hardpan explain` shows.\n");
    for line in list.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.first() {
            Some(id) if is_rule(id) => {
                let title = words.get(3..).unwrap_or_default().join(" ");
                let severity = words.get(1).unwrap_or(&"");
                index.extend([format!("- [{id}]({id}.md) {title} ({severity})\n")]);
                pages.insert(format!("{id}.md"), hardpan(&["explain", id])?);
            }
            Some(_) => index.extend([format!("\n## {}\n\n", line.trim())]),
            None => {}
        }
    }
    pages.insert("README.md".into(), index);
    Ok(pages)
}

fn is_rule(word: &str) -> bool {
    word.split_once('-').is_some_and(|(family, number)| {
        family.chars().all(|letter| letter.is_ascii_uppercase())
            && number.len() == 3
            && number.chars().all(|digit| digit.is_ascii_digit())
    })
}

fn hardpan(args: &[&str]) -> Result<String, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let output = Command::new(target.join("debug/hardpan"))
        .args(args)
        .output()
        .map_err(|error| format!("hardpan could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("hardpan {} failed", args.join(" ")));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

fn compare(directory: &Path, wanted: &BTreeMap<String, String>) -> Outcome {
    let mut stale: Vec<String> = wanted
        .iter()
        .filter(|(name, text)| std::fs::read_to_string(directory.join(name)).ok().as_ref() != Some(text))
        .map(|(name, _)| name.clone())
        .collect();
    stale.extend(present(directory).into_iter().filter(|name| !wanted.contains_key(name)));
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("docs/rules is stale ({}); run `cargo xtask docs`", stale.join(", ")))
}

fn present(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
