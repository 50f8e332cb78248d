//! What is told of sources with very many errors, or with very long lines and names: little, and where they are.

use hardpan_selinux_policy::diagnostic::{position, render};
use hardpan_selinux_policy::{Options, Source, compile};

use super::{compiled, numbered, source};

/// Everything that is told, as text.
fn told(text: &str) -> (usize, String) {
    let failure = compiled(text).expect_err("it is refused");
    let sources = [source(text)];
    let told = failure.diagnostics.iter().map(|diagnostic| render(diagnostic, &sources)).collect();
    (failure.diagnostics.len(), told)
}

#[test]
fn a_line_of_a_megabyte_with_errors_all_over_it() {
    let (count, text) = told(&numbered(30_000, |this, _| format!("(allow t nothing{this} (c (p)))")));
    assert_eq!(count, 1000);
    assert!(text.len() < 600_000, "{} bytes", text.len());
    let (count, text) = told(&"(x)".repeat(300_000));
    assert!(count <= 101 && text.len() < 60_000, "{count} errors, {} bytes", text.len());
    let (count, _) = told(&")".repeat(1_000_000));
    assert!(count <= 101);
}

#[test]
fn names_of_a_megabyte() {
    let long = "a".repeat(1 << 20);
    for text in [
        format!("(type {long})"),
        format!("(allow t {long} (c (p)))"),
        format!("(allow t {} (c (p)))", "a.".repeat(1 << 19)),
        format!("({long})"),
        format!("(macro m ((type {long})) (type x))"),
        format!("(type {}x)(allow t {}y (c (p)))", "a".repeat(2000), "a".repeat(2000)),
    ] {
        let (count, text) = told(&text);
        assert!(count == 1 && text.len() < 3000, "{count} errors, {} bytes", text.len());
    }
}

#[test]
fn a_mark_at_the_end_of_a_long_line_is_below_what_it_marks() {
    let text = format!("{}(filecon \"\u{e9}\" any ())(x)", " ".repeat(5000));
    let sources = [Source { name: "a".to_owned(), text: text.clone().into_bytes() }];
    let failure = compile(&sources, &Options::default()).expect_err("it is refused");
    let at = failure.diagnostics[0].at.expect("it has a place");
    assert_eq!(position(text.as_bytes(), at.start).column, 5022);
    let told = render(&failure.diagnostics[0], &sources);
    let lines: Vec<&str> = told.lines().collect();
    let (shown, marks) = (lines[3], lines[4]);
    let place = marks.find('^').expect("there is a mark");
    assert_eq!(shown.chars().nth(place), Some('x'), "{told}");
}

#[test]
fn more_broken_promises_than_are_told_are_counted() {
    let rules = numbered(200, |this, _| format!("(type t{this})(allow t{this} t (c (q)))"));
    let promises = "(neverallow A A (c (q)))".repeat(1000);
    let (count, text) = told(&format!("(typeattribute A)(typeattributeset A (all)){rules}{promises}"));
    assert!(count <= 1000, "{count}");
    assert!(
        text.contains("at least 199100 more rules break neverallow rules"),
        "{}",
        &text[text.len() - 300..]
    );
}

#[test]
fn bytes_that_are_no_text() {
    for (text, offset) in [
        (&b"\xef\xbb\xbf(type a)"[..], 0),
        (b"(type a\0b)", 7),
        (b"(type \"a\0b\")", 6),
        (b"(type \xff)", 6),
        (b"(type \"abc", 6),
        (b";;* lmx 99999999999999999999999999 x\n(type xa)\n;;* lme\n", 0),
        (b"(type a) ;;* lmx\n;;* lmx x y\n", 17),
    ] {
        let sources = [Source { name: "a".to_owned(), text: text.to_vec() }];
        let failure = compile(&sources, &Options::default()).expect_err("it is refused");
        let at = failure.diagnostics[0].at.expect("it has a place");
        assert_eq!(at.start, offset, "{:?}", failure.diagnostics[0]);
    }
}

#[test]
fn line_marks_and_line_ends_of_any_kind() {
    for text in [
        "(type a)\r\n(type b) ; c\r\n;;* lmx 3 x\r\n(type d)\r\n;;* lme\r\n",
        ";;* lmx 4294967295 x\n(type xa)\n;;* lme\n",
        "\n;;* lms 0 \"a (b\"\n(type xa)\n;;* lme\n",
    ] {
        assert!(compiled(&format!("\n{text}")).is_ok(), "{text}");
    }
}
