//! The page of a real run, in a browser.

use crate::browser::Browser;
use crate::peers::require;
use crate::util::{Dir, lacks, root};

const BROWSER: &str = "chromium";

#[test]
fn a_hostile_tree_is_shown_and_not_run() {
    if lacks(&["cc"]) {
        return;
    }
    let name = "a_hostile_tree_is_shown_and_not_run";
    let Some(browser) = require(name, BROWSER, Browser::find()) else { return };
    let dir = Dir::new();
    root::build(&dir);
    dir.write_program("root/opt/<img src=x onerror=alert(2)>", "#!/bin/sh <script>alert(3)<\n");
    dir.write("root/usr/lib/os-release", "PRETTY_NAME=\"</title><script>alert(4)</script>\"\n");
    dir.run(&["audit", "root", "--format=none", "-o", "page.html"]);
    let page = std::fs::read_to_string(dir.path("page.html")).unwrap();
    let shown = browser.show(&page, &[]);
    assert_eq!(shown.console, Vec::<String>::new(), "the browser complains");
    // Ten pillars, each under its heading.
    let titles: Vec<String> = report_pillars(&dir);
    assert_eq!(titles.len(), 10);
    for title in &titles {
        assert!(shown.dom.contains(title.as_str()), "no pillar {title}");
    }
    // The names are there as text, and the page has no scripts but its own.
    assert!(shown.dom.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the name is not on the page");
    assert!(shown.dom.contains("&lt;img src=x onerror=alert(2)&gt;"));
    for attack in ["<script>alert", "<img src=x", "</title><script>"] {
        assert!(!shown.dom.contains(attack), "{attack} became part of the page");
    }
    assert_eq!(shown.dom.matches("<script").count(), page.matches("<script").count());
}

#[test]
fn a_large_real_page_is_shown_without_complaints() {
    let name = "a_large_real_page_is_shown_without_complaints";
    let Some(browser) = require(name, BROWSER, Browser::find()) else { return };
    let dir = Dir::new();
    dir.run(&["checksec", "/usr/bin", "--format=none", "-o", "page.html", "-o", "page.json"]);
    let page = std::fs::read_to_string(dir.path("page.html")).unwrap();
    let shown = browser.show(&page, &[]);
    assert_eq!(shown.console, Vec::<String>::new(), "the browser complains");
    let json = std::fs::read(dir.path("page.json")).unwrap();
    let report = crate::util::report::Report::parse(&json).unwrap();
    assert!(report.executables().len() > 100);
    assert!(shown.dom.contains(*report.executables().first().unwrap()));
}

/// The titles of the pillars, as they are written in HTML.
fn report_pillars(dir: &Dir) -> Vec<String> {
    let report = dir.report(&["audit", "root"]);
    let pillars = report.0["pillars"].as_array().unwrap();
    let title = |pillar: &serde_json::Value| pillar["title"].as_str().unwrap().replace('&', "&amp;");
    pillars.iter().map(title).collect()
}
