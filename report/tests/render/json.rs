//! The JSON form against the schema that we publish.

use std::path::{Path, PathBuf};

use hardpan_report::Report;
use hardpan_report::render::{Format, SCHEMA, json, render};
use serde_json::{Value, json};

use crate::peers::{VALIDATOR, objections, python_with_jsonschema, require};
use crate::support::{bare_report, checksec_report, clean_report, large_report, sample_report};

#[test]
fn reports_satisfy_the_published_schema() {
    let Some(python) = require("reports_satisfy_the_published_schema", VALIDATOR, python_with_jsonschema())
    else {
        return;
    };
    for report in [sample_report(), checksec_report(), clean_report(), bare_report(), large_report(50, 50)] {
        assert_eq!(objections(&python, &schema_file(), &written(&report)), "");
    }
}

#[test]
fn what_the_schema_forbids_is_refused() {
    let Some(python) = require("what_the_schema_forbids_is_refused", VALIDATOR, python_with_jsonschema())
    else {
        return;
    };
    let report: Value = serde_json::from_slice(&written(&sample_report())).unwrap();
    for (pointer, value) in damages() {
        let mut damaged = report.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let object = damaged.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
        match value {
            Some(value) => object.insert(key.to_owned(), value),
            None => object.remove(key),
        };
        let text = serde_json::to_vec(&damaged).unwrap();
        assert_ne!(objections(&python, &schema_file(), &text), "", "{pointer} was accepted");
    }
}

#[test]
fn every_object_of_the_schema_is_closed_and_every_property_is_described() {
    for (schema, least) in [(SCHEMA, 90), (hardpan_report::diff::SCHEMA, 40)] {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let mut properties = 0;
        inspect(&schema, "", &mut properties);
        assert!(properties > least, "only {properties} properties were seen");
    }
}

#[test]
fn the_same_report_gives_the_same_bytes_with_a_newline_at_the_end() {
    let bytes = written(&sample_report());
    assert_eq!(bytes, written(&sample_report()));
    assert_eq!(bytes.last(), Some(&b'\n'));
    assert!(!bytes[..bytes.len() - 1].ends_with(b"\n"));
    let mut by_format = Vec::new();
    render(Format::Json, &sample_report(), &mut by_format).unwrap();
    assert_eq!(bytes, by_format);
}

#[test]
fn hostile_names_are_escaped() {
    let text = String::from_utf8(written(&sample_report())).unwrap();
    assert!(text.contains(
        r#""path": "/opt/<script>window.pwned=1</script>\\x1b[31m\"&'%41:\\xff\\xe2\\x80\\xae x""#
    ));
    assert!(!text.contains(|character: char| character.is_control() && character != '\n'));
}

/// Values that are wrong in one place each; `None` takes the property away.
fn damages() -> Vec<(&'static str, Option<Value>)> {
    vec![
        ("/surprise", Some(json!(1))),
        ("/schema", Some(json!("hardpan-report/2"))),
        ("/gate", None),
        ("/gate/exit_code", Some(json!(3))),
        ("/gate/day", Some(json!("today"))),
        ("/subject/path", Some(json!("a\u{1b}[31m"))),
        ("/subject/path", Some(json!("a\\q"))),
        ("/coverage/files", Some(json!(-1))),
        ("/coverage/problems/0/cause", Some(json!("bad luck"))),
        ("/totals/failures/urgent", Some(json!(1))),
        ("/pillars/0/number", Some(json!(11))),
        ("/rules/0/outcome", Some(json!("skipped"))),
        ("/rules/0/id", Some(json!("verity"))),
        ("/rules/2/findings/0/outcome", Some(json!("pass"))),
        ("/rules/2/findings/0/cause", Some(json!("limit"))),
        ("/rules/2/findings/0/evidence/0/surprise", Some(json!(1))),
        ("/rules/2/findings/1/disposition/owner", None),
        ("/rules/2/findings/1/disposition/kind", Some(json!("gating"))),
        ("/rules/7/findings/0/cause", None),
        ("/rules/3/unit", None),
        ("/matrix/rows/0/cells/0/label", None),
        ("/languages/0/bytes_percent", Some(json!(101))),
    ]
}

fn inspect(schema: &Value, place: &str, properties: &mut usize) {
    if let Some(object) = schema.as_object() {
        if object.get("type") == Some(&json!("object")) {
            assert_eq!(object.get("additionalProperties"), Some(&json!(false)), "{place} is open");
        }
        for (name, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            // Conditions mention properties that are described where they are defined.
            if !place.ends_with("/if") {
                *properties += 1;
                assert!(property["description"].is_string(), "{place}/{name} is not described");
            }
        }
        for (key, value) in object {
            inspect(value, &format!("{place}/{key}"), properties);
        }
    }
    for (at, value) in schema.as_array().into_iter().flatten().enumerate() {
        inspect(value, &format!("{place}/{at}"), properties);
    }
}

fn schema_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.schema.json")
}

fn written(report: &Report) -> Vec<u8> {
    let mut out = Vec::new();
    json(report, &mut out).unwrap();
    out
}
