//! The files that `hardpan verity digest` writes.

use std::fs::Metadata;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_verity::BlockSink;
use hardpan_verity::fsverity::Descriptor;
use tempfile::NamedTempFile;

use super::DigestArgs;
use crate::replace::{persist, real_path, temporary_beside};

/// The files that are written beside a digest. Each is made beside its place and moved there when everything is done.
pub(super) struct Outputs {
    tree: Option<(NamedTempFile, PathBuf)>,
    descriptor: Option<(NamedTempFile, PathBuf)>,
    signature: Option<(NamedTempFile, PathBuf)>,
}

impl Outputs {
    pub(super) fn new(args: &DigestArgs) -> anyhow::Result<Self> {
        let paths = [&args.out_merkle_tree, &args.out_descriptor, &args.signature.signature_out];
        let inputs: Vec<&PathBuf> = args.files.iter().chain(args.signature.inputs()).collect();
        let mut places = Vec::new();
        for path in paths.into_iter().flatten() {
            let place = check_output(path, &inputs)?;
            if places.contains(&place) {
                bail!("two outputs are to be written to {}", path.display());
            }
            places.push(place);
        }
        let prepare = |path: &Option<PathBuf>| {
            let Some(path) = path else { return anyhow::Ok(None) };
            let temporary =
                temporary_beside(path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(Some((temporary, path.clone())))
        };
        Ok(Self {
            tree: prepare(&args.out_merkle_tree)?,
            descriptor: prepare(&args.out_descriptor)?,
            signature: prepare(&args.signature.signature_out)?,
        })
    }

    pub(super) fn tree(&self) -> Option<&dyn BlockSink> {
        self.tree.as_ref().map(|(temporary, _)| temporary.as_file() as &dyn BlockSink)
    }

    pub(super) fn write(self, descriptor: &Descriptor, signature: Option<&[u8]>) -> anyhow::Result<()> {
        let descriptor = descriptor.encode();
        for (output, bytes) in [(&self.descriptor, Some(&descriptor[..])), (&self.signature, signature)] {
            if let (Some((temporary, path)), Some(bytes)) = (output, bytes) {
                let cannot = || format!("cannot write {}", path.display());
                temporary.as_file().write_all(bytes).with_context(cannot)?;
            }
        }
        let outputs: Vec<_> = [self.tree, self.descriptor, self.signature].into_iter().flatten().collect();
        for (temporary, path) in &outputs {
            let cannot = || format!("cannot write {}", path.display());
            temporary.as_file().sync_all().with_context(cannot)?;
        }
        for (temporary, path) in outputs {
            persist(temporary, &path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// Where an output really goes, if that is a place for it. It must not replace what is read.
fn check_output(path: &Path, inputs: &[&PathBuf]) -> anyhow::Result<PathBuf> {
    let cannot = || format!("cannot write {}", path.display());
    let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
    let read: Vec<_> = inputs.iter().flat_map(|file| file.metadata()).map(|file| identity(&file)).collect();
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => {
            bail!("cannot write {}: it is no regular file", path.display())
        }
        Ok(metadata) if read.contains(&identity(&metadata)) => {
            bail!("{} is also read: give the output a file of its own", path.display())
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(cannot),
        _ => {}
    }
    real_path(path).with_context(cannot)
}
