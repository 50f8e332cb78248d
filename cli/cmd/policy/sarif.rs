//! Diagnostics as SARIF 2.1.0. Section numbers in comments are those of the standard.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use hardpan_report::BytePath;
use hardpan_report::render::relative_uri;
use hardpan_selinux_policy::diagnostic::{Diagnostic, Source, Span, position};
use serde_json::{Value, json};

use super::diagnostics::severity;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The most results that GitHub takes in a run; a larger file is refused as a whole.
const RESULT_LIMIT: usize = hardpan_report::render::RESULT_LIMIT;

/// A log of one run. Beyond the limit results are left out, and a notification says how many.
pub(super) fn log<'a>(diagnostics: impl Iterator<Item = &'a Diagnostic>, sources: &[Source]) -> Value {
    let all: Vec<&Diagnostic> = diagnostics.collect();
    let codes: BTreeSet<&str> = all.iter().map(|diagnostic| diagnostic.code).collect();
    let rules: Vec<Value> = codes.iter().map(|code| json!({ "id": code })).collect();
    let shown = all.iter().take(RESULT_LIMIT).map(|diagnostic| result(diagnostic, sources));
    let mut invocation = json!({ "executionSuccessful": true });
    if let Some(omitted) = all.len().checked_sub(RESULT_LIMIT).filter(|omitted| *omitted > 0) {
        let text = format!("{omitted} more results were left out.");
        invocation["toolExecutionNotifications"] =
            json!([{ "level": "warning", "message": { "text": text } }]);
    }
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Hardpan",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "automationDetails": { "id": "hardpan/policy/" },
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": shown.collect::<Vec<_>>(),
        }],
    })
}

fn result(diagnostic: &Diagnostic, sources: &[Source]) -> Value {
    let mut text = diagnostic.message.clone();
    if let Some(help) = &diagnostic.help {
        text = format!("{text}. {help}");
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    let location = diagnostic.at.and_then(|span| location(span, sources, None));
    let through =
        diagnostic.through.iter().filter_map(|span| location_of(*span, sources, "Brought by this."));
    let notes = diagnostic.notes.iter().filter_map(|(span, note)| location_of(*span, sources, note));
    let mut result = json!({
        "ruleId": diagnostic.code,
        "level": severity(diagnostic.severity),
        "message": { "text": text },
        "locations": location.into_iter().collect::<Vec<_>>(),
    });
    let related: Vec<Value> = through.chain(notes).collect();
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    result
}

fn location_of(span: Span, sources: &[Source], message: &str) -> Option<Value> {
    location(span, sources, Some(message))
}

fn location(span: Span, sources: &[Source], message: Option<&str>) -> Option<Value> {
    let source = sources.get(span.file as usize)?;
    let start = position(&source.text, span.start);
    let mut region = json!({ "startLine": start.line, "startColumn": start.column });
    if span.end > span.start {
        // The column behind the last character, as 3.30.8 has it.
        let end = position(&source.text, span.end);
        region["endLine"] = json!(end.line);
        region["endColumn"] = json!(end.column);
    }
    let artifact = json!({ "uri": uri(&source.name) });
    let mut location = json!({ "physicalLocation": { "artifactLocation": artifact, "region": region } });
    if let Some(message) = message {
        location["message"] = json!({ "text": message });
    }
    Some(location)
}

/// A path as a URI: of a file if it is absolute, else relative to where the command was run, which is the root of a
/// repository in CI.
fn uri(name: &str) -> String {
    let path = Path::new(name);
    let segments = path.components().filter_map(|component| match component {
        Component::ParentDir => Some("..".to_owned()),
        Component::Normal(segment) => Some(relative_uri(&BytePath::from(segment.to_string_lossy().as_ref()))),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    let joined = segments.collect::<Vec<_>>().join("/");
    if path.is_absolute() { format!("file:///{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("policy/a b.cil"), "policy/a%20b.cil");
        assert_eq!(uri("./policy/../x.cil"), "policy/../x.cil");
        assert_eq!(uri("/etc/ü.cil"), "file:///etc/%C3%BC.cil");
        assert_eq!(uri("<standard input>"), "%3Cstandard%20input%3E");
    }
}
