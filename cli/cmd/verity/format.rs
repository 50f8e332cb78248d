//! `hardpan verity format`.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use hardpan_verity::{
    BlockSink, BlockSize, Error, HashArea, Layout, Params, RootHash, SUPERBLOCK_SIZE, Salt, Superblock, Uuid,
    build, fec::FecLayout,
};
use rustix::rand::{GetRandomFlags, getrandom};
use tempfile::NamedTempFile;

use super::device::{Device, Identity, identity_of};
use super::fec::{FecTarget, PendingFec};
use super::output::{Lines, Tree, print_json};
use super::{FormatArgs, with_progress};
use crate::Context;
use crate::context::Interrupted;
use crate::replace::{persist, real_path, temporary_beside};

pub(super) fn run(args: &FormatArgs, context: &Context) -> anyhow::Result<u8> {
    let area = args.place.area()?;
    let data = Device::open(&args.data, "data")?;
    let existing = identity_of(&args.hash, "hash")?;
    let one_device = existing.is_some_and(|hash| data.is_same(hash));
    let fec = FecTarget::new(&args.fec, &data, &args.hash, existing)?;
    check_root_hash_file(args, &data, existing, fec.as_ref())?;
    let data_blocks = data_blocks(args, &data, one_device)?;
    let params = Params::new(data_blocks, args.salt.clone().map_or_else(random_salt, Ok)?);
    let layout = Layout::new(&params, area)?;
    check_overlap(&data.path, layout.data_end, area, one_device)?;
    if let Some(fec) = &fec {
        fec.check(&params, area, layout.end)?;
    }
    warn_of_tail(&data, &layout, one_device)?;
    let uuid = args.uuid.map_or_else(random_uuid, Ok)?;
    let superblock = area.has_superblock().then(|| Superblock { params: params.clone(), uuid });
    let job = Job { data: &data, params: &params, layout: &layout, area, fec, superblock, context };
    let (root, fec) = job.write(&args.hash, existing, args.root_hash_file.as_deref())?;
    print(args, &job, &root, fec.as_ref())?;
    Ok(0)
}

struct Job<'a> {
    data: &'a Device,
    params: &'a Params,
    layout: &'a Layout,
    area: HashArea,
    fec: Option<FecTarget>,
    superblock: Option<Superblock>,
    context: &'a Context,
}

impl Job<'_> {
    /// Writes the hash area, in a file of its own if it can be, the parity, and the file with the root hash.
    fn write(
        &self,
        hash: &Path,
        existing: Option<Identity>,
        root_file: Option<&Path>,
    ) -> anyhow::Result<(RootHash, Option<FecLayout>)> {
        let replace = match existing {
            None => true,
            Some(identity) => matches!(identity, Identity::File(..)) && self.area.offset() == 0,
        };
        // A device that holds its own tree has an offset, so that it is never replaced.
        if replace { self.replace(hash, root_file) } else { self.write_in_place(hash, root_file) }
    }

    /// Makes the hash file beside its place and moves it there when it is complete.
    fn replace(
        &self,
        hash: &Path,
        root_file: Option<&Path>,
    ) -> anyhow::Result<(RootHash, Option<FecLayout>)> {
        let cannot = || format!("cannot write hash file {}", hash.display());
        let temporary = temporary_beside(hash).with_context(cannot)?;
        let root = self.build(temporary.as_file()).with_context(cannot)?;
        let (fec, pending) = self.write_fec(temporary.as_file())?;
        self.write_superblock(temporary.as_file()).with_context(cannot)?;
        let root_file = root_file.map(|path| prepare_root_hash_file(path, &root)).transpose()?;
        pending.map_or(Ok(()), PendingFec::persist)?;
        persist(temporary, hash).with_context(cannot)?;
        root_file.map_or(Ok(()), RootHashFile::persist)?;
        Ok((root, fec))
    }

    /// Writes where something else may be as well. An old superblock goes first and the new one comes last.
    fn write_in_place(
        &self,
        hash: &Path,
        root_file: Option<&Path>,
    ) -> anyhow::Result<(RootHash, Option<FecLayout>)> {
        let cannot = || format!("cannot write hash area in {}", hash.display());
        let target = Device::open_writable(hash, "hash")?;
        if target.is_block_device() && target.len < self.layout.end {
            bail!(
                "{}: the hash area ends at byte {}, the device at {}",
                hash.display(),
                self.layout.end,
                target.len
            );
        }
        self.invalidate(&target).with_context(cannot)?;
        let root = self.build(&target.file).with_context(cannot)?;
        if !target.is_block_device() && !self.data.is_same(target.identity()) {
            // The hash area goes to the end of a file of its own: what an earlier, larger tree left there is stale.
            target.file.set_len(self.layout.end).with_context(cannot)?;
        }
        let (fec, pending) = self.write_fec(&target.file)?;
        target.file.sync_all().with_context(cannot)?;
        let root_file = root_file.map(|path| prepare_root_hash_file(path, &root)).transpose()?;
        pending.map_or(Ok(()), PendingFec::persist)?;
        self.write_superblock(&target.file).with_context(cannot)?;
        root_file.map_or(Ok(()), RootHashFile::persist)?;
        Ok((root, fec))
    }

    /// Writes the parity, if there is to be any, for the data and the tree in `hash`.
    fn write_fec(&self, hash: &File) -> anyhow::Result<(Option<FecLayout>, Option<PendingFec>)> {
        let Some(fec) = &self.fec else { return Ok((None, None)) };
        let (layout, pending) = fec.write(self.data, hash, (self.params, self.area), self.context)?;
        Ok((Some(layout), pending))
    }

    /// Takes away the superblock that may be there, durably, before anything that it describes changes.
    fn invalidate(&self, target: &Device) -> io::Result<()> {
        if !self.area.has_superblock() || target.len <= self.area.offset() {
            return Ok(());
        }
        target.file.write_all_at(&[0; SUPERBLOCK_SIZE], self.area.offset())?;
        target.file.sync_all()
    }

    fn build(&self, sink: &File) -> anyhow::Result<RootHash> {
        let built = with_progress(self.context, self.layout.data_end, |progress| {
            build(&self.data.file, self.params, sink, self.area, progress)
        });
        match built {
            Err(Error::Cancelled) => Err(Interrupted::NO_TREE.into()),
            other => Ok(other?),
        }
    }

    fn write_superblock(&self, sink: &File) -> io::Result<()> {
        if let Some(superblock) = &self.superblock {
            sink.write_all_at(&superblock.encode(), self.area.offset())?;
        }
        sink.sync_all()
    }
}

/// A file with a root hash that waits for its place.
struct RootHashFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl RootHashFile {
    fn persist(self) -> anyhow::Result<()> {
        persist(self.temporary, &self.path)
            .with_context(|| format!("the tree is written, but not root hash file {}", self.path.display()))
    }
}

fn prepare_root_hash_file(path: &Path, root: &RootHash) -> anyhow::Result<RootHashFile> {
    let write = || {
        let mut temporary = temporary_beside(path)?;
        write!(temporary, "{root}")?;
        temporary.as_file().sync_all()?;
        Ok::<_, io::Error>(temporary)
    };
    let temporary = write().with_context(|| format!("cannot write root hash file {}", path.display()))?;
    Ok(RootHashFile { temporary, path: path.to_owned() })
}

/// The root hash must not replace what it is the root of.
fn check_root_hash_file(
    args: &FormatArgs,
    data: &Device,
    hash: Option<Identity>,
    fec: Option<&FecTarget>,
) -> anyhow::Result<()> {
    let Some(path) = &args.root_hash_file else { return Ok(()) };
    let root_file = identity_of(path, "root hash file")?;
    let cannot = || format!("cannot write root hash file {}", path.display());
    let is_hash_path = real_path(path).with_context(cannot)? == real_path(&args.hash)?;
    let clashes = root_file.is_some_and(|file| data.is_same(file) || hash == Some(file));
    let is_fec = fec.map_or(Ok(false), |fec| fec.is_at(path, root_file))?;
    if is_hash_path || clashes || is_fec {
        bail!("root hash file {} is also data, hash or FEC: give it a file of its own", path.display());
    }
    if matches!(root_file, Some(Identity::Block(_))) {
        bail!("root hash file {} is a block device: use a regular file", path.display());
    }
    Ok(())
}

/// How many blocks to cover: what was asked for, or all there are.
fn data_blocks(args: &FormatArgs, data: &Device, one_device: bool) -> anyhow::Result<NonZeroU64> {
    let block = u64::from(BlockSize::DEFAULT.bytes());
    let (path, len) = (data.path.display(), data.len);
    if let Some(wanted) = args.data_blocks {
        if wanted.get() > len / block {
            bail!(
                "{path} has {} whole blocks of {block} bytes, --data-blocks asks for {wanted}",
                len / block
            );
        }
        return Ok(wanted);
    }
    if one_device && args.place.hash_offset < len {
        bail!(
            "{path} is data and hash device and longer than the hash offset {}: say with --data-blocks where the data ends",
            args.place.hash_offset
        );
    }
    let Some(blocks) = NonZeroU64::new(len.div_ceil(block)) else { bail!("data {path} is empty") };
    match len % block {
        0 => Ok(blocks),
        rest => bail!(
            "the last block of {path} is partial: {rest} of {block} bytes would not be protected; pad the file, or leave \
             them out with --data-blocks {}",
            len / block
        ),
    }
}

/// On one device, the hash area has to start after the data.
pub(super) fn check_overlap(
    path: &Path,
    data_end: u64,
    area: HashArea,
    one_device: bool,
) -> anyhow::Result<()> {
    if one_device && area.offset() < data_end {
        bail!(
            "data and hash are the same device, {}, where the data ends at byte {data_end}: the hash area at {} would overlap \
             it; use --hash-offset {data_end} or more",
            path.display(),
            area.offset()
        );
    }
    Ok(())
}

fn warn_of_tail(data: &Device, layout: &Layout, one_device: bool) -> io::Result<()> {
    let tail = data.len - layout.data_end;
    if one_device || tail == 0 {
        return Ok(());
    }
    let path = data.path.display();
    writeln!(io::stderr(), "warning: the last {tail} bytes of {path} are not covered by the root hash")
}

fn random_salt() -> anyhow::Result<Salt> {
    let mut bytes = [0; 32];
    fill_random(&mut bytes)?;
    Ok(Salt::new(&bytes)?)
}

fn random_uuid() -> anyhow::Result<Uuid> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes)?;
    Ok(Uuid::from_random_bytes(bytes))
}

fn fill_random(bytes: &mut [u8]) -> anyhow::Result<()> {
    // Up to 256 bytes come whole or not at all.
    getrandom(bytes, GetRandomFlags::empty()).context("cannot get random bytes")?;
    Ok(())
}

fn print(args: &FormatArgs, job: &Job<'_>, root: &RootHash, fec: Option<&FecLayout>) -> io::Result<()> {
    let uuid = job.superblock.as_ref().map(|superblock| superblock.uuid);
    let tree = Tree { params: job.params, layout: job.layout, area: job.area, uuid, fec };
    if args.json {
        return print_json(&tree.json(Some(root)).into());
    }
    let mut lines = Lines::new(format!("VERITY header information for {}", args.hash.display()));
    tree.add_to(&mut lines);
    lines.add_line(format!("Root hash:      \t{root}"));
    tree.add_size_to(&mut lines);
    lines.print()
}
