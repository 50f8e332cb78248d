//! What is mounted at `/etc`: on the running host, by a mount unit or by `fstab`.

use hardpan_lockdown::Mount;
use hardpan_report::{Cause, Evidence, Finding, Location, escape};

use crate::mounting::mount_at;
use crate::systemd::{UnitFile, drop_in, enabled_units, unit_file, unit_value};
use crate::{Context, Text};

/// A file system that is mounted at `/etc`, or would be.
#[derive(Debug)]
pub(super) struct EtcMount {
    /// Its type.
    pub(super) fstype: String,
    /// The options of the mount and of the file system.
    pub(super) options: Vec<String>,
    /// Where that is written.
    pub(super) location: Location,
    /// Whether something is known to mount it.
    pub(super) is_pulled: bool,
}

impl EtcMount {
    fn of(mount: &Mount) -> Self {
        Self {
            fstype: mount.fstype.clone(),
            options: mount.options.iter().chain(&mount.super_options).cloned().collect(),
            location: Location::file("/proc/self/mountinfo"),
            is_pulled: true,
        }
    }

    /// Whether the option is given.
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|have| have == option)
    }

    /// The directory that takes an overlay's changes.
    pub(super) fn upper(&self) -> Option<&str> {
        self.options.iter().rev().find_map(|option| option.strip_prefix("upperdir="))
    }

    /// The fact that it is mounted.
    pub(super) fn evidence(&self, wanted: &'static str) -> Evidence {
        let seen = format!("{} {}", self.fstype, self.options.join(","));
        Evidence::new("mount of /etc", escape(seen.as_bytes()), wanted).at(self.location.clone())
    }
}

/// What is mounted at `/etc`; `None` if nothing is.
pub(super) fn etc_mount(context: &Context<'_>) -> Result<Option<EtcMount>, Box<Finding>> {
    match context.live_mounts() {
        Some(mounts) => Ok(mount_at(mounts?, b"/etc").map(EtcMount::of)),
        None => configured(context),
    }
}

fn configured(context: &Context<'_>) -> Result<Option<EtcMount>, Box<Finding>> {
    let line = context.fstab()?.into_iter().rfind(|entry| entry.target == b"/etc");
    let file = unit_file(context, b"etc.mount").map_err(|error| {
        let reason = format!("whether etc.mount mounts /etc cannot be told: its file {error}");
        Box::new(Finding::unknown(Cause::Unreadable, None, "unit:etc.mount", reason))
    })?;
    let unit = match file {
        UnitFile::At(id) => context.text_of(id),
        UnitFile::Masked => return Ok(None),
        UnitFile::Absent => Text::Absent,
    };
    if let (Text::Present(_), Some(id)) = (&unit, drop_in(context, b"etc.mount")) {
        let location = context.location(id);
        let reason = "this drop-in may change how etc.mount mounts /etc, and drop-ins are not followed here";
        return Err(Box::new(Finding::unknown(Cause::Undecided, Some(location), "drop-in", reason)));
    }
    match unit {
        Text::Present(text) => {
            let value = |key| unit_value(&text, "Mount", key).map(|(_, value)| value);
            let line = unit_value(&text, "Mount", "Type").map_or(1, |(line, _)| line);
            let options = value("Options").unwrap_or_default();
            Ok(Some(EtcMount {
                fstype: value("Type").unwrap_or_default(),
                options: options.split(',').map(str::to_owned).collect(),
                location: text.line(line),
                // What first boot would enable does not count: with /etc read-only it cannot write the link.
                is_pulled: enabled_units(context)
                    .units
                    .iter()
                    .any(|unit| unit.name == b"etc.mount" && unit.preset.is_none()),
            }))
        }
        Text::Unread(finding) => Err(finding),
        Text::Absent => Ok(line.map(|entry| EtcMount {
            fstype: entry.fstype,
            is_pulled: !entry.options.iter().any(|option| option == "noauto"),
            options: entry.options,
            location: entry.location,
        })),
    }
}
