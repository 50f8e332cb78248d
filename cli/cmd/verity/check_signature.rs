//! `hardpan verity check-signature`.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};
use clap::Args;
use hardpan_verity::RootHash;
use hardpan_verity::signature::{self, CheckError, MAX_MESSAGE, Remark, Signed, Trust, root_hash_content};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::input::read_file;
use super::output::{Lines, print_json};
use super::signing::{RootHashArgs, Signer, certificate_json, escape_lines, read_certificates};

/// The exit code for a signature that is not valid.
const NOT_VALID: u8 = 1;

/// Check the signature of a root hash, without a network and without the kernel
///
/// Takes a detached PKCS#7 signature in DER, as `hardpan verity sign` and `openssl smime -sign -binary -outform der` make it.
///
/// With --certificate, the signer must be one of those certificates. With --ca, the signer's certificate must come from one of
/// those authorities, through certificates in the signature if need be. With both, both.
///
/// Certificates must be valid now, or at the time of --at, and be for this use. Revocation is not checked. The kernel, on the
/// other hand, checks neither periods of validity nor use.
///
/// Exit codes: 0 valid, 1 not valid, 2 the work could not be done.
#[derive(Args)]
pub(crate) struct CheckSignatureArgs {
    #[command(flatten)]
    root: RootHashArgs,
    /// The signature
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    /// Certificates of trusted signers, in PEM or DER; may be repeated
    #[arg(long, value_name = "FILE", required_unless_present = "ca")]
    certificate: Vec<PathBuf>,
    /// Certificates of trusted authorities, in PEM or DER; may be repeated
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// The time at which certificates must be valid, like 2026-11-23 or 2026-11-23T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<SystemTime>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckSignatureArgs) -> anyhow::Result<u8> {
    let root = args.root.read()?;
    let of_file = || format!("signature {}", args.signature.display());
    let message = read_file(&args.signature, MAX_MESSAGE as u64).with_context(of_file)?;
    let trust =
        Trust { signers: read_certificates(&args.certificate)?, authorities: read_certificates(&args.ca)? };
    let at = args.at.unwrap_or_else(SystemTime::now);
    match signature::check(&root_hash_content(&root), &message, &trust, at) {
        Ok(signed) => valid(args, &root, &signed),
        Err(error) => not_valid(args, &root, &error),
    }
}

fn valid(args: &CheckSignatureArgs, root: &RootHash, signed: &Signed) -> anyhow::Result<u8> {
    let signer = Signer { certificate: signed.certificate(), key: signed.key(), digest: signed.digest() };
    let remarks: Vec<String> = signed.remarks().iter().map(describe).collect();
    if args.json {
        let mut map = signer.json();
        map.insert("valid".to_owned(), json!(true));
        map.insert("root_hash".to_owned(), json!(root.to_string()));
        map.insert("path".to_owned(), signed.path().iter().map(certificate_json).collect());
        map.insert("remarks".to_owned(), json!(remarks));
        print_json(&map.into())?;
        return Ok(0);
    }
    let mut lines = Lines::new(format!("Valid signature {}", args.signature.display()));
    lines.add("Root hash", &root.to_string());
    signer.add_to(&mut lines);
    for authority in signed.path() {
        lines.add("Authority", &escape_lines(&authority.subject()));
    }
    for remark in &remarks {
        lines.add("Remark", remark);
    }
    lines.print()?;
    Ok(0)
}

fn describe(remark: &Remark) -> String {
    match remark {
        Remark::SignedAttributes => {
            "the signature is over attributes, among them the digest of the root hash".to_owned()
        }
        Remark::SmimeCapabilities => {
            "the attributes list S/MIME capabilities, for which the kernel refuses it; sign with -noattr"
                .to_owned()
        }
        Remark::UnusedCertificates { count } => format!("{count} certificates in it play no part"),
        other => format!("{other:?}"),
    }
}

fn not_valid(args: &CheckSignatureArgs, root: &RootHash, error: &CheckError) -> anyhow::Result<u8> {
    let unsupported = error.is_unsupported();
    if args.json {
        // What could not be judged is neither.
        let valid = if unsupported { Value::Null } else { json!(false) };
        print_json(&json!({ "valid": valid, "root_hash": root.to_string(), "reason": error.to_string() }))?;
    }
    if unsupported {
        return Err(anyhow!("{error}").context("cannot tell whether the signature is valid"));
    }
    let name = args.signature.display().to_string();
    writeln!(std::io::stderr(), "not a valid signature: {}", escape_lines(&name))?;
    writeln!(std::io::stderr(), "  {}", escape_lines(&error.to_string()))?;
    Ok(NOT_VALID)
}

/// A point in time, or the start of a day in UTC.
pub(super) fn parse_time(text: &str) -> Result<SystemTime, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(day);
    time.map(SystemTime::from).ok_or_else(|| "use a time like 2026-11-23 or 2026-11-23T12:00:00Z".to_owned())
}
