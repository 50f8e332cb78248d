//! Partitions of the Discoverable Partitions Specification.

use anyhow::{Context as _, bail};
use hardpan_verity::dps::{Architecture, Mount, Role, SignaturePartition, fingerprint, partition_uuids};
use serde_json::{Value, json};

use super::super::input::{MAX_FILE, read_bytes, read_text};
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
pub(super) fn signature(args: &PartitionArgs, root: &[u8]) -> anyhow::Result<Vec<u8>> {
    let Some(path) = &args.signature else { bail!("say --signature FILE: what is to be stored") };
    let signature = read_bytes(path, "signature", SignaturePartition::MAX_SIZE)?;
    let fingerprint = match &args.certificate {
        Some(path) => {
            let pem = read_text(path, "certificate", MAX_FILE)?;
            Some(fingerprint(&pem).with_context(|| format!("in {}", path.display()))?)
        }
        None => None,
    };
    let partition = SignaturePartition { root: root.to_vec(), fingerprint, signature };
    partition.encode(args.partition_size).with_context(|| format!("with {}", path.display()))
}
