//! `hardpan lockdown apply` on kernels that are ours to change: network namespaces, and files in the place of knobs.
//!
//! Every run that writes is in namespaces of its own, and of knobs that are not of a namespace it sees files of the tests.

use std::process::Output;

use serde_json::Value;

use crate::util::{Dir, HARDPAN, is_superuser, lacks, text};

/// Runs a script in network and mount namespaces of its own, in which `knobs` lie over `/proc/sys` and the level of lockdown
/// over securityfs.
fn over_files(dir: &Dir, script: &str) -> Output {
    let prepare = "set -e\nmount --make-rprivate /\nmount --bind knobs /proc/sys\n";
    let guard = "test \"$(cat /proc/sys/kernel/is_ours)\" = yes\n";
    let script = format!("{prepare}{guard}{script}");
    dir.command("unshare", &["--mount", "--net", "sh", "-c", &script]).output().unwrap()
}

fn outcomes(output: &Output) -> Vec<(String, String)> {
    let json: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(output)));
    let actions = json["actions"].as_array().unwrap().iter();
    let of = |value: &Value| value.as_str().unwrap().to_owned();
    actions.map(|action| (of(&action["subject"]), of(&action["outcome"]))).collect()
}

fn pair(subject: &str, outcome: &str) -> (String, String) {
    (subject.to_owned(), outcome.to_owned())
}

fn lacks_namespaces() -> bool {
    // Unprivileged users may or may not make namespaces; the tests are for those who surely can.
    !is_superuser() || lacks(&["unshare", "mount"])
}

/// Only knobs of network namespaces, on the real kernel.
#[test]
fn knobs_of_the_real_kernel_are_set_and_read_back() {
    if lacks_namespaces() {
        return;
    }
    let dir = Dir::new();
    let keys = ["net.ipv4.conf.all.send_redirects", "net.ipv4.conf.all.rp_filter", "net.ipv4.no_such_key"];
    dir.write(
        "profile.toml",
        format!(
            "profile = 1\n[sysctl.optional]\n\"{}\" = 0\n\"{}\" = 2\n\"{}\" = 1\n",
            keys[0], keys[1], keys[2]
        ),
    );
    let own = std::fs::read("/proc/sys/net/ipv4/conf/all/rp_filter").unwrap();
    let run = |args: &str| {
        let script = format!(
            "echo 1 > /proc/sys/net/ipv4/conf/all/send_redirects; echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter\n\
             {HARDPAN} lockdown apply --profile profile.toml --json {args}; code=$?\n\
             cat /proc/sys/net/ipv4/conf/all/send_redirects /proc/sys/net/ipv4/conf/all/rp_filter >&2; exit $code"
        );
        dir.command("unshare", &["--net", "sh", "-c", &script]).output().unwrap()
    };
    let dry = run("--dry-run");
    let wanted = [pair(keys[2], "unsupported"), pair(keys[1], "would-set"), pair(keys[0], "would-set")];
    let mut sorted = wanted.to_vec();
    sorted.sort();
    let mut found = outcomes(&dry);
    found.sort();
    assert_eq!(found, sorted);
    assert_eq!((dry.status.code(), &dry.stderr[..]), (Some(1), &b"1\n0\n"[..]));
    let set = run("");
    assert_eq!((set.status.code(), &set.stderr[..]), (Some(0), &b"0\n2\n"[..]), "{}", text(&set));
    assert_eq!(std::fs::read("/proc/sys/net/ipv4/conf/all/rp_filter").unwrap(), own, "it left the namespace");
}

const PROFILE: &str = "profile = 1\n[sysctl]\nrequired = { \"kernel.a\" = 2, \"kernel.kexec_load_disabled\" = 1 }\noptional = { \"kernel.gone\" = 1, \"kernel.text\" = \"x y\" }\n";

fn knobs(dir: &Dir) {
    dir.write("profile.toml", PROFILE);
    for (name, value) in [("is_ours", "yes"), ("a", "1"), ("kexec_load_disabled", "0"), ("text", "x\ty")] {
        dir.write(format!("knobs/kernel/{name}"), format!("{value}\n"));
    }
}

fn knob(dir: &Dir, name: &str) -> String {
    std::fs::read_to_string(dir.path("knobs/kernel").join(name)).unwrap()
}

#[test]
fn what_stays_until_the_next_boot_needs_permission() {
    if lacks_namespaces() {
        return;
    }
    let dir = Dir::new();
    knobs(&dir);
    let run =
        |args: &str| over_files(&dir, &format!("{HARDPAN} lockdown apply --profile profile.toml {args}"));
    let dry = run("--dry-run");
    let said = String::from_utf8(dry.stdout.clone()).unwrap();
    assert_eq!(dry.status.code(), Some(1), "{}", text(&dry));
    assert!(
        said.contains("would-set    kernel.kexec_load_disabled = 1 (is 0), until the next boot"),
        "{said}"
    );
    assert_eq!((knob(&dir, "a"), knob(&dir, "kexec_load_disabled")), ("1\n".into(), "0\n".into()));
    let first = run("");
    let said = String::from_utf8(first.stdout.clone()).unwrap();
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(said.contains("set          kernel.a = 2 (was 1)") && said.contains("say --one-way"), "{said}");
    assert_eq!((knob(&dir, "a"), knob(&dir, "kexec_load_disabled")), ("2\n".into(), "0\n".into()));
    let second = run("--one-way --json");
    let wanted = [
        pair("kernel.a", "in-force"),
        pair("kernel.gone", "unsupported"),
        pair("kernel.text", "in-force"),
        pair("kernel.kexec_load_disabled", "set"),
    ];
    assert_eq!((second.status.code(), outcomes(&second)), (Some(0), wanted.to_vec()));
    assert_eq!(knob(&dir, "kexec_load_disabled"), "1\n");
}

#[test]
fn a_required_knob_that_is_not_there_fails_the_run_and_keeps_the_rest_reversible() {
    if lacks_namespaces() {
        return;
    }
    let dir = Dir::new();
    knobs(&dir);
    std::fs::remove_file(dir.path("knobs/kernel/a")).unwrap();
    let output =
        over_files(&dir, &format!("{HARDPAN} lockdown apply --profile profile.toml --one-way --json"));
    let found = outcomes(&output);
    assert_eq!(
        (output.status.code(), &found[0], &found[3]),
        (Some(1), &pair("kernel.a", "failed"), &pair("kernel.kexec_load_disabled", "left"))
    );
    assert_eq!(knob(&dir, "kexec_load_disabled"), "0\n");
}

#[test]
fn looking_at_this_host_changes_nothing_and_names_rules() {
    let dir = Dir::new();
    let output = dir.run(&["lockdown", "apply", "--dry-run", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["dry_run"], true);
    let actions = json["actions"].as_array().unwrap();
    assert!(actions.len() > 20 && actions.iter().all(|action| action["rule"].is_string()), "{json}");
    assert!(actions.iter().all(|action| action["outcome"] != "set"), "{json}");
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    if lacks(&["systemd-analyze"]) {
        return;
    }
    let dir = Dir::new();
    let unit = include_str!("../../lockdown/systemd/hardpan-lockdown.service");
    assert!(unit.contains("ExecStart=/usr/bin/hardpan --quiet lockdown apply "));
    // The words of the unit are those of this program, wherever it is installed.
    let here = unit.replace("/usr/bin/hardpan ", &format!("{HARDPAN} "));
    let verify = |text: &str| {
        let path = dir.write("hardpan-lockdown.service", text);
        let output =
            dir.command("systemd-analyze", &["verify", "--man=no", path.to_str().unwrap()]).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(verify(&here), (true, String::new()));
    let broken = verify(&here.replace("Type=oneshot", "Type=once"));
    assert!(!broken.1.is_empty(), "systemd-analyze finds nothing wrong in a broken unit");
    let line = here.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words: Vec<&str> = line.split(' ').skip(1).collect();
    dir.write("profile.toml", "profile = 1\n");
    let at = words.iter().position(|word| *word == "/etc/hardpan/profile.toml").unwrap();
    words[at] = "profile.toml";
    dir.ok(&words);
}
