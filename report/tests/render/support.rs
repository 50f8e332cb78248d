//! Reports to render: a small one with everything that can be in one, and a large one.

use hardpan_report::{
    Cause, Cell, Column, Confidence, Coverage, Disposition, Evidence, FileTraits, Finding, Fix, Gate, Judged,
    Language, LanguageShare, Location, Matrix, Outcome, Pillar, PillarResult, Problem, Report, Row,
    RuleResult, Severity, Subject, Tally, Tool, Toolchain, Totals, escape,
};
use std::borrow::Cow;

/// A name that attacks terminals, pages and URIs.
pub(crate) const HOSTILE: &[u8] = b"/opt/<script>window.pwned=1</script>\x1b[31m\"&'%41:\xff\xe2\x80\xae x";

/// A report of an audit with ten pillars, every outcome, every disposition and hostile names.
pub(crate) fn sample_report() -> Report {
    let rules = sample_rules();
    let pillars = Pillar::ALL.into_iter().map(|pillar| pillar_result(pillar, &rules)).collect();
    Report {
        schema: Report::SCHEMA,
        tool: Tool { name: "hardpan", version: "0.1.0" },
        command: "audit",
        subject: Subject {
            kind: "directory",
            path: "build/image-rootfs".into(),
            live: false,
            os: Some("Example Container OS 1.52.0".into()),
        },
        coverage: sample_coverage(),
        gate: Gate {
            fail_on: Some(Severity::Medium),
            exit_code: 2,
            gating: 13,
            incomplete: 1,
            allowed: 1,
            waived: 1,
            known: 1,
            day: "2026-11-23".into(),
            summary: "13 findings at or over medium fail the run, and 1 file could not be read.".into(),
        },
        totals: totals(&rules),
        pillars,
        rules,
        processes: None,
        matrix: Some(sample_matrix()),
        languages: sample_languages(),
    }
}

/// The same subject as `checksec` reports it.
pub(crate) fn checksec_report() -> Report {
    let mut report = sample_report();
    report.command = "checksec";
    report.rules.retain(|rule| rule.pillar == Some(Pillar::HardenedExecutables));
    report.pillars.retain(|pillar| pillar.id == Pillar::HardenedExecutables);
    report.totals = totals(&report.rules);
    report
}

/// A report in which everything is well.
pub(crate) fn clean_report() -> Report {
    let mut report = sample_report();
    report.rules.retain(|rule| matches!(rule.outcome, Outcome::Pass | Outcome::NotApplicable));
    report.pillars = Pillar::ALL.into_iter().map(|pillar| pillar_result(pillar, &report.rules)).collect();
    report.coverage.problems.clear();
    report.coverage.not_entered.clear();
    report.totals = totals(&report.rules);
    report.gate = Gate {
        fail_on: Some(Severity::Medium),
        exit_code: 0,
        gating: 0,
        incomplete: 0,
        allowed: 0,
        waived: 0,
        known: 0,
        day: "2026-11-23".into(),
        summary: "Nothing fails at or over medium.".into(),
    };
    report
}

/// A report of almost nothing: every part that may be absent is.
pub(crate) fn bare_report() -> Report {
    let mut report = clean_report();
    report.subject.os = None;
    report.subject.live = true;
    report.gate.fail_on = None;
    report.rules.clear();
    report.matrix = None;
    report.languages.clear();
    report.totals = totals(&[]);
    report.pillars = Pillar::ALL.into_iter().map(|pillar| pillar_result(pillar, &[])).collect();
    report
}

/// `rows` executables by nine properties, and `findings` findings.
pub(crate) fn large_report(rows: usize, findings: usize) -> Report {
    let mut report = sample_report();
    let rule = report.rules.iter_mut().find(|rule| rule.id == "ELF-001").unwrap();
    let template = rule.findings[0].clone();
    rule.findings = (0..findings).map(|at| numbered(&template, at)).collect();
    let table = report.matrix.as_mut().unwrap();
    let patterns = table.rows.clone();
    table.rows = (0..rows)
        .map(|at| Row {
            path: format!("/usr/lib/modules/6.12.58/kernel/drivers/group-{:02}/driver-{at:05}.ko", at / 100)
                .into(),
            ..patterns[at % patterns.len()].clone()
        })
        .collect();
    report.totals = totals(&report.rules);
    report
}

fn numbered(template: &Judged, at: usize) -> Judged {
    let path = format!("/usr/bin/program-{at:05}");
    let mut judged = template.clone();
    judged.finding.location = Some(Location::offset(path.clone(), 16));
    judged.fingerprint = format!("ELF-001:{path}:pie");
    judged
}

fn sample_rules() -> Vec<RuleResult> {
    let mut rules = vec![verity_rule(), etc_rule(), shell_rule(), pie_rule(), relro_rule()];
    rules.extend([stack_rule(), selinux_rule(), kernel_rule(), boot_rule(), updates_rule(), login_rule()]);
    rules.extend([memory_rule(), waiver_rule()]);
    rules
}

fn verity_rule() -> RuleResult {
    let evidence = vec![
        Evidence::new(
            "dm-verity root hash",
            "9f2c…e1 over 262,144 blocks",
            "the hash that the boot loader passes",
        ),
        Evidence::new("blocks verified", "262,144 of 262,144", "all"),
    ];
    passing(
        "VTY-001",
        "root-verity",
        "The root file system is verified by dm-verity",
        Pillar::VerifiedRoot,
        evidence,
    )
}

fn etc_rule() -> RuleResult {
    let evidence =
        Evidence::new("mount options of /etc", "tmpfs rw,nosuid,nodev", "tmpfs, made anew at each boot")
            .at(Location::line("/usr/lib/systemd/system/etc.mount", 7));
    passing("ETC-001", "etc-tmpfs", "/etc is made anew at each boot", Pillar::StatelessEtc, vec![evidence])
}

fn shell_rule() -> RuleResult {
    let mut rule =
        rule("NSH-001", "no-shell", "No file is a command interpreter", Pillar::NoShell, Severity::High);
    let applet = Finding::fail(
        Some(Location::file("/usr/bin/busybox")),
        "busybox",
        "busybox has the applets sh and ash.",
    )
    .with(
        Evidence::new("applet table", "sh, ash, wget", "no interpreter")
            .at(Location::offset("/usr/bin/busybox", 81_920)),
    );
    let hostile = Finding::fail(Some(Location::file(HOSTILE)), "name", "The name is that of a shell script.")
        .with(Evidence::new(
            "first line",
            escape(b"#!/bin/sh \x1b]0;x\x07<img src=x onerror=window.pwned=2>"),
            "no interpreter line",
        ));
    rule.findings = vec![judged(&rule, hostile, Disposition::Gating), judged(&rule, applet, waived())];
    failed(rule, "2 interpreters are in the image; 1 of them is waived.")
}

fn pie_rule() -> RuleResult {
    let mut rule = rule(
        "ELF-001",
        "pie",
        "Every program is position-independent",
        Pillar::HardenedExecutables,
        Severity::High,
    );
    rule.findings = (0..12).map(|at| judged(&rule, pie_finding(at), Disposition::Gating)).collect();
    let why = "the profile debian lets it hold in part".into();
    rule.findings[11].disposition = Disposition::Allowed { why };
    rule.findings[11].severity = Severity::Low;
    rule.tally = Some(Tally { pass: 388, partial: 0, fail: 12, not_applicable: 9, unknown: 1 });
    rule.unit = Some("executables");
    failed(rule, "12 of 401 programs are loaded at a fixed address.")
}

fn pie_finding(at: usize) -> Finding {
    let path = format!("/usr/libexec/helper-{at:02}");
    let fixes = [Toolchain::Gcc, Toolchain::Clang].map(|toolchain| Fix::new(toolchain, "-fPIE -pie"));
    let finding =
        Finding::fail(Some(Location::file(path.clone())), "pie", "The program is loaded at a fixed address.");
    Finding { fixes: fixes.into(), file: Some(std::sync::Arc::new(sample_traits())), ..finding }
        .with(Evidence::new("e_type", "ET_EXEC", "ET_DYN with DF_1_PIE").at(Location::offset(path, 16)))
}

pub(crate) fn sample_traits() -> FileTraits {
    FileTraits {
        kind: "executable",
        machine: Cow::Borrowed("x86-64"),
        language: Language::CFamily,
        build_id: Some("0123456789abcdef".into()),
    }
}

fn relro_rule() -> RuleResult {
    let mut rule = rule(
        "ELF-002",
        "relro",
        "The relocation tables are read-only after start (full RELRO)",
        Pillar::HardenedExecutables,
        Severity::Medium,
    );
    let known = Finding::fail(Some(Location::file("/usr/lib/libold.so.1")), "relro", "Only partial RELRO.")
        .with(Evidence::new("DT_FLAGS", "0x0", "DF_BIND_NOW"));
    let known = Finding { confidence: Confidence::Heuristic, ..known };
    let broken = Finding::unknown(
        Cause::Malformed,
        Some(Location::offset("/usr/lib/broken.so", 64)),
        "relro",
        "program header 0 ends behind the end of the file",
    );
    rule.findings =
        vec![judged(&rule, broken, Disposition::Incomplete), judged(&rule, known, Disposition::Known)];
    rule.tally = Some(Tally { pass: 399, partial: 0, fail: 1, not_applicable: 9, unknown: 1 });
    rule.unit = Some("executables");
    failed(rule, "1 of 401 executables has partial RELRO, and 1 could not be told.")
}

fn stack_rule() -> RuleResult {
    let evidence = vec![Evidence::new("PT_GNU_STACK flags of 401 files", "RW", "no execute permission")];
    let mut rule = passing(
        "ELF-003",
        "stack-nx",
        "No executable asks for an executable stack",
        Pillar::HardenedExecutables,
        evidence,
    );
    rule.tally = Some(Tally { pass: 401, partial: 0, fail: 0, not_applicable: 9, unknown: 0 });
    rule.unit = Some("executables");
    rule
}

fn selinux_rule() -> RuleResult {
    let evidence =
        Evidence::new("SELINUX", "enforcing", "enforcing").at(Location::line("/etc/selinux/config", 2));
    passing(
        "MAC-001",
        "selinux-enforcing",
        "SELinux enforces",
        Pillar::MandatoryAccessControl,
        vec![evidence],
    )
}

fn kernel_rule() -> RuleResult {
    let mut rule = rule(
        "KRN-004",
        "kernel-lockdown",
        "The kernel starts in lockdown",
        Pillar::KernelLockdown,
        Severity::High,
    );
    let finding =
        Finding::unknown(Cause::NoFacts, None, "", "The image has no kernel configuration and no kernel.");
    rule.findings = vec![judged(&rule, finding, Disposition::Gating)];
    rule.outcome = Outcome::Unknown;
    rule.summary = "The image has no kernel configuration and no kernel.".into();
    rule
}

fn boot_rule() -> RuleResult {
    let evidence =
        vec![Evidence::new("Authenticode signature of /boot/efi/EFI/BOOT/BOOTX64.EFI", "valid", "valid")];
    passing("SBT-001", "signed-loader", "The boot loader is signed", Pillar::SecureBoot, evidence)
}

fn updates_rule() -> RuleResult {
    let mut rule =
        rule("UPD-002", "two-sets", "There are two partition sets", Pillar::SignedUpdates, Severity::Medium);
    rule.outcome = Outcome::NotApplicable;
    rule.summary = "A directory has no partitions.".into();
    rule
}

fn login_rule() -> RuleResult {
    let mut rule = rule("API-004", "one-root", "Only root has user id 0", Pillar::ApiOnly, Severity::Low);
    let finding =
        Finding::fail(Some(Location::line("/etc/passwd", 3)), "uid:0:toor", "toor has user id 0 too.")
            .with(Evidence::new("user id", "0", "not 0"));
    rule.findings = vec![judged(&rule, finding, Disposition::BelowThreshold)];
    failed(rule, "1 other account has user id 0.")
}

fn memory_rule() -> RuleResult {
    let evidence = vec![Evidence::new("bytes in memory-safe languages", "71.4 %", "")];
    passing("MEM-001", "memory-safe-share", "Most code is memory-safe", Pillar::MemorySafe, evidence)
}

fn waiver_rule() -> RuleResult {
    let mut rule = rule("CFG-001", "stale-waiver", "Every waiver is in use", Pillar::ApiOnly, Severity::Info);
    rule.pillar = None;
    let finding =
        Finding::fail(Some(Location::line("hardpan.toml", 14)), "waiver:3", "The waiver matches nothing.");
    rule.findings = vec![judged(&rule, finding, Disposition::Off)];
    failed(rule, "1 waiver matches nothing.")
}

fn rule(
    id: &'static str,
    name: &'static str,
    title: &'static str,
    pillar: Pillar,
    severity: Severity,
) -> RuleResult {
    RuleResult {
        id: Cow::Borrowed(id),
        name: Cow::Borrowed(name),
        title: Cow::Borrowed(title),
        pillar: Some(pillar),
        severity,
        outcome: Outcome::Pass,
        summary: String::new(),
        rationale: "An attacker who gets in **needs this** to be missing.\n\n- It makes `mprotect` calls useful.\n\
            - It makes addresses known."
            .into(),
        remedy: "Build with the distribution's hardening flags.\n\n```sh\ncc -fPIE -pie -Wl,-z,relro,-z,now main.c\n```"
            .into(),
        evidence: Vec::new(),
        tally: None,
        unit: None,
        findings: Vec::new(),
    }
}

fn passing(
    id: &'static str,
    name: &'static str,
    title: &'static str,
    pillar: Pillar,
    evidence: Vec<Evidence>,
) -> RuleResult {
    let summary = format!("{}: {}.", evidence[0].what, evidence[0].seen);
    RuleResult { summary, evidence, ..rule(id, name, title, pillar, Severity::High) }
}

fn failed(mut rule: RuleResult, summary: &str) -> RuleResult {
    rule.outcome = Outcome::Fail;
    rule.summary = summary.into();
    rule
}

fn judged(rule: &RuleResult, finding: Finding, disposition: Disposition) -> Judged {
    let fingerprint = finding.fingerprint(&rule.id);
    Judged { finding, fingerprint, severity: rule.severity, disposition }
}

fn waived() -> Disposition {
    Disposition::Waived {
        reason: "needed by the rescue target until 1.53".into(),
        owner: "platform@example.org".into(),
        expires: "2027-01-31".into(),
    }
}

fn pillar_result(pillar: Pillar, rules: &[RuleResult]) -> PillarResult {
    let mut tally = Tally::default();
    let of_pillar = || rules.iter().filter(|rule| rule.pillar == Some(pillar));
    of_pillar().for_each(|rule| tally.count(rule.outcome));
    let worst = of_pillar().max_by_key(|rule| rule.outcome);
    PillarResult {
        id: pillar,
        number: pillar.number(),
        title: pillar.title(),
        promise: pillar.promise(),
        outcome: worst.map_or(Outcome::NotApplicable, |rule| rule.outcome),
        rules: tally,
        summary: worst.map_or_else(|| "No rule ran.".into(), |rule| rule.summary.clone()),
    }
}

fn totals(rules: &[RuleResult]) -> Totals {
    let mut totals = Totals::default();
    for rule in rules {
        totals.rules.count(rule.outcome);
        for judged in &rule.findings {
            match judged.finding.outcome {
                Outcome::Fail => *totals.failures.entry(rule.severity.as_str()).or_default() += 1,
                _ => totals.unknowns += 1,
            }
        }
    }
    totals
}

fn sample_coverage() -> Coverage {
    let not_entered =
        Problem { path: "/proc".into(), cause: None, reason: "another file system (proc)".into() };
    let problems = [
        Problem {
            path: "/usr/lib/broken.so".into(),
            cause: Some(Cause::Malformed),
            reason: "ELF: program header 0 ends behind the end of the file".into(),
        },
        Problem { path: HOSTILE.into(), cause: Some(Cause::Unreadable), reason: "Permission denied".into() },
    ];
    Coverage {
        entries: 7_932,
        files: 5_943,
        directories: 1_204,
        elf_files: 410,
        closed_libraries: 3,
        not_entered: vec![not_entered],
        problems: problems.into(),
    }
}

fn sample_matrix() -> Matrix {
    let columns = [
        ("ELF-001", "PIE"),
        ("ELF-002", "RELRO"),
        ("ELF-003", "NX"),
        ("ELF-004", "CANARY"),
        ("ELF-005", "FORTIFY"),
        ("ELF-006", "CET/BTI"),
        ("ELF-007", "RPATH"),
        ("ELF-008", "TEXTREL"),
        ("ELF-009", "STRIPPED"),
    ];
    let good = ["yes", "full", "yes", "yes", "12/14", "ibt+shstk", "none", "none", "yes"];
    let row = |path: &[u8], kind, language, bad: &[(usize, Outcome, &'static str)]| {
        let mut cells: Vec<Cell> = good.iter().map(|label| cell(Outcome::Pass, label)).collect();
        for (at, outcome, label) in bad {
            cells[*at] = cell(*outcome, label);
        }
        Row {
            path: path.into(),
            kind,
            machine: Cow::Borrowed("x86-64"),
            language,
            language_evidence: Cow::Borrowed("DW_AT_producer"),
            build_id: Some("0123456789abcdef".into()),
            size: 1_234_567,
            cells,
        }
    };
    let rows = vec![
        row(
            HOSTILE,
            "PIE",
            Language::CFamily,
            &[(3, Outcome::Fail, "none"), (1, Outcome::Partial, "partial")],
        ),
        row(b"/usr/bin/apiserver", "static PIE", Language::Rust, &[(4, Outcome::NotApplicable, "static")]),
        row(b"/usr/bin/containerd", "PIE", Language::Go, &[(3, Outcome::NotApplicable, "Go")]),
        row(
            b"/usr/lib/broken.so",
            "shared object",
            Language::Unknown,
            &[(0, Outcome::NotApplicable, "library"), (1, Outcome::Unknown, "malformed")],
        ),
        row(b"/usr/libexec/helper-00", "executable", Language::CFamily, &[(0, Outcome::Fail, "no")]),
        row(b"/usr/lib/libold.so.1", "shared object", Language::CFamily, &[(1, Outcome::Fail, "partial")]),
    ];
    let columns = columns.map(|(rule, title)| Column { rule: Cow::Borrowed(rule), title });
    Matrix { columns: columns.into(), rows }
}

fn sample_languages() -> Vec<LanguageShare> {
    let share = |language: Language, files, bytes, files_percent, bytes_percent| LanguageShare {
        language,
        memory_safe: language.is_memory_safe(),
        files,
        bytes,
        files_percent,
        bytes_percent,
    };
    vec![
        share(Language::Rust, 61, 187_340_112, 14.9, 38.2),
        share(Language::Go, 18, 163_250_004, 4.4, 33.2),
        share(Language::CFamily, 329, 138_004_551, 80.2, 28.1),
        share(Language::Unknown, 2, 2_101_333, 0.5, 0.5),
    ]
}

fn cell(outcome: Outcome, label: &'static str) -> Cell {
    let evidence = Evidence::new("DT_FLAGS", "0x8", "DF_BIND_NOW").at(Location::offset("/usr/bin/tool", 64));
    let is_good = outcome == Outcome::Pass;
    Cell {
        outcome,
        confidence: if is_good { Confidence::Proven } else { Confidence::Heuristic },
        label: Cow::Borrowed(label),
        message: Cow::Borrowed(if is_good { "" } else { "it is not so" }),
        evidence: Box::new([evidence]),
    }
}
