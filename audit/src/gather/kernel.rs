//! The facts that kernel rules are judged on: from the running kernel, or from the tree's files.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use hardpan_image::{EntryId, FileKind, Index, ResolveError};
use hardpan_lockdown::kconfig::Kconfig;
use hardpan_lockdown::loader::{self, LoaderError, Variables};
use hardpan_lockdown::sysctl::DIRECTORIES;
use hardpan_lockdown::{CommandLine, Host, KernelFacts, Reading};
use hardpan_report::{Cause, Finding, Location, escape, escape_str};

use super::initramfs;
use crate::efi::uki;
use crate::place::Place;
use crate::{Context, Text, TextFile};

/// Gathers them. On a live host the kernel's own state is asked, and files are not.
pub(super) fn facts<'a>(context: &Context<'a>) -> KernelFacts<'a> {
    let mut facts = KernelFacts { host: context.host, ..KernelFacts::default() };
    match context.host {
        Some(host) => live(host, &mut facts, &|path| match context.text(path) {
            Text::Present(file) => Ok(Some((file.path, file.bytes))),
            Text::Absent => Ok(None),
            Text::Unread(finding) => Err(finding),
        }),
        None => configured(context, &mut facts),
    }
    facts
}

/// What kernel rules are judged on: of a tree, or of the running host where it is given.
pub fn kernel_facts<'a>(index: &'a Index<'a>, host: Option<&'a Host>) -> KernelFacts<'a> {
    let mut context = Context::new(index);
    context.host = host;
    facts(&context)
}

/// What kernel rules are judged on, of the running host alone, of which only the kernel's own files are read.
pub fn live_kernel_facts(host: &Host) -> KernelFacts<'_> {
    let mut facts = KernelFacts { host: Some(host), ..KernelFacts::default() };
    live(host, &mut facts, &|path| match host.read_bytes(path) {
        Reading::Present(bytes) => Ok(Some((path.as_bytes().to_owned(), bytes))),
        Reading::Absent => Ok(None),
        Reading::Unreadable(reason) => {
            let place = Location::file(path);
            Err(Box::new(Finding::unknown(Cause::Unreadable, Some(place), "read", reason)))
        }
    });
    facts
}

/// A file's path and bytes, if it is there.
type ReadFile<'r> = &'r dyn Fn(&str) -> Result<Option<(Vec<u8>, Vec<u8>)>, Box<Finding>>;

fn live(host: &Host, facts: &mut KernelFacts<'_>, read: ReadFile<'_>) {
    let place = Location::file("/proc/cmdline");
    match host.read("/proc/cmdline") {
        Reading::Present(line) => facts.command_lines.push(CommandLine::new(line, place, true)),
        Reading::Absent => {}
        Reading::Unreadable(reason) => {
            let finding = Finding::unknown(Cause::Unreadable, Some(place), "cmdline", reason);
            facts.troubles.command_lines.push(finding);
        }
    }
    let place = Location::file("/proc/config.gz");
    if let Reading::Present(packed) = host.read_bytes("/proc/config.gz") {
        let mut text = String::new();
        match GzDecoder::new(&packed[..]).take(MAX_CONFIG).read_to_string(&mut text) {
            Ok(_) => keep_plausible(facts, Kconfig::parse(&text, place)),
            Err(error) => {
                let reason = format!("/proc/config.gz: {error}");
                let finding = Finding::unknown(Cause::Malformed, Some(place), "kconfig", reason);
                facts.troubles.kconfigs.push(finding);
            }
        }
    } else if let Reading::Present(release) = host.sysctl("kernel.osrelease") {
        let release = release.trim();
        let places = [format!("/boot/config-{release}"), format!("/usr/lib/modules/{release}/config")];
        match places.iter().map(|path| read(path)).find(|found| !matches!(found, Ok(None))) {
            Some(Ok(Some((path, bytes)))) => {
                keep_plausible(facts, Kconfig::parse(&String::from_utf8_lossy(&bytes), Location::file(path)));
            }
            Some(Err(finding)) => facts.troubles.kconfigs.push(*finding),
            _ => {}
        }
    }
}

fn configured(context: &Context<'_>, facts: &mut KernelFacts<'_>) {
    command_lines(context, facts);
    kconfigs(context, facts);
    sysctls(context, facts);
}

/// The configurations of all kernels. A kernel that comes without one beside others that have it may be the one that is
/// booted.
fn kconfigs(context: &Context<'_>, facts: &mut KernelFacts<'_>) {
    let in_boot = below(context, "/boot", |name| name.starts_with(b"config-"), &mut facts.troubles.kconfigs);
    let modules = below(context, "/usr/lib/modules", |_| true, &mut facts.troubles.kconfigs);
    for id in &in_boot {
        add_kconfig(facts, context.text_of(*id));
    }
    let mut without = Vec::new();
    for directory in modules {
        let version = context.index.entry(directory).name;
        let has = |name: &[u8]| context.index.children(directory).any(|child| child.name == name);
        match context.index.children(directory).find(|child| child.name == b"config") {
            Some(config) => add_kconfig(facts, context.text_of(config.id)),
            None if has(b"kernel") && !in_boot.iter().any(|id| is_config_of(context, *id, version)) => {
                without.push(directory);
            }
            None => {}
        }
    }
    if !facts.kconfigs.is_empty() {
        let finding = |id: &EntryId| {
            let reason = format!(
                "the build configuration of kernel {} is not in the tree",
                escape(context.index.entry(*id).name)
            );
            Finding::unknown(Cause::NoFacts, Some(context.location(*id)), "kconfig", reason)
        };
        facts.troubles.kconfigs.extend(without.iter().map(finding));
    }
}

fn is_config_of(context: &Context<'_>, id: EntryId, version: &[u8]) -> bool {
    context.index.entry(id).name.strip_prefix(b"config-") == Some(version)
}

fn add_kconfig(facts: &mut KernelFacts<'_>, text: Text) {
    match text {
        Text::Present(file) => {
            let text = String::from_utf8_lossy(&file.bytes);
            keep_plausible(facts, Kconfig::parse(&text, Location::file(file.path)));
        }
        Text::Absent => {}
        Text::Unread(finding) => facts.troubles.kconfigs.push(*finding),
    }
}

fn keep_plausible(facts: &mut KernelFacts<'_>, config: Kconfig) {
    if config.is_plausible() {
        return facts.kconfigs.push(config);
    }
    let reason = "this has the name of a kernel's build configuration, and not enough of its lines";
    let finding = Finding::unknown(Cause::Undecided, Some(config.origin), "kconfig", reason);
    facts.troubles.kconfigs.push(finding);
}

/// Boot loader entries, GRUB's configuration, and the command line that kernel-install and ukify put into images.
fn command_lines(context: &Context<'_>, facts: &mut KernelFacts<'_>) {
    let mut found = Found { variables: variables(context), lines: Vec::new(), troubles: Vec::new() };
    for directory in ["/boot/loader/entries", "/boot/efi/loader/entries", "/efi/loader/entries"] {
        for id in below(context, directory, |name| name.ends_with(b".conf"), &mut found.troubles) {
            found.add(context.text_of(id), loader_entry);
        }
    }
    for path in GRUB {
        found.add(context.text(path), grub);
    }
    for path in ["/etc/kernel/cmdline", "/usr/lib/kernel/cmdline"] {
        found.add(context.text(path), |file| Ok(whole(file)));
    }
    let (lines, troubles) = uki::command_lines(context);
    facts.command_lines.extend(found.lines);
    facts.command_lines.extend(lines);
    facts.troubles.command_lines.extend(found.troubles.into_iter().chain(troubles));
    let (configs, troubles) = initramfs::boot_configs(context);
    facts.bootconfigs.extend(configs);
    facts.troubles.command_lines.extend(troubles);
}

/// What GRUB's scripts and its environment block set; what cannot be read of them is noted when their lines are read.
fn variables(context: &Context<'_>) -> Variables {
    let mut variables = Variables::default();
    let mut note = |path: &str, read: fn(&str) -> Result<Vec<String>, LoaderError>| {
        if let Text::Present(file) = context.text(path) {
            let settings = read(&String::from_utf8_lossy(&file.bytes)).unwrap_or_default();
            for line in &settings {
                variables.note(line);
            }
        }
    };
    for path in GRUB {
        note(path, loader::settings);
    }
    for path in GRUB_ENVIRONMENT {
        note(path, loader::environment);
    }
    variables
}

/// Command lines, and what keeps them from being whole.
struct Found {
    variables: Variables,
    lines: Vec<CommandLine>,
    troubles: Vec<Finding>,
}

type Lines = Result<Vec<(u32, String)>, LoaderError>;

impl Found {
    fn add(&mut self, text: Text, read: fn(&TextFile) -> Lines) {
        match text {
            Text::Present(file) => match read(&file) {
                Ok(lines) => lines.iter().for_each(|(number, line)| self.add_line(line, &file.line(*number))),
                Err(error) => {
                    let place = file.line(error.line);
                    let reason = format!("{}: {error}", escape(&file.path));
                    let finding = Finding::unknown(Cause::Undecided, Some(place), "loader", reason);
                    self.troubles.push(finding);
                }
            },
            Text::Absent => {}
            Text::Unread(finding) => self.troubles.push(*finding),
        }
    }

    fn add_line(&mut self, line: &str, origin: &Location) {
        for text in self.variables.expand(line) {
            if text.contains('$') {
                let reason = format!("it has a variable whose value is not known: {}", escape_str(&text));
                let finding = Finding::unknown(Cause::Undecided, Some(origin.clone()), "variable", reason);
                self.troubles.push(finding);
            }
            self.lines.push(CommandLine::new(text.trim(), origin.clone(), false));
        }
    }
}

/// Boot Loader Specification: all `options` lines of an entry are one command line.
fn loader_entry(file: &TextFile) -> Lines {
    let entry = loader::entry(&String::from_utf8_lossy(&file.bytes))?;
    Ok(entry.options.into_iter().collect())
}

/// The arguments may still hold GRUB's variables.
fn grub(file: &TextFile) -> Lines {
    let lines = loader::grub(&String::from_utf8_lossy(&file.bytes))?;
    Ok(lines.into_iter().map(|line| (line.line, line.arguments)).collect())
}

fn whole(file: &TextFile) -> Vec<(u32, String)> {
    let lines: Vec<String> =
        file.statements(b"#").map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect();
    if lines.is_empty() { Vec::new() } else { vec![(1, lines.join(" "))] }
}

/// Files in the order of their names, each from the first directory that has it.
fn sysctls(context: &Context<'_>, facts: &mut KernelFacts<'_>) {
    let mut files: BTreeMap<Vec<u8>, EntryId> = BTreeMap::new();
    for directory in DIRECTORIES {
        for id in below(context, directory, |name| name.ends_with(b".conf"), &mut facts.troubles.sysctls) {
            files.entry(context.index.entry(id).name.to_vec()).or_insert(id);
        }
    }
    for (name, id) in files {
        let path = context.index.path(id);
        let target = match context.index.entry(id).metadata.kind {
            FileKind::Symlink => context.index.resolve(&path),
            _ => Ok(id),
        };
        let target = match target {
            Ok(target) => target,
            // A link to /dev/null, or to nothing, masks a file of the same name; that is what it is for.
            Err(ResolveError::NotFound | ResolveError::NotADirectory) => continue,
            Err(error) => {
                facts.troubles.sysctls.push(context.unresolved(&path, &error));
                continue;
            }
        };
        match context.text_of(target) {
            Text::Present(file) => facts.sysctl.add_file(&file.path, &file.bytes),
            Text::Absent => {}
            Text::Unread(finding) => {
                let name = String::from_utf8_lossy(&name).into_owned();
                facts.troubles.sysctls.push(Finding { key: name, ..*finding });
            }
        }
    }
}

/// The entries of a directory whose name is wanted, by name, and a trouble if there may be more.
fn below(
    context: &Context<'_>,
    directory: &str,
    wanted: fn(&[u8]) -> bool,
    troubles: &mut Vec<Finding>,
) -> Vec<EntryId> {
    if let Place::Unread(finding) = context.place(directory) {
        troubles.push(*finding);
    }
    let Ok(id) = context.index.resolve(directory.as_bytes()) else { return Vec::new() };
    context.index.children(id).filter(|child| wanted(child.name)).map(|child| child.id).collect()
}

const GRUB: [&str; 3] = ["/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/efi/EFI/BOOT/grub.cfg"];
const GRUB_ENVIRONMENT: [&str; 2] = ["/boot/grub/grubenv", "/boot/grub2/grubenv"];
/// Twenty times what a configuration has.
const MAX_CONFIG: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use hardpan_image::MemoryTree;

    use super::*;

    fn lines(tree: &MemoryTree) -> Vec<String> {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let facts = facts(&Context::new(&index));
        facts.command_lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn every_loaders_command_line_is_found() {
        let tree = MemoryTree::new()
            .file("/boot/loader/entries/a.conf", 0o644, "title A\noptions ro\noptions  quiet \noptionsx no\n")
            .file("/boot/grub/grub.cfg", 0o644, "menuentry {\n\tlinux\t/vmlinuz root=/dev/sda1 ro\n}\n")
            .file("/usr/lib/kernel/cmdline", 0o644, "# comment\nlockdown=integrity\n");
        assert_eq!(lines(&tree), ["ro quiet", "root=/dev/sda1 ro", "lockdown=integrity"]);
    }

    fn troubles(tree: &MemoryTree) -> (usize, usize, usize) {
        let index = Index::build(tree, &|_| true).unwrap().unwrap();
        let troubles = facts(&Context::new(&index)).troubles;
        (troubles.command_lines.len(), troubles.kconfigs.len(), troubles.sysctls.len())
    }

    #[test]
    fn variables_of_grub_are_put_in_place_or_left_open() {
        let grub = "set opts=\"ro single\"\nlinux /vmlinuz quiet $opts\n";
        let tree = MemoryTree::new().file("/boot/grub/grub.cfg", 0o644, grub);
        assert_eq!(lines(&tree), ["quiet ro single"]);
        assert_eq!(troubles(&tree), (0, 0, 0));
        let tree = tree.file("/boot/loader/entries/a.conf", 0o644, "options ro $tuned_params\n");
        assert_eq!(troubles(&tree), (1, 0, 0));
    }

    #[test]
    fn what_was_not_read_is_a_trouble_of_its_kind() {
        let config = "CONFIG_A=y\n".repeat(3);
        let tree = MemoryTree::new()
            .directory("/boot/loader/entries", 0o755)
            .unreadable("/boot/loader/entries")
            .file("/boot/config-1", 0o644, config)
            .directory("/mnt", 0o755)
            .unreadable("/mnt")
            .symlink("/etc/sysctl.d/10.conf", "/mnt/10.conf");
        // The directory that was not read lies in /boot, where a configuration may be too.
        assert_eq!(troubles(&tree), (1, 2, 1));
    }

    #[test]
    fn a_kernel_without_a_configuration_beside_one_that_has_it_is_a_trouble() {
        let config = (0..60).map(|number| format!("CONFIG_A{number}=y")).collect::<Vec<_>>().join("\n");
        let tree = MemoryTree::new()
            .file("/boot/config-1", 0o644, config)
            .directory("/usr/lib/modules/1/kernel", 0o755);
        assert_eq!(troubles(&tree), (0, 0, 0));
        assert_eq!(troubles(&tree.directory("/usr/lib/modules/2/kernel", 0o755)), (0, 1, 0));
    }

    #[test]
    fn a_sysctl_file_hides_one_of_the_same_name_and_a_link_to_nothing_masks_it() {
        let tree = MemoryTree::new()
            .file("/usr/lib/sysctl.d/10.conf", 0o644, "kernel.a=1\n")
            .file("/usr/lib/sysctl.d/20.conf", 0o644, "kernel.b=1\n")
            .file("/usr/lib/sysctl.d/30.conf", 0o644, "kernel.c=1\n")
            .file("/etc/sysctl.d/20.conf", 0o644, "kernel.c=2\n")
            .symlink("/etc/sysctl.d/10.conf", "/dev/null");
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let facts = facts(&Context::new(&index));
        let value = |key| facts.sysctl.get(key).and_then(|setting| setting.value.clone());
        assert_eq!((value("kernel.a"), value("kernel.b")), (None, None));
        assert_eq!(value("kernel.c").as_deref(), Some("1"));
    }
}
