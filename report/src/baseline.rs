//! The findings of an earlier report, so that a gate can fail on what is new only.

use std::collections::HashMap;

use serde::Deserialize;

use crate::Report;

/// How often each fingerprint occurs in an earlier report. Counted, since a second finding under a known fingerprint is
/// new.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    counts: HashMap<String, u64>,
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
            *counts.entry(finding.fingerprint).or_default() += 1;
        }
        Ok(Self { counts })
    }

    /// Whether the finding was there before. Each call uses one occurrence up.
    pub(crate) fn take(&mut self, fingerprint: &str) -> bool {
        match self.counts.get_mut(fingerprint) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_finding_under_a_known_fingerprint_is_new() {
        let json = br#"{"schema":"hardpan-report/1","rules":[{"findings":[{"fingerprint":"a"}]}]}"#;
        let mut baseline = Baseline::parse(json).unwrap();
        assert!(baseline.take("a"));
        assert!(!baseline.take("a"));
        assert!(!baseline.take("b"));
    }

    #[test]
    fn something_else_is_refused() {
        assert!(Baseline::parse(b"{}").is_err());
        assert!(Baseline::parse(br#"{"schema":"x","rules":[]}"#).unwrap_err().contains("`x`"));
    }
}
