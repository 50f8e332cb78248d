//! Parity over data and tree that are sound: checking it, and writing it anew.

use std::fs::File;

use anyhow::{Context as _, bail};
use hardpan_verity::BlockSource as _;

use super::super::fec::encode_parity;
use super::super::verify::parity_damage;
use super::Job;
use super::report::Verdict;
use crate::context::Interrupted;
use crate::replace::{persist, temporary_beside};

impl Job<'_> {
    /// What there is to say of data and tree without damage.
    pub(super) fn sound(&self) -> anyhow::Result<Verdict> {
        let (parity, renewed) = self.parity()?;
        Ok(Verdict::Sound { parity, renewed })
    }

    /// What is wrong with the parity, and whether it was written anew because of that.
    pub(super) fn parity(&self) -> anyhow::Result<(Option<String>, bool)> {
        let damage = parity_damage(self.subject, self.layout, self.context)?;
        let renew = damage.is_some() && self.args.parity;
        if renew {
            let cannot = || format!("cannot write parity to {}", self.args.fec.display());
            self.renew().with_context(cannot)?;
        }
        Ok((damage, renew))
    }

    /// Writes the parity: a file of its own in one step, elsewhere in place. An interruption leaves it damaged, as it was;
    /// the next run writes all of it again, so that it needs no journal.
    fn renew(&self) -> anyhow::Result<()> {
        let fec = self.subject.fec()?;
        let is_shared = fec.area.on_data_device || fec.area.on_hash_device;
        if is_shared || fec.area.offset != 0 || fec.device.is_block_device() {
            let target = fec.device.reopen_writable("FEC")?;
            let (len, end) = (target.size()?, self.layout.parity_end());
            if fec.device.is_block_device() && len < end {
                bail!("the FEC area ends at byte {end}, the device at {len}");
            }
            self.encode(&target)?;
            return Ok(target.sync_all()?);
        }
        let temporary = temporary_beside(&self.args.fec)?;
        self.encode(temporary.as_file())?;
        temporary.as_file().sync_all()?;
        Ok(persist(temporary, &self.args.fec)?)
    }

    fn encode(&self, sink: &File) -> anyhow::Result<()> {
        let (data, hash) = (&self.subject.data.file, &self.subject.hash.file);
        encode_parity(data, hash, self.layout, sink, self.context, Interrupted::PARITY_UNFINISHED)
    }
}
