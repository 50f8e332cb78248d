//! A report in its JSON form, as a program that reads one sees it.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use super::{assert_no_panic, text};

/// A parsed report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report(pub(crate) Value);

impl Report {
    /// The report on standard output. The process must end as the report says.
    pub(crate) fn of(output: &Output) -> Self {
        assert_no_panic(output);
        let report = Self::parse(&output.stdout)
            .unwrap_or_else(|error| panic!("the report is not whole: {error}: {}", text(output)));
        assert_eq!(output.status.code().map(i64::from), report.0["gate"]["exit_code"].as_i64());
        report
    }

    pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes).map(Self)
    }

    pub(crate) fn exit_code(&self) -> i64 {
        self.0["gate"]["exit_code"].as_i64().unwrap()
    }

    /// A number of the gate: `gating`, `incomplete`, `waived`, `known`.
    pub(crate) fn gate(&self, what: &str) -> u64 {
        self.0["gate"][what].as_u64().unwrap()
    }

    pub(crate) fn rules(&self) -> &[Value] {
        self.0["rules"].as_array().unwrap()
    }

    /// The rule, which must be there.
    pub(crate) fn rule(&self, id: &str) -> &Value {
        let found = self.rules().iter().find(|rule| rule["id"] == id);
        found.unwrap_or_else(|| panic!("no rule {id} in the report"))
    }

    /// Every finding with the id of its rule.
    pub(crate) fn findings(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.rules().iter().flat_map(|rule| {
            let findings = rule["findings"].as_array().unwrap();
            findings.iter().map(move |finding| (rule["id"].as_str().unwrap(), finding))
        })
    }

    /// The paths of findings with this disposition.
    pub(crate) fn disposed(&self, disposition: &str) -> BTreeSet<&str> {
        let findings = self.findings().filter(|(_, finding)| finding["disposition"]["kind"] == disposition);
        findings.map(|(_, finding)| finding["location"]["path"].as_str().unwrap_or("")).collect()
    }

    /// The paths of what could not be read.
    pub(crate) fn problems(&self) -> BTreeSet<&str> {
        self.paths("/coverage/problems")
    }

    /// The paths of executables.
    pub(crate) fn executables(&self) -> BTreeSet<&str> {
        self.paths("/matrix/rows")
    }

    fn paths(&self, pointer: &str) -> BTreeSet<&str> {
        let list = self.0.pointer(pointer).unwrap().as_array().unwrap();
        list.iter().map(|entry| entry["path"].as_str().unwrap()).collect()
    }
}
