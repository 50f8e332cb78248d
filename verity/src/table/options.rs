//! The optional arguments of a `verity` target.

use super::{Field, TableError, number};

/// Optional arguments, by the names in verity.rst.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// What happens on a block that is corrupt. `None`: the read fails.
    pub corruption: Option<ErrorMode>,
    /// What happens when a block cannot be read. `None`: the read fails.
    pub io_error: Option<ErrorMode>,
    /// `ignore_zero_blocks`: blocks that should be zero are not read.
    pub ignore_zero_blocks: bool,
    /// `check_at_most_once`: only the first read of a block is verified.
    pub check_at_most_once: bool,
    /// `try_verify_in_tasklet`: no work queue for blocks whose tree is in the cache.
    pub try_verify_in_tasklet: bool,
    /// `use_fec_from_device` and what goes with it.
    pub fec: Option<Fec>,
    /// `root_hash_sig_key_desc`: the key with the signature of the root hash.
    pub signature_key: Option<String>,
}

/// What the kernel does instead of failing a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorMode {
    /// `ignore_corruption`: logs it and returns the corrupt data.
    Ignore,
    /// `restart_on_corruption`, `restart_on_error`: restarts the machine.
    Restart,
    /// `panic_on_corruption`, `panic_on_error`: panics.
    Panic,
}

/// Forward error correction. What is not given is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fec {
    /// The device with the parity.
    pub device: String,
    /// Parity bytes per codeword.
    pub roots: u32,
    /// How many blocks are covered, those of the tree included.
    pub blocks: u64,
    /// The block of the device with which the parity starts.
    pub start: u64,
}

impl Fec {
    /// Parity on `device` from its block `start` on, over `blocks` blocks with `roots` bytes in each codeword.
    pub fn new(device: &str, roots: u32, blocks: u64, start: u64) -> Self {
        Self { device: device.to_owned(), roots, blocks, start }
    }
}

impl Options {
    /// Reads the words after the required arguments: their number, which counts names and values, and as many words.
    pub(super) fn parse(words: &[String]) -> Result<Self, TableError> {
        let Some((announced, words)) = words.split_first() else { return Ok(Self::default()) };
        let announced: u64 = number(Field::OptionCount, announced)?;
        if announced != words.len() as u64 {
            return Err(TableError::OptionCount { announced, count: words.len() });
        }
        let mut reader = Reader::default();
        let mut words = words.iter();
        while let Some(name) = words.next() {
            reader.read(name, &mut words)?;
        }
        reader.finish()
    }
}

/// Options so far, with the parts of error correction apart, since they come in any order.
#[derive(Default)]
struct Reader {
    options: Options,
    fec_device: Option<String>,
    fec_roots: Option<u32>,
    fec_blocks: Option<u64>,
    fec_start: Option<u64>,
}

impl Reader {
    fn read<'a>(
        &mut self,
        name: &str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), TableError> {
        let options = &mut self.options;
        // The kernel compares without regard to case.
        let lower = name.to_ascii_lowercase();
        let mut value = || rest.next().ok_or_else(|| TableError::OptionValue { name: name.to_owned() });
        let fresh = match lower.as_str() {
            "ignore_corruption" => set(&mut options.corruption, ErrorMode::Ignore),
            "restart_on_corruption" => set(&mut options.corruption, ErrorMode::Restart),
            "panic_on_corruption" => set(&mut options.corruption, ErrorMode::Panic),
            "restart_on_error" => set(&mut options.io_error, ErrorMode::Restart),
            "panic_on_error" => set(&mut options.io_error, ErrorMode::Panic),
            "ignore_zero_blocks" => !std::mem::replace(&mut options.ignore_zero_blocks, true),
            "check_at_most_once" => !std::mem::replace(&mut options.check_at_most_once, true),
            "try_verify_in_tasklet" => !std::mem::replace(&mut options.try_verify_in_tasklet, true),
            "root_hash_sig_key_desc" => set(&mut options.signature_key, value()?.clone()),
            "use_fec_from_device" => set(&mut self.fec_device, value()?.clone()),
            "fec_roots" => set(&mut self.fec_roots, number(Field::OptionValue, value()?)?),
            "fec_blocks" => set(&mut self.fec_blocks, number(Field::OptionValue, value()?)?),
            "fec_start" => set(&mut self.fec_start, number(Field::OptionValue, value()?)?),
            _ => return Err(TableError::OptionUnknown { name: name.to_owned() }),
        };
        if fresh { Ok(()) } else { Err(TableError::OptionRepeated { name: name.to_owned() }) }
    }

    fn finish(self) -> Result<Options, TableError> {
        let Self { mut options, fec_device, fec_roots, fec_blocks, fec_start } = self;
        let (roots, blocks, start) = (fec_roots, fec_blocks, fec_start);
        options.fec = match fec_device {
            Some(device) => Some(Fec {
                device,
                roots: roots.unwrap_or_default(),
                blocks: blocks.unwrap_or_default(),
                start: start.unwrap_or_default(),
            }),
            // The kernel takes these without a device and does nothing; so would who relies on them.
            None if roots.is_some() || blocks.is_some() || start.is_some() => {
                return Err(TableError::OptionValue { name: "use_fec_from_device".to_owned() });
            }
            None => None,
        };
        Ok(options)
    }
}

/// Sets what is not set; `false` if it was.
fn set<T>(place: &mut Option<T>, value: T) -> bool {
    let fresh = place.is_none();
    place.get_or_insert(value);
    fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, TableError> {
        Options::parse(&super::super::split(text)?)
    }

    #[test]
    fn every_option_is_read() {
        let text = "16 Restart_On_Corruption panic_on_error ignore_zero_blocks check_at_most_once \
                    try_verify_in_tasklet root_hash_sig_key_desc key use_fec_from_device /dev/f fec_roots 2 \
                    fec_blocks 300 fec_start 7 ";
        // Five words alone and five pairs are 15; one too many is announced.
        assert_eq!(parse(text), Err(TableError::OptionCount { announced: 16, count: 15 }));
        let options = parse(&text.replacen("16", "15", 1)).unwrap();
        assert_eq!(options.corruption, Some(ErrorMode::Restart));
        assert_eq!(options.io_error, Some(ErrorMode::Panic));
        assert!(options.ignore_zero_blocks && options.check_at_most_once && options.try_verify_in_tasklet);
        assert_eq!(options.signature_key.as_deref(), Some("key"));
        let fec = options.fec.unwrap();
        assert_eq!((fec.device.as_str(), fec.roots, fec.blocks, fec.start), ("/dev/f", 2, 300, 7));
        assert_eq!(parse("1 ignore_corruption").unwrap().corruption, Some(ErrorMode::Ignore));
        assert_eq!(parse("1 panic_on_corruption").unwrap().corruption, Some(ErrorMode::Panic));
    }

    #[test]
    fn what_the_kernel_refuses_is_refused() {
        let repeated = |name: &str| Err(TableError::OptionRepeated { name: name.to_owned() });
        assert_eq!(parse("2 ignore_corruption restart_on_corruption"), repeated("restart_on_corruption"));
        assert_eq!(
            parse("1 ignore_everything"),
            Err(TableError::OptionUnknown { name: "ignore_everything".to_owned() })
        );
        assert_eq!(parse("1 fec_roots"), Err(TableError::OptionValue { name: "fec_roots".to_owned() }));
        assert!(matches!(parse("2 fec_roots 2"), Err(TableError::OptionValue { .. })));
        assert!(matches!(parse("x"), Err(TableError::Field { field: Field::OptionCount, .. })));
        assert_eq!(parse("0"), Ok(Options::default()));
    }
}
