//! Sections of the policy and profiles: what is asked of which executables.

use serde_json::Value;

use crate::util::{Dir, elf, lacks};

#[test]
fn a_section_asks_for_less_of_the_files_that_it_matches() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    let before = dir.report(&["checksec", "root"]);
    let row = &before.0["matrix"]["rows"][0];
    let (kind, machine) = (row["kind"].as_str().unwrap(), row["machine"].as_str().unwrap());
    for (condition, allowed) in [
        ("path = \"/opt/**\"".to_owned(), &["/opt/one"] as &[&str]),
        ("path = [\"/usr/**\", \"/opt/*\"]".into(), &["/opt/one", "/usr/bin/two"]),
        (format!("kind = [\"PIE\", \"{kind}\"]\narch = \"{machine}\""), &["/opt/one", "/usr/bin/two"]),
        ("language = \"c\"\npath = \"/usr/bin/two\"".into(), &["/usr/bin/two"]),
        (String::new(), &["/opt/one", "/usr/bin/two"]),
    ] {
        dir.write("hardpan.toml", section(&condition, "rules = { nx-stack = \"off\" }"));
        let report = dir.report(&["checksec", "root"]);
        assert_eq!(report.disposed("allowed").into_iter().collect::<Vec<_>>(), allowed, "{condition}");
        assert_eq!(report.gate("gating"), before.gate("gating") - allowed.len() as u64);
        assert_eq!(report.gate("allowed"), allowed.len() as u64);
        assert_eq!(report.rule("RUN-004")["outcome"], "pass");
        let why = report.findings().find_map(|(_, finding)| finding["disposition"]["why"].as_str());
        assert_eq!(why, Some("hardpan.toml:2 does not ask for it here"));
        // The audit has the same policy.
        let audited = dir.report(&["audit", "root", "--no-live"]);
        assert_eq!(audited.gate("allowed"), allowed.len() as u64);
    }
}

#[test]
fn the_last_section_that_matches_has_the_last_word_and_the_severity_is_the_findings_own() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    let sections = "[severity]\nnx-stack = \"low\"\n".to_owned()
        + &section("", "rules = { ELF-004 = \"medium\" }")
        + &section("path = \"/opt/*\"", "rules = { nx-stack = \"critical\" }");
    dir.write("hardpan.toml", sections);
    let report = dir.report(&["checksec", "root"]);
    let rule = report.rule("ELF-004");
    let severities: Vec<&Value> =
        rule["findings"].as_array().unwrap().iter().map(|finding| &finding["severity"]).collect();
    assert_eq!(severities, ["critical", "medium"]);
    assert_eq!(rule["severity"], "critical");
    assert!(
        dir.run(&["checksec", "root", "--all"])
            .stdout
            .windows(22)
            .any(|text| text == b"(severity medium here;")
    );
}

#[test]
fn a_section_that_matches_no_file_is_a_finding_at_its_line() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = two_bad_programs();
    let text = section("path = \"/opt/*\"", "rules = { relro = \"high\" }")
        + &section("kind = \"kernel module\"", "rules = { relro = \"high\" }");
    dir.write("hardpan.toml", &text);
    let report = dir.report(&["checksec", "root"]);
    let findings = report.rule("RUN-004")["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!((&findings[0]["location"]["line"], &findings[0]["severity"]), (&6.into(), &"medium".into()));
    // What matches nothing in one part of a system may match in another.
    dir.write("hardpan.toml", text + "[severity]\nsection-unused = \"off\"\n");
    let report = dir.report(&["checksec", "root", "--fail-on=medium"]);
    assert!(report.disposed("gating").iter().all(|path| *path != "hardpan.toml"));
}

#[test]
fn what_holds_in_part_or_is_not_told_gates_unless_a_section_allows_it() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("lib/libx.so", elf::library());
    dir.write("bin/fixed", compile(&["-static-pie", "-fPIE", "-Wl,-z,relro,-z,now"]));
    let asked =
        "rules = { relro = \"high\", bind-now = \"off\", stack-protector = \"high\", fortify = \"off\" }\n";
    let run = |allowed: &str| {
        dir.write("hardpan.toml", section("", &format!("{asked}{allowed}")));
        let report = dir.report(&["checksec", "lib", "bin"]);
        let gating = report.findings().filter(|(_, finding)| finding["disposition"]["kind"] == "gating");
        gating.map(|(rule, _)| rule.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(run(""), ["ELF-001", "ELF-005"]);
    assert_eq!(run("allow-partial = [\"relro\"]"), ["ELF-005"]);
    assert_eq!(run("allow-unknown = [\"stack-protector\"]"), ["ELF-001"]);
    // Neither stands for the other.
    assert_eq!(
        run("allow-unknown = [\"relro\"]\nallow-partial = [\"stack-protector\"]"),
        ["ELF-001", "ELF-005"]
    );
    // Damage is never allowed.
    dir.write("bin/fixed", &elf::hardened()[..200]);
    dir.write(
        "hardpan.toml",
        section("", "rules = { well-formed = \"off\" }\nallow-unknown = [\"well-formed\"]"),
    );
    assert_eq!(dir.report(&["checksec", "bin"]).exit_code(), 2);
}

#[test]
fn each_profile_passes_what_its_flags_give_and_fails_what_they_do_not() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("full", elf::hardened());
    dir.write("lazy", compile(&["-pie", "-fPIE", "-Wl,-z,relro,-z,lazy"]));
    dir.write("static", compile(&["-static-pie", "-fPIE", "-Wl,-z,relro,-z,now"]));
    dir.write("weak", elf::weak());
    dir.write("marked", marked());
    let relro_and_now: &[&str] = &["ELF-001", "ELF-002"];
    let all_of_weak: &[&str] = &["ELF-001", "ELF-002", "ELF-003", "ELF-004", "ELF-006", "ELF-007"];
    for (profile, file, gating) in [
        // Debian's defaults leave binding lazy; where libraries are looked for is of medium severity to it.
        ("debian", "full", &[] as &[&str]),
        ("debian", "lazy", &[]),
        ("debian", "static", &[]),
        ("debian", "weak", &["ELF-001", "ELF-003", "ELF-004", "ELF-006"]),
        ("fedora", "full", &[]),
        ("fedora", "static", &[]),
        ("fedora", "lazy", relro_and_now),
        ("fedora", "weak", all_of_weak),
        ("bottlerocket", "full", &[]),
        ("bottlerocket", "static", &[]),
        ("bottlerocket", "lazy", relro_and_now),
        ("bottlerocket", "weak", all_of_weak),
        // Nothing in these programs tells of stack clash protection, nor in a static one of canaries and FORTIFY.
        ("strict", "marked", &[]),
        ("strict", "full", &["ELF-011", "ELF-013"]),
        ("strict", "static", &["ELF-005", "ELF-006", "ELF-011", "ELF-013"]),
        ("strict", "lazy", &["ELF-001", "ELF-002", "ELF-011", "ELF-013"]),
    ] {
        let report = dir.report(&["checksec", file, "--profile", profile]);
        let found = report.findings().filter(|(_, finding)| finding["disposition"]["kind"] == "gating");
        let found: Vec<&str> = found.map(|(rule, _)| rule).collect();
        // What CET is on x86, branch protection is on AArch64.
        let here = |rule: &&'static str| match (*rule, std::env::consts::ARCH) {
            ("ELF-011", "aarch64") => Some("ELF-012"),
            ("ELF-011", arch) => (arch == "x86_64").then_some("ELF-011"),
            (rule, _) => Some(rule),
        };
        assert_eq!(found, gating.iter().filter_map(here).collect::<Vec<_>>(), "{file} by {profile}");
        assert_eq!(report.exit_code(), i64::from(!gating.is_empty()), "{file} by {profile}");
    }
}

#[test]
fn the_command_lines_profile_replaces_the_files_and_sections_come_after_either() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    dir.write("lazy", compile(&["-pie", "-fPIE", "-Wl,-z,relro,-z,lazy"]));
    let profile = "[checksec]\nprofile = \"strict\"\n";
    dir.write("hardpan.toml", profile);
    assert_eq!(dir.report(&["checksec", "lazy"]).exit_code(), 1);
    let report = dir.report(&["checksec", "lazy", "--profile=debian"]);
    assert_eq!(report.exit_code(), 0);
    let why = "the profile debian lets it hold in part";
    assert!(report.findings().any(|(_, finding)| finding["disposition"]["why"] == why));
    let asked = "rules = { bind-now = \"off\", cet = \"off\", branch-protection = \"off\", \
        stack-clash = \"off\" }";
    let section = section("", &format!("{asked}\nallow-partial = [\"relro\"]"));
    dir.write("hardpan.toml", format!("{profile}{section}"));
    assert_eq!(dir.report(&["checksec", "lazy"]).exit_code(), 0);
    assert!(dir.fails(2, &["checksec", "lazy", "--profile=arch"]).contains("bottlerocket, debian, fedora"));
}

#[test]
fn a_profile_is_shown_in_the_form_in_which_it_is_written() {
    let dir = Dir::new();
    let all = dir.ok(&["checksec", "profiles"]);
    let described: Value = serde_json::from_str(&dir.ok(&["checksec", "profiles", "--json"])).unwrap();
    for profile in described.as_array().unwrap() {
        let name = profile["name"].as_str().unwrap();
        assert!(all.lines().any(|line| line.starts_with(name)), "{all}");
        let one: Value = serde_json::from_str(&dir.ok(&["checksec", "profiles", name, "--json"])).unwrap();
        assert_eq!(one, *profile);
        // Its sections are those of a policy.
        let toml = dir.ok(&["checksec", "profiles", name]);
        let sections = &toml[toml.find("[[checksec.section]]").unwrap()..];
        dir.write("hardpan.toml", sections);
        dir.write("nothing/usr/one", "#");
        assert_eq!(dir.report(&["checksec", "nothing"]).rule("RUN-004")["outcome"], "fail");
    }
    assert_eq!(described.as_array().unwrap().len(), 4);
}

#[test]
fn a_known_failure_covers_what_got_better_and_a_known_part_no_failure() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    let partial = elf::library();
    let none = compile(&["-shared", "-fPIC", "-Wl,-z,norelro,-z,lazy"]);
    dir.write("hardpan.toml", "[severity]\nrelro = \"critical\"\n");
    let run = |before: &[u8], after: &[u8]| {
        dir.write("libx.so", before);
        dir.report(&["checksec", "libx.so", "-o", "before.json"]);
        dir.write("libx.so", after);
        let report = dir.report(&["checksec", "libx.so", "--baseline=before.json", "--fail-on=critical"]);
        let finding = report.rule("ELF-001")["findings"][0].clone();
        (finding["outcome"].as_str().unwrap().to_owned(), report.exit_code())
    };
    assert_eq!(run(&none, partial), ("partial".into(), 0));
    assert_eq!(run(partial, partial), ("partial".into(), 0));
    assert_eq!(run(partial, &none), ("fail".into(), 1));
}

#[test]
fn a_waiver_by_build_id_covers_that_build_wherever_it_lies_and_no_other() {
    if lacks(&["cc"]) {
        return;
    }
    let dir = Dir::new();
    let build =
        |id: &str| compile(&["-pie", "-fPIE", "-Wl,-z,relro,-z,lazy", &format!("-Wl,--build-id=0x{id}")]);
    dir.write("root/usr/bin/a", build("c0ffee01"));
    dir.write("root/opt/b", build("c0ffee01"));
    dir.write("root/opt/c", build("c0ffee0102"));
    dir.write("root/opt/d", compile(&["-pie", "-fPIE", "-Wl,-z,relro,-z,lazy,--build-id=none"]));
    let waived = |lines: &str| {
        let waiver = "[[waiver]]\nrule = \"bind-now\"\nreason = \"r\"\nowner = \"o\"\nexpires = 9999-12-31\n";
        dir.write("hardpan.toml", format!("{waiver}{lines}\n"));
        let report = dir.report(&["checksec", "root"]);
        report.disposed("waived").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(waived("build-id = \"c0ffee01\""), ["/opt/b", "/usr/bin/a"]);
    assert_eq!(waived("build-id = \"c0ffee01\"\npath = \"/opt/*\""), ["/opt/b"]);
    assert_eq!(waived("build-id = \"c0ffee\""), [""; 0]);
    assert_eq!(waived("path = \"/opt/*\""), ["/opt/b", "/opt/c", "/opt/d"]);
    // One that covers nothing is a finding, as every other.
    assert_eq!(waived("build-id = \"c0ffee03\""), [""; 0]);
    assert_eq!(dir.report(&["checksec", "root"]).rule("RUN-003")["outcome"], "fail");
}

fn section(condition: &str, asked: &str) -> String {
    format!("\n[[checksec.section]]\n{condition}\n{asked}\n")
}

/// A program with everything. The start files of Debian 12 have no marks, so that the linker is told to set them; on
/// machines without such marks the flags are left out.
fn marked() -> Vec<u8> {
    let full = [
        "-pie",
        "-fPIE",
        "-fstack-protector-all",
        // Where no frame is large enough to show it, the flag does that is recorded in the debugging information.
        "-fstack-clash-protection",
        "-g",
        "-Wl,-z,relro,-z,now,-z,separate-code",
    ];
    let marks: &[&str] = match std::env::consts::ARCH {
        "x86_64" => &["-fcf-protection=full", "-Wl,-z,ibt,-z,shstk"],
        "aarch64" => &["-mbranch-protection=standard", "-Wl,-z,force-bti"],
        _ => &[],
    };
    compile(&[&full, marks].concat())
}

/// A program or library of the flags of distributions, and these.
fn compile(flags: &[&str]) -> Vec<u8> {
    let base = ["-O2", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"];
    elf::compile(&[&base, flags].concat())
}

fn two_bad_programs() -> Dir {
    let dir = Dir::new();
    dir.write("root/opt/one", elf::weak());
    dir.write("root/usr/bin/two", elf::weak());
    dir
}
