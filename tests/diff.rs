//! `hardpan checksec diff`: what got better and what got worse.

use std::path::Path;

use serde_json::Value;

use crate::peers::{VALIDATOR, objections, python_with_jsonschema, require};
use crate::util::{Dir, elf, lacks, rules_on_executables};

#[test]
fn what_got_worse_fails_and_says_what_to_add() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("good/usr/lib/libx.so", elf::hardened());
    dir.write("good/usr/bin/tool", elf::hardened());
    dir.write("bad/usr/lib/libx.so", elf::hardened());
    dir.write("bad/usr/bin/tool", elf::weak());
    assert_eq!(diff(&dir, 0, &["good", "good"])["totals"]["unchanged"], 2);
    let worse = diff(&dir, 1, &["good", "bad"]);
    assert_eq!(worse["files"].as_array().unwrap().len(), 1);
    let file = &worse["files"][0];
    assert_eq!((&file["path"], &file["state"]), (&"/usr/bin/tool".into(), &"both".into()));
    let change =
        file["changes"].as_array().unwrap().iter().find(|change| change["rule"] == "ELF-004").unwrap();
    assert_eq!((&change["direction"], &change["old"]["outcome"]), (&"worse".into(), &"pass".into()));
    assert!(change["fixes"][0]["add"].as_str().unwrap().contains("noexecstack"), "{change}");
    let text = String::from_utf8(dir.run(&["checksec", "diff", "good", "bad"]).stdout).unwrap();
    assert!(text.contains("/usr/bin/tool") && text.contains(" (pass) -> ") && text.contains("Fix: gcc: "));
    assert!(text.trim_end().lines().next_back().unwrap().starts_with("FAILED"), "{text}");
    // The other way round everything is better, and needs nothing.
    let better = diff(&dir, 0, &["bad", "good"]);
    assert_eq!(better["totals"]["better"], worse["totals"]["worse"]);
    assert!(!better.to_string().contains("fixes"));
}

#[test]
fn a_new_file_is_held_to_the_threshold_and_a_policy_settles_what_is_worse() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("old/usr/bin/a", elf::hardened());
    dir.write("new/usr/bin/a", elf::hardened());
    dir.write("new/usr/bin/b", elf::weak());
    let new = diff(&dir, 1, &["old", "new"]);
    assert_eq!((&new["totals"]["new"], &new["totals"]["new_failing"]), (&1.into(), &1.into()));
    assert_eq!(diff(&dir, 0, &["old", "new", "--fail-on=none"])["totals"]["new"], 1);
    assert_eq!(diff(&dir, 0, &["new", "old"])["totals"]["gone"], 1);
    dir.write("old/usr/bin/b", elf::hardened());
    diff(&dir, 1, &["old", "new", "--fail-on=none"]);
    let off =
        rules_on_executables().into_iter().fold(String::new(), |lines, id| lines + &id + " = \"off\"\n");
    dir.write("lenient.toml", format!("[severity]\n{off}"));
    let settled = diff(&dir, 0, &["old", "new", "--config=lenient.toml"]);
    assert!(settled["totals"]["settled"].as_u64().unwrap() > 3 && settled["totals"]["worse"] == 0);
}

/// A report that was kept is as good as what it was made of, wherever either lies.
#[test]
fn reports_archives_directories_and_files_compare_with_each_other() {
    if lacks(&["cc", "tar"]) {
        return;
    }
    let dir = Dir::new();
    for (side, tool) in [("old", elf::hardened()), ("new", elf::weak())] {
        dir.write(format!("{side}/usr/bin/tool"), tool);
        dir.write(format!("{side}/usr/lib/libx.so"), elf::library());
        dir.write(format!("parts/{side}/bin/tool"), tool);
        dir.tool("tar", &["-cf", &format!("{side}.tar"), "-C", side, "."]);
        dir.run(&["checksec", side, "-o", &format!("{side}.json")]);
        dir.run(&["checksec", &format!("./parts/{side}/"), "-o", &format!("{side}-parts.json")]);
    }
    let expected = diff(&dir, 1, &["old", "new"]);
    for (old, new) in [("old.tar", "new.json"), ("old.json", "new.tar"), ("old.json", "new.json")] {
        let seen = diff(&dir, 1, &[old, new]);
        assert_eq!(seen["files"], expected["files"], "{old} {new}");
    }
    let expected = diff(&dir, 1, &["parts/old", "parts/new"]);
    assert_eq!(expected["files"][0]["path"], "/bin/tool");
    for (old, new) in [("old-parts.json", "parts/new"), ("old-parts.json", "new-parts.json")] {
        assert_eq!(diff(&dir, 1, &[old, new])["files"], expected["files"], "{old} {new}");
    }
    let files = diff(&dir, 1, &["parts/old/bin/tool", "new/usr/bin/tool"]);
    assert_eq!(files["files"][0]["changes"], expected["files"][0]["changes"]);
    // One file against another, whatever they are called.
    dir.write("renamed", elf::hardened());
    assert_eq!(diff(&dir, 0, &["parts/old/bin/tool", "renamed"])["files"][0]["matched_by"], "only-file");
}

#[test]
fn what_cannot_be_judged_in_full_is_2_and_so_is_what_cannot_be_read() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("good/usr/bin/a", elf::hardened());
    dir.write("cut/usr/bin/a", &elf::hardened()[..200]);
    for sides in [["good", "cut"], ["cut", "good"]] {
        let incomplete = diff(&dir, 2, &sides);
        assert!(incomplete["gate"]["summary"].as_str().unwrap().contains("could not be judged in full"));
    }
    dir.write("no.json", "{}");
    dir.write("old.json", "{\"schema\": \"hardpan-report/0\"}");
    for (args, said) in [
        (["good", "nowhere"], "cannot compare nowhere"),
        (["no.json", "good"], "cannot compare no.json: it is no JSON report"),
        (["old.json", "good"], "its schema is `hardpan-report/0`"),
        (["good", "good/usr/bin/b"], "cannot compare good/usr/bin/b"),
    ] {
        let message = dir.fails(2, &[&["checksec", "diff"], &args[..]].concat());
        assert!(message.contains(said), "{message}");
    }
    let message = dir.fails(2, &["checksec", "diff", "good", "good", "-o", "out.html"]);
    assert!(message.contains("use .json, .md or .txt"), "{message}");
    let message = dir.fails(2, &["checksec", "diff", "good", "good", "-o", "a.md", "-o", "./a.md"]);
    assert!(message.contains("two comparisons"), "{message}");
}

#[test]
fn it_is_written_in_each_form_and_the_same_each_time() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    for number in 0..9 {
        dir.write(format!("old/bin/{number}"), elf::hardened());
        dir.write(format!("new/bin/{number}"), if number % 3 == 0 { elf::weak() } else { elf::hardened() });
    }
    let args = ["checksec", "diff", "old", "new", "-o", "d.json", "-o", "d.md", "-o", "d.txt"];
    assert_eq!(dir.run(&args).status.code(), Some(1));
    let read = || ["d.json", "d.md", "d.txt"].map(|name| std::fs::read_to_string(dir.path(name)).unwrap());
    let first = read();
    let mut command = dir.hardpan(&args);
    command.env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert_eq!(read(), first);
    let json: Value = serde_json::from_str(&first[0]).unwrap();
    assert_eq!(json["files"].as_array().unwrap().len(), 3);
    assert!(first[1].starts_with("## Hardening: Failed") && first[2].ends_with(" worse\n"), "{first:?}");
    let printed = dir.run(&["checksec", "diff", "old", "new", "--format=markdown"]).stdout;
    assert_eq!(String::from_utf8(printed).unwrap(), first[1]);
}

#[test]
fn comparisons_satisfy_the_published_schema_and_damaged_ones_do_not() {
    let test = "comparisons_satisfy_the_published_schema_and_damaged_ones_do_not";
    let Some(python) = require(test, VALIDATOR, python_with_jsonschema()) else { return };
    if lacks(&["cc"]) {
        return;
    }
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diff.schema.json");
    let dir = Dir::new();
    for (name, bytes) in [
        ("old/bin/worse", elf::hardened()),
        ("new/bin/worse", elf::weak()),
        ("old/bin/better", elf::weak()),
        ("new/bin/better", elf::hardened()),
        ("old/bin/moved", elf::hardened()),
        ("new/sbin/moved", elf::library()),
        ("old/bin/gone", elf::hardened()),
        ("new/bin/new", elf::weak()),
    ] {
        dir.write(name, bytes);
    }
    dir.run(&["checksec", "old", "-o", "old.json"]);
    let mut older: Value = serde_json::from_slice(&std::fs::read(dir.path("old.json")).unwrap()).unwrap();
    older["matrix"]["columns"][0]["rule"] = "OLD-001".into();
    dir.write("older.json", older.to_string());
    let mut diff = diff(&dir, 1, &["older.json", "new"]);
    assert_eq!(
        (diff["files"].as_array().unwrap().len(), diff["not_compared"].as_array().unwrap().len()),
        (5, 2)
    );
    assert_eq!(objections(&python, &schema, diff.to_string().as_bytes()), "");
    for (pointer, damage) in [
        ("/schema", "hardpan-checksec-diff/2"),
        ("/gate/exit_code", "1"),
        ("/files/0/path", "a\u{1b}[31m"),
        ("/files/0/state", "lost"),
        ("/files/0/changes/0/direction", "sideways"),
        ("/files/0/changes/0/new/outcome", "good"),
        ("/not_compared/0/only_in", "both"),
    ] {
        let kept = diff.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {diff}")).clone();
        *diff.pointer_mut(pointer).unwrap() = damage.into();
        assert_ne!(objections(&python, &schema, diff.to_string().as_bytes()), "", "{pointer} was accepted");
        *diff.pointer_mut(pointer).unwrap() = kept;
    }
}

#[test]
fn packages_and_libraries_of_objects_are_sides_too() {
    if lacks(&["cc", "dpkg-deb", "ar"]) {
        return;
    }
    let dir = Dir::new();
    for (version, tool) in [("1", elf::hardened()), ("2", elf::weak())] {
        let control = format!(
            "Package: x\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
        );
        dir.write(format!("{version}/DEBIAN/control"), control);
        dir.write(format!("{version}/usr/bin/tool"), tool);
        dir.tool("dpkg-deb", &["--root-owner-group", "-b", version, &format!("x-{version}.deb")]);
        dir.write("tool.o", tool);
        dir.tool("ar", &["rc", &format!("x-{version}.a"), "tool.o"]);
    }
    let deb = diff(&dir, 1, &["x-1.deb", "x-2.deb"]);
    assert_eq!((&deb["files"][0]["path"], &deb["totals"]["compared"]), (&"/usr/bin/tool".into(), &1.into()));
    let library = diff(&dir, 1, &["x-1.a", "x-2.a"]);
    let file = &library["files"][0];
    assert_eq!((&file["path"], &file["matched_by"]), (&"(tool.o)".into(), &"path".into()));
}

#[test]
fn names_that_attack_readers_of_the_comparison_are_escaped() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    let name = std::path::PathBuf::from(std::ffi::OsString::from("old/bin/x\u{1b}[31m|<img src=x>`@all`\n"));
    dir.write(&name, elf::weak());
    dir.write("new/bin/other", elf::weak());
    for format in ["text", "json", "markdown"] {
        let output = dir.run(&["checksec", "diff", "old", "new", "--format", format]).stdout;
        assert!(output.iter().all(|byte| *byte == b'\n' || !byte.is_ascii_control()), "{format}");
        let text = String::from_utf8(output).unwrap();
        assert!(format != "markdown" || !text.contains("<img") && !text.contains('@'), "{text}");
    }
}

#[test]
fn a_file_that_is_named_like_a_command_can_still_be_checked() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    for name in ["diff", "profiles", "help"] {
        dir.write(name, elf::hardened());
        assert_eq!(dir.report(&["checksec", &format!("./{name}")]).executables().len(), 1);
    }
    dir.write("other", elf::hardened());
    assert_eq!(dir.report(&["checksec", "other", "./diff"]).executables().len(), 2);
    assert_eq!(dir.report(&["checksec", "--fail-on=high", "help"]).executables().len(), 1);
}

/// Runs it with this exit code, which the comparison must tell too.
fn diff(dir: &Dir, code: i32, args: &[&str]) -> Value {
    let output = dir.run(&[&["checksec", "diff", "--format=json"], args].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", crate::util::text(&output));
    let diff: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(diff["gate"]["exit_code"], code);
    diff
}
