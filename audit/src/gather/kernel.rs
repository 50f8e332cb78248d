//! The facts that kernel rules are judged on: from the running kernel, or from the tree's files.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use hardpan_image::{EntryId, FileKind};
use hardpan_lockdown::kconfig::Kconfig;
use hardpan_lockdown::sysctl::DIRECTORIES;
use hardpan_lockdown::{CommandLine, Host, KernelFacts, Reading};
use hardpan_report::{Cause, Finding, Location};

use crate::{Context, Text, TextFile};

/// Gathers them. On a live host the kernel's own state is asked, and files are not.
pub(super) fn facts<'a>(context: &Context<'a>) -> KernelFacts<'a> {
    let mut facts = KernelFacts { host: context.host, ..KernelFacts::default() };
    match context.host {
        Some(host) => live(context, host, &mut facts),
        None => configured(context, &mut facts),
    }
    facts
}

fn live(context: &Context<'_>, host: &Host, facts: &mut KernelFacts<'_>) {
    let place = Location::file("/proc/cmdline");
    match host.read("/proc/cmdline") {
        Reading::Present(line) => facts.command_lines.push(CommandLine::new(line, place, true)),
        Reading::Absent => {}
        Reading::Unreadable(reason) => {
            facts.troubles.push(Finding::unknown(Cause::Unreadable, Some(place), "cmdline", reason));
        }
    }
    let place = Location::file("/proc/config.gz");
    if let Reading::Present(packed) = host.read_bytes("/proc/config.gz") {
        let mut text = String::new();
        match GzDecoder::new(&packed[..]).take(MAX_CONFIG).read_to_string(&mut text) {
            Ok(_) => facts.kconfigs.push(Kconfig::parse(&text, place)),
            Err(error) => {
                let reason = format!("/proc/config.gz: {error}");
                facts.troubles.push(Finding::unknown(Cause::Malformed, Some(place), "kconfig", reason));
            }
        }
    } else if let Reading::Present(release) = host.sysctl("kernel.osrelease") {
        let release = release.trim();
        let places = [format!("/boot/config-{release}"), format!("/usr/lib/modules/{release}/config")];
        let found = places.iter().map(|path| context.text(path)).find(|text| !matches!(text, Text::Absent));
        add_kconfig(facts, found.unwrap_or(Text::Absent));
    }
}

fn configured(context: &Context<'_>, facts: &mut KernelFacts<'_>) {
    command_lines(context, facts);
    for id in below(context, "/boot", |name| name.starts_with(b"config-")) {
        add_kconfig(facts, context.text_of(id));
    }
    for directory in below(context, "/usr/lib/modules", |_| true) {
        let config = context.index.children(directory).find(|child| child.name == b"config");
        if let Some(config) = config {
            add_kconfig(facts, context.text_of(config.id));
        }
    }
    sysctls(context, facts);
}

fn add_kconfig(facts: &mut KernelFacts<'_>, text: Text) {
    match text {
        Text::Present(file) => {
            let config = Kconfig::parse(&String::from_utf8_lossy(&file.bytes), Location::file(file.path));
            if config.is_plausible() {
                facts.kconfigs.push(config);
            }
        }
        Text::Absent => {}
        Text::Unread(finding) => facts.troubles.push(*finding),
    }
}

/// Boot loader entries, GRUB's configuration, and the command line that kernel-install and ukify put into images.
fn command_lines(context: &Context<'_>, facts: &mut KernelFacts<'_>) {
    for directory in ["/boot/loader/entries", "/boot/efi/loader/entries", "/efi/loader/entries"] {
        for id in below(context, directory, |name| name.ends_with(b".conf")) {
            add_lines(facts, context.text_of(id), loader_entry);
        }
    }
    for path in ["/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/efi/EFI/BOOT/grub.cfg"] {
        add_lines(facts, context.text(path), grub);
    }
    for path in ["/etc/kernel/cmdline", "/usr/lib/kernel/cmdline"] {
        add_lines(facts, context.text(path), whole);
    }
}

fn add_lines(facts: &mut KernelFacts<'_>, text: Text, read: fn(&TextFile) -> Vec<(u32, String)>) {
    match text {
        Text::Present(file) => {
            let lines = read(&file).into_iter();
            facts
                .command_lines
                .extend(lines.map(|(number, line)| CommandLine::new(line, file.line(number), false)));
        }
        Text::Absent => {}
        Text::Unread(finding) => facts.troubles.push(*finding),
    }
}

/// Boot Loader Specification: all `options` lines of an entry are one command line.
fn loader_entry(file: &TextFile) -> Vec<(u32, String)> {
    let mut first = None;
    let mut all = Vec::new();
    for (number, line) in file.statements(b"#") {
        let Some(options) = line.strip_prefix(b"options") else { continue };
        if options.first().is_some_and(u8::is_ascii_whitespace) {
            first = first.or(Some(number));
            all.push(String::from_utf8_lossy(options.trim_ascii()).into_owned());
        }
    }
    first.map(|number| (number, all.join(" "))).into_iter().collect()
}

/// `linux PATH ARGUMENTS` in its spellings; the arguments may still hold GRUB's variables.
fn grub(file: &TextFile) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    for (number, line) in file.statements(b"#") {
        let text = String::from_utf8_lossy(line).into_owned();
        let mut words = text.splitn(3, |character: char| character.is_ascii_whitespace());
        let command = words.next().unwrap_or_default();
        if matches!(command, "linux" | "linux16" | "linuxefi") {
            lines.push((number, words.nth(1).unwrap_or_default().trim().to_owned()));
        }
    }
    lines
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
        for id in below(context, directory, |name| name.ends_with(b".conf")) {
            files.entry(context.index.entry(id).name.to_vec()).or_insert(id);
        }
    }
    for (name, id) in files {
        let path = context.index.path(id);
        let target = match context.index.entry(id).metadata.kind {
            FileKind::Symlink => context.index.resolve(&path),
            _ => Ok(id),
        };
        // A link to /dev/null, or to nothing, masks a file of the same name; that is what it is for.
        let Ok(target) = target else { continue };
        match context.text_of(target) {
            Text::Present(file) => facts.sysctl.add_file(&file.path, &file.bytes),
            Text::Absent => {}
            Text::Unread(finding) => {
                let name = String::from_utf8_lossy(&name).into_owned();
                facts.troubles.push(Finding { key: name, ..*finding });
            }
        }
    }
}

/// The entries of a directory whose name is wanted, by name.
fn below(context: &Context<'_>, directory: &str, wanted: fn(&[u8]) -> bool) -> Vec<EntryId> {
    let Ok(id) = context.index.resolve(directory.as_bytes()) else { return Vec::new() };
    context.index.children(id).filter(|child| wanted(child.name)).map(|child| child.id).collect()
}

/// Twenty times what a configuration has.
const MAX_CONFIG: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use hardpan_image::{Index, MemoryTree};

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
