//! The text for people.

use hardpan_report::render::{Format, Table, TerminalStyle, render, terminal};
use hardpan_report::{Disposition, Fix, Outcome, Report, Severity, Toolchain};
use unicode_width::UnicodeWidthStr;

use crate::support::{HOSTILE, bare_report, checksec_report, clean_report, large_report, sample_report};

#[test]
fn no_line_exceeds_the_width() {
    for report in [sample_report(), checksec_report(), clean_report(), bare_report(), large_report(120, 30)] {
        for width in [24, 30, 40, 57, 80, 100, 140, 300] {
            for all in [false, true] {
                for line in text(&report, width, all).lines() {
                    assert!(line.width() <= width, "{} > {width}: {line}", line.width());
                }
            }
        }
    }
}

#[test]
fn a_width_of_nothing_still_gives_text() {
    assert_eq!(text(&sample_report(), 0, false), text(&sample_report(), 24, false));
}

#[test]
fn nothing_that_came_from_the_subject_can_drive_the_terminal() {
    let mut report = sample_report();
    // These two break the agreement that text arrives escaped; the renderer must not rely on it.
    report.subject.os = Some("Evil\u{1b}]0;title\u{7}\u{9b}31m".into());
    report.gate.summary = "fine\r\u{8}\u{8}".into();
    for color in [false, true] {
        let text = styled(&report, TerminalStyle { color, width: 80, all: true, ..TerminalStyle::FILE });
        let rest = without_our_colors(&text);
        let stray = rest.chars().find(|character| character.is_control() && *character != '\n');
        assert_eq!(stray, None, "{rest:?}");
        assert!(rest.contains("Evil\\x1b]0;title\\x07\\x9b31m"));
    }
}

#[test]
fn without_colour_words_tell_the_outcomes_and_our_own_text_is_ascii() {
    let mut report = sample_report();
    report.rules.iter_mut().for_each(|rule| rule.evidence.clear());
    report.rules[0].summary.clear();
    report.pillars[0].summary.clear();
    let text = text(&report, 100, false);
    assert!(text.is_ascii(), "{:?}", text.chars().find(|character| !character.is_ascii()));
    for line in [
        " 1  PASS    Verified read-only root",
        " 4  FAIL    Hardened executables",
        " 6  UNKNOWN Kernel lockdown and hardening",
        " 8  N/A     Signed image updates, two partition sets",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let report = sample_report();
    let colored = styled(&report, TerminalStyle { color: true, width: 80, all: true, ..TerminalStyle::FILE });
    assert!(colored.contains("\x1b[1;31mFAIL\x1b[0m"));
    assert!(colored.contains("\x1b[1;32mPASS\x1b[0m"));
    assert!(colored.contains("\x1b[1;33mUNKNOWN\x1b[0m"));
    let stripped = without_our_colors(&colored).replace('\u{2500}', "-").replace('\u{2022}', "*");
    assert_eq!(stripped, text(&report, 80, true));
}

#[test]
fn a_failing_rule_shows_three_findings_its_facts_and_its_remedy() {
    let text = text(&sample_report(), 80, false);
    let expected = "\
FAIL    ELF-001  Every program is position-independent  [high]
        12 of 401 programs are loaded at a fixed address.
        * /usr/libexec/helper-00
          The program is loaded at a fixed address.
          e_type: ET_EXEC; wanted: ET_DYN with DF_1_PIE (byte 16)
";
    assert!(text.contains(expected), "{text}");
    let remedy = "        ... and 9 more (--all, or --output report.html)
        Fix: add with gcc or clang: -fPIE -pie (more: hardpan explain ELF-001)
";
    assert!(text.contains(remedy), "{text}");
    assert!(text.contains("helper-02") && !text.contains("helper-03"));
}

#[test]
fn all_lists_every_finding_and_the_whole_remedy() {
    let text = text(&sample_report(), 80, true);
    assert!(text.contains("helper-11") && !text.contains(" more ("));
    assert!(text.contains("cc -fPIE -pie -Wl,-z,relro,-z,now main.c"));
    assert!(text.contains("410 executables: 12 fail, 1 unknown, 388 pass, 9 not applicable"));
}

#[test]
fn a_finding_says_what_a_section_of_the_policy_makes_of_it() {
    let text = text(&sample_report(), 120, true);
    let said = "(severity low here; allowed: the profile debian lets it hold in part)";
    assert_eq!((text.matches(said).count(), text.matches(" here;").count()), (1, 1));
}

#[test]
fn settled_findings_come_last_and_say_who_settled_them() {
    let mut report = sample_report();
    let rule = report.rules.iter_mut().find(|rule| rule.id == "ELF-001").unwrap();
    rule.findings[0].disposition = Disposition::Known;
    let text = text(&report, 200, false);
    assert!(
        !text.contains("helper-00") && text.contains("helper-03"),
        "what is known crowds out what is not"
    );
    assert!(text.contains(
        "(waived by platform@example.org until 2027-01-31: needed by the rescue target until 1.53)"
    ));
}

#[test]
fn unknowns_say_so_beside_their_reason() {
    let text = text(&sample_report(), 100, false);
    assert!(
        text.contains("* /usr/lib/broken.so at byte 64\n          unknown: program header 0 ends behind")
    );
    assert!(text.contains("UNKNOWN KRN-004  The kernel starts in lockdown  [high]\n"));
}

#[test]
fn the_gate_has_the_last_word() {
    let last = |report: &Report| text(report, 120, false).lines().last().unwrap().to_owned();
    let incomplete = "INCOMPLETE  13 findings at or over medium fail the run, and 1 file could not be read.";
    assert_eq!(last(&sample_report()), incomplete);
    assert_eq!(last(&clean_report()), "PASSED  Nothing fails at or over medium.");
    let mut failed = checksec_report();
    failed.gate.exit_code = 1;
    failed.gate.summary = "13 findings.".into();
    assert_eq!(last(&failed), "FAILED  13 findings.");
}

#[test]
fn checksec_is_a_table_where_there_is_room() {
    let wide = text(&checksec_report(), 140, false);
    let expected = "\
 PIE       RELRO       NX    CANARY   FORTIFY   CET/BTI     RPATH   TEXTREL   STRIPPED  FILE
";
    assert!(wide.contains(expected), "{wide}");
    let row = "!no        full        yes   yes      12/14     ibt+shstk   none    none      yes       \
        /usr/libexec/helper-00\n";
    assert!(wide.contains(row), "{wide}");
    assert!(text(&checksec_report(), 160, false).contains("TYPE              FILE\n"));
}

#[test]
fn a_terminal_shows_the_gravest_properties_and_names_the_others() {
    let fitted = text(&checksec_report(), 80, false);
    let expected = "\
 PIE       RELRO       NX    CANARY   FORTIFY   RPATH  FILE
";
    assert!(fitted.contains(expected), "{fitted}");
    assert!(
        fitted.contains("-library  ?malformed   yes   yes      12/14     none   /usr/lib/broken.so\n"),
        "{fitted}"
    );
    let left_out = "\
Judged, but too wide to show here: ELF-006, ELF-008, ELF-009 (--format wide, or
  --columns NAME,NAME)
";
    assert!(fitted.contains(left_out), "{fitted}");
    assert!(!text(&checksec_report(), 140, false).contains("too wide"));
    assert!(fitted.contains("FAIL    ELF-002  relro: 1 fail, 1 unknown, 399 pass, 9 not applicable\n"));
    // Where there is less room, the gravest stay although milder ones come first.
    let mut report = checksec_report();
    for rule in &mut report.rules {
        rule.severity = if rule.id == "ELF-003" { Severity::Critical } else { Severity::Low };
    }
    let columns = &mut report.matrix.as_mut().unwrap().columns;
    for (column, rule) in
        columns.iter_mut().zip(["A", "B", "C", "D", "E", "ELF-001", "ELF-002", "F", "ELF-003"])
    {
        column.rule = rule.into();
    }
    let fitted = text(&report, 65, false);
    assert!(fitted.contains("\n PIE       CET/BTI     RPATH   STRIPPED  FILE\n"), "{fitted}");
}

#[test]
fn checksec_is_a_list_where_there_is_hardly_room() {
    let narrow = text(&checksec_report(), 50, false);
    let expected = "\
/usr/lib/broken.so  shared object
  PIE      -library    RELRO    ?malformed
  NX        yes        CANARY    yes
  FORTIFY   12/14      CET/BTI   ibt+shstk
  RPATH     none       TEXTREL   none
  STRIPPED  yes
";
    assert!(narrow.contains(expected), "{narrow}");
}

#[test]
fn a_wide_table_has_every_property_whatever_the_width() {
    let style = TerminalStyle { width: 40, table: Table::Wide, ..TerminalStyle::FILE };
    let wide = styled(&checksec_report(), style);
    let expected = "\
 PIE       RELRO       NX    CANARY   FORTIFY   CET/BTI     RPATH   TEXTREL   STRIPPED  TYPE              FILE
";
    assert!(wide.contains(expected), "{wide}");
    let row = "!no        full        yes   yes      12/14     ibt+shstk   none    none      yes       \
        executable        /usr/libexec/helper-00\n";
    assert!(wide.contains(row.trim_start()), "{wide}");
}

#[test]
fn columns_are_those_that_were_asked_for_in_their_order() {
    let columns = ["ELF-009", "pie", "ELF-004"].map(str::to_owned);
    for (width, table) in [(80, Table::Fitted), (300, Table::Fitted), (40, Table::Wide)] {
        let style = TerminalStyle { width, table, columns: &columns, ..TerminalStyle::FILE };
        let text = styled(&checksec_report(), style);
        assert!(text.contains("\n STRIPPED   PIE       CANARY  "), "{text}");
        assert!(!text.contains("too wide"), "{text}");
    }
}

#[test]
fn flags_to_add_are_named_once_where_all_findings_need_the_same() {
    let mut report = checksec_report();
    let plain = text(&report, 100, false);
    assert_eq!(plain.matches("add with gcc or clang: -fPIE -pie").count(), 1, "{plain}");
    assert!(
        plain.contains("        Fix: add with gcc or clang: -fPIE -pie (more: hardpan explain ELF-001)\n")
    );
    assert!(plain.contains("          Only partial RELRO. (likely)\n"), "{plain}");
    let all = text(&report, 100, true);
    assert_eq!(all.matches("add with gcc or clang: -fPIE -pie").count(), 1, "{all}");
    assert!(all.contains("cc -fPIE -pie -Wl,-z,relro,-z,now main.c"), "{all}");
    // Another language needs another flag: then each finding has its own.
    let rule = report.rules.iter_mut().find(|rule| rule.id == "ELF-001").unwrap();
    rule.findings[1].finding.fixes = vec![Fix::new(Toolchain::Rustc, "-C relocation-model=pie")];
    let mixed = text(&report, 100, false);
    assert_eq!(mixed.matches("\n          add with gcc or clang: -fPIE -pie\n").count(), 2, "{mixed}");
    assert_eq!(mixed.matches("\n          add with rustc: -C relocation-model=pie\n").count(), 1, "{mixed}");
}

#[test]
fn no_executable_is_left_out_of_the_table() {
    for width in [40, 80, 140] {
        let text = text(&large_checksec(), width, false);
        let joined: String = text.split_whitespace().collect();
        for at in 0..250 {
            assert!(joined.contains(&format!("driver-{at:05}.ko")), "{at} at {width}");
        }
    }
}

#[test]
fn a_file_gets_everything_without_colour() {
    let mut out = Vec::new();
    render(Format::Terminal, &sample_report(), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), text(&sample_report(), 120, true));
}

#[test]
fn what_was_not_read_is_listed_with_the_reason() {
    let text = text(&sample_report(), 100, false);
    assert!(text.contains("NOT ENTERED: 1\n  /proc: another file system (proc)\n"));
    assert!(text.contains("COULD NOT BE READ: 2\n  /usr/lib/broken.so: ELF: program header 0 ends behind"));
    assert!(text.contains(&hardpan_report::escape(HOSTILE)));
}

#[test]
fn every_rule_and_pillar_is_there() {
    let report = sample_report();
    let text = text(&report, 100, false);
    for rule in &report.rules {
        assert!(text.contains(rule.id.as_ref()) && text.contains(rule.title.as_ref()), "{}", rule.id);
    }
    assert!(report.pillars.iter().all(|pillar| text.contains(pillar.title)));
    assert_eq!(report.rules.iter().filter(|rule| rule.outcome == Outcome::Unknown).count(), 1);
}

fn large_checksec() -> Report {
    Report { command: "checksec", ..large_report(250, 3) }
}

fn text(report: &Report, width: usize, all: bool) -> String {
    styled(report, TerminalStyle { color: false, width, all, ..TerminalStyle::FILE })
}

fn styled(report: &Report, style: TerminalStyle<'_>) -> String {
    let mut out = Vec::new();
    terminal(report, &style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The text without the few sequences that the renderer itself writes.
fn without_our_colors(text: &str) -> String {
    ["0", "1", "2", "31", "32", "33", "1;31", "1;32", "1;33"]
        .iter()
        .fold(text.to_owned(), |text, code| text.replace(&format!("\x1b[{code}m"), ""))
}
