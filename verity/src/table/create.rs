//! Writing `dm-mod.create=`.

use super::cmdline::{MAX_CREATE_LEN, TOO_LONG, create_error, created};
use super::{CreatedTarget, TableError};

/// The parameter `dm-mod.create="…"` that lets the kernel map these targets. Targets that follow each other and have the
/// same name, UUID, minor number and mode become one device.
///
/// # Errors
///
/// The kernel has no way to quote what separates fields here, nor to take more than 4095 bytes, and cuts names that are too
/// long. What it would not read back as it is is refused.
pub fn create_parameter(targets: &[CreatedTarget]) -> Result<String, TableError> {
    targets.iter().try_for_each(check)?;
    let value = value(targets);
    // Control characters end lines of boot loaders' files; the quote would end the value.
    if value.contains(|character: char| character.is_control() || character == '"') {
        return Err(create_error(
            "a name has a control character or a quote, which the command line cannot carry",
        ));
    }
    if value.len() > MAX_CREATE_LEN {
        return Err(create_error(TOO_LONG));
    }
    let read: Option<Vec<_>> = created(&value).into_iter().map(Result::ok).collect();
    let same = read.is_some_and(|read| read == targets);
    let lost = "a name has a comma, a semicolon or blanks where the kernel takes them for separators";
    if same { Ok(format!("dm-mod.create=\"{value}\"")) } else { Err(create_error(lost)) }
}

fn check(target: &CreatedTarget) -> Result<(), TableError> {
    if target.name.is_empty() || target.name.contains('/') {
        return Err(create_error("the device's name is empty or has a slash"));
    }
    if target.name.len() > MAX_NAME_LEN || target.uuid.len() > MAX_UUID_LEN {
        return Err(create_error("the device's name or UUID is longer than the kernel's 127 and 128 bytes"));
    }
    Ok(())
}

fn value(targets: &[CreatedTarget]) -> String {
    let head = |target: &CreatedTarget| {
        let minor = target.minor.map(|minor| minor.to_string()).unwrap_or_default();
        let mode = if target.read_only { "ro" } else { "rw" };
        format!("{},{},{minor},{mode}", target.name, target.uuid)
    };
    let line = |target: &CreatedTarget| {
        format!(",{} {} verity {}", target.start_sector, target.sectors, target.table)
    };
    let devices = targets.chunk_by(|one, other| head(one) == head(other));
    let devices = devices.map(|device| head(&device[0]) + &device.iter().map(line).collect::<String>());
    devices.collect::<Vec<_>>().join(";")
}

/// `DM_NAME_LEN` of the kernel's dm-ioctl.h, without the NUL at the end.
const MAX_NAME_LEN: usize = 127;
/// `DM_UUID_LEN`, likewise.
const MAX_UUID_LEN: usize = 128;

#[cfg(test)]
mod tests {
    use super::super::{CmdlineVerity, ErrorMode, VerityTable, find_in_cmdline};
    use super::*;

    const ROOT: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    fn target(name: &str) -> CreatedTarget {
        let table = format!(
            "1 PARTUUID=$boot_uuid/PARTNROFF=1 PARTUUID=$boot_uuid/PARTNROFF=2 4096 4096 256 1 sha256 {ROOT} aabb 2 \
             restart_on_corruption ignore_zero_blocks"
        );
        CreatedTarget::new(name, VerityTable::parse(&table).unwrap()).unwrap()
    }

    fn read_back(text: &str) -> Vec<CreatedTarget> {
        let found = find_in_cmdline(text).into_iter().map(|found| match found.unwrap() {
            CmdlineVerity::Created(target) => *target,
            other @ CmdlineVerity::RootHash { .. } => panic!("{other:?}"),
        });
        found.collect()
    }

    #[test]
    fn the_parameter_is_that_of_bottlerocket() {
        let text = create_parameter(&[target("root")]).unwrap();
        let wanted = format!(
            "dm-mod.create=\"root,,,ro,0 2048 verity 1 PARTUUID=$boot_uuid/PARTNROFF=1 PARTUUID=$boot_uuid/PARTNROFF=2 \
             4096 4096 256 1 sha256 {ROOT} aabb 2 restart_on_corruption ignore_zero_blocks\""
        );
        assert_eq!(text, wanted);
        assert_eq!(read_back(&text), [target("root")]);
    }

    #[test]
    fn devices_with_several_targets_come_back() {
        let mut second = target("a");
        second.start_sector = 2048;
        second.table.options.corruption = Some(ErrorMode::Panic);
        let mut other = target("b");
        (other.uuid, other.minor, other.read_only) = ("u-u".to_owned(), Some(3), false);
        let targets = [target("a"), second, other];
        let text = create_parameter(&targets).unwrap();
        assert_eq!(text.matches(';').count(), 1);
        assert_eq!(read_back(&format!("quiet {text} x")), targets);
    }

    /// Case 10 of the hard cases: nothing that is written may be read as something else.
    #[test]
    fn what_the_kernel_would_read_otherwise_is_refused() {
        let with = |change: fn(&mut CreatedTarget)| {
            let mut target = target("root");
            change(&mut target);
            create_parameter(&[target])
        };
        let wrong: [fn(&mut CreatedTarget); 12] = [
            |target| target.name.clear(),
            |target| target.name = "a/b".into(),
            |target| target.name = "a,b".into(),
            |target| target.name = "a;b".into(),
            |target| target.name = " a".into(),
            |target| target.name = "a\"b".into(),
            |target| target.name = "a\nb".into(),
            |target| target.name = "x".repeat(128),
            |target| target.uuid = "x".repeat(129),
            |target| target.table.data_device = "/dev/a,b".into(),
            |target| target.table.hash_device = "/dev/a;b".into(),
            |target| target.table.data_device = "/dev/\"a".into(),
        ];
        for (index, change) in wrong.into_iter().enumerate() {
            assert!(matches!(with(change), Err(TableError::Cmdline { .. })), "{index}");
        }
        // A blank within a device's name is escaped, and comes back.
        assert!(with(|target| target.table.data_device = "PARTLABEL=a b".into()).is_ok());
        assert!(with(|target| target.table.options.signature_key = Some("key ".into())).is_err());
        assert!(with(|target| target.name = "x".repeat(127)).is_ok());
    }

    #[test]
    fn no_more_than_the_kernel_takes_is_written() {
        let len = create_parameter(&[target("root")]).unwrap().len() - "dm-mod.create=\"\"".len();
        let with = |extra: usize| {
            let mut target = target("root");
            target.table.data_device.push_str(&"x".repeat(extra));
            create_parameter(&[target])
        };
        assert!(with(4095 - len).is_ok());
        assert_eq!(with(4096 - len), Err(create_error(TOO_LONG)));
    }
}
