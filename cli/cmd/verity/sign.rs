//! `hardpan verity sign`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use clap::Args;
use hardpan_verity::signature::{self, Certificate, Digest, Options, SigningKey, root_hash_content};
use hardpan_verity::{Descriptor, RootHash};
use serde_json::json;
use zeroize::Zeroizing;

use super::input::read_file;
use super::output::{Lines, print_json};
use super::signing::{
    MAX_CERTIFICATE_FILE, RootHashArgs, Signer, is_readable_by_others, read_certificates, warn,
};
use crate::Context;
use crate::output::replace;
use crate::replace::real_path;

/// Sign a root hash, as the kernel and systemd want it, or a descriptor
///
/// Writes a detached PKCS#7 signature in DER over the digits of the root hash: what the kernel takes as
/// root_hash_sig_key_desc, systemd as .roothash.p7s, and `veritysetup open --root-hash-signature`. It has no signed
/// attributes. The kernel must have the certificate, or its issuer's, in its keyring.
///
/// With --params the file of a descriptor is signed, all of its bytes: what `verify --params --params-signature` takes. So
/// whoever has the certificate needs to trust nothing else.
///
/// The signature is checked before it is written.
///
/// Exit codes: 0 signed, 2 the work could not be done.
#[derive(Args)]
pub(crate) struct SignArgs {
    #[command(flatten)]
    root: RootHashArgs,
    /// Sign this descriptor, as `format --json` printed it, and not only its root hash
    #[arg(long, value_name = "FILE", conflicts_with = "RootHashArgs")]
    params: Option<PathBuf>,
    /// The private key in PEM, not encrypted: RSA of 2048 to 4096 bits, or ECDSA on P-256 or P-384
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The certificate of that key, in PEM or DER
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Where the signature goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// sha256, sha384 or sha512 for RSA keys [default: sha256]; ECDSA keys use sha256 on P-256 and sha384 on P-384
    #[arg(long, value_name = "NAME")]
    digest: Option<Digest>,
    /// Put the certificate into the signature, for those who trust its issuer but do not have it
    #[arg(long)]
    include_certificate: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &SignArgs, context: &Context) -> anyhow::Result<u8> {
    keep_inputs(args)?;
    let (root, content) = content(args)?;
    let key = read_key(&args.key)?;
    let certificate = read_certificate(&args.certificate)?;
    let options = Options { digest: args.digest, include_certificate: args.include_certificate };
    let message = signature::sign(&content, &key, &certificate, options).context("not signed")?;
    context.check()?;
    replace(&args.output, &message)?;
    // The kernel would take it, and who only wants that should not be stopped.
    if let Err(error) = certificate.check_signer(SystemTime::now()) {
        warn(&format!(
            "{error}; the kernel does not look at that, but `hardpan verity check-signature` does"
        ));
    }
    let digest = args.digest.unwrap_or_else(|| key.default_digest());
    show(args, &root, &Signer { certificate: &certificate, key: key.kind(), digest }, message.len())
}

/// The root hash, and what is signed: its digits, or the descriptor that has it.
fn content(args: &SignArgs) -> anyhow::Result<(RootHash, Vec<u8>)> {
    let Some(path) = &args.params else {
        let root = args.root.read()?;
        let content = root_hash_content(&root);
        return Ok((root, content));
    };
    let of_file = || format!("descriptor {}", path.display());
    let content = read_file(path, MAX_DESCRIPTOR_FILE).with_context(of_file)?;
    // What is longer was not read to its end.
    if content.len() as u64 > MAX_DESCRIPTOR_FILE {
        bail!("{} is longer than {MAX_DESCRIPTOR_FILE} bytes: it is no descriptor", path.display());
    }
    // A signature says that it can be taken; so it has to be one.
    let descriptor = Descriptor::parse(&content).with_context(of_file)?;
    if descriptor.params.algorithm.is_weak() {
        bail!(
            "{} is of {}, of which two images can have the same root hash",
            path.display(),
            descriptor.params.algorithm.name()
        );
    }
    Ok((descriptor.root, content))
}

/// Refuses to put the signature in the place of what it is made from, a private key above all.
fn keep_inputs(args: &SignArgs) -> anyhow::Result<()> {
    // What cannot be found is for the reading and writing to report.
    let place = |path: &Path| real_path(path).ok();
    let output = place(&args.output);
    for input in [Some(&*args.key), Some(&*args.certificate), args.root.file(), args.params.as_deref()]
        .into_iter()
        .flatten()
    {
        if output.is_some() && place(input) == output {
            bail!("the signature would replace {}: name another --output", input.display());
        }
    }
    Ok(())
}

pub(super) fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let of_file = || format!("key file {}", path.display());
    // As large as the file can be, so that no copy of it is left where the buffer was before it grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_CERTIFICATE_FILE)? + 1));
    let file = File::open(path).context("cannot open it").with_context(of_file)?;
    file.take(MAX_CERTIFICATE_FILE + 1)
        .read_to_end(&mut bytes)
        .context("cannot read it")
        .with_context(of_file)?;
    let key = SigningKey::from_pem(&bytes).with_context(of_file)?;
    if is_readable_by_others(path) {
        warn(&format!("{} can be read by others than its owner: chmod 600 it", path.display()));
    }
    Ok(key)
}

/// The one certificate of a file. Of several, which is meant is not for us to guess.
pub(super) fn read_certificate(path: &Path) -> anyhow::Result<Certificate> {
    let mut certificates = read_certificates(&[path.to_owned()])?;
    match certificates.pop() {
        Some(certificate) if certificates.is_empty() => Ok(certificate),
        _ => bail!("{} has several certificates: keep that of the private key", path.display()),
    }
}

fn show(args: &SignArgs, root: &RootHash, signer: &Signer<'_>, len: usize) -> anyhow::Result<u8> {
    if args.json {
        let mut map = signer.json();
        map.insert("root_hash".to_owned(), json!(root.to_string()));
        map.insert(
            "signed".to_owned(),
            json!(if args.params.is_some() { "descriptor" } else { "root hash" }),
        );
        map.insert("signature_bytes".to_owned(), json!(len));
        map.insert("includes_certificate".to_owned(), json!(args.include_certificate));
        print_json(&map.into())?;
    } else {
        let mut lines = Lines::new(format!("Signature written to {}", args.output.display()));
        lines.add("Signed", if args.params.is_some() { "the descriptor" } else { "the root hash" });
        lines.add("Root hash", &root.to_string());
        signer.add_to(&mut lines);
        lines.print()?;
    }
    Ok(0)
}

/// Many times what a descriptor has.
const MAX_DESCRIPTOR_FILE: u64 = 64 << 10;
