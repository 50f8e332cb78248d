//! Whether a mounted file system, or one that a command line would mount, lies on dm-verity.

use hardpan_lockdown::{Host, Mount, Reading};
use hardpan_report::{Evidence, escape};
use hardpan_verity::table::{
    CmdlineVerity, CreatedTarget, ErrorMode, HashParameter, TableError, VerityTable, find_in_cmdline,
};

use crate::Context;
use crate::mounting::mount_at;
use hardpan_lockdown::CommandLine;
use hardpan_lockdown::cmdline::Word;

/// What a command line says of dm-verity.
#[derive(Debug, Default)]
pub(super) struct Configured {
    /// The verity targets in `dm-mod.create=`.
    pub(super) targets: Vec<CreatedTarget>,
    /// What is meant to be verity and breaks its format.
    pub(super) bad: Vec<TableError>,
    /// Whether systemd's generator in the initrd has a root hash for the root.
    pub(super) root_hash: bool,
    /// The same for `/usr`.
    pub(super) usr_hash: bool,
    /// The word that switches systemd's generator off.
    pub(super) disabled: Option<String>,
    /// What systemd's options say of corrupt blocks.
    pub(super) corruption: Option<ErrorMode>,
}

impl Configured {
    /// Reads a command line. User space has its own parser, which does not stop at `--`.
    pub(super) fn of(line: &CommandLine) -> Self {
        let mut configured = Self::default();
        for mention in find_in_cmdline(&line.text) {
            match mention {
                Ok(CmdlineVerity::Created(target)) => configured.targets.push(*target),
                Ok(CmdlineVerity::RootHash { parameter: HashParameter::Root, .. }) => {
                    configured.root_hash = true;
                }
                Ok(CmdlineVerity::RootHash { parameter: HashParameter::Usr, .. }) => {
                    configured.usr_hash = true;
                }
                // A kind of mention that this rule does not know yet decides nothing.
                Ok(_) => {}
                Err(error) => configured.bad.push(error),
            }
        }
        let words = &line.words;
        let is_off = |value: &str| matches!(value, "0" | "no" | "false" | "off" | "n" | "f");
        let switch = words.iter().rfind(|word| word.is("systemd.verity") || word.is("rd.systemd.verity"));
        let disabled = switch.filter(|word| word.value.as_deref().is_some_and(is_off));
        configured.disabled = disabled.map(Word::text);
        configured.corruption = systemd_corruption(words);
        configured
    }

    /// Whether systemd's generator maps something by a root hash.
    pub(super) fn by_generator(&self) -> bool {
        self.disabled.is_none() && (self.root_hash || self.usr_hash)
    }

    /// Whether anything is mapped at all.
    pub(super) fn is_any(&self) -> bool {
        !self.targets.is_empty() || self.by_generator()
    }
}

/// The options of systemd's that veritytab(5) lists, as far as they concern corrupt blocks.
fn systemd_corruption(words: &[Word]) -> Option<ErrorMode> {
    let named =
        |word: &&Word| word.is("systemd.verity_root_options") || word.is("systemd.verity_usr_options");
    let values = words.iter().filter(named).filter_map(|word| word.value.as_deref());
    let mut modes = values.flat_map(|value| value.split(',')).filter_map(|option| match option {
        "ignore-corruption" => Some(ErrorMode::Ignore),
        "restart-on-corruption" => Some(ErrorMode::Restart),
        "panic-on-corruption" => Some(ErrorMode::Panic),
        _ => None,
    });
    let first = modes.next()?;
    // Of several the worst counts.
    Some(modes.fold(first, |worst, mode| if mode == ErrorMode::Ignore { mode } else { worst }))
}

/// An error of the table's parser, to be shown: it quotes the command line.
pub(super) fn shown(error: &TableError) -> String {
    escape(error.to_string().as_bytes())
}

/// What a mounted file system lies on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Backing {
    /// A dm-verity device; what shows it.
    Verity(String),
    /// Something else; what it is.
    Other(String),
    /// It cannot be told; why.
    Undecided(String),
}

/// What the mount at `target` lies on; `None` if the host is not running, its mounts cannot be read, or there is no
/// such mount.
pub(super) fn live_backing(context: &Context<'_>, target: &[u8]) -> Option<Backing> {
    let mounts = context.live_mounts()?.ok()?;
    Some(backing(context, context.host?, mount_at(mounts, target)?))
}

/// The table that the running kernel has for a verity device.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LiveTable {
    /// The device's name.
    pub(super) name: String,
    /// The table.
    pub(super) table: VerityTable,
}

/// The fact that the running kernel's table says something.
pub(super) fn live_evidence(seen: &str, wanted: &'static str) -> Evidence {
    Evidence::new("running kernel's table", seen.to_owned(), wanted)
}

/// The kernel's table of the verity device on which the mount at `target` lies, or why it cannot be told; `None` if it
/// lies on none, as far as is known.
pub(super) fn live_table(context: &Context<'_>, target: &[u8]) -> Option<Result<LiveTable, String>> {
    let Some(Backing::Verity(_)) = live_backing(context, target) else { return None };
    let mounts = context.live_mounts()?.ok()?;
    let host = context.host?;
    let device = device_directory(host, mount_at(mounts, target)?)?;
    Some(read_table(host, &device))
}

fn read_table(host: &Host, device: &str) -> Result<LiveTable, String> {
    let told = |reason: &str| escape(reason.as_bytes());
    let name = match host.read(&format!("{device}/dm/name")) {
        Reading::Present(name) => name,
        Reading::Absent => return Err("/sys shows no name of the device".into()),
        Reading::Unreadable(reason) => return Err(told(&reason)),
    };
    let targets = match host.table(&name) {
        Reading::Present(targets) => targets,
        Reading::Absent => return Err("device-mapper does not know the device".into()),
        Reading::Unreadable(reason) => return Err(told(&reason)),
    };
    match targets.as_slice() {
        [target] if target.kind == "verity" => match VerityTable::parse(&target.parameters) {
            Ok(table) => Ok(LiveTable { name, table }),
            Err(error) => Err(shown(&error)),
        },
        _ => Err("the device does not consist of one verity target".into()),
    }
}

fn backing(context: &Context<'_>, host: &Host, mount: &Mount) -> Backing {
    let fstype = escape(mount.fstype.as_bytes());
    if mount.fstype == "overlay" {
        return Backing::Undecided(
            "it is an overlay, and what its layers lie on cannot be told from here".into(),
        );
    }
    let Some(device) = device_directory(host, mount) else {
        return Backing::Undecided(format!("it is {fstype} without a block device that /sys shows"));
    };
    let source = escape(&mount.source);
    let uuid = match host.read(&format!("{device}/dm/uuid")) {
        Reading::Present(uuid) => uuid,
        Reading::Absent => {
            return Backing::Other(format!("{source} ({fstype}), which is no device-mapper device"));
        }
        Reading::Unreadable(reason) => return Backing::Undecided(escape(reason.as_bytes())),
    };
    let name = match host.read(&format!("{device}/dm/name")) {
        Reading::Present(name) => name,
        Reading::Absent | Reading::Unreadable(_) => String::new(),
    };
    judge_device(context, host, &device, &name, &uuid)
}

/// libcryptsetup, and so systemd, gives verity devices a UUID that begins with their kind. The kernel's own
/// `dm-mod.create=` takes the UUID from the command line, where it is usually empty, so there the name must do.
fn judge_device(context: &Context<'_>, host: &Host, device: &str, name: &str, uuid: &str) -> Backing {
    let shown =
        format!("device-mapper device `{}` with UUID `{}`", escape(name.as_bytes()), escape(uuid.as_bytes()));
    if uuid.starts_with(VERITY_UUID) {
        return Backing::Verity(shown);
    }
    let running = context.kernel.command_lines.iter().filter(|line| line.live);
    let mut made = running.flat_map(|line| Configured::of(line).targets);
    if made.any(|target| !name.is_empty() && target.name == name) {
        return Backing::Verity(format!(
            "device-mapper device `{}` of dm-mod.create",
            escape(name.as_bytes())
        ));
    }
    let lower = host.list(&format!("{device}/slaves"));
    let is_verity = |slave: &String| {
        let uuid = host.read(&format!("{device}/slaves/{slave}/dm/uuid"));
        uuid.present().is_some_and(|uuid| uuid.starts_with(VERITY_UUID))
    };
    if lower.present().is_some_and(|slaves| slaves.iter().any(is_verity)) {
        return Backing::Undecided(format!("{shown} lies on a verity device among others"));
    }
    if uuid.is_empty() {
        return Backing::Undecided(format!("{shown} does not show its kind"));
    }
    Backing::Other(format!("{shown}, which is not verity"))
}

/// The directory of a mount's block device below `/sys`. File systems such as btrfs have a device number of their own,
/// so that only the source's name leads to the device.
fn device_directory(host: &Host, mount: &Mount) -> Option<String> {
    let (major, minor) = mount.device;
    if major != 0 {
        let directory = format!("/sys/dev/block/{major}:{minor}");
        return host.list(&directory).present().map(|_| directory);
    }
    let source = String::from_utf8(mount.source.clone()).ok()?;
    if let Some(mapped) = source.strip_prefix("/dev/mapper/") {
        let devices = host.list("/sys/class/block").present()?.clone();
        let directory = |name: &String| format!("/sys/class/block/{name}");
        let is_it = |directory: &String| {
            host.read(&format!("{directory}/dm/name")).present().is_some_and(|name| name == mapped)
        };
        return devices.iter().map(directory).find(is_it);
    }
    let name = source.strip_prefix("/dev/").filter(|name| !name.contains('/') && !name.starts_with('.'))?;
    let directory = format!("/sys/class/block/{name}");
    host.list(&directory).present().map(|_| directory)
}

/// `CRYPT-VERITY-UUID-NAME` is what libcryptsetup writes.
const VERITY_UUID: &str = "CRYPT-VERITY-";
