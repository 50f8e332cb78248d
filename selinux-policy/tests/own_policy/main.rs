//! Our own policy for a minimal container host, as the reference tools see it: it compiles without a word, no rule can be
//! added that breaks an objective, categories keep containers apart, and paths get the labels that are meant.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod decisions;
mod labels;
mod objectives;
#[path = "../support/peers.rs"]
mod peers;
mod support;

use support::{Secilc, policy_files};

#[test]
fn it_compiles_without_a_word_for_every_version() {
    let Some(secilc) = Secilc::required("own policy: compiles") else { return };
    for version in 30..=33 {
        let compiled = secilc.compile("", &["-c", &version.to_string()]);
        assert!(compiled.succeeded, "version {version}: {}", compiled.said);
        assert_eq!(compiled.said, "", "version {version}");
    }
}

#[test]
fn every_file_says_what_it_protects() {
    for (name, text) in policy_files() {
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with(';')).collect();
        assert!(comment.len() >= 3, "{name} begins with no comment of its purpose");
        assert!(comment.concat().contains("protects"), "{name} does not say what it protects");
    }
}

#[test]
fn nothing_is_permissive_and_nothing_can_be_switched() {
    let Some(secilc) = Secilc::required("own policy: permissive types") else { return };
    let Some(text) = secilc.canonical("own policy: permissive types") else { return };
    for statement in ["(typepermissive ", "(boolean ", "(booleanif "] {
        assert!(!text.contains(statement), "the policy has a statement {statement}");
    }
    assert!(text.contains("(handleunknown deny)") && text.contains("(mls true)"));
}
