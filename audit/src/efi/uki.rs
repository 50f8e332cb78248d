//! The command lines in unified kernel images, as the UAPI Group's specification of them has it.

use hardpan_image::{EntryId, FileKind};
use hardpan_lockdown::CommandLine;
use hardpan_report::{Cause, Finding, escape};

use crate::Context;
use crate::efi::pe::{Pe, PeError};
use crate::efi::places::{BOOT, MODULES, files_below};

/// The command lines of the images that the firmware or a boot loader may start, by path, and what keeps them from being
/// whole.
pub(crate) fn command_lines(context: &Context<'_>) -> (Vec<CommandLine>, Vec<Finding>) {
    let is_efi = |id: &EntryId| {
        let entry = context.index.entry(*id);
        entry.metadata.kind == FileKind::File && entry.name.to_ascii_lowercase().ends_with(b".efi")
    };
    let places = BOOT.iter().chain(&MODULES);
    let mut files: Vec<EntryId> =
        places.flat_map(|place| files_below(context, place)).filter(is_efi).collect();
    files.sort_by_cached_key(|id| context.index.path(*id));
    files.dedup();
    let (mut lines, mut troubles) = (Vec::new(), Vec::new());
    for id in files {
        match of_file(context, id) {
            Ok(found) => lines.extend(found),
            Err(finding) => troubles.push(*finding),
        }
    }
    (lines, troubles)
}

/// An image may have several, one for each of its profiles.
fn of_file(context: &Context<'_>, id: EntryId) -> Result<Vec<CommandLine>, Box<Finding>> {
    let location = context.location(id);
    let unknown = |cause, reason: String| {
        Box::new(Finding::unknown(cause, Some(location.clone()), "cmdline-section", reason))
    };
    let unread =
        |error: String| unknown(Cause::Unreadable, format!("its command line cannot be read: {error}"));
    let source = context.index.open(id).map_err(|error| unread(error.to_string()))?;
    let pe = match Pe::read(&*source) {
        Ok(pe) => pe,
        // What an EFI program must look like is another rule's to say; this one has no sections to read.
        Err(PeError::NotPe) => return Ok(Vec::new()),
        Err(error) => return Err(unread(escape(error.to_string().as_bytes()))),
    };
    let texts = pe.sections(&*source, ".cmdline", MAX_CMDLINE).map_err(|error| unread(error.to_string()))?;
    if !texts.is_empty() && !pe.has_section(".linux") {
        let text = escape(texts.concat().trim_ascii());
        let reason = format!("this add-on appends to the command line of the image that it is for: {text}");
        return Err(unknown(Cause::Undecided, reason));
    }
    Ok(texts.iter().map(|text| CommandLine::new(text_of(text), location.clone(), false)).collect())
}

/// The text of a section, which may be filled up with zeros.
pub(crate) fn text_of(section: &[u8]) -> String {
    let end = section.iter().position(|byte| *byte == 0).unwrap_or(section.len());
    String::from_utf8_lossy(&section[..end]).trim().to_owned()
}

/// `COMMAND_LINE_SIZE` is 2048 to 4096 on all machines; systemd's tools write no more than that either.
pub(crate) const MAX_CMDLINE: u32 = 64 << 10;

#[cfg(test)]
mod tests {
    use hardpan_image::{Index, MemoryTree};

    use super::*;
    use crate::efi::pe::sample;

    #[test]
    fn the_command_line_of_an_image_is_read_and_an_add_on_leaves_all_open() {
        let uki = sample(&[(".linux", b"x"), (".cmdline", b"ro mitigations=off\n\0")], None);
        let addon = sample(&[(".cmdline", b"single")], None);
        let tree = MemoryTree::new()
            .file("/boot/EFI/Linux/a.EFI", 0o644, uki)
            .file("/boot/EFI/BOOT/BOOTX64.EFI", 0o644, sample(&[(".text", b"x")], None))
            .file("/efi/EFI/Linux/a.efi.extra.d/b.addon.efi", 0o644, addon);
        let index = Index::build(&tree, &|_| true).unwrap().unwrap();
        let (lines, troubles) = command_lines(&Context::new(&index));
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["ro mitigations=off"]);
        assert_eq!(troubles.len(), 1);
        assert!(troubles[0].message.contains("single"), "{troubles:?}");
    }
}
