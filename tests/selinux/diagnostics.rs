//! What is said about a policy with errors.

use serde_json::Value;

use super::{own_policy, with_small};
use crate::peers::{VALIDATOR, fetched, objections, python_with_jsonschema, require};
use crate::util::Dir;

/// In the npm package `@microsoft/jest-sarif` 1.0.0-beta.0.
const SARIF_SCHEMA: &str = "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json";

/// Three errors of different kinds.
const BROKEN: &str = "\
(alow t x (file (read)))
(allow t xx (file (read)))
(allow t x (file (reed)))
";

#[test]
fn all_errors_are_told_with_their_places() {
    let dir = with_small();
    dir.write("broken.cil", BROKEN);
    let output = dir.run(&["policy", "check", "--json", "small.cil", "broken.cil"]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let first = &told["diagnostics"][0];
    assert_eq!((&first["at"]["file"], &first["at"]["line"]), (&"broken.cil".into(), &1.into()), "{told:#}");
    assert!(first["message"].as_str().unwrap().contains("alow"), "{told:#}");
    dir.write("broken.cil", BROKEN.split_once('\n').unwrap().1);
    let output = dir.run(&["policy", "check", "--json", "small.cil", "broken.cil"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines: Vec<&Value> =
        told["diagnostics"].as_array().unwrap().iter().map(|said| &said["at"]["line"]).collect();
    assert_eq!(lines, [1, 2], "{told:#}");
    let permission = &told["diagnostics"][1];
    assert_eq!(permission["message"], "`file` has no permission `reed`");
    assert_eq!(permission["help"], "`read` is near");
}

#[test]
fn a_broken_objective_of_our_own_policy_names_both_sides() {
    let dir = Dir::new();
    dir.write("break.cil", "(allow service.process settings.config (file (write)))\n");
    let own = own_policy();
    let said = dir.fails(1, &["policy", "check", own.to_str().unwrap(), "break.cil"]);
    assert!(said.contains("objectives.cil:") && said.contains("break.cil:1:1"), "{said}");
    // A rule of a block that a template was given by `in`: the file in which it is written.
    dir.write("break.cil", "(allow container.process control.process (process (signal)))\n");
    let said = dir.fails(1, &["policy", "check", own.to_str().unwrap(), "break.cil"]);
    assert!(said.contains("objectives.cil:") && said.contains("break.cil:1:1"), "{said}");
}

#[test]
fn sarif_satisfies_the_standards_schema() {
    let name = "sarif of hardpan policy";
    let Some(python) = require(name, VALIDATOR, python_with_jsonschema()) else { return };
    let Some(schema) = require(name, SARIF_SCHEMA, fetched(SARIF_SCHEMA)) else { return };
    let dir = with_small();
    dir.write("broken.cil", BROKEN);
    dir.write("a b/ü.cil", "(macro m ((type a))\n  (allow a nowhere (file (read))))\n(call m (t))\n");
    let runs: &[(&[&str], bool)] = &[
        (&["small.cil"], false),
        (&["small.cil", "broken.cil"], true),
        (&["small.cil", "a b/ü.cil"], true),
        (&["small.cil", "./a b"], true),
    ];
    for (files, fails) in runs {
        let output = dir.run(&[&["policy", "check", "--format", "sarif"], *files].concat());
        assert_eq!(objections(&python, &schema, &output.stdout), "", "{files:?}");
        let log: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(!log["runs"][0]["results"].as_array().unwrap().is_empty(), *fails, "{files:?}");
    }
}

#[test]
fn control_characters_of_a_policy_do_not_reach_the_terminal() {
    let dir = with_small();
    dir.write("hostile.cil", "(allow t \"\u{1b}[2J\u{202e}\" (file (read)))\n");
    let output = dir.run(&["policy", "check", "small.cil", "hostile.cil"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'), "{said:?}");
}
