//! `hardpan lockdown receipt`.

use std::time::Duration;

use hardpan_lockdown::boot::{Outcome, Reason, Receipt, Record, Refused};
use serde_json::Value;

use crate::util::Dir;

fn record(step: &'static str, subject: &str, outcome: Outcome) -> Record {
    Record {
        step,
        subject: subject.to_owned(),
        want: "1".to_owned(),
        got: "a \"quote\"\n\u{1b}[31m".to_owned(),
        outcome,
        errno: None,
        kernel: vec!["device-mapper: x".to_owned()],
        time: Duration::from_micros(1234),
    }
}

/// What hardpan-boot itself would write.
fn receipt(steps: Vec<Record>) -> Receipt {
    let mut all = vec![record("verity-open", "a", Outcome::Proved), record("root-mount", "a", Outcome::Done)];
    all.extend(steps);
    Receipt { kernel: "6.1.0".into(), slot: Some("a".into()), steps: all, ..Receipt::default() }
}

fn judged(dir: &Dir, receipt: &Receipt, args: &[&str]) -> (i32, Value) {
    dir.write("boot.json", receipt.to_json());
    let output = dir.run(&[&["lockdown", "receipt", "boot.json", "--json"], args].concat());
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn what_hardpan_boot_writes_is_judged() {
    let dir = Dir::new();
    let verdict = |receipt: &Receipt, args: &[&str]| {
        let (code, json) = judged(&dir, receipt, args);
        (code, json["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(verdict(&receipt(vec![]), &[]), (0, "good".into()));
    let absent = receipt(vec![record("sysctl", "kernel.x", Outcome::Absent)]);
    assert_eq!(verdict(&absent, &[]), (1, "weaker".into()));
    assert_eq!(verdict(&absent, &["--allow-absent"]), (0, "good".into()));
    let weaker = receipt(vec![record("enforce", "", Outcome::Weaker)]);
    assert_eq!(verdict(&weaker, &["--allow-absent"]), (1, "weaker".into()));
    assert_eq!(verdict(&receipt(vec![record("sysctl", "a.b", Outcome::Failed)]), &[]), (1, "failed".into()));
    let refused = Refused { slot: "b".into(), reason: Reason::RootHash, text: "x".into() };
    assert_eq!(verdict(&Receipt { refused: vec![refused], ..receipt(vec![]) }, &[]), (1, "weaker".into()));
    let failed = Receipt { reason: Some(Reason::NoSlot), text: "no".into(), slot: None, ..receipt(vec![]) };
    assert_eq!(verdict(&failed, &[]), (1, "failed".into()));
}

#[test]
fn steps_that_the_configuration_asks_for_must_be_there() {
    let dir = Dir::new();
    super::example(&dir, "[sysctl]\nrequired = { \"kernel.sysrq\" = 0 }");
    dir.ok(&super::GENERATE);
    let (code, json) = judged(&dir, &receipt(vec![]), &["--config", "boot/boot.conf"]);
    assert_eq!((code, json["verdict"].as_str()), (1, Some("failed")));
    let remarks = json["remarks"].as_array().unwrap();
    assert!(
        remarks.iter().any(|it| it["kind"] == "missing" && it["subject"] == "kernel.sysrq"),
        "{remarks:?}"
    );
    // Every step of the plan, as the boot would record it.
    let plan: Value =
        serde_json::from_str(&dir.ok(&["lockdown", "plan", "boot/boot.conf", "--json"])).unwrap();
    let parts = [&plan["early"], &plan["before"], &plan["slots"][0]["steps"], &plan["after"]];
    let steps = parts.into_iter().flat_map(|part| part.as_array().unwrap());
    let steps = steps.map(|step| {
        let name: &'static str = step["step"].as_str().unwrap().to_owned().leak();
        record(name, step["subject"].as_str().unwrap(), Outcome::Done)
    });
    let whole = Receipt { steps: steps.collect(), ..receipt(vec![]) };
    assert_eq!(judged(&dir, &whole, &["--config", "boot/boot.conf"]).0, 0);
}

#[test]
fn text_shows_every_step_and_no_control_characters() {
    let dir = Dir::new();
    dir.write("boot.json", receipt(vec![record("enforce", "", Outcome::Weaker)]).to_json());
    let output = dir.run(&["lockdown", "receipt", "boot.json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("booted slot a in 0 ms, kernel 6.1.0"), "{text}");
    for part in [
        "proved      1.234 ms  verity-open a",
        "weaker      1.234 ms  enforce",
        "kernel: device-mapper: x",
        "verdict: weaker",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn what_is_no_receipt_has_its_place() {
    let dir = Dir::new();
    dir.write("boot.json", receipt(vec![]).to_json().replace("\"refused\"", "\"refusals\""));
    let said = dir.fails(2, &["lockdown", "receipt", "boot.json"]);
    assert!(said.contains("boot.json: boot receipt, line 9, column 12: unknown field `refusals`"), "{said}");
    assert!(dir.fails(2, &["lockdown", "receipt", "gone.json"]).contains("gone.json"));
}

/// A real one, of the lab's boot of generated files.
#[test]
fn the_receipt_of_the_documentation_is_read() {
    let dir = Dir::new();
    dir.write("boot.json", include_str!("../../docs/examples/boot-receipt.json"));
    let output = dir.run(&["lockdown", "receipt", "boot.json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    // Linux 6.1 cannot restart on a read that fails, and lacks two sysctls.
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("booted slot a") && text.contains("verdict: weaker"), "{text}");
    let told = |kind: &str| text.lines().filter(|line| line.starts_with(&format!("  {kind}: "))).count();
    assert_eq!((told("weaker"), told("absent"), told("failed")), (1, 2, 0), "{text}");
}
