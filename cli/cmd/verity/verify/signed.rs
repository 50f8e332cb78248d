//! Descriptors that are signed.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};
use clap::Args;
use hardpan_verity::signature::{self, MAX_MESSAGE, Trust};

use super::super::check_signature::parse_time;
use super::super::input::read_file;
use super::super::signing::{escape_lines, read_certificates};

/// How a descriptor is authenticated.
#[derive(Args)]
pub(super) struct SignatureArgs {
    /// Take the descriptor only if this is a signature of it: detached PKCS#7 in DER over all bytes of the file
    #[arg(long, value_name = "FILE", requires = "params", requires = "trust")]
    params_signature: Option<PathBuf>,
    /// Certificates of trusted signers of the descriptor, in PEM or DER; may be repeated
    #[arg(long, value_name = "FILE", requires = "params_signature", group = "trust")]
    certificate: Vec<PathBuf>,
    /// Certificates of trusted authorities, in PEM or DER; may be repeated
    #[arg(long, value_name = "FILE", requires = "params_signature", group = "trust")]
    ca: Vec<PathBuf>,
    /// The time at which certificates must be valid, like 2026-11-23 or 2026-11-23T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "params_signature")]
    at: Option<SystemTime>,
}

impl SignatureArgs {
    /// The files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.params_signature.iter().chain(&self.certificate).chain(&self.ca)
    }

    /// Checks the signature of `descriptor`, if there is to be one. The inner error is the reason why it is not valid.
    pub(super) fn check(&self, descriptor: &[u8]) -> anyhow::Result<Result<(), String>> {
        let Some(path) = &self.params_signature else { return Ok(Ok(())) };
        let of_file = || format!("signature {}", path.display());
        let message = read_file(path, MAX_MESSAGE as u64).with_context(of_file)?;
        let trust = Trust {
            signers: read_certificates(&self.certificate)?,
            authorities: read_certificates(&self.ca)?,
        };
        match signature::check(descriptor, &message, &trust, self.at.unwrap_or_else(SystemTime::now)) {
            Ok(_) => Ok(Ok(())),
            Err(error) if error.is_unsupported() => {
                Err(anyhow!("{error}")
                    .context("cannot tell whether the signature of the descriptor is valid"))
            }
            Err(error) => {
                let reason = escape_lines(&error.to_string());
                Ok(Err(format!("the signature of the descriptor is not valid: {reason}")))
            }
        }
    }
}
