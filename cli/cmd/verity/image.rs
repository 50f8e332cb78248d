//! An image that another command builds upon: which one it is, and whether its data and tree are what they should be.

use std::path::Path;

use anyhow::{Context as _, bail};
use hardpan_verity::signature::{self, MAX_MESSAGE, Trust, root_hash_content};
use hardpan_verity::{
    Descriptor, Expected, HashArea, Layout, RootHash, Superblock, Verified, VerifyError, verify,
};

use super::device::Device;
use super::format::check_overlap;
use super::input::{MAX_TEXT, read_bytes, read_file};
use super::signing::read_certificates;
use super::verify::read_superblock;
use super::with_progress;
use crate::Context;
use crate::context::Interrupted;

/// Where an image is, and what is known of it.
pub(crate) struct Place<'a> {
    pub(crate) data: Option<&'a Path>,
    pub(crate) hash: Option<&'a Path>,
    pub(crate) descriptor: Option<&'a Path>,
    pub(crate) root_hash: Option<&'a str>,
    /// Where the superblock is in the file with the tree, if there is no descriptor.
    pub(crate) hash_offset: u64,
}

/// Which image it is. Without a descriptor the superblock says it, which nothing authenticates until the image is verified.
pub(crate) fn describe(place: &Place<'_>) -> anyhow::Result<Descriptor> {
    if let Some(path) = place.descriptor {
        let text = read_bytes(path, "descriptor", MAX_TEXT)?;
        let descriptor = Descriptor::parse(&text).with_context(|| format!("in {}", path.display()))?;
        return refuse_weak(descriptor);
    }
    let (Some(hash), Some(root)) = (place.hash.or(place.data), place.root_hash) else {
        bail!(
            "which image it is is not said: name a descriptor (what `hardpan verity format --json` prints), or image and root hash"
        );
    };
    let hash = Device::open(hash, "hash")?;
    let area = HashArea::with_superblock(place.hash_offset)?;
    let superblock = read_superblock(&hash, place.hash_offset)?;
    let Superblock { params, uuid } =
        Superblock::parse(&superblock).with_context(|| hash.path.display().to_string())?;
    let root = RootHash::parse(params.algorithm, root)?;
    refuse_weak(Descriptor { params, root, area, uuid: Some(uuid) })
}

/// Verifies all of an image. The inner error says what is wrong with it, the outer one why that could not be found out.
pub(crate) fn check(
    place: &Place<'_>,
    known: &Descriptor,
    context: &Context,
) -> anyhow::Result<Result<Verified, VerifyError>> {
    let data_path = place.data.context("there is no image to verify")?;
    let hash_path = place.hash.unwrap_or(data_path);
    let (data, hash) = (Device::open(data_path, "data")?, Device::open(hash_path, "hash")?);
    let one_device = data.is_same(hash.extent(), hash_path, "hash")?;
    let layout = Layout::new(&known.params, known.area)?;
    check_overlap(data_path, layout.data_end, known.area, one_device)?;
    let (params, root) = (known.params.clone(), known.root.clone());
    let expected = Expected { one_device, uuid: known.uuid, ..Expected::new(params, root, known.area) };
    let result = with_progress(context, layout.data_end, |progress| {
        verify(&data.lending(), &hash.file, &expected, progress)
    });
    match result {
        Err(error) if error.is_failure() => Ok(Err(error)),
        Err(_) if !context.goes_on() => Err(Interrupted::NO_VERDICT.into()),
        Err(error) => Err(error).with_context(|| format!("cannot verify {}", data_path.display())),
        verified => Ok(verified),
    }
}

/// The signature of a root hash, as the kernel takes it.
pub(crate) fn read_signature(path: &Path) -> anyhow::Result<Vec<u8>> {
    let of_file = || format!("signature {}", path.display());
    let message = read_file(path, MAX_MESSAGE as u64).with_context(of_file)?;
    if message.len() > MAX_MESSAGE {
        bail!("{} is longer than the {MAX_MESSAGE} bytes that a key of the kernel has", of_file());
    }
    // A SEQUENCE in DER. PEM the kernel would refuse without a word.
    if message.first() != Some(&0x30) {
        bail!("{} is no PKCS#7 in DER, which is what the kernel reads", of_file());
    }
    Ok(message)
}

/// Checks a root hash's signature by certificates that are trusted as signers, now. The inner error says what is wrong.
pub(crate) fn check_signature(
    root: &RootHash,
    message: &[u8],
    certificate: &Path,
) -> anyhow::Result<Result<(), String>> {
    let signers = read_certificates(&[certificate.to_owned()])?;
    let trust = Trust { signers, authorities: Vec::new() };
    match signature::check(&root_hash_content(root), message, &trust, std::time::SystemTime::now()) {
        Ok(_) => Ok(Ok(())),
        Err(error) if error.is_unsupported() => bail!("cannot tell whether the signature is valid: {error}"),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn refuse_weak(descriptor: Descriptor) -> anyhow::Result<Descriptor> {
    let algorithm = descriptor.params.algorithm;
    if algorithm.is_weak() {
        let name = algorithm.name();
        bail!(
            "hash algorithm {name} is weak: whoever makes an image can make a second one with the same root hash; use sha256"
        );
    }
    Ok(descriptor)
}
