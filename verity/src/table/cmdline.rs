//! What a kernel command line says about verity devices: `dm-mod.create=`, `roothash=` and `usrhash=`.
//!
//! Parameters are split as the kernel's `next_arg` (lib/cmdline.c) does, and devices as its dm-init.c does;
//! `roothash=` and `usrhash=` are systemd-veritysetup-generator's.

use super::{TableError, VerityTable, has_space_byte, is_space};
use crate::hex;

/// A mention of a verity device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CmdlineVerity {
    /// The kernel creates a device with this target.
    Created(Box<CreatedTarget>),
    /// systemd sets up a device with this root hash, at least 16 bytes; the rest comes from the superblock.
    RootHash {
        /// Which device.
        parameter: HashParameter,
        /// The root hash.
        root: Vec<u8>,
    },
}

/// Which device systemd sets up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HashParameter {
    /// `roothash=`: the root file system.
    Root,
    /// `usrhash=`: `/usr`.
    Usr,
}

/// A verity target of a device that `dm-mod.create=` describes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it, and the kernel takes no more than this")]
pub struct CreatedTarget {
    /// The device's name.
    pub name: String,
    /// The device's UUID; often empty.
    pub uuid: String,
    /// The minor number asked for.
    pub minor: Option<u64>,
    /// Whether the device is read-only. The kernel refuses to map verity otherwise.
    pub read_only: bool,
    /// The first sector of the device that the target maps; a sector has 512 bytes.
    pub start_sector: u64,
    /// The number of sectors.
    pub sectors: u64,
    /// The target's parameters.
    pub table: VerityTable,
}

impl CreatedTarget {
    /// A read-only device that is all of this target; `None` if no device is so long.
    pub fn new(name: &str, table: VerityTable) -> Option<Self> {
        let (name, sectors) = (name.to_owned(), table.sectors()?);
        Some(Self {
            name,
            uuid: String::new(),
            minor: None,
            read_only: true,
            start_sector: 0,
            sectors,
            table,
        })
    }
}

/// Every mention of a verity device in `cmdline`, in order, or why it could not be read.
///
/// Of several `dm-mod.create=` the kernel only heeds the last, which is an error besides what each of them has; of several
/// `roothash=` systemd likewise, and all are returned, since who finds two should ask why. Devices of other targets are
/// passed over; one that has some beside verity is an error, since nothing verifies that part. What comes after `--` is init's, not
/// the kernel's, but systemd reads it too, so that `roothash=` counts there.
pub fn find_in_cmdline(cmdline: &str) -> Vec<Result<CmdlineVerity, TableError>> {
    let mut found = Vec::new();
    let (mut kernel, mut creates) = (true, false);
    for (name, value) in parameters(cmdline) {
        let Some(value) = value else {
            kernel &= name != "--";
            continue;
        };
        match canonical(name).as_str() {
            _ if kernel && canonical(kernels(name)) == "dm_mod.create" => {
                if std::mem::replace(&mut creates, true) {
                    found.push(Err(create_error("comes again, and the kernel heeds only the last")));
                }
                let targets = created(value).into_iter();
                found.extend(targets.map(|target| Ok(CmdlineVerity::Created(Box::new(target?)))));
            }
            "roothash" => found.push(root_hash(HashParameter::Root, name, value)),
            "usrhash" => found.push(root_hash(HashParameter::Usr, name, value)),
            _ => {}
        }
    }
    found
}

/// What the kernel, to which one byte of some characters is white space, has as the name.
fn kernels(name: &str) -> &str {
    name.rsplit(has_space_byte).next().unwrap_or_default()
}

/// Names and values, up to the first zero byte. White space separates parameters unless an odd number of double quotes is before it; the quotes
/// around a value, or around a whole parameter, are no part of it.
pub(super) fn parameters(cmdline: &str) -> Vec<(&str, Option<&str>)> {
    let mut quoted = false;
    let separates = |character: char| {
        quoted ^= character == '"';
        is_space(character) && !quoted
    };
    let cmdline = cmdline.split('\0').next().unwrap_or_default();
    cmdline.split(separates).filter(|word| !word.is_empty()).map(parameter).collect()
}

fn parameter(word: &str) -> (&str, Option<&str>) {
    let inner = word.strip_prefix('"');
    let word = inner.map_or(word, |inner| inner.strip_suffix('"').unwrap_or(inner));
    match word.split_once('=') {
        None => (word, None),
        Some((name, value)) => {
            let value =
                value.strip_prefix('"').map_or(value, |inner| inner.strip_suffix('"').unwrap_or(inner));
            (name, Some(value))
        }
    }
}

/// The name with underscores: to the kernel, dashes are the same.
pub(super) fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

fn root_hash(parameter: HashParameter, name: &str, value: &str) -> Result<CmdlineVerity, TableError> {
    let wrong = |reason| TableError::Cmdline { parameter: name.to_owned(), reason };
    let root = hex::decode(value).ok_or(wrong("is not hexadecimal digits"))?;
    // systemd takes the partitions' UUIDs from the first and last 16 bytes.
    if root.len() < 16 {
        Err(wrong("has less than 16 bytes"))
    } else {
        Ok(CmdlineVerity::RootHash { parameter, root })
    }
}

/// The verity targets of every device in the value of `dm-mod.create=`.
pub(super) fn created(value: &str) -> Vec<Result<CreatedTarget, TableError>> {
    if value.len() > MAX_CREATE_LEN {
        return vec![Err(create_error(TOO_LONG))];
    }
    if value.contains(has_space_byte) {
        return vec![Err(create_error("has a character in which the kernel sees white space"))];
    }
    value.split(';').flat_map(device).collect()
}

fn device(entry: &str) -> Vec<Result<CreatedTarget, TableError>> {
    let mut fields = trim(entry).splitn(5, ',').map(trim);
    let mut field = || fields.next();
    let (Some(name), Some(uuid), Some(minor), Some(flags), Some(targets)) =
        (field(), field(), field(), field(), field())
    else {
        return vec![Err(create_error("a device is not NAME,UUID,MINOR,FLAGS,TABLE"))];
    };
    let head = || Ok((name, uuid, read_minor(minor)?, read_flags(flags)?));
    let (name, uuid, minor, read_only) = match head() {
        Ok(head) => head,
        Err(error) => return vec![Err(error)],
    };
    let lines: Vec<_> = targets.split(',').map(target).collect();
    let is_other = |line: &Result<Option<_>, _>| matches!(line, Ok(None));
    if lines.iter().any(is_other) && !lines.iter().all(is_other) {
        return vec![Err(create_error("a device has other targets beside verity, which nothing verifies"))];
    }
    let created = lines.into_iter().filter_map(Result::transpose).map(|target| {
        let (start_sector, sectors, table) = target?;
        let (name, uuid) = (name.to_owned(), uuid.to_owned());
        Ok(CreatedTarget { name, uuid, minor, read_only, start_sector, sectors, table })
    });
    created.collect()
}

fn read_minor(text: &str) -> Result<Option<u64>, TableError> {
    match text {
        "" => Ok(None),
        _ => decimal(text).map(Some).ok_or(create_error("the minor number is not one")),
    }
}

fn read_flags(text: &str) -> Result<bool, TableError> {
    match text {
        "ro" => Ok(true),
        "rw" => Ok(false),
        _ => Err(create_error("the flags are neither ro nor rw")),
    }
}

/// Start, length and table of a line of a table, if it is a verity target.
fn target(line: &str) -> Result<Option<(u64, u64, VerityTable)>, TableError> {
    let malformed = || create_error("a line of the table is not START LENGTH TYPE ARGUMENTS");
    let (start, rest) = word(line).ok_or_else(malformed)?;
    let (len, rest) = word(rest).ok_or_else(malformed)?;
    let (kind, arguments) = word(rest).ok_or_else(malformed)?;
    let (Some(start), Some(len)) = (decimal(start), decimal(len)) else { return Err(malformed()) };
    match kind {
        "verity" => VerityTable::parse(arguments).map(|table| Some((start, len, table))),
        // The kernel drops a backslash, so that `verit\y` is a verity target to it.
        _ if kind.contains('\\') => Err(create_error("the type of a target has a backslash in it")),
        _ => Ok(None),
    }
}

/// The first word and what follows it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(is_space);
    let (word, rest) = text.split_once(is_space).unwrap_or((text, ""));
    (!word.is_empty()).then_some((word, rest))
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

pub(super) fn create_error(reason: &'static str) -> TableError {
    TableError::Cmdline { parameter: "dm-mod.create".to_owned(), reason }
}

/// One less than `DM_MAX_STR_SIZE` of dm-init.c, which refuses values of that length and more.
pub(super) const MAX_CREATE_LEN: usize = 4095;
pub(super) const TOO_LONG: &str = "is longer than the 4095 bytes that the kernel takes";

#[cfg(test)]
mod tests {
    use super::super::ErrorMode;
    use super::*;

    const ROOT: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    fn table() -> String {
        format!(
            "0 2048 verity 1 PARTUUID=a/PARTNROFF=1 PARTUUID=a/PARTNROFF=2 4096 4096 256 1 sha256 {ROOT} aabb 2 \
             restart_on_corruption ignore_zero_blocks"
        )
    }

    #[test]
    fn an_escaped_type_is_not_overlooked() {
        let cmdline = format!("dm-mod.create=\"root,,,ro,{}\"", table().replace("verity", r"verit\y"));
        assert!(matches!(find_in_cmdline(&cmdline)[..], [Err(_)]), "{:?}", find_in_cmdline(&cmdline));
    }

    #[test]
    fn a_device_of_bottlerocket_is_read() {
        let cmdline = format!("console=ttyS0 dm-mod.create=\"root,,,ro,{}\" root=/dev/dm-0", table());
        let found = find_in_cmdline(&cmdline);
        let [Ok(CmdlineVerity::Created(target))] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((target.name.as_str(), target.uuid.as_str(), target.minor), ("root", "", None));
        assert_eq!((target.read_only, target.start_sector, target.sectors), (true, 0, 2048));
        assert_eq!(target.table.data_device, "PARTUUID=a/PARTNROFF=1");
        assert_eq!(target.table.options.corruption, Some(ErrorMode::Restart));
        assert!(target.table.options.ignore_zero_blocks);
    }

    #[test]
    fn quotes_may_be_around_the_parameter_or_in_it() {
        let table = table();
        for cmdline in [
            format!("\"dm-mod.create=root,,,ro,{table}\""),
            format!("dm_mod.create=\"root,,,ro,{table}\""),
            format!("a=\"b c\" dm-mod.create=\"root,,,ro,{table}"),
        ] {
            let found = find_in_cmdline(&cmdline);
            assert!(matches!(found.as_slice(), [Ok(CmdlineVerity::Created(_))]), "{cmdline}: {found:?}");
        }
        // Within quotes it is another parameter's value.
        assert_eq!(find_in_cmdline("a=\"x roothash=00\" b"), []);
    }

    #[test]
    fn several_devices_and_targets_are_found_and_others_passed_over() {
        let table = table();
        let value = format!("a,,3,ro,{table};b,u-u,,rw,{table},{table} ; c,,,ro,0 8 linear /dev/x 0");
        let found = find_in_cmdline(&format!("dm-mod.create=\"{value}\""));
        let names: Vec<(String, Option<u64>)> = found
            .into_iter()
            .map(|item| match item.unwrap() {
                CmdlineVerity::Created(target) => (target.name, target.minor),
                other @ CmdlineVerity::RootHash { .. } => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names, [("a".to_owned(), Some(3)), ("b".to_owned(), None), ("b".to_owned(), None)]);
    }

    #[test]
    fn root_hashes_of_systemd_are_read_also_after_the_dashes() {
        let found = find_in_cmdline(&format!("roothash={ROOT} -- usrhash={ROOT} dm-mod.create=\"x\""));
        let root = hex::decode(ROOT).unwrap();
        let wanted = |parameter| Ok(CmdlineVerity::RootHash { parameter, root: root.clone() });
        assert_eq!(found, [wanted(HashParameter::Root), wanted(HashParameter::Usr)]);
    }

    /// Found by fuzzing, against what the kernel makes of the bytes.
    #[test]
    fn white_space_and_ends_are_those_of_the_kernel() {
        let value = format!("dm-mod.create=\"root,,,ro,{}\"", table());
        for cmdline in [
            format!("quiet\u{b}{value}"),
            format!("voil\u{e0}{value}"),
            format!("{value}\0\""),
            value.replace(" verity ", "\u{b}verity\u{b}"),
            value.replace("root,", "\u{b}root\u{b},"),
        ] {
            let found = find_in_cmdline(&cmdline);
            let [Ok(CmdlineVerity::Created(target))] = &found[..] else { panic!("{cmdline:?}: {found:?}") };
            assert_eq!(target.name, "root");
        }
        assert_eq!(find_in_cmdline(&format!("quiet\0 {value}")), []);
        for name in ["voil\u{e0}", "\u{2003}root"] {
            let target = CreatedTarget { name: name.to_owned(), ..target_of(&value) };
            let found = find_in_cmdline(&value.replace("root,", &format!("{name},")));
            let kept = name != "voil\u{e0}";
            assert_eq!(found.contains(&Ok(CmdlineVerity::Created(Box::new(target)))), kept, "{name:?}");
        }
    }

    fn target_of(cmdline: &str) -> CreatedTarget {
        match &find_in_cmdline(cmdline)[..] {
            [Ok(CmdlineVerity::Created(target))] => (**target).clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_not_an_absence() {
        let long = format!("dm-mod.create=\"{}\"", "x".repeat(4096));
        for cmdline in [
            "roothash=",
            "roothash=abcd",
            "usrhash=xyz",
            "dm-mod.create=",
            "dm-mod.create=root",
            "dm-mod.create=root,,,wo,0",
            "dm-mod.create=root,,x,ro,0",
            "dm-mod.create=\"root,,,ro,0 8\"",
            "dm-mod.create=\"root,,,ro,0 x verity 1\"",
            "dm-mod.create=\"root,,,ro,0 8 verity 1\"",
            // Whatever verity says, the rest of the device is not verified.
            &format!("dm-mod.create=\"root,,,ro,{},2048 8 linear /dev/x 0\"", table()),
            &format!("dm-mod.create=\"root,,,ro,0 8 linear /dev/x 0,{}\"", table()),
            &long,
        ] {
            let found = find_in_cmdline(cmdline);
            assert!(matches!(found.as_slice(), [Err(_)]), "{cmdline}: {found:?}");
        }
        assert_eq!(find_in_cmdline(""), []);
        assert_eq!(find_in_cmdline("quiet \" ="), []);
        let twice = format!("dm-mod.create=\"a,,,ro,{0}\" dm-mod.create=\"b,,,ro,{0}\"", table());
        assert!(matches!(find_in_cmdline(&twice).as_slice(), [Ok(_), Err(_), Ok(_)]));
    }
}
