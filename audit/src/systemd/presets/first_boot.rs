//! Whether a boot of the tree is the first one.

use hardpan_image::ResolveError;
use hardpan_lockdown::cmdline;
use hardpan_report::Finding;

use crate::{Context, Text};

/// Whether systemd would take the next boot for the first one, by machine-id(5). A running host has had it, and a tree
/// without systemd never has it. An empty file, unlike a missing one, makes no first boot.
pub(super) fn is_first_boot(context: &Context<'_>) -> Result<bool, Box<Finding>> {
    if context.host.is_some() || !has_systemd(context) {
        return Ok(false);
    }
    if let Some(forced) = forced(context) {
        return Ok(forced);
    }
    match context.text(MACHINE_ID) {
        Text::Present(text) => Ok(text.bytes.trim_ascii() == b"uninitialized"),
        Text::Absent => {
            context.blindness(MACHINE_ID.as_bytes()).map_or(Ok(true), |finding| Err(Box::new(finding)))
        }
        Text::Unread(finding) => Err(finding),
    }
}

/// A systemd behind what was not read counts: taking it for absent would hide what it enables.
fn has_systemd(context: &Context<'_>) -> bool {
    SYSTEMD.iter().any(|path| {
        let found = context.index.resolve(path.as_bytes());
        !matches!(found, Err(ResolveError::NotFound | ResolveError::NotADirectory))
    })
}

/// What `systemd.condition_first_boot=` says: yes if any command line does, no if all of them do.
fn forced(context: &Context<'_>) -> Option<bool> {
    let said = |words: &[cmdline::Word]| {
        let word = cmdline::last(words, "systemd.condition_first_boot")?;
        Some(!matches!(word.value.as_deref(), Some("0" | "no" | "n" | "false" | "f" | "off")))
    };
    let lines: Vec<Option<bool>> =
        context.kernel.command_lines.iter().map(|line| said(&line.words)).collect();
    if lines.contains(&Some(true)) {
        return Some(true);
    }
    (!lines.is_empty() && lines.iter().all(|said| *said == Some(false))).then_some(false)
}

const MACHINE_ID: &str = "/etc/machine-id";
const SYSTEMD: [&str; 2] = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
