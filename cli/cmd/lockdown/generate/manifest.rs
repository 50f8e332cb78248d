//! `manifest.json`: what was generated, from what, and what was proved.

use hardpan_lockdown::generate::{Generated, Inputs};
use hardpan_lockdown::modules::ModuleSignature;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::checks::Checks;
use super::inputs::hex;

/// The manifest. It has no times and no paths of the machine that made it.
pub(super) fn manifest(generated: &Generated, inputs: &Inputs, checks: &Checks) -> Value {
    let files: Vec<Value> = generated
        .files
        .iter()
        .map(|(name, bytes)| json!({ "name": name, "size": bytes.len(), "sha256": sha256(bytes) }))
        .collect();
    let slots: Vec<Value> = generated
        .config
        .slots
        .iter()
        .zip(&inputs.images)
        .map(|(slot, image)| {
            json!({
                "name": slot.name,
                "version": slot.version,
                "root_hash": image.root.to_string(),
                "data_device": slot.data.to_string(),
                "hash_device": slot.hash.to_string(),
                "signature_sha256": image.signature.as_deref().map(sha256),
                "policy_fingerprint": slot.fingerprint.or(inputs.fingerprint).map(|digest| hex(&digest)),
            })
        })
        .collect();
    let modules: Vec<Value> = inputs
        .modules
        .iter()
        .map(|module| {
            let signature = match module.signature {
                ModuleSignature::Absent => Value::Null,
                ModuleSignature::Appended { bytes } => json!(bytes),
            };
            json!({
                "name": module.name,
                "required": module.required,
                "needed_by": module.needed_by,
                "built_for": module.info.version_magic,
                "signature_bytes": signature,
                "sha256": sha256(&module.bytes),
            })
        })
        .collect();
    let checks: Vec<Value> = checks.all().iter().map(|check| {
        json!({ "check": check.name, "subject": check.subject, "outcome": check.outcome.name(), "text": check.text })
    }).collect();
    json!({
        "schema": "hardpan.boot.manifest/1",
        "version": env!("CARGO_PKG_VERSION"),
        "files": files,
        "slots": slots,
        "modules": modules,
        "init_sha256": sha256(&inputs.init),
        "checks": checks,
        "notes": generated.notes,
    })
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
