//! What `verify` and `repair` look at: open devices, and what they are expected to be.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicU8;

use anyhow::Context as _;
use hardpan_verity::fec::{FecArea, FecLayout};
use hardpan_verity::{BlockSource, Error, Expected, Layout};

use super::device::Device;
use super::fec::FecShapeArgs;
use super::format::check_overlap;
use super::verify::{Known, KnownArgs};

/// Data, tree and perhaps parity.
pub(super) struct Subject {
    pub(super) data: Device,
    pub(super) hash: Device,
    pub(super) fec: Option<Fec>,
    /// The layout of the parity, if there is any and the hash device is long enough for the tree.
    pub(super) fec_layout: Option<FecLayout>,
    pub(super) expected: Expected,
    pub(super) layout: Layout,
}

/// Parity and where it is.
pub(super) struct Fec {
    pub(super) device: Device,
    pub(super) area: FecArea,
}

impl Subject {
    /// Opens the devices. The inner error is the reason why a superblock or a descriptor does not hold what it must.
    pub(super) fn open(
        data: &Path,
        hash_path: &Path,
        fec: Option<(&Path, &FecShapeArgs)>,
        args: &KnownArgs,
    ) -> anyhow::Result<Result<Self, String>> {
        let data = Device::open(data, "data")?;
        let hash = Device::open(hash_path, "hash")?;
        let one_device = data.is_same(hash.extent(), hash_path, "hash")?;
        let known = match Known::find(args, &hash)? {
            Ok(known) => known,
            Err(reason) => return Ok(Err(reason)),
        };
        args.strength.check(known.params.algorithm)?;
        let layout = Layout::new(&known.params, known.area)?;
        check_overlap(&data.path, layout.data_end, known.area, one_device)?;
        let shape = known.shape;
        let open =
            |(path, given): (&Path, &FecShapeArgs)| Fec::open(path, &given.agreed(shape)?, &data, &hash);
        let fec = fec.map(open).transpose()?;
        let fec_layout = fec.as_ref().map(|fec| fec.layout(&known, hash.len)).transpose()?.flatten();
        let Known { params, root, area, uuid, parity, .. } = known;
        let own = fec.as_ref().filter(|fec| fec.area.on_hash_device).and(fec_layout.as_ref());
        let others = parity.into_iter().chain(own.map(|fec| fec.parity_start..fec.parity_end())).collect();
        let expected = Expected { params, root, area, uuid, one_device, others };
        Ok(Ok(Self { data, hash, fec, fec_layout, expected, layout }))
    }

    /// The data device, without the parity that may be on it.
    pub(super) fn data(&self) -> WithoutParity<'_> {
        self.data_in(&self.data.file)
    }

    /// The same of a copy of the data device, or of another way to read it.
    pub(super) fn data_in<'a>(&self, copy: &'a dyn BlockSource) -> WithoutParity<'a> {
        let is_shared = |fec: &&Fec| !self.expected.one_device && fec.area.on_data_device;
        let layout = self.fec.as_ref().filter(is_shared).and(self.fec_layout.as_ref());
        let parity = layout.map_or(0..0, |layout| layout.parity_start..layout.parity_end());
        WithoutParity { source: copy, parity }
    }

    /// Why the data is not all protected, if its last block is partial. That part is zero, or verification finds it; but
    /// what is added to it later nothing would find.
    pub(super) fn partial_block(&self) -> anyhow::Result<Option<String>> {
        let partial = self.data.file.size()? % u64::from(self.expected.params.data_block_size.bytes());
        let reason = || {
            let path = self.data.path.display();
            format!("the last {partial} bytes of {path} are no whole block and not protected")
        };
        Ok((!self.expected.one_device && partial != 0).then(reason))
    }

    /// The parity, for commands that cannot be without.
    pub(super) fn fec(&self) -> anyhow::Result<&Fec> {
        self.fec.as_ref().context("there is no parity")
    }
}

/// A data device where parity, which is none of the data, reads as zeros. What lies behind it is looked at like all that
/// nothing covers.
pub(super) struct WithoutParity<'a> {
    source: &'a dyn BlockSource,
    parity: Range<u64>,
}

impl BlockSource for WithoutParity<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.source.read_exact_at(buffer, offset)?;
        let end = offset.saturating_add(buffer.len() as u64);
        let (from, to) = (self.parity.start.clamp(offset, end), self.parity.end.clamp(offset, end));
        let within = |at: u64| usize::try_from(at - offset).map_err(|_| io::ErrorKind::InvalidInput);
        buffer[within(from)?..within(to)?].fill(0);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        self.source.size()
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        self.source.next_data(offset)
    }

    fn lend(&self, offset: u64, len: usize, work: &mut dyn FnMut(&[AtomicU8])) -> bool {
        let end = offset.saturating_add(len as u64);
        let has_parity = self.parity.start < end && offset < self.parity.end;
        !has_parity && self.source.lend(offset, len, work)
    }
}

impl Fec {
    fn open(path: &Path, shape: &FecShapeArgs, data: &Device, hash: &Device) -> anyhow::Result<Self> {
        let device = Device::open(path, "FEC")?;
        let is_same = |other: &Device| other.is_same(device.extent(), path, "FEC");
        let area = shape.area(is_same(data)?, is_same(hash)?);
        Ok(Self { device, area })
    }

    /// The layout, unless the hash device ends before the tree, which verification will say.
    fn layout(&self, known: &Known, hash_len: u64) -> anyhow::Result<Option<FecLayout>> {
        match FecLayout::new(&known.params, known.area, self.area, hash_len) {
            Err(Error::TooShort { .. }) => Ok(None),
            layout => Ok(Some(layout?)),
        }
    }
}
