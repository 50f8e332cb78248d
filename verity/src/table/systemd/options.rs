//! The options of veritytab(5), which `systemd.verity_root_options=` takes as well.

use std::fmt;

use super::SystemdError;
use super::word::{boolean, check_device, check_listed, number};
use crate::base64;
use crate::params::{BlockSize, HashType, Salt};
use crate::table::ErrorMode;
use crate::uuid::Uuid;

/// Options of a device. What is `None` or `false` is not said.
///
/// All that describe the geometry, and those of error correction, came with systemd 254. Earlier versions warn about
/// them and go by the superblock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, and callers make it")]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct SystemdOptions {
    /// `superblock=`: whether there is a superblock, which then decides the geometry.
    pub superblock: Option<bool>,
    /// `format=`: the hash type.
    pub hash_type: Option<HashType>,
    /// `data-block-size=`, in bytes.
    pub data_block_size: Option<BlockSize>,
    /// `hash-block-size=`, in bytes.
    pub hash_block_size: Option<BlockSize>,
    /// `data-blocks=`: how many; not given, all of the device.
    pub data_blocks: Option<u64>,
    /// `hash-offset=`: where the superblock, or the tree without one, starts, in bytes.
    pub hash_offset: Option<u64>,
    /// `salt=`.
    pub salt: Option<Salt>,
    /// `uuid=`.
    pub uuid: Option<Uuid>,
    /// `hash=`: the algorithm, supported by this crate or not.
    pub algorithm: Option<String>,
    /// `fec-device=`.
    pub fec_device: Option<String>,
    /// `fec-offset=`, in bytes.
    pub fec_offset: Option<u64>,
    /// `fec-roots=`: parity bytes per codeword.
    pub fec_roots: Option<u32>,
    /// `ignore-corruption`, `restart-on-corruption` or `panic-on-corruption`.
    pub corruption: Option<ErrorMode>,
    /// `ignore-zero-blocks`.
    pub ignore_zero_blocks: bool,
    /// `check-at-most-once`.
    pub check_at_most_once: bool,
    /// `root-hash-signature=`.
    pub signature: Option<RootHashSignature>,
    /// `_netdev`: the device needs the network.
    pub netdev: bool,
    /// `noauto`, or `auto`, its opposite and what is usual.
    pub noauto: Option<bool>,
    /// `nofail`, or `fail`, its opposite and what is usual.
    pub nofail: Option<bool>,
    /// `x-initrd.attach`: the device is set up in the initrd.
    pub initrd_attach: bool,
}

/// Where the signature of the root hash is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootHashSignature {
    /// In a file with this absolute path.
    Path(String),
    /// Here: PKCS#7 in DER.
    Inline(Vec<u8>),
}

impl SystemdOptions {
    /// Reads options that commas separate. Empty ones are skipped, as systemd does.
    pub fn parse(text: &str) -> Result<Self, SystemdError> {
        let mut options = Self::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            check_listed("option", option)?;
            if !options.read(option)? {
                let name = option.split_once('=').map_or(option, |(name, _)| name);
                return Err(SystemdError::repeated(name));
            }
        }
        Ok(options)
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether all values can be written so that systemd reads them back.
    pub fn check(&self) -> Result<(), SystemdError> {
        let text = self.to_string();
        match Self::parse(&text) {
            Ok(read) if read == *self => Ok(()),
            Ok(_) => Err(SystemdError::value("options", &text, "would be read as something else")),
            Err(error) => Err(error),
        }
    }

    /// Reads one; `false` if it was there already.
    fn read(&mut self, option: &str) -> Result<bool, SystemdError> {
        match option.split_once('=') {
            Some((name, value)) => self.read_value(name, value),
            None => self.read_flag(option),
        }
    }

    fn read_flag(&mut self, name: &str) -> Result<bool, SystemdError> {
        Ok(match name {
            "ignore-corruption" => set(&mut self.corruption, ErrorMode::Ignore),
            "restart-on-corruption" => set(&mut self.corruption, ErrorMode::Restart),
            "panic-on-corruption" => set(&mut self.corruption, ErrorMode::Panic),
            "ignore-zero-blocks" => raise(&mut self.ignore_zero_blocks),
            "check-at-most-once" => raise(&mut self.check_at_most_once),
            "_netdev" => raise(&mut self.netdev),
            "auto" | "noauto" => set(&mut self.noauto, name == "noauto"),
            "fail" | "nofail" => set(&mut self.nofail, name == "nofail"),
            "x-initrd.attach" => raise(&mut self.initrd_attach),
            _ => return Err(SystemdError::Unknown { name: name.to_owned() }),
        })
    }

    fn read_value(&mut self, name: &str, value: &str) -> Result<bool, SystemdError> {
        Ok(match name {
            "superblock" => set(&mut self.superblock, boolean(name, value)?),
            "format" => set(&mut self.hash_type, hash_type(name, value)?),
            "data-block-size" => set(&mut self.data_block_size, block_size(name, value)?),
            "hash-block-size" => set(&mut self.hash_block_size, block_size(name, value)?),
            "data-blocks" => set(&mut self.data_blocks, number(name, value)?),
            "hash-offset" => set(&mut self.hash_offset, offset(name, value)?),
            "salt" => set(&mut self.salt, salt(name, value)?),
            "uuid" => set(&mut self.uuid, uuid(name, value)?),
            "hash" => set(&mut self.algorithm, check_listed(name, value)?.to_owned()),
            "fec-device" => set(&mut self.fec_device, check_device(name, value)?.to_owned()),
            "fec-offset" => set(&mut self.fec_offset, number(name, value)?),
            "fec-roots" => set(&mut self.fec_roots, fec_roots(name, value)?),
            "root-hash-signature" => set(&mut self.signature, signature(name, value)?),
            _ => return Err(SystemdError::Unknown { name: name.to_owned() }),
        })
    }

    /// Every option that is said, in the order of veritytab(5).
    fn words(&self) -> Vec<String> {
        let flag = |said: bool, name: &str| said.then(|| name.to_owned());
        let either =
            |said: Option<bool>, yes: &str, no: &str| said.map(|said| if said { yes } else { no }.to_owned());
        let corruption = self.corruption.map(|mode| match mode {
            ErrorMode::Ignore => "ignore-corruption".to_owned(),
            ErrorMode::Restart => "restart-on-corruption".to_owned(),
            ErrorMode::Panic => "panic-on-corruption".to_owned(),
        });
        let words = [
            either(self.superblock, "superblock=yes", "superblock=no"),
            self.hash_type.map(|value| format!("format={}", value.number())),
            self.data_block_size.map(|size| format!("data-block-size={}", size.bytes())),
            self.hash_block_size.map(|size| format!("hash-block-size={}", size.bytes())),
            self.data_blocks.map(|count| format!("data-blocks={count}")),
            self.hash_offset.map(|offset| format!("hash-offset={offset}")),
            self.salt.as_ref().map(|salt| format!("salt={salt}")),
            self.uuid.map(|uuid| format!("uuid={uuid}")),
            corruption,
            flag(self.ignore_zero_blocks, "ignore-zero-blocks"),
            flag(self.check_at_most_once, "check-at-most-once"),
            self.algorithm.as_ref().map(|name| format!("hash={name}")),
            self.fec_device.as_ref().map(|device| format!("fec-device={device}")),
            self.fec_offset.map(|offset| format!("fec-offset={offset}")),
            self.fec_roots.map(|roots| format!("fec-roots={roots}")),
            self.signature.as_ref().map(|signature| format!("root-hash-signature={signature}")),
            flag(self.netdev, "_netdev"),
            either(self.noauto, "noauto", "auto"),
            either(self.nofail, "nofail", "fail"),
            flag(self.initrd_attach, "x-initrd.attach"),
        ];
        words.into_iter().flatten().collect()
    }
}

impl fmt::Display for SystemdOptions {
    /// The options with commas between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(","))
    }
}

impl fmt::Display for RootHashSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Inline(der) => write!(f, "base64:{}", base64::encode(der)),
        }
    }
}

/// Sets what is not set; `false` if it was.
fn set<T>(place: &mut Option<T>, value: T) -> bool {
    let fresh = place.is_none();
    place.get_or_insert(value);
    fresh
}

fn raise(flag: &mut bool) -> bool {
    !std::mem::replace(flag, true)
}

fn hash_type(field: &str, value: &str) -> Result<HashType, SystemdError> {
    let wrong = || SystemdError::value(field, value, "is neither 0 nor 1");
    HashType::from_number(number(field, value)?).ok_or_else(wrong)
}

fn block_size(field: &str, value: &str) -> Result<BlockSize, SystemdError> {
    let wrong = |_| SystemdError::value(field, value, "is not a power of two from 512 to 524288");
    BlockSize::new(number(field, value)?).map_err(wrong)
}

fn offset(field: &str, value: &str) -> Result<u64, SystemdError> {
    let offset: u64 = number(field, value)?;
    if offset.is_multiple_of(512) {
        return Ok(offset);
    }
    Err(SystemdError::value(field, value, "is not a multiple of 512"))
}

fn salt(field: &str, value: &str) -> Result<Salt, SystemdError> {
    let wrong =
        |_| SystemdError::value(field, value, "is neither - nor hexadecimal digits of at most 256 bytes");
    value.parse().map_err(wrong)
}

fn uuid(field: &str, value: &str) -> Result<Uuid, SystemdError> {
    value.parse().map_err(|_| SystemdError::value(field, value, "is no UUID"))
}

fn fec_roots(field: &str, value: &str) -> Result<u32, SystemdError> {
    let roots = number(field, value)?;
    if (2..=24).contains(&roots) {
        return Ok(roots);
    }
    Err(SystemdError::value(field, value, "is not from 2 to 24"))
}

fn signature(field: &str, value: &str) -> Result<RootHashSignature, SystemdError> {
    if let Some(text) = value.strip_prefix("base64:") {
        let wrong = || SystemdError::value(field, value, "is not base64");
        let der = base64::decode(text).filter(|der| !der.is_empty()).ok_or_else(wrong)?;
        return Ok(RootHashSignature::Inline(der));
    }
    if value.starts_with('/') {
        return Ok(RootHashSignature::Path(value.to_owned()));
    }
    Err(SystemdError::value(field, value, "is neither an absolute path nor base64:…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SystemdOptions, SystemdError> {
        SystemdOptions::parse(text)
    }

    #[test]
    fn every_option_is_read_and_written_back() {
        let text = "superblock=no,format=1,data-block-size=4096,hash-block-size=512,data-blocks=7,hash-offset=512,\
                    salt=aabb,uuid=01234567-89ab-4cde-8f01-23456789abcd,panic-on-corruption,ignore-zero-blocks,\
                    check-at-most-once,hash=sha256,fec-device=/dev/f,fec-offset=4096,fec-roots=24,\
                    root-hash-signature=base64:MAA=,_netdev,noauto,nofail,x-initrd.attach";
        let options = parse(text).unwrap();
        assert_eq!(options.to_string(), text);
        assert_eq!(options.check(), Ok(()));
        assert_eq!(options.signature, Some(RootHashSignature::Inline(vec![0x30, 0])));
        assert_eq!(parse(",,auto,"), Ok(SystemdOptions { noauto: Some(false), ..SystemdOptions::default() }));
        assert!(parse("").unwrap().is_empty());
        assert_eq!(parse("salt=-").unwrap().salt, Some(Salt::default()));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name() {
        for (text, field) in [
            ("superblock=maybe", "superblock"),
            ("format=2", "format"),
            ("format=", "format"),
            ("format=+1", "format"),
            ("data-block-size=4095", "data-block-size"),
            ("hash-block-size=1048576", "hash-block-size"),
            ("data-blocks=18446744073709551616", "data-blocks"),
            ("data-blocks=0x10", "data-blocks"),
            ("hash-offset=513", "hash-offset"),
            ("salt=abc", "salt"),
            ("salt=", "salt"),
            ("uuid=0", "uuid"),
            ("hash=", "hash"),
            ("fec-device=f", "fec-device"),
            ("fec-roots=1", "fec-roots"),
            ("fec-roots=25", "fec-roots"),
            ("root-hash-signature=sig", "root-hash-signature"),
            ("root-hash-signature=base64:", "root-hash-signature"),
            ("root-hash-signature=base64:MAB=", "root-hash-signature"),
            ("hash=sha256 x", "option"),
            ("hash=sha\\256", "option"),
            ("hash='sha256'", "option"),
            ("hash=$sha256", "option"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                matches!(&error, SystemdError::Value { field: wrong, .. } if wrong == field),
                "{text}: {error}"
            );
        }
        for text in ["ignore-everything", "tries=3", "salt", "noauto=1", "SUPERBLOCK=no"] {
            assert!(matches!(parse(text), Err(SystemdError::Unknown { .. })), "{text}");
        }
        for text in
            ["noauto,auto", "ignore-corruption,panic-on-corruption", "salt=-,salt=-", "_netdev,_netdev"]
        {
            assert!(matches!(parse(text), Err(SystemdError::Repeated { .. })), "{text}");
        }
    }

    #[test]
    fn values_that_would_not_come_back_are_not_written() {
        for value in ["", "a,b", "a b", "a'b", "a\\b", "a$b", "a\nb"] {
            let options = SystemdOptions { algorithm: Some(value.to_owned()), ..SystemdOptions::default() };
            assert!(options.check().is_err(), "{value:?}");
        }
    }
}
