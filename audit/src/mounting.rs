//! Where file systems are mounted: on the running host, and by `fstab`.

use hardpan_lockdown::{Mount, Reading};
use hardpan_report::{Cause, Evidence, Finding, Location, escape};

use crate::{Context, Text};

/// One line of `/etc/fstab`, as fstab(5) describes it.
#[derive(Clone, Debug)]
pub(crate) struct FstabEntry {
    /// Where, unescaped.
    pub(crate) target: Vec<u8>,
    /// The file system's type.
    pub(crate) fstype: String,
    /// Its options.
    pub(crate) options: Vec<String>,
    /// The line.
    pub(crate) location: Location,
}

impl FstabEntry {
    /// Whether it is mounted so that nothing can be written.
    pub(crate) fn is_read_only(&self) -> bool {
        let last = self.options.iter().rfind(|option| matches!(option.as_str(), "ro" | "rw"));
        last.is_some_and(|option| option == "ro") || is_immutable(&self.fstype)
    }
}

impl Context<'_> {
    /// The mounts of the running host: `None` if the subject is no running host, a finding if they cannot be read.
    pub(crate) fn live_mounts(&self) -> Option<Result<&[Mount], Box<Finding>>> {
        let reason = match self.mounts.as_ref()? {
            Reading::Present(mounts) => return Some(Ok(mounts)),
            Reading::Absent => "/proc/self/mountinfo does not exist; is /proc mounted?".to_owned(),
            Reading::Unreadable(reason) => {
                format!("the mounts cannot be read: {}", escape(reason.as_bytes()))
            }
        };
        Some(Err(Box::new(Finding::unknown(Cause::Unreadable, None, "mountinfo", reason))))
    }

    /// The entries of `/etc/fstab`; none if there is no such file.
    pub(crate) fn fstab(&self) -> Result<Vec<FstabEntry>, Box<Finding>> {
        let text = match self.text("/etc/fstab") {
            Text::Present(text) => text,
            Text::Absent => return Ok(Vec::new()),
            Text::Unread(finding) => return Err(finding),
        };
        let entry = |(number, line): (u32, &[u8])| {
            let line = String::from_utf8_lossy(line).into_owned();
            let mut fields = line.split_ascii_whitespace();
            fields.next()?;
            Some(FstabEntry {
                target: normal(fields.next()?),
                fstype: fields.next()?.to_owned(),
                options: fields.next().unwrap_or("defaults").split(',').map(str::to_owned).collect(),
                location: text.line(number),
            })
        };
        Ok(text.statements(b"#").filter_map(entry).collect())
    }
}

/// The mount that is seen at exactly `target`: the last one, which covers the earlier.
pub(crate) fn mount_at<'m>(mounts: &'m [Mount], target: &[u8]) -> Option<&'m Mount> {
    mounts.iter().rfind(|mount| mount.target == target)
}

/// The mount that holds `path`.
pub(crate) fn mount_of<'m>(mounts: &'m [Mount], path: &[u8]) -> Option<&'m Mount> {
    let holds = |target: &[u8]| {
        target == b"/"
            || path.strip_prefix(target).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
    };
    let mut best: Option<&Mount> = None;
    for mount in mounts.iter().filter(|mount| holds(&mount.target)) {
        if best.is_none_or(|best| mount.target.len() >= best.target.len()) {
            best = Some(mount);
        }
    }
    best
}

/// What is mounted, in words: `ext4 from /dev/sda1`.
pub(crate) fn describe(mount: &Mount) -> String {
    format!("{} from {}", escape(mount.fstype.as_bytes()), escape(&mount.source))
}

/// The fact that something is mounted in some way.
pub(crate) fn mount_evidence(mount: &Mount, seen: String, wanted: &'static str) -> Evidence {
    Evidence::new(format!("mount of {}", escape(&mount.target)), seen, wanted)
        .at(Location::file("/proc/self/mountinfo"))
}

/// File systems in memory: nothing in them outlives a boot.
pub(crate) fn is_in_memory(fstype: &str) -> bool {
    matches!(fstype, "tmpfs" | "ramfs" | "rootfs")
}

/// File systems whose format has no way to be written in place.
pub(crate) fn is_immutable(fstype: &str) -> bool {
    matches!(fstype, "squashfs" | "erofs" | "cramfs" | "romfs" | "iso9660")
}

/// Decodes the octal escapes of fstab(5) and drops slashes at the end.
fn normal(target: &str) -> Vec<u8> {
    let text = target.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
    let trimmed = text.trim_end_matches('/');
    if trimmed.is_empty() { b"/".to_vec() } else { trimmed.as_bytes().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(target: &str, fstype: &str) -> Mount {
        Mount {
            target: target.into(),
            fstype: fstype.into(),
            source: b"none".to_vec(),
            device: (0, 1),
            options: Vec::new(),
            super_options: Vec::new(),
        }
    }

    #[test]
    fn the_deepest_and_last_mount_holds_a_path() {
        let mounts = [mount("/", "ext4"), mount("/run", "ext4"), mount("/run", "tmpfs"), mount("/ru", "xfs")];
        assert_eq!(mount_of(&mounts, b"/run/etc").unwrap().fstype, "tmpfs");
        assert_eq!(mount_of(&mounts, b"/running").unwrap().fstype, "ext4");
        assert_eq!(mount_at(&mounts, b"/run").unwrap().fstype, "tmpfs");
    }
}
