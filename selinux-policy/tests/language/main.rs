//! The language, statement by statement: what the reference compiler takes and what it refuses, and to the byte what it
//! makes of it.

#[path = "../support/flat.rs"]
mod flat;
#[path = "../support/peers.rs"]
mod peers;

mod calls;
mod containers;
mod labels;
mod options;
mod rules;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use hardpan_selinux_policy::diagnostic::Source;
use hardpan_selinux_policy::policydb::{Target, write};
use hardpan_selinux_policy::resolve::{self, resolve};
use hardpan_selinux_policy::{Compat, Options, compile};
use rayon::prelude::*;

use peers::has;

/// What a policy needs at least, before each case.
const BASE: &str = "\
(class c (p q))(class d (p r))(classorder (c d))(common com (x y))(classcommon d com)
(sid k)(sidorder (k))(sidcontext k (u r t ((s)(s))))
(user u)(role r)(type t)(category ca)(category cb)(category cc)(categoryorder (ca cb cc))
(sensitivity s)(sensitivity s2)(sensitivityorder (s s2))
(sensitivitycategory s (ca cb cc))(sensitivitycategory s2 (ca cb cc))
(userrole u r)(roletype r t)(userlevel u (s))(userrange u ((s)(s2 (ca cb cc))))
(type t1)(type t2)(type t3)(typeattribute a1)(typeattribute a2)(roletype r t1)(roletype r t2)(roletype r t3)
(allow t self (c (p)))
";

/// Where we go our own way, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("filecon string param", "paths may be arguments since 3.6"),
    ("ip direct", "addresses may be written without parentheses since 3.6"),
    ("portcon big", "there are no ports above 65535"),
    ("portcon 65536", "there are no ports above 65535"),
    ("ibpkey big", "partition keys have 16 bits"),
    ("ibendport 300", "there are no such ports"),
    ("line marks nested", "a mark may end with the file"),
];

/// A policy and how it is compiled.
struct Case {
    name: &'static str,
    text: String,
    flags: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let plain = [calls::CASES, containers::CASES, rules::CASES, labels::CASES].concat();
    let plain = plain.into_iter().map(|(name, text)| (name, text, &[][..]));
    let with_flags = options::CASES.iter().map(|(name, flags, text)| (*name, *text, *flags));
    plain
        .chain(with_flags)
        .map(|(name, text, flags)| Case { name, text: format!("{BASE}{text}\n"), flags })
        .collect()
}

/// What came out: the policy and the file contexts.
type Files = (Vec<u8>, Vec<u8>);

#[test]
fn every_case_is_judged_as_by_secilc_and_comes_out_the_same() {
    if !has("statements of the language", "secilc") {
        return;
    }
    let told: Vec<String> = cases().par_iter().filter_map(difference).collect();
    assert!(told.is_empty(), "{} differ\n{}", told.len(), told.join("\n"));
}

fn difference(case: &Case) -> Option<String> {
    let (ours, theirs) = (ours(&case.text, case.flags), theirs(case));
    let told = match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) if ours == theirs => None,
        (Ok(_), Ok(_)) => Some("other bytes".to_owned()),
        (Err(_), Err(_)) => None,
        (Ok(_), Err(why)) => Some(format!("secilc refuses it: {why}")),
        (Err(why), Ok(_)) => Some(format!("secilc takes it: {why}")),
    };
    let expected = DIFFERENCES.iter().find(|(name, _)| *name == case.name);
    match (told, expected) {
        (Some(told), None) => Some(format!("{}: {told}\n{}", case.name, &case.text[BASE.len()..])),
        // A later secilc may agree where the one of today does not.
        _ => None,
    }
}

/// What a policy resolves to is a policy of its own, without scopes, and means the same.
#[test]
fn resolved_policies_compile_to_the_same_again() {
    let told: Vec<String> = cases().par_iter().filter_map(changed_by_flattening).collect();
    assert!(told.is_empty(), "{} differ\n{}", told.len(), told.join("\n"));
}

fn changed_by_flattening(case: &Case) -> Option<String> {
    let Ok(before) = ours(&case.text, case.flags) else { return None };
    let options = options(case.flags);
    let how = resolve::Options {
        preserve_tunables: options.preserve_tunables,
        multiple_declarations: options.multiple_declarations,
        qualified_names: options.qualified_names,
        ..resolve::Options::default()
    };
    let (ir, _) = resolve(&[source(&case.text)], &how).expect("it compiled");
    let text = flat::flat(&ir);
    match ours(&text, &[case.flags, &["-Q"]].concat()) {
        Ok(after) if after == before => None,
        Ok(_) => Some(format!("{}: other bytes\n{text}", case.name)),
        Err(why) => Some(format!("{}: {why}\n{text}", case.name)),
    }
}

#[test]
fn names_are_unique() {
    let cases = cases();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(DIFFERENCES.iter().all(|(name, _)| names.contains(name)));
}

fn source(text: &str) -> Source {
    Source { name: "policy.cil".to_owned(), text: text.as_bytes().to_vec() }
}

fn options(flags: &[&str]) -> Options {
    let default = Options::default();
    let is_xen = flags.contains(&"xen");
    Options {
        compat: Compat::V3_4,
        // The only one that there is for Xen.
        version: if is_xen { 30 } else { default.version },
        target: if is_xen { Target::Xen } else { Target::Selinux },
        preserve_tunables: flags.contains(&"-P"),
        multiple_declarations: flags.contains(&"-m"),
        qualified_names: flags.contains(&"-Q"),
        ..default
    }
}

fn ours(text: &str, flags: &[&str]) -> Result<Files, String> {
    let compiled = compile(&[source(text)], &options(flags)).map_err(|failure| {
        failure.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect::<Vec<_>>().join("; ")
    })?;
    let policy = write(&compiled.policy).map_err(|error| error.to_string())?;
    Ok((policy, compiled.file_contexts))
}

fn theirs(case: &Case) -> Result<Files, String> {
    let place = tempfile::tempdir().expect("a directory");
    let (policy, contexts, text) =
        (place.path().join("p"), place.path().join("f"), place.path().join("policy.cil"));
    fs::write(&text, &case.text).expect("written");
    let mut command = Command::new("secilc");
    command.args(case.flags).arg("-o").arg(&policy).arg("-f").arg(&contexts).arg(&text);
    let output = command.output().expect("secilc runs");
    if output.status.success() {
        return Ok((fs::read(&policy).expect("a policy"), fs::read(&contexts).expect("file contexts")));
    }
    let said = [output.stdout, output.stderr].concat();
    Err(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned())
}
