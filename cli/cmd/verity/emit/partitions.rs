//! Partitions of the Discoverable Partitions Specification.

use std::path::PathBuf;
use std::slice;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use hardpan_verity::RootHash;
use hardpan_verity::dps::{Architecture, Mount, Role, SignaturePartition, partition_uuids};
use hardpan_verity::signature::{Trust, check, root_hash_content};
use serde_json::{Value, json};

use super::super::input::read_bytes;
use super::super::signing::read_certificates;
use super::PartitionArgs;

/// A line for each partition.
pub(super) fn list(args: &PartitionArgs, root: &[u8]) -> anyhow::Result<(String, Value)> {
    let architecture = args.architecture.or_else(Architecture::native);
    let architecture =
        architecture.context("this machine's architecture has no partition types: say --architecture")?;
    let (mount, place) = if args.usr { (Mount::Usr, "usr") } else { (Mount::Root, "root") };
    let (data, hash) = partition_uuids(root).context("the root hash has less than 16 bytes")?;
    let roles = [
        (Role::Data, "", Some(data)),
        (Role::Verity, "-verity", Some(hash)),
        (Role::Signature, "-verity-sig", None),
    ];
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for (role, suffix, uuid) in roles {
        let name = format!("{place}-{architecture}{suffix}");
        let kind = architecture.partition_type(mount, role).to_string();
        let uuid = uuid.map(|uuid| uuid.to_string());
        lines.push(format!("{name:<24} type={kind} uuid={}", uuid.as_deref().unwrap_or("(any)")));
        values.push(json!({ "name": name, "type": kind, "uuid": uuid, "read_only": true }));
    }
    Ok((lines.join("\n"), json!({ "partitions": values })))
}

/// The bytes of the signature partition.
pub(super) fn signature(args: &PartitionArgs, root: &RootHash) -> anyhow::Result<Vec<u8>> {
    let Some(path) = &args.signature else { bail!("say --signature FILE: what is to be stored") };
    let signature = read_bytes(path, "signature", SignaturePartition::MAX_SIZE)?;
    let of_file = || format!("signature {}", path.display());
    let fingerprint = match &args.certificate {
        Some(certificate) => Some(checked(certificate, &signature, root).with_context(of_file)?),
        None => None,
    };
    let partition = SignaturePartition { root: root.as_bytes().to_vec(), fingerprint, signature };
    partition.encode(args.partition_size).with_context(of_file)
}

/// The fingerprint of the certificate, if the signature is good and by its key: no partition is written that would be
/// refused at boot.
fn checked(path: &PathBuf, message: &[u8], root: &RootHash) -> anyhow::Result<[u8; 32]> {
    let signers = read_certificates(slice::from_ref(path))?;
    let [certificate] = signers.as_slice() else {
        bail!("{} has {} certificates, the partition names one", path.display(), signers.len());
    };
    let fingerprint = *certificate.fingerprint().as_bytes();
    let trust = Trust { signers, authorities: Vec::new() };
    check(&root_hash_content(root), message, &trust, SystemTime::now())?;
    Ok(fingerprint)
}
