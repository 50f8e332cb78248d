//! Tables as text: what the kernel, `dmsetup` and `dm-mod.create=` take.

use std::fmt;

use super::{ErrorMode, Options, VerityTable, is_space};
use crate::error::GeometryError;
use crate::hex;
use crate::params::{Params, RootHash};
use crate::tree::layout::{HashArea, Layout};

impl VerityTable {
    /// The table, without options, that maps data and tree of these parameters. Devices are paths, `MAJOR:MINOR` or what
    /// else the kernel resolves; each has at least one character.
    pub fn new(
        params: &Params,
        area: HashArea,
        root: &RootHash,
        data_device: &str,
        hash_device: &str,
    ) -> Result<Self, GeometryError> {
        let layout = Layout::new(params, area)?;
        Ok(Self {
            hash_type: params.hash_type.number(),
            data_device: data_device.to_owned(),
            hash_device: hash_device.to_owned(),
            data_block_size: params.data_block_size.bytes(),
            hash_block_size: params.hash_block_size.bytes(),
            data_blocks: params.data_blocks.get(),
            // Behind the superblock: the kernel does not know of superblocks.
            hash_start_block: layout.start / u64::from(params.hash_block_size.bytes()),
            algorithm: params.algorithm.name().to_owned(),
            root: root.as_bytes().to_vec(),
            salt: params.salt.as_bytes().to_vec(),
            options: Options::default(),
        })
    }

    /// The root hash as the table has it: lower-case digits.
    pub fn root_hash(&self) -> String {
        hex::Digits(&self.root).to_string()
    }

    /// The salt as the table has it: lower-case digits, or `-` for none.
    pub fn salt(&self) -> String {
        if self.salt.is_empty() { "-".to_owned() } else { hex::Digits(&self.salt).to_string() }
    }

    /// The length of the device in sectors of 512 bytes; `None` if no device is that long.
    pub fn sectors(&self) -> Option<u64> {
        self.data_blocks.checked_mul(u64::from(self.data_block_size)).map(|bytes| bytes / 512)
    }
}

impl fmt::Display for VerityTable {
    /// The parameters of the target: what follows `START LENGTH verity` in a table. [`VerityTable::parse`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.hash_type)?;
        word(f, &self.data_device)?;
        f.write_str(" ")?;
        word(f, &self.hash_device)?;
        write!(
            f,
            " {} {} {} {} ",
            self.data_block_size, self.hash_block_size, self.data_blocks, self.hash_start_block
        )?;
        word(f, &self.algorithm)?;
        write!(f, " {} {}", self.root_hash(), self.salt())?;
        self.options.emit(f)
    }
}

impl Options {
    /// The number of words and the words, or nothing if there are none.
    fn emit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words();
        if words.is_empty() {
            return Ok(());
        }
        write!(f, " {}", words.len())?;
        for text in words {
            f.write_str(" ")?;
            word(f, &text)?;
        }
        Ok(())
    }

    /// The options that are a word without a value, by their names in a table.
    pub fn flags(&self) -> Vec<&'static str> {
        let on_corruption = self.corruption.map(|mode| match mode {
            ErrorMode::Ignore => "ignore_corruption",
            ErrorMode::Restart => "restart_on_corruption",
            ErrorMode::Panic => "panic_on_corruption",
        });
        let on_error = self.io_error.and_then(|mode| match mode {
            // There is no such option: a block that cannot be read has no content to be returned.
            ErrorMode::Ignore => None,
            ErrorMode::Restart => Some("restart_on_error"),
            ErrorMode::Panic => Some("panic_on_error"),
        });
        let flags = [
            on_corruption,
            on_error,
            self.ignore_zero_blocks.then_some("ignore_zero_blocks"),
            self.check_at_most_once.then_some("check_at_most_once"),
            self.try_verify_in_tasklet.then_some("try_verify_in_tasklet"),
        ];
        flags.into_iter().flatten().collect()
    }

    /// Names and values, each a word of its own: so they are counted.
    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.flags().into_iter().map(str::to_owned).collect();
        let mut pair = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if let Some(fec) = &self.fec {
            pair("use_fec_from_device", fec.device.clone());
            pair("fec_roots", fec.roots.to_string());
            pair("fec_blocks", fec.blocks.to_string());
            pair("fec_start", fec.start.to_string());
        }
        if let Some(key) = &self.signature_key {
            pair("root_hash_sig_key_desc", key.clone());
        }
        words
    }
}

/// A word, with a backslash before what device-mapper would take as its end or as a backslash of its own.
fn word(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|character| match character {
        '\\' => f.write_str("\\\\"),
        _ if is_space(character) => write!(f, "\\{character}"),
        _ => write!(f, "{character}"),
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::super::{Fec, TableError};
    use super::*;
    use crate::params::{Algorithm, BlockSize, HashType, Salt};

    const ROOT: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    fn table(salt: &str) -> VerityTable {
        let params = Params::new(NonZeroU64::new(256).unwrap(), salt.parse().unwrap());
        let root = RootHash::parse(Algorithm::Sha256, ROOT).unwrap();
        let area = HashArea::with_superblock(0).unwrap();
        VerityTable::new(&params, area, &root, "7:0", "7:1").unwrap()
    }

    #[test]
    fn the_table_is_that_of_the_kernels_documentation() {
        let mut table = table("aabb");
        assert_eq!(table.to_string(), format!("1 7:0 7:1 4096 4096 256 1 sha256 {ROOT} aabb"));
        assert_eq!(table.sectors(), Some(2048));
        table.salt.clear();
        table.options.fec = Some(Fec { device: "7:2".into(), roots: 2, blocks: 259, start: 9 });
        assert_eq!(
            table.to_string(),
            format!(
                "1 7:0 7:1 4096 4096 256 1 sha256 {ROOT} - 8 use_fec_from_device 7:2 fec_roots 2 fec_blocks 259 \
                 fec_start 9"
            )
        );
    }

    #[test]
    fn the_tree_starts_behind_the_superblock_in_hash_blocks() {
        let mut params = Params::new(NonZeroU64::new(8).unwrap(), Salt::default());
        (params.hash_type, params.algorithm) = (HashType::V0, Algorithm::Sha1);
        (params.data_block_size, params.hash_block_size) =
            (BlockSize::new(512).unwrap(), BlockSize::new(1024).unwrap());
        let root = RootHash::parse(Algorithm::Sha1, &"ab".repeat(20)).unwrap();
        let start = |area| VerityTable::new(&params, area, &root, "d", "h").unwrap().hash_start_block;
        assert_eq!(start(HashArea::with_superblock(0).unwrap()), 1);
        assert_eq!(start(HashArea::with_superblock(4096).unwrap()), 5);
        assert_eq!(start(HashArea::without_superblock(4096)), 4);
    }

    /// Every combination of options, and words that need a backslash, come back as they were.
    #[test]
    fn what_is_written_is_read_back() {
        let modes = [None, Some(ErrorMode::Ignore), Some(ErrorMode::Restart), Some(ErrorMode::Panic)];
        for bits in 0..4 * 3 * 32u32 {
            let flag = |bit: u32| (bits / 12) & (1 << bit) != 0;
            let mut table = table(if flag(0) { "-" } else { "00ff" });
            table.data_device = "/dev/disk/by-label/a b\\c\td".into();
            let options = &mut table.options;
            options.corruption = modes[(bits % 4) as usize];
            options.io_error = [None, modes[2], modes[3]][(bits / 4 % 3) as usize];
            options.ignore_zero_blocks = flag(0);
            options.check_at_most_once = flag(1);
            options.try_verify_in_tasklet = flag(2);
            options.fec = flag(3).then(|| Fec {
                device: "a\nb".into(),
                roots: 24,
                blocks: u64::MAX,
                start: bits.into(),
            });
            options.signature_key = flag(4).then(|| "key: \\ of é".into());
            let text = table.to_string();
            assert_eq!(VerityTable::parse(&text).as_ref(), Ok(&table), "{text}");
        }
    }

    #[test]
    fn a_length_that_no_device_has_is_none() {
        let mut table = table("-");
        table.data_blocks = u64::MAX;
        assert_eq!(table.sectors(), None);
        // An empty word cannot be written, so it is not read either: the kernel makes a backslash of this.
        let line = format!("1 d h 4096 4096 1 1 sha256 {ROOT} - 2 root_hash_sig_key_desc \\");
        assert!(matches!(VerityTable::parse(&line), Err(TableError::Misread { .. })));
    }
}
