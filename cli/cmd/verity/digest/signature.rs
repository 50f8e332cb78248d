//! Signing a digest, and checking the signature of one.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};
use clap::Args;
use hardpan_report::escape_str;
use hardpan_verity::fsverity::{Algorithm, FileDigest};
use hardpan_verity::signature::{
    self, Certificate, CheckError, Digest, KeyKind, MAX_MESSAGE, Options, Signed, SigningKey, Trust,
};
use serde_json::{Value, json};

use super::super::CORRUPT;
use super::super::check_signature::parse_time;
use super::super::input::read_file;
use super::super::output::Lines;
use super::super::sign::{read_certificate, read_key};
use super::super::signing::{Signer, read_certificates, warn};
use crate::exit;

/// A signature to make or to check.
#[derive(Args)]
pub(super) struct SignatureArgs {
    /// Sign the digest with this private key in PEM, as `fsverity sign` does. For one FILE
    #[arg(
        long,
        value_name = "KEY",
        requires_all = ["certificate", "signature_out"],
        conflicts_with_all = ["check_signature", "ca"]
    )]
    sign_key: Option<PathBuf>,
    /// Where the signature goes: a detached PKCS#7 message in DER, for `fsverity enable --signature`
    #[arg(long, value_name = "PATH", requires = "sign_key")]
    pub(super) signature_out: Option<PathBuf>,
    /// Check this signature of the digest. For one FILE
    #[arg(long, value_name = "PATH")]
    check_signature: Option<PathBuf>,
    /// The certificate of the key; or, with --check-signature, those of trusted signers. In PEM or DER
    #[arg(long, value_name = "CERT")]
    certificate: Vec<PathBuf>,
    /// Certificates of authorities from which the signer's certificate must come, in PEM or DER
    #[arg(long, value_name = "CERT", requires = "check_signature")]
    ca: Vec<PathBuf>,
    /// The time at which certificates must be valid, like 2026-11-23 or 2026-11-23T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "check_signature")]
    at: Option<SystemTime>,
}

impl SignatureArgs {
    /// The options that are for one file, and whether they are given.
    pub(super) fn for_one_file(&self) -> [(&'static str, bool); 2] {
        [("--sign-key", self.sign_key.is_some()), ("--check-signature", self.check_signature.is_some())]
    }

    /// What is read, and must not be written over.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &PathBuf> {
        self.sign_key.iter().chain(&self.check_signature).chain(&self.certificate).chain(&self.ca)
    }

    /// What is to be done with a digest. Read before anything is hashed, so that a wrong key costs no time.
    pub(super) fn task(&self) -> anyhow::Result<Task> {
        if let Some(path) = &self.sign_key {
            let [certificate] = &self.certificate[..] else {
                return Err(anyhow!("--sign-key goes with one --certificate, that of the key"));
            };
            return Ok(Task::Sign {
                key: read_key(path)?,
                certificate: Box::new(read_certificate(certificate)?),
            });
        }
        let Some(path) = &self.check_signature else {
            // Whoever names a certificate believes that something is checked with it.
            return match self.certificate.first() {
                None => Ok(Task::None),
                Some(_) => Err(anyhow!("--certificate goes with --sign-key or --check-signature")),
            };
        };
        let trust = Trust {
            signers: read_certificates(&self.certificate)?,
            authorities: read_certificates(&self.ca)?,
        };
        if trust == Trust::default() {
            return Err(anyhow!(
                "--check-signature needs --certificate or --ca: nobody is trusted otherwise"
            ));
        }
        let message =
            read_file(path, MAX_MESSAGE as u64).with_context(|| format!("signature {}", path.display()))?;
        let at = self.at.unwrap_or_else(SystemTime::now);
        Ok(Task::Check { path: path.clone(), message, trust, at })
    }
}

/// What is to be done with a digest.
pub(super) enum Task {
    None,
    Sign { key: SigningKey, certificate: Box<Certificate> },
    Check { path: PathBuf, message: Vec<u8>, trust: Trust, at: SystemTime },
}

/// What was done with it.
pub(super) enum Done {
    Nothing,
    Signed { message: Vec<u8>, certificate: Box<Certificate>, key: KeyKind, digest: Digest },
    Valid { path: PathBuf, signed: Box<Signed> },
    NotValid { path: PathBuf, error: Box<CheckError> },
}

impl Task {
    pub(super) fn run(self, file: &FileDigest) -> anyhow::Result<Done> {
        let content = file.formatted();
        match self {
            Self::None => Ok(Done::Nothing),
            Self::Sign { key, certificate } => {
                let digest = message_digest(&key, file);
                let options = Options { digest: Some(digest), ..Options::default() };
                let message = signature::sign(&content, &key, &certificate, options).context("not signed")?;
                // The kernel would take it, and who only wants that should not be stopped.
                if let Err(error) = certificate.check_signer(SystemTime::now()) {
                    warn(&format!("{error}; the kernel does not look at that, but --check-signature does"));
                }
                Ok(Done::Signed { message, certificate, key: key.kind(), digest })
            }
            Self::Check { path, message, trust, at } => {
                match signature::check(&content, &message, &trust, at) {
                    Ok(signed) => Ok(Done::Valid { path, signed: Box::new(signed) }),
                    Err(error) => Ok(Done::NotValid { path, error: Box::new(error) }),
                }
            }
        }
    }
}

/// That of the file, as `fsverity sign` has it; but a key on a curve signs with one digest only.
fn message_digest(key: &SigningKey, file: &FileDigest) -> Digest {
    match (key.kind(), file.algorithm()) {
        (KeyKind::Rsa { .. }, Algorithm::Sha512) => Digest::Sha512,
        (KeyKind::Rsa { .. }, _) => Digest::Sha256,
        _ => key.default_digest(),
    }
}

impl Done {
    pub(super) fn message(&self) -> Option<&[u8]> {
        match self {
            Self::Signed { message, .. } => Some(message),
            _ => None,
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            // What could not be judged is neither.
            Self::NotValid { error, .. } if error.is_unsupported() => exit::UNUSABLE,
            Self::NotValid { .. } => CORRUPT,
            _ => exit::CLEAN,
        }
    }

    /// Who signed, in lines.
    pub(super) fn lines(&self, out: Option<&Path>) -> Option<Lines> {
        let title = match self {
            Self::Signed { .. } => format!("Signature written to {}", out.unwrap_or(Path::new("")).display()),
            Self::Valid { path, .. } => format!("Valid signature {}", path.display()),
            _ => return None,
        };
        let mut lines = Lines::new(escape_str(&title));
        self.signer()?.add_to(&mut lines);
        Some(lines)
    }

    pub(super) fn json(&self) -> Option<Value> {
        let mut map = self.signer().map(|signer| signer.json()).unwrap_or_default();
        match self {
            Self::Nothing => return None,
            Self::Signed { message, .. } => {
                map.insert("signature_bytes".to_owned(), json!(message.len()));
            }
            Self::Valid { .. } => {
                map.insert("valid".to_owned(), json!(true));
            }
            Self::NotValid { error, .. } => {
                let valid = if error.is_unsupported() { Value::Null } else { json!(false) };
                map.insert("valid".to_owned(), valid);
                map.insert("reason".to_owned(), json!(error.to_string()));
            }
        }
        Some(map.into())
    }

    /// Why a signature is not valid, on standard error.
    pub(super) fn complain(&self) {
        let Self::NotValid { path, error } = self else { return };
        let what = if error.is_unsupported() {
            "error: cannot tell whether it is a valid signature"
        } else {
            "not a valid signature"
        };
        let (path, error) = (escape_str(&path.display().to_string()), escape_str(&error.to_string()));
        // Nobody is left to be told if standard error is closed.
        let _ = writeln!(io::stderr(), "{what}: {path}\n  {error}");
    }

    fn signer(&self) -> Option<Signer<'_>> {
        match self {
            Self::Signed { certificate, key, digest, .. } => {
                Some(Signer { certificate, key: *key, digest: *digest })
            }
            Self::Valid { signed, .. } => {
                Some(Signer { certificate: signed.certificate(), key: signed.key(), digest: signed.digest() })
            }
            _ => None,
        }
    }
}
