//! The blobs of a layout, each held against its digest.

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::json::Descriptor;
use super::malformed;
use crate::compression::{Compression, Unpacked, unpack};
use crate::digest::hexadecimal;
use crate::open::OpenError;
use crate::read_at::Stream;
use crate::{Error, FileKind, Index, ReadAt, read_exact_at};

/// The files around the layers. Links lead nowhere out of them.
pub(super) struct Store<'i, 't>(pub(super) &'i Index<'t>);

impl Store<'_, '_> {
    /// A document by its path.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &[u8]) -> Result<T, OpenError> {
        let bytes = self.bytes(path)?;
        parse(path, &bytes)
    }

    /// A document by its digest.
    pub(super) fn json_blob<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T, OpenError> {
        let path = blob_path(&descriptor.digest)?;
        let bytes = self.bytes(&path)?;
        let found = hexadecimal(&Sha256::digest(&bytes));
        check(&descriptor.digest, &found)?;
        parse(&path, &bytes)
    }

    /// A layer of a layout, unpacked. What it should not be is its damage.
    pub(super) fn layer(&self, digest: &str, size: Option<u64>, limit: u64) -> Result<Unpacked, OpenError> {
        let path = blob_path(digest)?;
        let source = self.open(&path)?;
        let mut hashed = Hashed { inner: Stream::new(&*source), hasher: Sha256::new() };
        let mut unpacked = unpack(compression(&*source)?, &mut hashed, limit).map_err(temporary)?;
        // A decoder may leave bytes behind its end, which the digest covers all the same.
        let drained = io::copy(&mut hashed, &mut io::sink());
        let damage = match drained {
            Err(source) => Some(Error::Io { operation: "read", source }),
            Ok(_) => check(digest, &hexadecimal(&hashed.hasher.finalize())).err(),
        };
        let wrong_size = size.filter(|size| *size != source.len()).map(|size| {
            malformed(format!("{digest} has {} bytes, and the manifest says {size}", source.len()))
        });
        unpacked.damage = damage.or(wrong_size).or(unpacked.damage);
        Ok(unpacked)
    }

    /// A layer of an archive by `docker save`, which is known by the digest of what comes out.
    pub(super) fn saved_layer(&self, path: &[u8], digest: &str, limit: u64) -> Result<Unpacked, OpenError> {
        let source = self.open(path)?;
        let mut unpacked = unpack(compression(&*source)?, Stream::new(&*source), limit).map_err(temporary)?;
        let mut hashed = Hashed { inner: Stream::new(&unpacked.bytes), hasher: Sha256::new() };
        io::copy(&mut hashed, &mut io::sink()).map_err(Error::io("read"))?;
        let found = hexadecimal(&hashed.hasher.finalize());
        unpacked.damage = unpacked.damage.or(check(digest, &found).err());
        Ok(unpacked)
    }

    fn bytes(&self, path: &[u8]) -> Result<Vec<u8>, Error> {
        crate::read_to_vec(&*self.open(path)?, MAX_DOCUMENT).map_err(Error::io("read"))
    }

    fn open(&self, path: &[u8]) -> Result<Box<dyn ReadAt + '_>, Error> {
        let missing = |reason: String| malformed(format!("{}: {reason}", path.escape_ascii()));
        let id = self.0.resolve(path).map_err(|error| missing(error.to_string()))?;
        if self.0.entry(id).metadata.kind != FileKind::File {
            return Err(missing("it is no file".into()));
        }
        self.0.open(id)
    }
}

/// A stream that is hashed as it is read.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn parse<T: DeserializeOwned>(path: &[u8], bytes: &[u8]) -> Result<T, OpenError> {
    serde_json::from_slice(bytes)
        .map_err(|error| malformed(format!("{}: {error}", path.escape_ascii())).into())
}

/// Where a blob is. A digest is a part of a path here, so that it must be nothing but digits.
fn blob_path(digest: &str) -> Result<Vec<u8>, Error> {
    let digits = digest.strip_prefix("sha256:");
    let valid = |digits: &&str| {
        digits.len() == 64 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    let digits = digits.filter(valid);
    let digits =
        digits.ok_or_else(|| malformed(format!("`{}` is no SHA-256 digest", digest.escape_debug())))?;
    Ok(format!("blobs/sha256/{digits}").into_bytes())
}

fn check(digest: &str, found: &str) -> Result<(), Error> {
    if digest.strip_prefix("sha256:") == Some(found) {
        return Ok(());
    }
    Err(malformed(format!("the digest of {} is sha256:{found}", digest.escape_debug())))
}

/// By content: media types are what the writer says, and some say nothing of the compression.
fn compression(source: &dyn ReadAt) -> Result<Option<Compression>, OpenError> {
    let mut head = [0; 6];
    if source.len() < 6 {
        return Ok(None);
    }
    read_exact_at(source, &mut head, 0).map_err(Error::io("read"))?;
    match Compression::refused(&head) {
        Some(name) => Err(OpenError::Compression(name)),
        None => Ok(Compression::of(&head)),
    }
}

fn temporary(source: io::Error) -> OpenError {
    OpenError::Io { operation: "write a temporary file", source }
}

/// What the specification of registries has as the least that everyone takes, and nobody exceeds.
const MAX_DOCUMENT: u64 = 4 << 20;
