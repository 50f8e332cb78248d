//! `/proc/self/mountinfo`, as proc(5) describes it.

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted, unescaped.
    pub target: Vec<u8>,
    /// Its type: `ext4`, `tmpfs`.
    pub fstype: String,
    /// What is mounted: a device, or a word of the file system's own.
    pub source: Vec<u8>,
    /// Major and minor number of the device behind it.
    pub device: (u32, u32),
    /// Options of the mount: `ro`, `nosuid`.
    pub options: Vec<String>,
    /// Options of the file system itself, which hold for all its mounts.
    pub super_options: Vec<String>,
}

impl Mount {
    /// Whether the mount has the option. Read-only counts if the mount or the file system has it.
    pub fn has(&self, option: &str) -> bool {
        let in_super = matches!(option, "ro") && self.super_options.iter().any(|have| have == option);
        in_super || self.options.iter().any(|have| have == option)
    }
}

/// The mounts in a `mountinfo` text; lines that break the format are passed over, since later kernels may add some.
pub fn parse_mountinfo(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// `ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS [TAG…] - FSTYPE SOURCE SUPER-OPTIONS`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = std::str::from_utf8(fields.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let target = unescape(fields.nth(1)?);
    let options = options(fields.next()?);
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    Some(Mount {
        target,
        fstype: String::from_utf8_lossy(rest.next()?).into_owned(),
        source: unescape(rest.next()?),
        device: (major.parse().ok()?, minor.parse().ok()?),
        options,
        super_options: self::options(rest.next().unwrap_or_default()),
    })
}

fn options(field: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(field).split(',').map(str::to_owned).collect()
}

/// Space, tab, newline and backslash are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                out.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                rest = after;
            }
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_escapes_are_read() {
        let text = b"36 35 98:0 /mnt1 /mnt/a\\040b ro,noatime master:1 - ext4 /dev/root rw,errors=continue\nbroken\n";
        let mounts = parse_mountinfo(text);
        assert_eq!(mounts.len(), 1);
        let mount = &mounts[0];
        assert_eq!(mount.target, b"/mnt/a b");
        assert_eq!((mount.fstype.as_str(), mount.device), ("ext4", (98, 0)));
        assert!(mount.has("ro") && mount.has("noatime") && !mount.has("rw"));
    }

    #[test]
    fn a_read_only_file_system_is_read_only_through_any_mount() {
        let mounts = parse_mountinfo(b"1 0 8:1 / / rw - squashfs /dev/sda1 ro\n");
        assert!(mounts[0].has("ro"));
    }
}
