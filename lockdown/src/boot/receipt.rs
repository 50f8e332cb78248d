//! The boot receipt: what was to happen, what did, and how that is known.
//!
//! The same is told three times: as JSON for programs, as lines of the kernel's log while it happens, and, of a failure, on the
//! consoles. The writer is a few lines of its own, since a boot binary has no use for a JSON library.

use std::fmt::Write as _;
use std::time::Duration;

use super::Reason;

/// A receipt that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The kernel's release.
    pub kernel: String,
    /// The slot that was booted, or the last that was tried.
    pub slot: Option<String>,
    /// Why the machine did not boot; `None` if it did.
    pub reason: Option<Reason>,
    /// What is wrong, in words; empty if it booted.
    pub text: String,
    /// The slots that were refused, in the order of trying.
    pub refused: Vec<Refused>,
    /// All steps.
    pub steps: Vec<Record>,
    /// From the start to the receipt.
    pub total: Duration,
}

/// A slot that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its name.
    pub slot: String,
    /// Why.
    pub reason: Reason,
    /// The same in words.
    pub text: String,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The step's name: `verity-open`.
    pub step: &'static str,
    /// What it is about: a slot, a module, a sysctl.
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
    /// How long it took.
    pub time: Duration,
}

/// How good the result of a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The calls succeeded.
    Done,
    /// And their effect was seen.
    Proved,
    /// The kernel has only something weaker, and the configuration puts up with it.
    Weaker,
    /// The kernel does not have it, and the configuration puts up with that.
    Absent,
    /// It failed; whether that ended the boot says the receipt's result.
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

impl Receipt {
    /// The receipt as JSON, with a newline at the end.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\n");
        let result = if self.reason.is_none() { "booted" } else { "failed" };
        for (name, value) in [
            ("schema", Some(SCHEMA)),
            ("version", Some(env!("CARGO_PKG_VERSION"))),
            ("kernel", Some(self.kernel.as_str())),
            ("result", Some(result)),
            ("reason", self.reason.map(Reason::word)),
            ("text", self.reason.is_some().then_some(self.text.as_str())),
            ("slot", self.slot.as_deref()),
        ] {
            let _ = writeln!(json, "  \"{name}\": {},", value.map_or("null".to_owned(), quoted));
        }
        let refused = self.refused.iter().map(Refused::to_json).collect::<Vec<_>>();
        let steps = self.steps.iter().map(Record::to_json).collect::<Vec<_>>();
        let _ = writeln!(json, "  \"refused\": {},", list(&refused));
        let _ = writeln!(json, "  \"steps\": {},", list(&steps));
        let _ = writeln!(json, "  \"total_ms\": {}\n}}", milliseconds(self.total));
        json
    }
}

impl Refused {
    fn to_json(&self) -> String {
        let [slot, reason, text] = [&self.slot, self.reason.word(), &self.text].map(quoted);
        format!("{{\"slot\": {slot}, \"reason\": {reason}, \"text\": {text}}}")
    }
}

impl Record {
    fn to_json(&self) -> String {
        let [step, subject, want, got] = [self.step, &self.subject, &self.want, &self.got].map(quoted);
        let errno = self.errno.map_or("null".to_owned(), |errno| errno.to_string());
        let kernel: Vec<String> = self.kernel.iter().map(|line| quoted(line)).collect();
        let (outcome, kernel, ms) = (self.outcome.word(), kernel.join(", "), milliseconds(self.time));
        format!(
            "{{\"step\": {step}, \"subject\": {subject}, \"want\": {want}, \"got\": {got}, \
             \"outcome\": \"{outcome}\", \"errno\": {errno}, \"kernel\": [{kernel}], \"ms\": {ms}}}"
        )
    }

    /// The record as a line of the kernel's log, without what the kernel logged itself.
    pub fn to_line(&self) -> String {
        let errno = self.errno.map_or(String::new(), |errno| format!(" errno={errno}"));
        let mut line = format!("{PREFIX} step={}", self.step);
        for (name, value) in [("subject", &self.subject), ("want", &self.want), ("got", &self.got)] {
            if !value.is_empty() {
                let _ = write!(line, " {name}={}", word(value));
            }
        }
        let _ = write!(line, " outcome={}{errno} ms={}", self.outcome.word(), milliseconds(self.time));
        line
    }
}

/// What all lines begin with.
pub(super) const PREFIX: &str = "hardpan-boot:";

fn list(items: &[String]) -> String {
    if items.is_empty() { "[]".to_owned() } else { format!("[\n    {}\n  ]", items.join(",\n    ")) }
}

fn milliseconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_millis(), time.as_micros() % 1000)
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            _ if character.is_control() => {
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

/// A value of a line: in quotes if it has blanks, and no longer than a line can be.
pub(super) fn word(value: &str) -> String {
    let cut: String = value.chars().take(MAX_WORD).collect();
    let more = if cut.len() < value.len() { "…" } else { "" };
    if cut.contains([' ', '"', '=']) || cut.chars().any(char::is_control) {
        format!("{:?}", cut + more)
    } else {
        cut + more
    }
}

const SCHEMA: &str = "hardpan.boot.receipt/1";
/// The kernel cuts lines at some 1000 bytes; there are three values in one.
const MAX_WORD: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt {
            kernel: "6.1.0".into(),
            slot: Some("a".into()),
            reason: Some(Reason::RootHash),
            text: "block \"0\"\n\\".into(),
            refused: vec![Refused { slot: "b".into(), reason: Reason::DeviceMissing, text: "x".into() }],
            steps: vec![Record {
                step: "verity-open",
                subject: "a".into(),
                want: "root hash ab".into(),
                got: String::new(),
                outcome: Outcome::Failed,
                errno: Some(5),
                kernel: vec!["device-mapper: verity: x".into()],
                time: Duration::from_micros(12_345),
            }],
            total: Duration::from_micros(1_000_001),
        }
    }

    #[test]
    fn a_receipt_is_json() {
        let json = receipt().to_json();
        assert!(json.starts_with("{\n  \"schema\": \"hardpan.boot.receipt/1\",\n"), "{json}");
        for part in [
            "\"result\": \"failed\",\n  \"reason\": \"root-hash\",\n",
            "\"text\": \"block \\\"0\\\"\\u000a\\\\\"",
            "[\n    {\"slot\": \"b\", \"reason\": \"device-missing\", \"text\": \"x\"}\n  ]",
            "\"outcome\": \"failed\", \"errno\": 5, \"kernel\": [\"device-mapper: verity: x\"], \"ms\": 12.345}",
            "\"total_ms\": 1000.001\n}\n",
        ] {
            assert!(json.contains(part), "{part} is not in {json}");
        }
        let good = Receipt { reason: None, refused: vec![], ..receipt() }.to_json();
        assert!(good.contains("\"result\": \"booted\",\n  \"reason\": null,\n  \"text\": null,"), "{good}");
        assert!(good.contains("\"refused\": [],"), "{good}");
    }

    #[test]
    fn a_line_has_no_blanks_but_in_quotes_and_ends() {
        let line = receipt().steps[0].to_line();
        let wanted =
            "hardpan-boot: step=verity-open subject=a want=\"root hash ab\" outcome=failed errno=5 ms=12.345";
        assert_eq!(line, wanted);
        assert_eq!(word("a\nb"), "\"a\\nb\"");
        assert!(word(&"x".repeat(5000)).len() < 300);
    }
}
