//! UPD-003.

use std::collections::{BTreeMap, BTreeSet};

use hardpan_report::{Cause, Evidence, Finding, Location, Pillar, RuleMeta, Severity, Verdict, escape};
use serde::Deserialize;

use crate::{AuditRule, Context, Text};

pub(crate) static RULE: AuditRule = AuditRule {
    meta: RuleMeta::new(
        "UPD-003",
        "tuf-root-sound",
        "The TUF root is in force and asks for enough strong keys",
        Pillar::SignedUpdates,
        Severity::High,
        include_str!("tuf_root.md"),
    ),
    check,
};

fn check(context: &Context<'_>) -> Verdict {
    let text = match context.text(ROOT_JSON) {
        Text::Present(text) => text,
        Text::Absent => return Verdict::not_applicable("there is no TUF root: updates are not by updog"),
        Text::Unread(finding) => return Verdict::finding(*finding),
    };
    let location = Location::file(ROOT_JSON);
    let root: Envelope = match serde_json::from_slice(&text.bytes) {
        Ok(root) => root,
        Err(error) => {
            let message =
                format!("the TUF root is not of its format: {}", escape(error.to_string().as_bytes()));
            return Verdict::finding(Finding::unknown(Cause::Malformed, Some(location), "format", message));
        }
    };
    let mut judge = Judge { location, findings: Vec::new(), evidence: Vec::new() };
    judge.header(&root.signed, &context.parameters.today);
    judge.keys(&root.signed);
    for name in ROLES {
        judge.role(&root.signed, name);
    }
    judge.signatures(&root);
    Verdict::of("expiry, keys and thresholds of the TUF root", judge.findings, judge.evidence)
}

/// The metadata of the root role, as far as it is judged (The Update Framework specification, 4.3).
#[derive(Debug, Deserialize)]
struct Envelope {
    signed: Root,
    signatures: Vec<Signature>,
}

#[derive(Debug, Deserialize)]
struct Root {
    #[serde(rename = "_type")]
    kind: String,
    expires: String,
    keys: BTreeMap<String, Key>,
    roles: BTreeMap<String, Role>,
}

#[derive(Debug, Deserialize)]
struct Key {
    scheme: String,
    keyval: KeyValue,
}

#[derive(Debug, Deserialize)]
struct KeyValue {
    public: String,
}

#[derive(Debug, Deserialize)]
struct Role {
    keyids: Vec<String>,
    threshold: u64,
}

#[derive(Debug, Deserialize)]
struct Signature {
    keyid: String,
}

impl Root {
    /// The different public keys among these ids. One key under two ids is one key.
    fn public_keys<'a>(&'a self, ids: impl Iterator<Item = &'a String>) -> BTreeSet<&'a str> {
        ids.filter_map(|id| self.keys.get(id)).map(|key| key.keyval.public.trim()).collect()
    }
}

struct Judge {
    location: Location,
    findings: Vec<Finding>,
    evidence: Vec<Evidence>,
}

impl Judge {
    /// Notes a fact, which is a failure if it comes with a message.
    fn fact(&mut self, key: &str, fact: Evidence, failure: Option<String>) {
        let fact = fact.at(self.location.clone());
        match failure {
            Some(message) => {
                self.findings.push(Finding::fail(Some(self.location.clone()), key, message).with(fact));
            }
            None => self.evidence.push(fact),
        }
    }

    fn header(&mut self, root: &Root, today: &str) {
        let kind = escape(root.kind.as_bytes());
        let wrong =
            (root.kind != "root").then(|| format!("this is TUF metadata of type `{kind}`, not a root"));
        self.fact("type", Evidence::new("_type", kind, "root"), wrong);
        let expires = escape(root.expires.as_bytes());
        let fact = Evidence::new("expires", expires.clone(), format!("after {today}"));
        let failure = match day(&root.expires) {
            None => {
                Some(format!("the TUF root's expiry `{expires}` is no date, so updates by it are refused"))
            }
            Some(day) if day <= today => Some(format!("the TUF root expired on {day}")),
            Some(_) => None,
        };
        self.fact("expires", fact, failure);
    }

    fn keys(&mut self, root: &Root) {
        for (id, key) in &root.keys {
            if !SCHEMES.contains(&key.scheme.as_str()) {
                let (id, scheme) = (escape(id.as_bytes()), escape(key.scheme.as_bytes()));
                let fact =
                    Evidence::new("scheme", scheme.clone(), "Ed25519, ECDSA on P-256 or P-384, or RSA-PSS");
                let message = format!("key {id} signs by `{scheme}`, which is weak or unknown to TUF");
                self.fact(&format!("key:{id}"), fact, Some(message));
            }
        }
    }

    fn role(&mut self, root: &Root, name: &str) {
        let wanted = if name == "root" {
            "at least 2, and at most the keys"
        } else {
            "at least 1, and at most the keys"
        };
        let Some(role) = root.roles.get(name) else {
            let fact = Evidence::new(format!("role {name}"), "missing", wanted);
            return self.fact(
                &format!("role:{name}"),
                fact,
                Some(format!("the TUF root lacks the role {name}")),
            );
        };
        let keys = root.public_keys(role.keyids.iter()).len() as u64;
        let failure = if role.threshold == 0 {
            Some(format!("role {name} needs no signature at all"))
        } else if role.threshold > keys {
            Some(format!(
                "role {name} needs {} signatures and has {keys} keys: it can never be met",
                role.threshold
            ))
        } else if name == "root" && role.threshold < 2 {
            Some(
                "one stolen key is enough to replace every other: the threshold of role root is 1".to_owned(),
            )
        } else {
            None
        };
        let seen = format!("threshold {}, {keys} keys", role.threshold);
        self.fact(&format!("role:{name}"), Evidence::new(format!("role {name}"), seen, wanted), failure);
    }

    /// A root must be signed by its own keys. That there are enough signatures is counted, not that they are valid.
    fn signatures(&mut self, root: &Envelope) {
        let Some(role) = root.signed.roles.get("root") else { return };
        let own =
            root.signatures.iter().map(|signature| &signature.keyid).filter(|id| role.keyids.contains(id));
        let signers = root.signed.public_keys(own).len() as u64;
        let failure = (signers < role.threshold).then(|| {
            format!("the TUF root is signed by {signers} of its own keys and needs {}", role.threshold)
        });
        let fact = Evidence::new("signatures by root keys", signers.to_string(), role.threshold.to_string());
        self.fact("signatures", fact, failure);
    }
}

/// The day of a time such as `2030-01-01T00:00:00Z`; days compare as text.
fn day(time: &str) -> Option<&str> {
    let (day, rest) = time.split_at_checked(10)?;
    let is_day = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    (is_day && rest.starts_with('T')).then_some(day)
}

/// Where Bottlerocket's updater has its root.
pub(super) const ROOT_JSON: &str = "/usr/share/updog/root.json";
const ROLES: [&str; 4] = ["root", "snapshot", "targets", "timestamp"];
/// Those of the specification, and RSA-PSS with a longer hash.
const SCHEMES: [&str; 5] =
    ["ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsassa-pss-sha256", "rsassa-pss-sha512"];

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;
    use hardpan_report::Outcome;
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture::{check_with, expect};

    fn sound() -> Value {
        let key =
            |public: &str| json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}});
        let role = |threshold: u64| json!({"keyids": ["a", "b"], "threshold": threshold});
        json!({
            "signed": {
                "_type": "root", "spec_version": "1.0.0", "version": 1, "expires": "2030-01-02T00:00:00Z",
                "keys": {"a": key("01"), "b": key("02")},
                "roles": {"root": role(2), "snapshot": role(1), "targets": role(1), "timestamp": role(1)}
            },
            "signatures": [{"keyid": "a", "sig": "00"}, {"keyid": "b", "sig": "00"}]
        })
    }

    fn outcome(path: &str, value: Value) -> Verdict {
        let mut root = sound();
        *root.pointer_mut(path).unwrap() = value;
        let tree = MemoryTree::new().file(ROOT_JSON, 0o644, root.to_string());
        check_with(&RULE, &tree, |context| context.parameters.today = "2026-11-23".into())
    }

    #[test]
    fn a_sound_root_passes() {
        let verdict = outcome("/signed/version", json!(2));
        assert_eq!(verdict.outcome(), Outcome::Pass, "{verdict:#?}");
    }

    #[test]
    fn each_fault_is_found() {
        for (path, value, message) in [
            ("/signed/_type", json!("targets"), "not a root"),
            ("/signed/expires", json!("2026-11-23T10:00:00Z"), "expired on 2026-11-23"),
            ("/signed/expires", json!("soon"), "no date"),
            ("/signed/keys/a/scheme", json!("rsa-pkcs1v15-sha1"), "weak or unknown"),
            ("/signed/roles/root/threshold", json!(1), "one stolen key"),
            ("/signed/roles/targets/threshold", json!(0), "no signature at all"),
            ("/signed/roles/targets/threshold", json!(3), "never be met"),
            ("/signed/keys/b/keyval/public", json!("01"), "never be met"),
            ("/signatures/1/keyid", json!("a"), "signed by 1 of its own keys"),
        ] {
            let verdict = outcome(path, value);
            assert_eq!(verdict.outcome(), Outcome::Fail, "{path}");
            assert!(verdict.findings[0].message.contains(message), "{path}: {}", verdict.findings[0].message);
        }
    }

    #[test]
    fn damage_is_unknown_and_absence_not_applicable() {
        expect(&RULE, &MemoryTree::new().file(ROOT_JSON, 0o644, "{\"signed\": 1}"), Outcome::Unknown);
        expect(
            &RULE,
            &MemoryTree::new().file(ROOT_JSON, 0o644, "{}").unreadable(ROOT_JSON),
            Outcome::Unknown,
        );
        expect(&RULE, &MemoryTree::new(), Outcome::NotApplicable);
    }
}
