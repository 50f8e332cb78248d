//! The same root file system as a directory and as an archive gives the same report.

use std::fs::{self, File};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::util::report::Report;
use crate::util::{Dir, is_superuser, is_there, lacks, root};

/// How `tar` writes a tree that keeps all there is to keep.
const PAX: &[&str] = &["--format=pax", "--xattrs", "--xattrs-include=*", "--sparse"];

#[test]
fn a_directory_and_its_archives_give_the_same_report() {
    if lacks(&["cc", "tar", "gzip", "zstd"]) {
        return;
    }
    let dir = without_socket();
    privileged("a_directory_and_its_archives_give_the_same_report", &dir);
    let expected = dir.report(&["audit", "root"]);
    assert!(expected.gate("gating") > 10, "the tree is to have something to find: {}", expected.0["gate"]);
    pack(&dir, "pax", PAX);
    for (name, kind) in [("pax.tar", "tar"), ("pax.tar.gz", "tar.gz"), ("pax.tar.zst", "tar.zst")] {
        assert_same(&expected, &dir.report(&["audit", name]), kind);
        assert_same(&expected, &from_stdin(&dir, name), kind);
    }
}

#[test]
fn an_archive_without_attributes_is_the_tree_without_them() {
    if lacks(&["cc", "tar", "gzip", "zstd"]) {
        return;
    }
    let dir = without_socket();
    let expected = dir.report(&["audit", "root"]);
    let is_privileged = privileged("an_archive_without_attributes_is_the_tree_without_them", &dir);
    pack(&dir, "gnu", &["--format=gnu"]);
    for (name, kind) in [("gnu.tar", "tar"), ("gnu.tar.gz", "tar.gz"), ("gnu.tar.zst", "tar.zst")] {
        for mut found in [dir.report(&["audit", name]), from_stdin(&dir, name)] {
            // A directory without labels and capabilities has none. An archive without them may have been made without
            // asking for them. Totals, pillars and gate are sums over the rules.
            for (id, in_directory) in [("MAC-005", "fail"), ("API-006", "pass"), ("LANG-002", "fail")] {
                assert_eq!(expected.rule(id)["outcome"], in_directory);
                assert!(found.rule(id).to_string().contains("no-facts"), "{id}: {}", found.rule(id));
            }
            assert_eq!(found.rule("API-006")["outcome"], "unknown");
            let mut expected = expected.clone();
            for report in [&mut expected, &mut found] {
                forget(report, &["MAC-005", "API-006", "LANG-002"]);
            }
            assert_same(&expected, &found, kind);
        }
    }
    if is_privileged {
        let capable = |report: &Report| report.rule("API-006").to_string().contains("cap_net_raw");
        assert!(capable(&dir.report(&["audit", "root"])) && !capable(&expected));
    }
}

#[test]
fn only_a_socket_is_in_the_directory_and_not_in_the_archive() {
    if lacks(&["cc", "tar", "gzip", "zstd"]) {
        return;
    }
    let dir = Dir::new();
    root::build(&dir);
    privileged("only_a_socket_is_in_the_directory_and_not_in_the_archive", &dir);
    pack(&dir, "pax", PAX);
    let (directory, archive) = (dir.report(&["audit", "root"]), dir.report(&["audit", "pax.tar"]));
    let entries = |report: &Report| report.0["coverage"]["entries"].as_u64().unwrap();
    assert_eq!(entries(&directory), entries(&archive) + 1);
    assert_eq!(fingerprints(&directory), fingerprints(&archive));
}

#[test]
fn checksec_sees_the_same_programs_everywhere() {
    if lacks(&["cc", "tar", "gzip", "zstd"]) {
        return;
    }
    let dir = without_socket();
    pack(&dir, "pax", PAX);
    let expected = dir.report(&["checksec", "root"]);
    // Thirteen programs and a library, of which two are one file; every name of it is a way to run it.
    assert_eq!(expected.executables().len(), 12, "{:?}", expected.executables());
    for (name, kind) in [("pax.tar", "tar"), ("pax.tar.gz", "tar.gz"), ("pax.tar.zst", "tar.zst")] {
        assert_same(&expected, &dir.report(&["checksec", name]), kind);
    }
}

#[test]
fn links_lead_nowhere_outside_the_tree() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    root::build(&dir);
    // The tree's /etc/os-release is a symbolic link to an absolute path, which means its own.
    let report = dir.report(&["audit", "root"]);
    assert_eq!(report.0["subject"]["os"], "Example Container OS 1.0");
    fs::remove_file(dir.path("root/usr/lib/os-release")).unwrap();
    assert_eq!(dir.report(&["audit", "root"]).0["subject"].get("os"), None);
}

/// The tree without its socket, which archives cannot hold.
fn without_socket() -> Dir {
    let dir = Dir::new();
    root::build(&dir);
    fs::remove_file(dir.path("root/run/socket")).unwrap();
    dir
}

/// Gives files capabilities and labels; where that cannot be done, the rest is compared without them.
#[expect(clippy::print_stderr, reason = "a skip is to be seen, and tests have no other channel")]
fn privileged(test: &str, dir: &Dir) -> bool {
    if !is_superuser() {
        assert!(
            std::env::var_os("HARDPAN_WITHOUT_PEERS").is_some(),
            "{test}: only the superuser can give files capabilities and labels"
        );
        eprintln!("skipped: {test}: the superuser missing, so capabilities and labels are not compared");
        return false;
    }
    // `setcap` knows no `--version`.
    let able = is_there(test, "setcap", &["-h"]) && is_there(test, "setfattr", &["--version"]);
    if able {
        root::privilege(dir);
    }
    able
}

/// Writes `NAME.tar`, `NAME.tar.gz` and `NAME.tar.zst`.
fn pack(dir: &Dir, name: &str, options: &[&str]) {
    let archive = format!("{name}.tar");
    dir.tool("tar", &[options, &["-cf", &archive, "-C", "root", "."]].concat());
    dir.tool("gzip", &["--keep", "--fast", &archive]);
    dir.tool("zstd", &["--quiet", "--keep", &archive]);
}

fn from_stdin(dir: &Dir, name: &str) -> Report {
    let archive = Stdio::from(File::open(dir.path(name)).unwrap());
    Report::of(&dir.hardpan(&["audit", "-", "--format=json"]).stdin(archive).output().unwrap())
}

/// Everything is the same but what the subject is called.
fn assert_same(expected: &Report, found: &Report, kind: &str) {
    assert_eq!(found.0["subject"]["kind"], kind);
    let mut found = found.clone();
    for field in ["kind", "path"] {
        found.0["subject"][field] = expected.0["subject"][field].clone();
    }
    if *expected == found {
        return;
    }
    let (ours, theirs) = (parts(expected), parts(&found));
    for (name, value) in &ours {
        let other = theirs.iter().find(|(other, _)| other == name).map_or(&Value::Null, |(_, value)| value);
        assert_eq!(value, other, "{kind}: {name}");
    }
    panic!("{kind} differs");
}

/// Takes rules out, and what is summed up over all rules.
fn forget(report: &mut Report, ids: &[&str]) {
    report.0["rules"].as_array_mut().unwrap().retain(|rule| !ids.iter().any(|id| rule["id"] == *id));
    for sum in ["totals", "pillars", "gate"] {
        report.0[sum] = json!(null);
    }
}

fn fingerprints(report: &Report) -> Vec<&str> {
    report.findings().map(|(_, finding)| finding["fingerprint"].as_str().unwrap()).collect()
}

/// The report in pieces small enough for a message.
fn parts(report: &Report) -> Vec<(String, Value)> {
    let rules = report.rules().iter().map(|rule| (rule["id"].to_string(), rule.clone()));
    let fields = ["subject", "coverage", "gate", "totals", "pillars", "matrix", "languages"];
    let fields = fields.map(|field| (field.to_owned(), report.0.get(field).cloned().unwrap_or(json!(null))));
    fields.into_iter().chain(rules).collect()
}
