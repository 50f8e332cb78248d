//! The page: what is in it, that it holds by itself, and how a browser takes it.

use std::collections::{BTreeMap, HashSet};
use std::process::Command;
use std::time::{Duration, Instant};

use hardpan_report::render::{Format, html, render};
use hardpan_report::{Fix, Pillar, Report, Toolchain, escape};

use crate::browser::Browser;
use crate::peers::{program, require, run};
use crate::support::{HOSTILE, bare_report, checksec_report, clean_report, large_report, sample_report};

const STYLE: &str = include_str!("../../src/render/html/report.css");

#[test]
fn everything_of_the_report_is_on_the_page() {
    let report = sample_report();
    let page = page(&report);
    for pillar in Pillar::ALL {
        assert!(page.contains(&format!(
            "<h3><a href=\"#pillar-{}\">{}</a></h3>",
            pillar.number(),
            escaped(pillar.title())
        )));
        assert!(page.contains(&format!("<section class=\"pillar\" id=\"pillar-{}\"", pillar.number())));
    }
    for rule in &report.rules {
        assert!(
            page.contains(&format!("id=\"{}\"", rule.id)) && page.contains(&escaped(&rule.title)),
            "{}",
            rule.id
        );
        for judged in &rule.findings {
            assert!(page.contains(&escaped(&judged.finding.message)), "{}", judged.fingerprint);
            for evidence in &judged.finding.evidence {
                assert!(page.contains(&escaped(&evidence.seen)) && page.contains(&escaped(&evidence.wanted)));
            }
        }
    }
    assert_eq!(page.matches("<li class=\"finding ").count(), 19);
    assert!(page.contains("Failures by severity: <strong>14</strong> high, <strong>1</strong> medium"));
    assert!(
        page.contains(
            "waived by platform@example.org until 2027-01-31: needed by the rescue target until 1.53"
        )
    );
    assert!(page.contains("<h2 id=\"verdict\">INCOMPLETE</h2>\n<p>13 findings at or over medium"));
    assert!(
        page.contains("<dt>fail the run</dt><dd>13</dd>")
            && page.contains("<dt>threshold</dt><dd>medium</dd>")
    );
    assert!(page.contains("<td class=\"unknown\" data-n=\"1 0\"><i>UNKNOWN </i>malformed</td>"));
    assert!(page.contains("<td class=\"fail\" data-n=\"1 0\"><i>FAIL </i>partial</td>"));
    assert!(page.contains("<rect width=\"38.2%\" height=\"100%\"/>"));
}

#[test]
fn the_verdict_follows_the_exit_code() {
    assert!(page(&clean_report()).contains("<section class=\"verdict pass\""));
    let mut failed = clean_report();
    failed.gate.exit_code = 1;
    failed.gate.fail_on = None;
    let page = page(&failed);
    assert!(page.contains("<section class=\"verdict fail\"") && page.contains(">FAILED</h2>"));
    assert!(page.contains("<dt>threshold</dt><dd>off</dd>"));
}

#[test]
fn what_is_absent_leaves_no_trace() {
    let page = page(&bare_report());
    assert!(
        page.contains("<h1>build&#x2f;image-rootfs</h1>") && page.contains("with facts of the running host")
    );
    assert!(!page.contains("id=\"executables\"") && !page.contains("id=\"languages\""));
    assert_eq!(page.matches("No rule of this pillar ran.").count(), 10);
    assert!(
        page.contains("No rule has found a failure.")
            && page.contains("Everything that was entered could be read.")
    );
}

#[test]
fn checksec_has_one_pillar_and_no_overview_of_ten() {
    let page = page(&checksec_report());
    assert!(!page.contains("ten pillars at a glance") && page.contains("Executable hardening report"));
    assert!(page.contains("id=\"pillar-4\"") && !page.contains("id=\"pillar-3\""));
}

#[test]
fn hostile_text_stays_text() {
    let page = page(&sample_report());
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains(STYLE) && !page.contains("<img"));
    assert!(
        page.contains("&lt;script&gt;window.pwned=1&lt;&#x2f;script&gt;\\x1b[31m&quot;&amp;&#x27;%41:\\xff")
    );
    assert!(!page.contains(|character: char| character.is_control() && character != '\n'));
}

#[test]
fn nothing_is_loaded_and_every_link_has_its_target() {
    for report in [sample_report(), checksec_report(), clean_report(), bare_report()] {
        let page = page(&report);
        let ids: Vec<&str> = attributes(&page, "id").collect();
        let unique: HashSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "ids repeat");
        for target in attributes(&page, "href") {
            let id = target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leaves the page"));
            assert!(unique.contains(id), "#{id} leads nowhere");
        }
        for label in attributes(&page, "aria-labelledby")
            .chain(attributes(&page, "for").flat_map(str::split_whitespace))
        {
            assert!(unique.contains(label), "{label} labels nothing");
        }
        for tag in tags(&page) {
            for loading in
                ["src=", "srcset=", "style=", "onclick=", "onload=", "action=", "link ", "iframe", "base "]
            {
                assert!(!tag.contains(loading), "{tag}");
            }
        }
        assert!(page.contains("content=\"default-src 'none'; style-src 'sha256-"));
    }
}

#[test]
fn the_page_has_language_landmarks_and_scopes() {
    let page = page(&sample_report());
    for part in
        ["<html lang=\"en\">", "<header class=\"top\">", "<main id=\"main\">", "<nav aria-label=", "<footer>"]
    {
        assert_eq!(page.matches(part).count(), 1, "{part}");
    }
    assert_eq!(page.matches("<h1>").count(), 1);
    let heads = page.matches("<th").count() - page.matches("<thead").count();
    assert_eq!(heads, page.matches("<th scope=").count(), "a table head without a scope");
    assert!(page.contains("<a class=\"skip\" href=\"#main\">"));
}

#[test]
fn colours_have_enough_contrast_in_light_dark_and_print() {
    let palettes: Vec<BTreeMap<&str, &str>> = STYLE.split(":root {").skip(1).map(palette).collect();
    assert_eq!(palettes.len(), 3, "light, dark and print");
    for (at, palette) in palettes.iter().enumerate() {
        let mut pairs: Vec<(&str, &str)> = ["ink", "soft", "accent", "fail", "unknown", "pass", "na"]
            .into_iter()
            .flat_map(|text| [(text, "paper"), (text, "raised")])
            .collect();
        for tint in ["fail-tint", "unknown-tint", "pass-tint", "na-tint"] {
            pairs.extend([("ink", tint), ("soft", tint), (tint.trim_end_matches("-tint"), tint)]);
        }
        for (text, ground) in pairs {
            let ratio = contrast(palette[text], palette[ground]);
            // WCAG 2.2, success criterion 1.4.3.
            assert!(ratio >= 4.5, "palette {at}: {text} on {ground} is {ratio:.2}");
        }
    }
}

#[test]
fn a_browser_shows_the_page_without_objections() {
    let Some(browser) = require("a_browser_shows_the_page_without_objections", "chromium", Browser::find())
    else {
        return;
    };
    for report in [sample_report(), checksec_report(), clean_report(), bare_report()] {
        let shown = browser.show(&page(&report), &[]);
        assert_eq!(shown.console, Vec::<String>::new());
        assert_eq!(
            shown.dom.matches("<li class=\"card").count(),
            if report.pillars.len() > 1 { 10 } else { 0 }
        );
        assert!(
            shown.dom.contains("<form id=\"filter\" role=\"search\">"),
            "the script has shown the filter"
        );
        assert_eq!(shown.dom.matches("<script").count(), 1);
    }
    // The browser does object to a script that the policy does not name, so silence means something.
    let tampered =
        page(&sample_report()).replace("</body>", "<script>document.title = 'pwned'</script></body>");
    let shown = browser.show(&tampered, &[]);
    assert!(shown.console.iter().any(|line| line.contains("Content Security Policy")), "{:?}", shown.console);
    assert!(!shown.dom.contains("<title>pwned"));
}

#[test]
fn without_script_the_page_says_the_same() {
    let Some(browser) = require("without_script_the_page_says_the_same", "chromium", Browser::find()) else {
        return;
    };
    let shown = browser.show(&without_script(&page(&sample_report())), &[]);
    assert!(shown.dom.contains("<form id=\"filter\" role=\"search\" hidden=\"\">"));
    assert_eq!(shown.dom.matches("<li class=\"finding ").count(), 19);
    assert_eq!(shown.dom.matches("<li class=\"card").count(), 10);
}

#[test]
fn the_filter_leaves_what_it_is_asked_for() {
    let Some(browser) = require("the_filter_leaves_what_it_is_asked_for", "chromium", Browser::find()) else {
        return;
    };
    let by_words = filtered(&browser, "words.value = 'HELPER-03'; words.dispatchEvent(new Event('input'))");
    assert_eq!(by_words, "findings 1, rules ELF-001, pillars pillar-4, rows 0, shown 1 rules, 0 executables");
    let by_outcome =
        filtered(&browser, "outcome.value = 'unknown'; outcome.dispatchEvent(new Event('change'))");
    assert_eq!(
        by_outcome,
        "findings 2, rules ELF-002 KRN-004, pillars pillar-4 pillar-6, rows 1, shown 2 rules, 1 executables"
    );
    let none = filtered(&browser, "words.value = ''; words.dispatchEvent(new Event('input'))");
    assert!(none.starts_with("findings 19,") && none.ends_with("rows 6, shown "), "{none}");
}

#[test]
fn a_cell_tells_its_facts_and_each_text_is_there_once() {
    let page = page(&sample_report());
    assert_eq!(page.matches("<li>DT_FLAGS: 0x8; wanted: DF_BIND_NOW</li>").count(), 1);
    assert_eq!(page.matches("<li>it is not so</li>").count(), 1);
    let name = "a_cell_tells_its_facts_and_each_text_is_there_once";
    let Some(browser) = require(name, "chromium", Browser::find()) else { return };
    let choose = "const cells = document.querySelectorAll('.matrix tbody tr:last-child td'); \
        cells[0].dispatchEvent(new Event('mouseover', { bubbles: true })); cells[1].click();";
    let told = "`${cells[0].title} | ${[...document.querySelectorAll('#cell p')].map((it) => it.textContent).join(' / ')}`";
    let wanted = "DT_FLAGS: 0x8; wanted: DF_BIND_NOW | /usr/lib/libold.so.1: RELRO, FAIL partial / it is not so / \
        DT_FLAGS: 0x8; wanted: DF_BIND_NOW";
    assert_eq!(titled(&browser, choose, told), wanted);
    // A second choice of the same cell closes what the first has opened.
    let twice = format!("{choose} cells[1].click();");
    assert_eq!(titled(&browser, &twice, "document.getElementById('cell').hidden"), "true");
}

#[test]
fn flags_to_add_stand_by_the_rule_or_by_each_finding() {
    let mut report = sample_report();
    let flag = "<p class=\"fix\">add with gcc or clang: <code>-fPIE -pie</code></p>";
    assert_eq!(page(&report).matches(flag).count(), 1);
    assert!(page(&report).contains("Only partial RELRO. <span class=\"tag\">likely</span>"));
    let rule = report.rules.iter_mut().find(|rule| rule.id == "ELF-001").unwrap();
    rule.findings[1].finding.fixes = vec![Fix::new(Toolchain::Go, "-buildmode=pie")];
    assert_eq!(page(&report).matches(flag).count(), 11);
    assert!(page(&report).contains("<p class=\"fix\">add with go: <code>-buildmode=pie</code></p>"));
}

#[test]
fn paper_shows_what_the_screen_has_folded() {
    let name = "paper_shows_what_the_screen_has_folded";
    let Some(browser) = require(name, "chromium", Browser::find()) else { return };
    let Some(pdftotext) = require(name, "pdftotext (poppler-utils)", program(&["pdftotext"])) else { return };
    let page = page(&sample_report());
    for page in [&page, &without_script(&page)] {
        let pdf = browser.print(page);
        let output = run(Command::new(&pdftotext).args(["-layout", "-", "-"]), &pdf);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("262,144 of 262,144"), "the evidence of a closed rule: {text}");
        assert!(text.contains("STRIPPED") && text.contains("/usr/libexec/helper-11"));
        assert!(!text.contains("Open all"), "controls are of no use on paper");
    }
}

#[test]
fn thousands_of_rows_are_written_and_shown_in_time() {
    let report = large_report(4_000, 10_000);
    let start = Instant::now();
    let page = page(&report);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}, without optimisation");
    assert!(page.len() < 10_000_000, "{} bytes", page.len());
    assert_eq!(page.matches(&escaped("/driver-")).count(), 4_000);
    assert!(page.contains("Executables 3,901 to 4,000 of 4,000"));
    assert!(page.contains("id=\"ELF-001\">"), "a rule with thousands of findings is closed");
    let name = "thousands_of_rows_are_written_and_shown_in_time";
    let Some(browser) = require(name, "chromium", Browser::find()) else { return };
    let start = Instant::now();
    let shown = browser.show(&page, &[]);
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
    assert_eq!(shown.console, Vec::<String>::new());
    assert_eq!(shown.dom.matches("<li class=\"finding ").count(), 10_007);
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let mut by_format = Vec::new();
    render(Format::Html, &sample_report(), &mut by_format).unwrap();
    assert_eq!(String::from_utf8(by_format).unwrap(), page(&sample_report()));
    assert!(page(&sample_report()).contains(&escaped(&escape(HOSTILE))));
}

/// What is left to see after a script has used the filter.
fn filtered(browser: &Browser, action: &str) -> String {
    const REPORT: &str = "
        const seen = (selector) => [...document.querySelectorAll(selector)].filter((it) => !it.closest('[hidden]'));
        const ids = (selector) => seen(selector).map((it) => it.id).join(' ');
        setTimeout(() => document.title = `findings ${seen('.finding').length}, rules ${ids('details.rule')}, ` +
            `pillars ${ids('section.pillar')}, rows ${seen('.matrix tbody tr').length}, ` +
            `shown ${document.getElementById('shown').textContent}`, 500);";
    let inputs =
        "const words = document.getElementById('words'), outcome = document.getElementById('outcome')";
    title_after(browser, &format!("{inputs}; {action}; {REPORT}"))
}

/// What an expression is after some actions on the sample's page.
fn titled(browser: &Browser, action: &str, expression: &str) -> String {
    title_after(browser, &format!("{action} setTimeout(() => document.title = String({expression}), 500);"))
}

/// The title that a script gives the sample's page. The page's policy forbids other scripts, so it is taken out.
fn title_after(browser: &Browser, script: &str) -> String {
    let page = page(&sample_report());
    let start = page.find("<meta http-equiv").unwrap();
    let end = start + page[start..].find('\n').unwrap();
    let free = format!("{}{}", &page[..start], &page[end..]);
    let script = format!("<script>{{ {script} }}</script></body>");
    let shown = browser.show(&free.replace("</body>", &script), &["--virtual-time-budget=5000"]);
    let title = shown.dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    title.unwrap().to_owned()
}

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    html(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The way that the template engine escapes.
fn escaped(text: &str) -> String {
    [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#x27;"), ("/", "&#x2f;")]
        .iter()
        .fold(text.to_owned(), |text, (character, entity)| text.replace(character, entity))
}

/// What stands between angle brackets in the page's body; text has none, since they are escaped there.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    markup(page).split('<').skip(1).map(|rest| rest.split('>').next().unwrap())
}

fn markup(page: &str) -> &str {
    page.split("<body>").nth(1).and_then(|body| body.split("<script>").next()).unwrap()
}

/// The same page where the browser is to run no script at all; its switch for that breaks its own printing.
fn without_script(page: &str) -> String {
    let start = page.find("script-src 'sha256-").unwrap();
    let end = start + page[start..].find(';').unwrap();
    format!("{}script-src 'none'{}", &page[..start], &page[end..])
}

/// The values of an attribute in the page's own markup.
fn attributes<'a>(page: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {name}=\"");
    let values: Vec<&str> =
        markup(page).split(&start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    values.into_iter()
}

fn palette(style: &str) -> BTreeMap<&str, &str> {
    let block = style.split('}').next().unwrap();
    block.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(": ")).collect()
}

/// The ratio that WCAG 2.2 defines, 1 to 21.
fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(color: &str) -> f64 {
    let digits = color.strip_prefix('#').unwrap();
    let long: String = if digits.len() == 3 {
        digits.chars().flat_map(|digit| [digit, digit]).collect()
    } else {
        digits.into()
    };
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&long[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}
