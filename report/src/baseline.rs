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
    /// Reads a report in Hardpan's JSON form.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let earlier: Earlier = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if earlier.schema != Report::SCHEMA {
            return Err(format!(
                "its schema is `{}`, and this version reads `{}`",
                earlier.schema,
                Report::SCHEMA
            ));
        }
        let mut counts = HashMap::new();
        for finding in earlier.rules.into_iter().flat_map(|rule| rule.findings) {
            if finding.disposition.kind != "waived" {
                *counts.entry((finding.fingerprint, finding.outcome)).or_default() += 1;
            }
        }
        Ok(Self { counts })
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
    fn something_else_is_refused() {
        assert!(Baseline::parse(b"{}").is_err());
        assert!(Baseline::parse(br#"{"schema":"x","rules":[]}"#).unwrap_err().contains("`x`"));
    }
}
