//! The dm-verity tables in a `dm-mod.create=` word, as the kernel's dm-init and dm-verity documents describe them.

use crate::CommandLine;

/// What the rules look at in a dm-verity table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// The device-mapper name of the device.
    pub(super) device: String,
    /// The hash algorithm, as the kernel's crypto interface names it.
    pub(super) algorithm: String,
    /// The root hash in hexadecimal.
    pub(super) root_hash: String,
    /// The salt in hexadecimal, or `-`.
    pub(super) salt: String,
    /// The optional arguments.
    pub(super) options: Vec<String>,
}

/// A table with target `verity` that breaks its format: the device's name, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadTable {
    pub(super) device: String,
    pub(super) reason: String,
}

/// The verity tables of the command line, in order. The kernel keeps only the last `dm-mod.create=`.
pub(super) fn tables(line: &CommandLine) -> Vec<Result<Table, BadTable>> {
    let Some(value) = line.kernel_value("dm-mod.create") else { return Vec::new() };
    value.split(';').flat_map(of_device).collect()
}

/// `NAME,UUID,MINOR,FLAGS,TABLE[,TABLE…]`
fn of_device(device: &str) -> Vec<Result<Table, BadTable>> {
    let mut fields = device.split(',').map(str::trim);
    let name = fields.next().unwrap_or_default().to_owned();
    fields.skip(3).filter_map(|table| of_target(&name, table)).collect()
}

/// `START LENGTH verity VERSION DATA HASH DATA-BLOCK HASH-BLOCK BLOCKS HASH-START ALGORITHM ROOT SALT [COUNT OPTION…]`;
/// `None` for another target.
fn of_target(device: &str, table: &str) -> Option<Result<Table, BadTable>> {
    let words: Vec<&str> = table.split_ascii_whitespace().collect();
    let ["verity", arguments @ ..] = words.get(2..)? else { return None };
    let bad = |reason: String| BadTable { device: device.to_owned(), reason };
    let [_, _, _, _, _, _, _, algorithm, root_hash, salt, options @ ..] = arguments else {
        return Some(Err(bad(format!(
            "its table has {} arguments where verity has at least 10",
            arguments.len()
        ))));
    };
    let options = match options {
        [] => &[],
        [count, options @ ..] if count.parse() == Ok(options.len()) => options,
        [count, options @ ..] => {
            return Some(Err(bad(format!(
                "it announces {count} optional arguments and has {}",
                options.len()
            ))));
        }
    };
    Some(Ok(Table {
        device: device.to_owned(),
        algorithm: (*algorithm).to_owned(),
        root_hash: (*root_hash).to_owned(),
        salt: (*salt).to_owned(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::configured;

    #[test]
    fn every_device_and_target_is_looked_at() {
        let line = "dm-mod.create=\"a,,,ro,0 8 linear 8:1 0;root,u,0,ro,0 8 verity 1 8:1 8:2 4096 4096 1 1 sha256 ab cd \
                    1 restart_on_corruption,8 8 verity 1\"";
        let tables = tables(&configured(line));
        assert_eq!(tables.len(), 2);
        let table = tables[0].as_ref().unwrap();
        assert_eq!((table.device.as_str(), table.salt.as_str()), ("root", "cd"));
        assert_eq!(table.options, ["restart_on_corruption"]);
        assert!(tables[1].as_ref().unwrap_err().reason.contains("has 1 arguments"));
    }

    #[test]
    fn the_number_of_options_must_be_right() {
        let line =
            "dm-mod.create=\"r,,,ro,0 8 verity 1 d h 4096 4096 1 1 sha256 ab - 2 restart_on_corruption\"";
        assert!(tables(&configured(line))[0].is_err());
    }
}
