//! `hardpan rules` and `hardpan explain`.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use hardpan_lockdown::{KernelRule, Profile};
use hardpan_report::{RUN_RULES, RuleMeta};
use serde::Serialize;

use crate::args::{ExplainArgs, RulesArgs};
use crate::exit;

/// Every rule, in the order of reports: the pillars, then the rules about the run.
pub(crate) fn all() -> Vec<&'static RuleMeta> {
    let mut all = hardpan_audit::rules();
    let beyond = |rule: &&KernelRule| rule.profile != Profile::Base;
    all.extend(hardpan_lockdown::rules().iter().filter(beyond).map(|rule| &rule.meta));
    all.extend(hardpan_checksec::process::rules::RULES.iter().map(|rule| rule.meta()));
    all.extend(RUN_RULES);
    all.sort_by_key(|meta| (meta.pillar.map_or(u8::MAX, hardpan_report::Pillar::number), meta.id.clone()));
    all
}

/// The rule with this id or name.
pub(crate) fn find(text: &str) -> Option<&'static RuleMeta> {
    all().into_iter().find(|meta| meta.id.eq_ignore_ascii_case(text) || meta.name.eq_ignore_ascii_case(text))
}

pub(crate) fn list(args: &RulesArgs) -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &all().into_iter().map(Described::new).collect::<Vec<_>>())?;
        writeln!(out)?;
        return Ok(exit::CLEAN);
    }
    let mut pillar = None;
    for (at, meta) in all().into_iter().enumerate() {
        if at == 0 || meta.pillar != pillar {
            pillar = meta.pillar;
            let gap = if at == 0 { "" } else { "\n" };
            match pillar {
                Some(pillar) => writeln!(out, "{gap}{:>2}  {}", pillar.number(), pillar.title())?,
                None => writeln!(out, "{gap}    The run itself")?,
            }
        }
        writeln!(out, "    {:<9} {:<9} {:<28} {}", meta.id, meta.severity, meta.name, meta.title)?;
    }
    Ok(exit::CLEAN)
}

pub(crate) fn explain(args: &ExplainArgs) -> anyhow::Result<u8> {
    let Some(meta) = find(&args.rule) else {
        match closest(&args.rule) {
            Some(near) => {
                bail!("there is no rule `{}`; did you mean {} ({})?", args.rule, near.id, near.name)
            }
            None => bail!("there is no rule `{}`; `hardpan rules` lists them", args.rule),
        }
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &Described::new(meta))?;
        writeln!(out)?;
        return Ok(exit::CLEAN);
    }
    let pillar = meta.pillar.map_or("the run itself", hardpan_report::Pillar::title);
    writeln!(out, "{}  {}   severity {}   pillar: {pillar}\n", meta.id, meta.name, meta.severity)?;
    write!(out, "{}", meta.page).context("cannot write")?;
    Ok(exit::CLEAN)
}

#[derive(Serialize)]
struct Described {
    id: String,
    name: String,
    title: String,
    pillar: Option<&'static str>,
    severity: &'static str,
    page: String,
}

impl Described {
    fn new(meta: &RuleMeta) -> Self {
        Self {
            id: meta.id.to_string(),
            name: meta.name.to_string(),
            title: meta.title.to_string(),
            pillar: meta.pillar.map(hardpan_report::Pillar::as_str),
            severity: meta.severity.as_str(),
            page: meta.page.to_string(),
        }
    }
}

/// The rule whose id or name differs in the fewest letters, if it is few.
pub(crate) fn closest(text: &str) -> Option<&'static RuleMeta> {
    let text = text.to_ascii_lowercase();
    let distance = |meta: &RuleMeta| {
        edit_distance(&text, &meta.id.to_ascii_lowercase()).min(edit_distance(&text, &meta.name))
    };
    all()
        .into_iter()
        .map(|meta| (distance(meta), meta))
        .min_by_key(|(distance, _)| *distance)
        .and_then(|(distance, meta)| (distance <= (text.len() / 3).max(1)).then_some(meta))
}

/// Levenshtein's distance in bytes; both texts are short.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(left != right)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_found_by_id_and_by_name() {
        for meta in all() {
            for text in [&*meta.id, &meta.name, &meta.id.to_lowercase(), &meta.name.to_uppercase()] {
                let found = find(text).unwrap_or_else(|| panic!("{text} is not found"));
                assert!(std::ptr::eq(found, meta), "{text} finds {}", found.id);
            }
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(closest("ELF-0O1").map(|meta| &*meta.id), Some("ELF-001"));
        assert!(closest("something else entirely").is_none());
    }
}
