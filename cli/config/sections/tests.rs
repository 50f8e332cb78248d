use hardpan_checksec::profiles::PROFILES;
use hardpan_report::Severity;

use super::*;
use crate::config::parse;

fn sections(text: &str) -> Vec<Section> {
    let parsed = parse(text, Path::new("hardpan.toml"));
    parsed.map_err(|complaints| show(&complaints, text, Path::new("hardpan.toml"))).unwrap().sections
}

fn complaint(text: &str) -> String {
    let complaints = parse(text, Path::new("hardpan.toml")).expect_err("it should not be accepted");
    show(&complaints, text, Path::new("hardpan.toml"))
}

fn words(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn conditions_are_a_word_or_a_list_in_any_of_their_usual_forms() {
    let text = "[[checksec.section]]\npath = [\"/usr/**\", \"/opt/*\"]\nkind = [\"PIE\", \"shared-object\", \"static pie\"]\n\
                arch = [\"amd64\", \"aarch64\", \"machine 42\"]\nlanguage = [\"C++\", \"Rust\"]\n\
                rules = { relro = \"critical\", ELF-006 = \"off\" }\nallow-unknown = [\"elf-005\"]\n\
                [[checksec.section]]\nkind = \"Kernel Module\"\nlanguage = \"go\"\nallow-partial = [\"relro\"]\n";
    let [first, second] = &sections(text)[..] else { panic!("two") };
    assert_eq!(first.paths.as_ref().map(Vec::len), Some(2));
    assert_eq!(first.kinds, Some(words(&["PIE", "shared object", "static PIE"])));
    assert_eq!(first.machines, Some(words(&["x86-64", "aarch64", "machine 42"])));
    assert_eq!(first.languages, Some([Language::CFamily, Language::Rust].into()));
    let wanted = [("ELF-001", Override::Severity(Severity::Critical)), ("ELF-006", Override::Off)];
    assert_eq!(first.rules, wanted.map(|(id, wanted)| (id.to_owned(), wanted)).into());
    assert_eq!(first.allow_unknown, words(&["ELF-005"]));
    assert_eq!(first.origin.to_string(), "hardpan.toml:1");
    assert!(second.kinds == Some(words(&["kernel module"])) && second.paths.is_none());
    assert_eq!((second.origin.to_string(), second.allow_partial.len()), ("hardpan.toml:8".to_owned(), 1));
}

#[test]
fn every_printed_kind_machine_and_language_is_understood() {
    for known in Kind::ALL {
        assert_eq!(kind(known.as_str()).as_deref(), Ok(known.as_str()));
        assert_eq!(kind(&known.as_str().replace(' ', "-").to_lowercase()).as_deref(), Ok(known.as_str()));
    }
    for known in machine_names() {
        assert_eq!(machine(known).as_deref(), Ok(known));
    }
    for known in Language::ALL {
        assert_eq!(language(known.as_str()), Ok(known));
    }
}

#[test]
fn what_makes_no_sense_in_a_section_is_shown_where_it_stands() {
    let section = |line: &str| format!("[[checksec.section]]\nrules = {{ relro = \"high\" }}\n{line}\n");
    for (text, place, label) in [
        (section("kind = [\"PIE\", \"programm\"]"), ":3:16", "use executable, static executable, PIE"),
        (section("kind = \"programm\""), ":3:8", "debug file or other"),
        (section("arch = \"vax\""), ":3:8", "x86-64, aarch64"),
        (section("arch = \"machine 65536\""), ":3:8", "x86-64"),
        (section("language = [\"cobol\"]"), ":3:13", "use Rust, Go, C/C++ or unknown"),
        (section("path = \"/[\""), ":3:8", "unclosed character class"),
        (section("kind = []"), ":3:8", "leave the key out"),
        (section("kind = 1"), ":3:8", "a text or a list of texts"),
        (section("allow-unknown = [\"no-shell\"]"), ":3:18", "in [severity]"),
        (section("allow-partial = [\"relo\"]"), ":3:18", "did you mean ELF-001"),
        (section("paths = \"/\""), ":3:1", "unknown field `paths`"),
        ("[[checksec.section]]\nrules = { relro = \"none\" }\n".into(), ":2:19", "use info, low"),
        ("[[checksec.section]]\nrules = { relro = \"low\", ELF-001 = \"low\" }\n".into(), ":2:", "once by"),
        ("[[checksec.section]]\npath = \"/**\"\n".into(), ":1:1", "give it rules"),
        ("[checksec]\nprofile = \"arch\"\n".into(), ":2:11", "use bottlerocket, debian, fedora or strict"),
        (waiver("build-id = \"C0FFEE\""), ":6:12", "lower-case hexadecimal, in full"),
        (waiver("build-id = \"c0ffe\""), ":6:12", "in full"),
        (waiver("build-id = \"\""), ":6:12", "in full"),
        (waiver("build-id = \"c0ffee*\""), ":6:12", "in full"),
    ] {
        let shown = complaint(&text);
        assert!(shown.contains(&format!("hardpan.toml{place}")) && shown.contains(label), "{shown}");
    }
}

fn waiver(line: &str) -> String {
    format!("[[waiver]]\nrule = \"relro\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2027-01-31\n{line}\n")
}

#[test]
fn a_waiver_can_name_a_build() {
    let parsed = parse(&waiver("build-id = \"c0ffee\""), Path::new("hardpan.toml")).unwrap();
    assert_eq!(parsed.waivers[0].build_id.as_deref(), Some("c0ffee"));
}

/// Each names rules that are there, and speaks of every rule on executables, so that a new rule is decided about.
#[test]
fn every_profile_is_understood_and_decides_about_every_rule() {
    for known in PROFILES {
        let understood = profile(known).unwrap();
        assert!(understood.description.len() > 40 && !understood.sources.is_empty(), "{}", known.name);
        let first = &understood.sections[0];
        let is_for_all = first.paths.is_none() && first.kinds.is_none();
        assert!(is_for_all && first.machines.is_none() && first.languages.is_none(), "{}", known.name);
        for rule in hardpan_checksec::rules::RULES {
            let id = &*rule.meta().id;
            assert!(first.rules.contains_key(id), "{} says nothing of {id}", known.name);
        }
    }
    let strict = profile(Profile::named("strict").unwrap()).unwrap();
    let allows = |section: &Section| !section.allow_unknown.is_empty() || !section.allow_partial.is_empty();
    assert!(!strict.sections.iter().any(allows), "strict allows something");
}
