//! Exit codes: what fails a run, what does not, and what is accepted.

use serde_json::Value;

use crate::util::report::Report;
use crate::util::{Dir, elf, lacks, rules_on_executables};

const LEVELS: [&str; 5] = ["info", "low", "medium", "high", "critical"];

#[test]
fn exit_codes_are_0_clean_1_findings_2_incomplete_and_2_wins() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("good/hardened", elf::hardened());
    dir.write("bad/weak", elf::weak());
    dir.write("damaged/cut", &elf::hardened()[..200]);
    for (paths, code) in [
        (&["good"] as &[&str], 0),
        (&["bad"], 1),
        (&["good", "bad"], 1),
        (&["damaged"], 2),
        (&["good", "damaged"], 2),
        (&["bad", "damaged"], 2),
    ] {
        let report = dir.report(&[&["checksec"], paths].concat());
        assert_eq!(report.exit_code(), code, "{paths:?}: {}", report.0["gate"]);
        assert_eq!(report.gate("gating") > 0, paths.contains(&"bad"), "{paths:?}");
        assert_eq!(report.gate("incomplete") > 0, paths.contains(&"damaged"), "{paths:?}");
    }
    // What was not read is not a matter of severity.
    assert_eq!(dir.report(&["checksec", "bad", "damaged", "--fail-on=none"]).exit_code(), 2);
    assert_eq!(dir.report(&["checksec", "bad", "--fail-on=none"]).exit_code(), 0);
    // The same for a file that is named and not there, and for arguments that make no sense.
    assert!(dir.fails(2, &["checksec", "nowhere"]).contains("cannot read nowhere"));
    assert!(dir.fails(2, &["audit", "nowhere"]).contains("cannot read nowhere"));
    assert!(dir.fails(2, &["audit", "bad", "--fail-on=urgent"]).contains("critical"));
}

#[test]
fn every_threshold_holds_against_every_severity() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("bad/weak", elf::weak());
    for (severity, name) in LEVELS.into_iter().enumerate() {
        // Everything else that is wrong with the program is switched off.
        policy(&dir, &format!("[severity]\nELF-004 = \"{name}\"\n{}", off_except("ELF-004")));
        for (threshold, fail_on) in LEVELS.into_iter().enumerate() {
            let report = dir.report(&["checksec", "bad", "--fail-on", fail_on]);
            assert_eq!(report.exit_code(), i64::from(severity >= threshold), "{name} at --fail-on {fail_on}");
            assert_eq!(report.rule("ELF-004")["severity"], name);
        }
        assert_eq!(dir.report(&["checksec", "bad", "--fail-on=none"]).exit_code(), 0);
    }
}

#[test]
fn the_threshold_of_the_policy_holds_until_the_command_line_has_another() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("bad/weak", elf::weak());
    let only = |severity: &str, fail_on: &str| {
        format!("[gate]\n{fail_on}\n[severity]\nELF-004 = \"{severity}\"\n{}", off_except("ELF-004"))
    };
    for (severity, fail_on, code) in [
        ("medium", "", 0),
        ("high", "", 1),
        ("medium", "fail-on = \"medium\"", 1),
        ("high", "fail-on = \"critical\"", 0),
        ("critical", "fail-on = \"none\"", 0),
    ] {
        policy(&dir, &only(severity, fail_on));
        assert_eq!(dir.report(&["checksec", "bad"]).exit_code(), code, "{severity} with {fail_on:?}");
    }
    assert_eq!(dir.report(&["checksec", "bad", "--fail-on=info"]).exit_code(), 1);
    // Another policy than the one in the current directory.
    dir.write("strict.toml", only("low", "fail-on = \"low\""));
    assert_eq!(dir.report(&["checksec", "bad", "--config=strict.toml"]).exit_code(), 1);
    assert!(dir.fails(2, &["checksec", "bad", "--config=nowhere.toml"]).contains("cannot read nowhere.toml"));
}

#[test]
fn a_rule_that_is_off_still_shows_what_it_found() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("bad/weak", elf::weak());
    let before = dir.report(&["checksec", "bad"]);
    policy(&dir, "[severity]\nnx-stack = \"off\"\n");
    let after = dir.report(&["checksec", "bad"]);
    assert_eq!(before.rule("ELF-004")["findings"][0]["disposition"]["kind"], "gating");
    assert_eq!(after.rule("ELF-004")["findings"][0]["disposition"]["kind"], "off");
    assert_eq!(after.rule("ELF-004")["outcome"], "fail");
    assert_eq!(after.gate("gating"), before.gate("gating") - 1);
}

#[test]
fn a_waiver_covers_its_rule_and_its_paths_and_nothing_else() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    let all = dir.report(&["audit", "root", "--no-live"]);
    policy(&dir, &waiver("relro", "/opt/*", "2027-01-31"));
    let report = dir.report(&["audit", "root"]);
    assert_eq!(report.disposed("waived").into_iter().collect::<Vec<_>>(), ["/opt/one"]);
    assert_eq!(report.gate("waived"), 1);
    assert_eq!(report.gate("gating"), all.gate("gating") - 1);
    let waived = &report.rule("ELF-001")["findings"][0]["disposition"];
    assert_eq!(waived["owner"], "platform team");
    assert_eq!(waived["expires"], "2027-01-31");
    assert_eq!(report.rule("RUN-002")["outcome"], "pass");
    assert_eq!(report.rule("RUN-003")["outcome"], "pass");
    // `*` stays within a directory, `**` does not.
    policy(&dir, &waiver("ELF-001", "/*", "2027-01-31"));
    assert_eq!(dir.report(&["audit", "root"]).gate("waived"), 0);
    policy(&dir, &waiver("ELF-001", "/**", "2027-01-31"));
    assert_eq!(dir.report(&["audit", "root"]).gate("waived"), 2);
}

#[test]
fn waivers_for_everything_make_a_run_clean() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("bad/weak", elf::weak());
    let report = dir.report(&["checksec", "bad", "--fail-on=info"]);
    let failed: Vec<&str> = report.findings().map(|(rule, _)| rule).collect();
    let waivers: Vec<String> = failed.iter().map(|rule| waiver(rule, "**", "9999-12-31")).collect();
    policy(&dir, &waivers.concat());
    let report = dir.report(&["checksec", "bad", "--fail-on=info"]);
    assert_eq!((report.exit_code(), report.gate("waived")), (0, failed.len() as u64));
}

#[test]
fn a_waiver_ends_with_its_day() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    policy(&dir, &format!("# A comment.\n\n{}", waiver("ELF-001", "/opt/*", "2027-01-31")));
    // The last second of the day, and the first of the next.
    for (epoch, day, waived) in [(1_801_439_999_u64, "2027-01-31", 1), (1_801_440_000, "2027-02-01", 0)] {
        let mut command = dir.hardpan(&["audit", "root", "--format=json"]);
        let report = Report::of(&command.env("SOURCE_DATE_EPOCH", epoch.to_string()).output().unwrap());
        assert_eq!(report.0["gate"]["day"], day);
        assert_eq!(report.gate("waived"), waived, "{day}");
        let expired = report.rule("RUN-002");
        assert_eq!(expired["outcome"] == "fail", waived == 0);
        if waived == 0 {
            let place = &expired["findings"][0]["location"];
            assert_eq!((&place["path"], &place["line"]), (&Value::from("hardpan.toml"), &Value::from(3)));
            // It did cover something.
            assert_eq!(report.rule("RUN-003")["outcome"], "pass");
        }
    }
    let mut command = dir.hardpan(&["audit", "root"]);
    let output = command.env("SOURCE_DATE_EPOCH", "yesterday").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("SOURCE_DATE_EPOCH is `yesterday`"));
}

#[test]
fn a_waiver_that_covers_nothing_is_a_finding_at_its_line() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    policy(
        &dir,
        &(waiver("ELF-001", "/opt/*", "2027-01-31") + &waiver("ELF-001", "/nowhere/*", "2027-01-31")),
    );
    let report = dir.report(&["audit", "root"]);
    let findings = report.rule("RUN-003")["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["location"]["line"], 7);
    // It is of medium severity.
    assert!(report.disposed("gating").iter().all(|path| *path != "hardpan.toml"));
    assert!(dir.report(&["audit", "root", "--fail-on=medium"]).disposed("gating").contains("hardpan.toml"));
}

#[test]
fn a_broken_policy_is_shown_with_its_line_and_a_caret() {
    let dir = Dir::new();
    dir.write("root/etc/passwd", "");
    let date = |text: &str| waiver("ELF-001", "/opt/*", "2027-01-31").replace("2027-01-31", text);
    for (policy_text, place, line, label) in [
        ("[gate\nfail-on = \"high\"\n".into(), "hardpan.toml:1:6", "[gate", ""),
        (
            "[gate]\nfail-om = \"high\"\n".into(),
            "hardpan.toml:2:1",
            "fail-om = \"high\"",
            "unknown field `fail-om`",
        ),
        ("[gates]\n".into(), "hardpan.toml:1:2", "[gates]", "unknown field `gates`"),
        (
            "[gate]\nfail-on = \"urgent\"\n".into(),
            "hardpan.toml:2:11",
            "fail-on = \"urgent\"",
            "use info, low",
        ),
        ("[severity]\nrelro = \"none\"\n".into(), "hardpan.toml:2:9", "relro = \"none\"", "use info, low"),
        ("[severity]\nrelo = \"low\"\n".into(), "hardpan.toml:2:1", "relo = \"low\"", "did you mean ELF-001"),
        (
            waiver("ELF-0O1", "/", "2027-01-31"),
            "hardpan.toml:2:8",
            "rule = \"ELF-0O1\"",
            "did you mean ELF-001 (relro)?",
        ),
        (
            waiver("zzzzzzzz", "/", "2027-01-31"),
            "hardpan.toml:2:8",
            "rule = \"zzzzzzzz\"",
            "`hardpan rules` lists them",
        ),
        (
            waiver("ELF-001", "/[", "2027-01-31"),
            "hardpan.toml:3:8",
            "path = \"/[\"",
            "unclosed character class",
        ),
        (date("2027-02-30"), "hardpan.toml:6:11", "expires = 2027-02-30", ""),
        (date("\"soon\""), "hardpan.toml:6:11", "expires = \"soon\"", "write a date"),
        (date("2027-01-31T00:00:00Z"), "hardpan.toml:6:11", "expires = 2027-01-31T00:00:00Z", "write a date"),
        (date("12"), "hardpan.toml:6:11", "expires = 12", "write a date"),
        ("[audit]\nmin-memory-safe-percent = 101\n".into(), "hardpan.toml:2:27", "101", "too large"),
        ("[audit]\nmax-services = -1\n".into(), "hardpan.toml:2:16", "max-services = -1", ""),
    ] {
        policy(&dir, &policy_text);
        let message = dir.fails(2, &["audit", "root"]);
        for part in [place, line, label, "^", "error: "] {
            assert!(message.contains(part), "{part} is not in:\n{message}");
        }
        assert_eq!(message.matches("error:").count(), 1, "{message}");
    }
}

#[test]
fn every_mistake_of_a_policy_is_shown_at_once() {
    let dir = Dir::new();
    dir.write("root/etc/passwd", "");
    policy(
        &dir,
        &(waiver("ELF-0O1", "/[", "soon") + "[severity]\nrelo = \"urgent\"\n").replace("soon", "\"soon\""),
    );
    let message = dir.fails(2, &["audit", "root"]);
    for place in ["hardpan.toml:2:8", "hardpan.toml:3:8", "hardpan.toml:8:1", "hardpan.toml:8:8"] {
        assert!(message.contains(place), "{place} is not in:\n{message}");
    }
}

#[test]
fn a_policy_that_is_no_text_is_an_error() {
    let dir = Dir::new();
    dir.write("root/etc/passwd", "");
    policy(&dir, "");
    dir.write("hardpan.toml", b"\xff\xfe");
    assert!(dir.fails(2, &["audit", "root"]).contains("hardpan.toml"));
    dir.write("control.toml", "\u{1b}[31m = 1\n");
    let message = dir.fails(2, &["audit", "root", "--config=control.toml"]);
    assert!(!message.contains('\u{1b}'), "{message:?}");
}

#[test]
fn with_a_baseline_only_what_is_new_fails() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    let before = dir.report(&["audit", "root", "-o", "before.json"]);
    assert_eq!(before.exit_code(), 1);
    let same = dir.report(&["audit", "root", "--baseline=before.json", "--fail-on=info"]);
    assert_eq!((same.exit_code(), same.gate("gating")), (0, 0), "{}", same.0["gate"]);
    assert_eq!(same.gate("known"), before.findings().count() as u64);

    dir.write("root/opt/three", elf::weak());
    let more = dir.report(&["audit", "root", "--baseline=before.json"]);
    assert_eq!(more.exit_code(), 1);
    assert_eq!(more.disposed("gating").into_iter().collect::<Vec<_>>(), ["/opt/three"]);

    // A baseline is a list of known failures. It never covers what was not read, whatever was known of the file.
    dir.write("root/opt/three", &elf::weak()[..200]);
    let damaged = dir.report(&["audit", "root", "-o", "damaged.json"]);
    assert_eq!(damaged.exit_code(), 2);
    assert_eq!(dir.report(&["audit", "root", "--baseline=damaged.json"]).exit_code(), 2);
}

#[test]
fn what_is_no_baseline_is_refused() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    dir.run(&["audit", "root", "-o", "report.sarif", "-o", "report.json"]);
    let whole = std::fs::read(dir.path("report.json")).unwrap();
    dir.write("cut.json", &whole[..whole.len() / 2]);
    dir.write("empty.json", "");
    dir.write("object.json", "{}");
    let other = String::from_utf8(whole).unwrap().replacen("hardpan-report/1", "hardpan-report/9", 1);
    dir.write("other.json", other);
    for name in ["report.sarif", "cut.json", "empty.json", "object.json", "other.json"] {
        let message = dir.fails(2, &["audit", "root", "--baseline", name]);
        assert!(message.contains(&format!("{name} is no baseline")), "{message}");
    }
    assert!(dir.fails(2, &["audit", "root", "--baseline=nowhere.json"]).contains("nowhere.json"));
}

#[test]
fn init_writes_a_policy_that_changes_nothing_and_is_not_lost() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    let without = dir.report(&["audit", "root"]);
    dir.ok(&["init"]);
    let template = std::fs::read_to_string(dir.path("hardpan.toml")).unwrap();
    assert_eq!(dir.report(&["audit", "root"]), without);

    policy(&dir, "# mine\n");
    assert!(dir.fails(2, &["init"]).contains("--force"));
    assert_eq!(std::fs::read_to_string(dir.path("hardpan.toml")).unwrap(), "# mine\n");
    dir.ok(&["init", "--force"]);
    assert_eq!(std::fs::read_to_string(dir.path("hardpan.toml")).unwrap(), template);

    dir.ok(&["init", "other.toml"]);
    // Its examples are a policy too.
    dir.write("examples.toml", template.replace("\n#~ ", "\n"));
    dir.report(&["audit", "root", "--config=examples.toml"]);
    assert_eq!(dir.names(), ["examples.toml", "hardpan.toml", "other.toml", "root"]);
}

fn policy(dir: &Dir, text: &str) {
    dir.write("hardpan.toml", text);
}

fn waiver(rule: &str, path: &str, expires: &str) -> String {
    format!(
        "[[waiver]]\nrule = \"{rule}\"\npath = \"{path}\"\nreason = \"known\"\nowner = \"platform team\"\n\
        expires = {expires}\n"
    )
}

/// Switches off every rule on executables but this one.
fn off_except(id: &str) -> String {
    let others = rules_on_executables().into_iter().filter(|other| other != id);
    others.fold(String::new(), |lines, other| lines + &other + " = \"off\"\n")
}

/// A tree with one bad program in `/opt` and one in `/usr/bin`.
fn two_bad_programs() -> Dir {
    let dir = Dir::new();
    dir.write("root/opt/one", elf::weak());
    dir.write("root/usr/bin/two", elf::weak());
    dir.write("root/etc/passwd", "root:x:0:0::/:/sbin/nologin\n");
    dir
}
