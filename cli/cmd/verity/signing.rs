//! What making and checking signatures share: root hashes, certificates, and how a signer is shown.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_report::escape_str;
use hardpan_verity::signature::{Certificate, Digest, KeyKind};
use hardpan_verity::{Algorithm, RootHash};
use serde_json::{Map, Value, json};

use super::input::read_file;
use super::output::Lines;

/// The root hash, from the command line or a file.
#[derive(Args)]
pub(super) struct RootHashArgs {
    /// The root hash in hexadecimal digits of either case; what is signed is lower case
    #[arg(conflicts_with = "root_hash_file")]
    root_hash: Option<String>,
    /// Take the root hash from this file: the digits and at most one newline
    #[arg(long, value_name = "FILE")]
    root_hash_file: Option<PathBuf>,
}

impl RootHashArgs {
    pub(super) fn file(&self) -> Option<&Path> {
        self.root_hash_file.as_deref()
    }

    pub(super) fn read(&self) -> anyhow::Result<RootHash> {
        let Some(path) = &self.root_hash_file else {
            return parse(
                self.root_hash.as_deref().context("give the root hash: ROOT_HASH, or --root-hash-file")?,
            );
        };
        let of_file = || format!("root hash file {}", path.display());
        let bytes = read_file(path, MAX_ROOT_HASH_FILE).with_context(of_file)?;
        let text =
            String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("it is not text")).with_context(of_file)?;
        parse(text.strip_suffix('\n').unwrap_or(&text)).with_context(of_file)
    }
}

/// The digits tell the length of the digest, and that is all that a signature needs: only the digits are signed.
fn parse(digits: &str) -> anyhow::Result<RootHash> {
    let of_length = |algorithm: &Algorithm| algorithm.digest_size() * 2 == digits.len();
    let Some(algorithm) = Algorithm::ALL.into_iter().find(of_length) else {
        bail!(
            "a root hash has 56, 64, 96 or 128 hexadecimal digits and nothing else, this has {} bytes",
            digits.len()
        );
    };
    if algorithm.is_weak() {
        bail!(
            "a root hash of {} digits is one of {}, of which two images can have the same",
            digits.len(),
            algorithm.name()
        );
    }
    Ok(RootHash::parse(algorithm, digits)?)
}

/// All certificates of some files.
pub(super) fn read_certificates(paths: &[PathBuf]) -> anyhow::Result<Vec<Certificate>> {
    let mut certificates = Vec::new();
    for path in paths {
        let of_file = || format!("certificate file {}", path.display());
        let bytes = read_file(path, MAX_CERTIFICATE_FILE).with_context(of_file)?;
        certificates.extend(Certificate::read_all(&bytes).with_context(of_file)?);
    }
    Ok(certificates)
}

/// Whether others than the owner of a file may read it.
pub(super) fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o044 != 0)
}

/// A warning on standard error, of which nobody need be left to read it.
pub(super) fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {}", escape_lines(text));
}

/// Names in certificates may hold anything, escape sequences for the terminal as well.
pub(super) fn escape_lines(text: &str) -> String {
    escape_str(text)
}

/// A signer, to be shown.
pub(super) struct Signer<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) key: KeyKind,
    pub(super) digest: Digest,
}

impl Signer<'_> {
    pub(super) fn add_to(&self, lines: &mut Lines) {
        lines.add("Signer", &escape_str(&self.certificate.subject()));
        lines.add("Issuer", &escape_str(&self.certificate.issuer()));
        lines.add("Serial", &self.certificate.serial());
        lines.add("Fingerprint", &self.certificate.fingerprint().to_string());
        let (from, until) = period(self.certificate);
        lines.add("Valid", &format!("{from} to {until}"));
        lines.add("Algorithm", &format!("{} with {}", self.key, self.digest));
    }

    pub(super) fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("signer".to_owned(), certificate_json(self.certificate));
        map.insert("key".to_owned(), json!(self.key.to_string()));
        map.insert("digest".to_owned(), json!(self.digest.name()));
        map
    }
}

pub(super) fn certificate_json(certificate: &Certificate) -> Value {
    let (from, until) = period(certificate);
    json!({
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "serial": certificate.serial(),
        "fingerprint": certificate.fingerprint().to_string(),
        "not_before": from,
        "not_after": until,
    })
}

/// From when and until when it is valid, in RFC 3339.
fn period(certificate: &Certificate) -> (String, String) {
    let text = |time| {
        let stamp = jiff::Timestamp::try_from(time);
        // X.509 goes to the year 9999 and so does jiff.
        stamp.map_or_else(|_| "unknown".to_owned(), |stamp| stamp.to_string())
    };
    (text(certificate.not_before()), text(certificate.not_after()))
}

/// Four times the longest digest in hexadecimal digits: more is no root hash, and need not be read.
const MAX_ROOT_HASH_FILE: u64 = 512;

/// A bundle of every public certificate authority has a quarter of that.
pub(super) const MAX_CERTIFICATE_FILE: u64 = 1 << 20;
