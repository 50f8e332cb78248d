//! Reading what a boot by `hardpan-boot` wrote down, and judging it.
//!
//! The receipt lies in `/run/hardpan/boot.json` (see [`crate::boot`], which writes it). Reading is strict, since a receipt that was
//! changed or cut must not pass for a good one: an unknown or missing field, another schema, and parts that contradict each
//! other are errors with their place. A receipt is as trustworthy as `/run`: whoever can write there can write another.

mod judge;

use serde::Deserialize;
use thiserror::Error;

pub use judge::{Judgement, Remark, RemarkKind, Verdict};

/// Where the receipt of the running system lies.
pub const PATH: &str = "/run/hardpan/boot.json";

/// The schema that is read.
pub const SCHEMA: &str = "hardpan.boot.receipt/1";

/// What a boot wrote down.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Receipt {
    /// The schema: [`SCHEMA`].
    pub schema: String,
    /// The version of hardpan-boot.
    pub version: String,
    /// The kernel's release; `None` if it could not be told.
    pub kernel: Option<String>,
    /// Whether the system was started.
    pub result: BootResult,
    /// The word for why not.
    pub reason: Option<String>,
    /// The same in words.
    #[serde(default)]
    pub text: Option<String>,
    /// The slot that was booted, or the last that was tried.
    pub slot: Option<String>,
    /// The slots that were refused, in the order of trying.
    pub refused: Vec<Refused>,
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// How long all of it took, in milliseconds.
    pub total_ms: f64,
}

/// Whether the system was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BootResult {
    /// It was.
    Booted,
    /// It was not.
    Failed,
}

/// A slot that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Refused {
    /// Its name.
    pub slot: String,
    /// The word for why.
    pub reason: String,
    /// The same in words.
    pub text: String,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Step {
    /// The step's name: `verity-open`.
    pub step: String,
    /// What it is about: a module, a sysctl; may be empty.
    pub subject: String,
    /// What it was to bring about.
    pub want: String,
    /// What was found afterwards.
    pub got: String,
    /// How good that is.
    pub outcome: Outcome,
    /// The kernel's error number, if a call failed.
    pub errno: Option<i32>,
    /// What the kernel logged meanwhile.
    pub kernel: Vec<String>,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// How good the result of a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The calls succeeded.
    Done,
    /// And their effect was seen.
    Proved,
    /// The kernel has only something weaker.
    Weaker,
    /// The kernel does not have it.
    Absent,
    /// It failed.
    Failed,
}

impl Outcome {
    /// Its word in receipts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Proved => "proved",
            Self::Weaker => "weaker",
            Self::Absent => "absent",
            Self::Failed => "failed",
        }
    }
}

/// Why a receipt cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Its parts contradict each other.
    #[error("boot receipt: {reason}")]
    Contradiction {
        /// How.
        reason: String,
    },
    /// It is no JSON, or has other fields than a receipt.
    #[error("boot receipt, line {line}, column {column}: {reason}")]
    Json {
        /// The line, from 1; 0 if it is empty.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// It is of another schema, whose fields may mean something else.
    #[error("boot receipt of schema {schema:?}; only {SCHEMA} is known")]
    Schema {
        /// The schema.
        schema: String,
    },
    /// It is longer than any boot writes.
    #[error("a boot receipt has at most {MAX_SIZE} bytes, and this one has {size}")]
    Size {
        /// How many it has.
        size: usize,
    },
}

impl Receipt {
    /// Reads a receipt from all of `json`.
    ///
    /// # Errors
    ///
    /// It is none, or contradicts itself.
    pub fn parse(json: &[u8]) -> Result<Self, ReceiptError> {
        if json.len() > MAX_SIZE {
            return Err(ReceiptError::Size { size: json.len() });
        }
        // Another version may well have other fields, so that the schema is looked at before them.
        let Schema { schema } = serde_json::from_slice(json).map_err(|error| ReceiptError::of(&error))?;
        if schema != SCHEMA {
            return Err(ReceiptError::Schema { schema });
        }
        let receipt: Self = serde_json::from_slice(json).map_err(|error| ReceiptError::of(&error))?;
        receipt.check()?;
        Ok(receipt)
    }

    fn check(&self) -> Result<(), ReceiptError> {
        let wrong = |reason: String| Err(ReceiptError::Contradiction { reason });
        match (self.result, &self.reason, &self.slot) {
            (BootResult::Booted, Some(reason), _) => {
                wrong(format!("it booted, and did not because of {reason}"))
            }
            (BootResult::Booted, None, None) => wrong("it booted from no slot".to_owned()),
            (BootResult::Failed, None, _) => wrong("it failed for no reason".to_owned()),
            _ => Ok(()),
        }
    }
}

impl ReceiptError {
    fn of(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // serde_json puts the place behind its message, where it is said a second time.
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self::Json { line: error.line(), column: error.column(), reason }
    }
}

#[derive(Deserialize)]
struct Schema {
    schema: String,
}

/// The largest receipt in bytes: that of 256 modules and as many sysctls has some 200 KiB, and each may quote the kernel.
pub const MAX_SIZE: usize = 1 << 20;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A receipt of these steps, each `STEP:OUTCOME`.
    pub(crate) fn receipt(result: &str, slot: &str, steps: &[&str]) -> String {
        let reason = if result == "booted" { "null" } else { "\"root-hash\"" };
        let steps: Vec<String> = steps
            .iter()
            .map(|step| {
                let (step, outcome) = step.split_once(':').unwrap();
                let (step, subject) = step.split_once('/').unwrap_or((step, ""));
                format!(
                    "{{\"step\": \"{step}\", \"subject\": \"{subject}\", \"want\": \"1\", \"got\": \"0\", \"outcome\": \"{outcome}\", \"errno\": null, \"kernel\": [], \"ms\": 1.5}}"
                )
            })
            .collect();
        format!(
            "{{\n  \"schema\": \"{SCHEMA}\",\n  \"version\": \"0.1.0\",\n  \"kernel\": \"6.1.0\",\n  \"result\": \"{result}\",\n  \"reason\": {reason},\n  \"text\": null,\n  \"slot\": {slot},\n  \"refused\": [],\n  \"steps\": [{}],\n  \"total_ms\": 12.345\n}}\n",
            steps.join(", ")
        )
    }

    #[test]
    fn what_is_written_is_read() {
        let text = receipt("booted", "\"a\"", &["verity-open:proved", "sysctl/kernel.sysrq:absent"]);
        let read = Receipt::parse(text.as_bytes()).unwrap();
        assert_eq!((read.result, read.slot.as_deref(), read.steps.len()), (BootResult::Booted, Some("a"), 2));
        assert_eq!(
            (read.steps[1].subject.as_str(), read.steps[1].outcome),
            ("kernel.sysrq", Outcome::Absent)
        );
        assert!((read.total_ms - 12.345).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_receipt_is_refused_with_its_place() {
        let text = receipt("booted", "\"a\"", &["verity-open:proved"]);
        let cases = [
            (
                text.replace("\"kernel\": \"6.1.0\"", "\"kernle\": \"6.1.0\""),
                "line 4, column 10: unknown field `kernle`",
            ),
            (text.replace("\"proved\"", "\"perfect\""), "line 10, column"),
            (text.replace("  \"refused\": [],\n", ""), "missing field `refused`"),
            (text.replace("receipt/1", "receipt/2"), "only hardpan.boot.receipt/1 is known"),
            (text.replace("\"slot\": \"a\"", "\"slot\": null"), "from no slot"),
            (text.replace("\"reason\": null", "\"reason\": \"x\""), "did not because of x"),
            (text.replace("booted", "failed"), "for no reason"),
            (
                text.replace("\"total_ms\": 12.345", "\"total_ms\": 1, \"total_ms\": 2"),
                "duplicate field `total_ms`",
            ),
            (format!("{text}{{}}"), "trailing characters"),
            (String::new(), "line 1, column 0: EOF"),
        ];
        for (text, wanted) in cases {
            let said = Receipt::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
        for end in 0..text.trim_end().len() {
            assert!(Receipt::parse(&text.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(matches!(Receipt::parse(&vec![b' '; MAX_SIZE + 1]), Err(ReceiptError::Size { .. })));
    }
}
