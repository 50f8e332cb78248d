//! The findings of an earlier report, so that a gate can fail on what is new only.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{Outcome, Report};

/// How often each fingerprint occurs in an earlier report, by outcome. Counted, since a second finding under a known
/// fingerprint is new. What was waived is left out: somebody accepted it for a time, and that time ends.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    counts: HashMap<(String, Outcome), u64>,
}

impl Baseline {
    /// Reads a report in Hardpan's JSON form, as one text or as JSON Lines.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let first = json.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match serde_json::from_slice(first) {
            Ok(EarlierLine::Header { schema }) => Self::of_lines(&schema, json),
            _ => Self::of_report(json),
        }
    }

    fn of_report(json: &[u8]) -> Result<Self, String> {
        let earlier: Earlier = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if earlier.schema != Report::SCHEMA {
            return Err(format!(
                "its schema is `{}`, and this version reads `{}`",
                earlier.schema,
                Report::SCHEMA
            ));
        }
        let mut known = Self::default();
        earlier.rules.into_iter().flat_map(|rule| rule.findings).for_each(|finding| known.add(finding));
        Ok(known)
    }

    /// Lines stop where their run was stopped, and what it would have found then is not known: it would all be new.
    fn of_lines(schema: &str, json: &[u8]) -> Result<Self, String> {
        if schema != LINES {
            return Err(format!("its schema is `{schema}`, and this version reads `{LINES}`"));
        }
        let mut known = Self::default();
        let mut is_whole = false;
        let lines = json.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
        for (at, line) in lines {
            let failed = |error: serde_json::Error| format!("line {}: {error}", at + 1);
            match serde_json::from_slice(line).map_err(failed)? {
                EarlierLine::Finding(finding) => known.add(finding),
                EarlierLine::End => is_whole = true,
                EarlierLine::Header { .. } | EarlierLine::Other => {}
            }
        }
        if is_whole { Ok(known) } else { Err("its last line is missing: the run was stopped".into()) }
    }

    fn add(&mut self, finding: EarlierFinding) {
        if finding.disposition.kind != "waived" {
            *self.counts.entry((finding.fingerprint, finding.outcome)).or_default() += 1;
        }
    }

    /// Whether the finding was there before. Each call uses one occurrence up. A known failure covers that it can no
    /// longer be told; what could not be told covers no failure.
    pub(crate) fn take(&mut self, fingerprint: &str, outcome: Outcome) -> bool {
        let covering = [outcome, Outcome::Fail].map(|outcome| (fingerprint.to_owned(), outcome));
        for key in covering {
            if let Some(count) = self.counts.get_mut(&key).filter(|count| **count > 0) {
                *count -= 1;
                return true;
            }
        }
        false
    }
}

/// The schema of JSON Lines.
const LINES: &str = "hardpan-checksec-lines/1";

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum EarlierLine {
    Header {
        schema: String,
    },
    Finding(EarlierFinding),
    End,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Earlier {
    schema: String,
    rules: Vec<EarlierRule>,
}

#[derive(Deserialize)]
struct EarlierRule {
    findings: Vec<EarlierFinding>,
}

#[derive(Deserialize)]
struct EarlierFinding {
    fingerprint: String,
    #[serde(default = "failure")]
    outcome: Outcome,
    #[serde(default)]
    disposition: EarlierDisposition,
}

/// What a list of fingerprints that somebody wrote by hand means.
fn failure() -> Outcome {
    Outcome::Fail
}

#[derive(Default, Deserialize)]
struct EarlierDisposition {
    kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_finding_under_a_known_fingerprint_is_new() {
        let json = br#"{"schema":"hardpan-report/1","rules":[{"findings":[{"fingerprint":"a"}]}]}"#;
        let mut baseline = Baseline::parse(json).unwrap();
        assert!(baseline.take("a", Outcome::Fail));
        assert!(!baseline.take("a", Outcome::Fail));
        assert!(!baseline.take("b", Outcome::Fail));
    }

    fn one(outcome: &str, disposition: &str) -> Baseline {
        let json = format!(
            r#"{{"schema":"hardpan-report/1","rules":[{{"findings":[
                {{"fingerprint":"a","outcome":"{outcome}","disposition":{{"kind":"{disposition}"}}}}]}}]}}"#
        );
        Baseline::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn what_was_unknown_or_waived_covers_no_failure() {
        assert!(!one("unknown", "gating").take("a", Outcome::Fail));
        assert!(one("unknown", "gating").take("a", Outcome::Unknown));
        assert!(one("fail", "gating").take("a", Outcome::Unknown));
        assert!(!one("fail", "waived").take("a", Outcome::Fail));
    }

    #[test]
    fn json_lines_are_a_baseline_if_they_are_whole() {
        let header = r#"{"type":"header","schema":"hardpan-checksec-lines/1","tool":{}}"#;
        let found = r#"{"type":"finding","rule":"T-001","fingerprint":"a","outcome":"partial","disposition":{"kind":"gating"}}"#;
        let waived = r#"{"type":"finding","fingerprint":"b","outcome":"fail","disposition":{"kind":"waived","owner":"o"}}"#;
        let others = r#"{"type":"file","path":"/a","properties":{}}"#;
        let parse = |lines: &[&str]| Baseline::parse((lines.join("\n") + "\n").as_bytes());
        let mut baseline = parse(&[header, others, found, waived, r#"{"type":"end","gate":{}}"#]).unwrap();
        assert!(!baseline.take("a", Outcome::Fail) && !baseline.take("b", Outcome::Fail));
        assert!(baseline.take("a", Outcome::Partial));
        assert!(parse(&[header, others, found]).unwrap_err().contains("was stopped"));
        assert!(parse(&[header, found, "{"]).unwrap_err().starts_with("line 3: "));
        assert!(parse(&[&header.replace("/1", "/2")]).unwrap_err().contains("`hardpan-checksec-lines/2`"));
    }

    #[test]
    fn something_else_is_refused() {
        assert!(Baseline::parse(b"{}").is_err());
        assert!(Baseline::parse(br#"{"schema":"x","rules":[]}"#).unwrap_err().contains("`x`"));
    }
}
