//! `hardpan rules` and `hardpan explain`: the catalogue of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::util::Dir;

/// The headings of every page, in their order.
const SECTIONS: [&str; 4] = ["What it checks", "Why it matters", "How it is judged", "How to fix it"];

#[test]
fn every_rule_is_listed_once() {
    let rules = rules();
    for key in ["id", "name", "title"] {
        let all: Vec<&str> = rules.iter().map(|rule| rule[key].as_str().unwrap()).collect();
        let distinct: BTreeSet<&&str> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "there are two rules of one {key}: {all:?}");
    }
    let text = Dir::new().ok(&["rules"]);
    let words: Vec<&str> = text.split_whitespace().collect();
    for rule in &rules {
        let lines = text.lines().filter(|line| line.split_whitespace().next() == rule["id"].as_str());
        let [line] = lines.collect::<Vec<_>>()[..] else { panic!("{} is not on one line", rule["id"]) };
        for key in ["severity", "name", "title"] {
            assert!(line.contains(rule[key].as_str().unwrap()), "{line} lacks the {key}");
        }
    }
    let ids = words.iter().filter(|word| is_id(word)).count();
    assert_eq!(ids, rules.len(), "the text lists other rules than the JSON");
}

/// Ids are part of the interface: waivers, baselines and other people's dashboards name them.
#[test]
fn ids_are_never_reused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rule_ids.txt");
    let mut kept: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    let mut now: Vec<String> = rules()
        .iter()
        .map(|rule| format!("{} {}", rule["id"].as_str().unwrap(), rule["name"].as_str().unwrap()))
        .collect();
    kept.sort();
    now.sort();
    let new: Vec<&String> = now.iter().filter(|rule| !kept.contains(rule)).collect();
    let gone: Vec<&String> =
        kept.iter().filter(|line| !line.starts_with('#') && !now.contains(line)).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "the rules are not those of tests/rule_ids.txt.\n\
        New: {new:?}. Add the lines if no rule ever had these ids and names.\n\
        Gone: {gone:?}. A rule that was released is not renamed or renumbered; one that is given up leaves its id unused \
        for ever, so move its line to the end of tests/rule_ids.txt, behind a `#`."
    );
}

#[test]
fn given_up_ids_stay_unused() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rule_ids.txt")).unwrap();
    let given_up = text.lines().filter_map(|line| line.strip_prefix('#')?.split_whitespace().next());
    for id in given_up {
        assert!(rules().iter().all(|rule| rule["id"] != id), "{id} was given up and is used again");
    }
}

#[test]
fn every_pillar_has_its_rules() {
    let rules = rules();
    assert!(rules.len() >= 40, "only {} rules", rules.len());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in &rules {
        *counts.entry(rule["pillar"].as_str().unwrap_or("the run")).or_default() += 1;
    }
    // The ten pillars, and the run itself.
    assert_eq!(counts.len(), 11, "{counts:?}");
    assert!(counts.values().all(|count| *count >= 3), "{counts:?}");
}

#[test]
fn every_rule_has_a_whole_page() {
    for rule in &rules() {
        let (id, page) = (rule["id"].as_str().unwrap(), rule["page"].as_str().unwrap());
        let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings[..4], SECTIONS, "{id}");
        for section in page.split("\n## ").skip(1).take(SECTIONS.len()) {
            let (heading, body) = section.split_once('\n').unwrap();
            assert!(body.trim().len() > 20, "{id}: {heading} says nothing");
        }
    }
}

/// One rule of each family, and two of the kernel's, whose pages are made and not written. That each of all is found by its id and
/// its name is tested where they are looked up, without two thousand processes.
#[test]
fn a_rule_is_explained_by_id_and_by_name() {
    let (dir, rules) = (Dir::new(), rules());
    let family = |rule: &Value| rule["id"].as_str().unwrap().split('-').next().unwrap().to_owned();
    let mut samples: BTreeMap<String, &Value> = rules.iter().map(|rule| (family(rule), rule)).collect();
    assert!(samples.len() > 8 && samples.contains_key("KRN"), "{:?}", samples.keys());
    samples
        .insert("first of the kernel's".to_owned(), rules.iter().find(|rule| family(rule) == "KRN").unwrap());
    for rule in samples.into_values() {
        let (id, name) = (rule["id"].as_str().unwrap(), rule["name"].as_str().unwrap());
        let page = dir.ok(&["explain", id]);
        assert_eq!(page, dir.ok(&["explain", name]));
        assert_eq!(page, dir.ok(&["explain", &id.to_lowercase()]));
        let (first, rest) = page.split_once('\n').unwrap();
        assert!(first.starts_with(id) && first.contains(name), "{page}");
        assert_eq!(rest.strip_prefix('\n'), rule["page"].as_str());
        let described: Value = serde_json::from_str(&dir.ok(&["explain", "--json", name])).unwrap();
        assert_eq!(described, *rule);
    }
}

#[test]
fn a_rule_that_is_not_there_is_suggested_or_refused() {
    let dir = Dir::new();
    let message = dir.fails(2, &["explain", "ELF-0O1"]);
    assert!(message.contains("did you mean ELF-001 (relro)?"), "{message}");
    let message = dir.fails(2, &["explain", "relo"]);
    assert!(message.contains("did you mean ELF-001 (relro)?"), "{message}");
    let message = dir.fails(2, &["explain", "no-sheduled-job"]);
    assert!(message.contains("did you mean API-009 (no-scheduled-jobs)?"), "{message}");
    let message = dir.fails(2, &["explain", "something else entirely"]);
    assert!(message.contains("`hardpan rules` lists them") && !message.contains("did you mean"), "{message}");
    assert!(dir.fails(2, &["explain", ""]).contains("there is no rule"));
}

/// Every rule of the catalogue is in an audit's report, but for those about processes, which `checksec` judges, and those about
/// kernels beyond the base profile, which `lockdown check` does, and no other: a rule that is listed is a rule that runs.
#[test]
fn every_rule_is_judged_by_its_command() {
    let dir = Dir::new();
    dir.write("root/etc/passwd", "root:x:0:0::/:/bin/false\n");
    dir.write(
        "hardpan.toml",
        "[[waiver]]\nrule = \"relro\"\nreason = \"r\"\nowner = \"o\"\nexpires = 9999-01-01\n\
        [[checksec.section]]\nrules = { relro = \"high\" }\n",
    );
    let report = dir.report(&["audit", "root"]);
    let ids = |rules: &[Value]| -> Vec<String> { rules.iter().map(|rule| rule["id"].to_string()).collect() };
    let is_running = |rule: &Value| rule["id"].as_str().unwrap().starts_with("PROC-");
    let (running, others): (Vec<Value>, Vec<Value>) = rules().into_iter().partition(is_running);
    let kernel = |profile: &str| {
        let report = dir.report(&["lockdown", "check", "--cmdline-text", "quiet", "--profile", profile]);
        let kernel = report.rules().iter().filter(|rule| rule["id"].as_str().unwrap().starts_with("KRN-"));
        kernel.map(|rule| rule["id"].to_string()).collect::<Vec<_>>()
    };
    let (base, strict) = (kernel("base"), kernel("strict"));
    let is_audited = |id: &String| base.contains(id) || !strict.contains(id);
    let audited: Vec<String> = ids(&others).into_iter().filter(is_audited).collect();
    assert_eq!(ids(report.rules()), audited);
    let listed: Vec<String> = ids(&others).into_iter().filter(|id| id.starts_with("\"KRN-")).collect();
    assert_eq!(listed, strict);
    let own = std::process::id().to_string();
    let report = dir.report(&["checksec", "--pid", &own]);
    let judged: Vec<Value> = report.rules().iter().filter(|rule| is_running(rule)).cloned().collect();
    assert_eq!(ids(&judged), ids(&running));
}

fn rules() -> Vec<Value> {
    serde_json::from_str(&Dir::new().ok(&["rules", "--json"])).unwrap()
}

/// `FAMILY-NNN`.
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(family, number)| {
        family.bytes().all(|byte| byte.is_ascii_uppercase())
            && number.len() == 3
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
