//! `roothash=`, `usrhash=`, `systemd.verity=` and `systemd.verity_*` on the kernel command line.

use std::fmt;

use super::word::{boolean, check_device, check_word, root_hash, split};
use super::{SystemdError, SystemdOptions};
use crate::hex;
use crate::table::cmdline::{canonical, parameters};

/// What systemd's generator reads from a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct SystemdCmdline {
    /// `systemd.verity=`: not given, the generator is on.
    pub enabled: Option<bool>,
    /// The root file system's device, which becomes `/dev/mapper/root`.
    pub root: Option<SystemdDevice>,
    /// `/usr`'s device, which becomes `/dev/mapper/usr`.
    pub usr: Option<SystemdDevice>,
}

/// A device that systemd's generator sets up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers make it")]
pub struct SystemdDevice {
    /// The root hash, at least 16 bytes.
    pub root: Vec<u8>,
    /// The data device. Not given, it is the partition whose UUID is the first 16 bytes of the root hash.
    pub data_device: Option<String>,
    /// The hash device. Not given, it is the partition whose UUID is the last 16 bytes of the root hash.
    pub hash_device: Option<String>,
    /// The options.
    pub options: SystemdOptions,
}

impl SystemdCmdline {
    /// Reads the parameters among all others of `cmdline`; `rd.` before a name is read as if it were not there, as in
    /// an initrd. systemd takes the last of several; here they must not contradict each other. Single quotes, and double
    /// ones within a word, are quotes to systemd and not to the kernel: what they hide or show is an error.
    pub fn parse(cmdline: &str) -> Result<Self, SystemdError> {
        check_quotes(cmdline)?;
        let mut enabled = None;
        let [mut root, mut usr] = [Parts::default(), Parts::default()];
        for (name, value) in parameters(cmdline) {
            let name = canonical(name);
            let key = name.strip_prefix("rd.").unwrap_or(&name);
            match key {
                "systemd.verity" => {
                    let value = value.map_or(Ok(true), |value| boolean(key, value))?;
                    if *enabled.get_or_insert(value) != value {
                        return Err(SystemdError::repeated(key));
                    }
                }
                "roothash" => root.root_hash.read(key, value)?,
                "systemd.verity_root_data" => root.data.read(key, value)?,
                "systemd.verity_root_hash" => root.hash.read(key, value)?,
                "systemd.verity_root_options" => root.options.read(key, value)?,
                "usrhash" => usr.root_hash.read(key, value)?,
                "systemd.verity_usr_data" => usr.data.read(key, value)?,
                "systemd.verity_usr_hash" => usr.hash.read(key, value)?,
                "systemd.verity_usr_options" => usr.options.read(key, value)?,
                _ => {}
            }
        }
        Ok(Self { enabled, root: root.finish(&Names::ROOT)?, usr: usr.finish(&Names::USR)? })
    }

    /// Whether it can be written so that systemd reads it back.
    pub fn check(&self) -> Result<(), SystemdError> {
        let text = self.to_string();
        match Self::parse(&text) {
            Ok(read) if read == *self => Ok(()),
            Ok(_) => Err(SystemdError::value("command line", &text, "would be read as something else")),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for SystemdCmdline {
    /// The parameters with blanks between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        let enabled = self.enabled.map(|enabled| if enabled { "yes" } else { "no" });
        words.extend(enabled.map(|enabled| format!("systemd.verity={enabled}")));
        for (device, names) in [(&self.root, Names::ROOT), (&self.usr, Names::USR)] {
            let Some(device) = device else { continue };
            words.push(format!("{}={}", names.root_hash, hex::Digits(&device.root)));
            words.extend(device.data_device.as_ref().map(|path| format!("{}={path}", names.data)));
            words.extend(device.hash_device.as_ref().map(|path| format!("{}={path}", names.hash)));
            if !device.options.is_empty() {
                words.push(format!("{}={}", names.options, device.options));
            }
        }
        f.write_str(&words.join(" "))
    }
}

/// The names of a device's parameters.
struct Names {
    root_hash: &'static str,
    data: &'static str,
    hash: &'static str,
    options: &'static str,
}

impl Names {
    const ROOT: Self = Self {
        root_hash: "roothash",
        data: "systemd.verity_root_data",
        hash: "systemd.verity_root_hash",
        options: "systemd.verity_root_options",
    };
    const USR: Self = Self {
        root_hash: "usrhash",
        data: "systemd.verity_usr_data",
        hash: "systemd.verity_usr_hash",
        options: "systemd.verity_usr_options",
    };
}

impl Names {
    /// Whether systemd's generator reads the parameter `name`, which is canonical.
    fn have(name: &str) -> bool {
        let key = name.strip_prefix("rd.").unwrap_or(name);
        let of = |names: Self| [names.root_hash, names.data, names.hash, names.options].contains(&key);
        key == "systemd.verity" || of(Self::ROOT) || of(Self::USR)
    }
}

/// Whether systemd finds the same parameters of its generator as are found by the kernel's rules.
fn check_quotes(cmdline: &str) -> Result<(), SystemdError> {
    let kernels = parameters(cmdline).into_iter();
    let kernels = kernels.map(|(name, value)| (canonical(name), value.map(str::to_owned)));
    let systemds = split(cmdline).into_iter().map(|word| match word.split_once('=') {
        Some((name, value)) => (canonical(name), Some(value.to_owned())),
        None => (canonical(&word), None),
    });
    let ours = |parameter: &(String, Option<String>)| Names::have(&parameter.0);
    if kernels.filter(ours).eq(systemds.filter(ours)) {
        return Ok(());
    }
    Err(SystemdError::value("command line", cmdline, "has quotes that only systemd takes for some"))
}

/// A device's parameters as they are found.
#[derive(Default)]
struct Parts<'a> {
    root_hash: Part<'a>,
    data: Part<'a>,
    hash: Part<'a>,
    options: Part<'a>,
}

#[derive(Default)]
struct Part<'a>(Option<&'a str>);

impl<'a> Part<'a> {
    fn read(&mut self, name: &str, value: Option<&'a str>) -> Result<(), SystemdError> {
        let value = check_word(name, value.unwrap_or_default())?;
        if *self.0.get_or_insert(value) == value { Ok(()) } else { Err(SystemdError::repeated(name)) }
    }
}

impl Parts<'_> {
    fn finish(self, names: &Names) -> Result<Option<SystemdDevice>, SystemdError> {
        let others = [(names.data, &self.data), (names.hash, &self.hash), (names.options, &self.options)];
        let Some(root) = self.root_hash.0 else {
            let other = others.into_iter().find_map(|(name, part)| part.0.map(|value| (name, value)));
            let alone = |(name, value)| SystemdError::value(name, value, "stands without a root hash");
            return other.map_or(Ok(None), |other| Err(alone(other)));
        };
        let device = |name, part: &Part<'_>| {
            part.0.map(|value| check_device(name, value).map(str::to_owned)).transpose()
        };
        Ok(Some(SystemdDevice {
            root: root_hash(names.root_hash, root)?,
            data_device: device(names.data, &self.data)?,
            hash_device: device(names.hash, &self.hash)?,
            options: SystemdOptions::parse(self.options.0.unwrap_or_default())?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::ErrorMode;

    const ROOT: &str = "4a25101d8ed370882c613a94e8ba3f1fd5e320406dd5610454f4267cff2c81be";

    #[test]
    fn parameters_are_found_among_others() {
        let cmdline = format!(
            "quiet roothash={ROOT} -- rd.systemd.verity=1 \"usrhash={ROOT}\" systemd.verity-usr-data=\"/dev/a\" \
             rd.systemd.verity_usr_hash=PARTUUID=b systemd.verity_usr_options=panic-on-corruption,noauto root=/dev/x"
        );
        let read = SystemdCmdline::parse(&cmdline).unwrap();
        assert_eq!(read.enabled, Some(true));
        let root = read.root.clone().unwrap();
        assert_eq!((root.root[0], root.data_device, root.hash_device), (0x4a, None, None));
        let usr = read.usr.clone().unwrap();
        assert_eq!(
            (usr.data_device.as_deref(), usr.hash_device.as_deref()),
            (Some("/dev/a"), Some("PARTUUID=b"))
        );
        assert_eq!(usr.options.corruption, Some(ErrorMode::Panic));
        assert_eq!(
            read.to_string(),
            format!(
                "systemd.verity=yes roothash={ROOT} usrhash={ROOT} systemd.verity_usr_data=/dev/a \
                 systemd.verity_usr_hash=PARTUUID=b systemd.verity_usr_options=panic-on-corruption,noauto"
            )
        );
        assert_eq!(SystemdCmdline::parse(&read.to_string()), Ok(read));
        assert_eq!(SystemdCmdline::parse("quiet roothash_x=1"), Ok(SystemdCmdline::default()));
    }

    #[test]
    fn the_same_twice_is_once_and_a_contradiction_is_an_error() {
        let other = ROOT.replace('a', "b");
        assert!(SystemdCmdline::parse(&format!("roothash={ROOT} rd.roothash={ROOT}")).is_ok());
        for cmdline in [
            format!("roothash={ROOT} roothash={other}"),
            format!("roothash={ROOT} systemd.verity_root_data=/a systemd.verity_root_data=/b"),
            "systemd.verity=no systemd.verity".to_owned(),
        ] {
            assert!(
                matches!(SystemdCmdline::parse(&cmdline), Err(SystemdError::Repeated { .. })),
                "{cmdline}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_not_an_absence() {
        for cmdline in [
            "roothash",
            "roothash=",
            "usrhash=\"\"",
            "roothash=zz",
            "roothash=aabb",
            "roothash=/run/hash",
            "systemd.verity=perhaps",
            "systemd.verity_root_data=/dev/a",
            "systemd.verity_usr_options=auto",
            &format!("roothash={ROOT} systemd.verity_root_data=sda1"),
            &format!("roothash={ROOT} systemd.verity_root_data=\"/dev/a b\""),
            &format!("roothash={ROOT} systemd.verity_root_options=what"),
            &format!("roothash='{ROOT}'"),
        ] {
            let read = SystemdCmdline::parse(cmdline);
            assert!(read.is_err(), "{cmdline}: {read:?}");
        }
    }

    #[test]
    fn quotes_that_systemd_alone_would_take_away_are_errors() {
        let evil = ROOT.replace('4', "5");
        for hidden in [
            format!("'roothash={evil}'"),
            format!("'rd.roothash={evil}'"),
            format!("root\"hash\"={evil}"),
            format!("x='y\"' roothash={evil} z=\"'"),
            "'systemd.verity=no'".to_owned(),
            format!("x=\"'\" roothash={evil}"),
        ] {
            let cmdline = format!("roothash={ROOT} {hidden}");
            let read = SystemdCmdline::parse(&cmdline);
            assert!(read.is_err(), "{cmdline}: {read:?}");
        }
        // Quotes in what is no matter of verity's, and those that both take away.
        for cmdline in
            [format!("a='b c' roothash=\"{ROOT}\" d=\"e f\""), format!("\"roothash={ROOT}\" don't")]
        {
            assert!(SystemdCmdline::parse(&cmdline).is_ok(), "{cmdline}");
        }
    }

    #[test]
    fn what_would_not_come_back_is_not_written() {
        let device = SystemdCmdline::parse(&format!("roothash={ROOT}")).unwrap();
        assert_eq!(device.check(), Ok(()));
        for path in ["/dev/a b", "/dev/a\"", "sda", ""] {
            let mut device = device.clone();
            device.root.as_mut().unwrap().data_device = Some(path.to_owned());
            assert!(device.check().is_err(), "{path}");
        }
    }
}
