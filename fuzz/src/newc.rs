//! Writing an initramfs: what is written is read back, by a reader that had no part in it.

use std::collections::BTreeMap;

use hardpan_lockdown::newc::Archive;

use crate::common::take::{Take, text};
use crate::common::tree;

/// Members with any names are refused, or read back with their bytes.
pub fn check(bytes: &[u8]) {
    let mut input = Take(bytes);
    let mut archive = Archive::new(input.short().into());
    let mut files = BTreeMap::new();
    while !input.is_empty() && files.len() < 16 {
        let (kind, name) = (input.byte(), input.text());
        let content = input.text().into_bytes();
        match kind % 4 {
            0 => drop(archive.directory(&name, kind.into())),
            1 => drop(archive.link(&name, &String::from_utf8_lossy(&content))),
            _ => {
                if archive.file(&name, 0o644, content.clone()).is_ok() {
                    let path = format!("/{}", name.trim_start_matches('/'));
                    files.insert(path.as_bytes().escape_ascii().to_string(), content);
                }
            }
        }
    }
    let written = archive.finish().expect("members are checked as they are added");
    assert_eq!(written.len() % 512, 0);
    let tree = tree::check(&written).expect("it is an archive");
    assert!(tree::is_sound(&*tree));
    assert_eq!(tree::files(&*tree), files.into_iter().collect::<Vec<_>>());
}

/// Files, a link, and directories.
pub fn seeds() -> Vec<Vec<u8>> {
    let member = |kind: u8, name: &str, content: &str| [&[kind][..], &text(name), &text(content)].concat();
    let members = [
        member(2, "init", "x"),
        member(2, "modules/a.ko", "12345"),
        member(0, "proc", ""),
        member(1, "bin", "usr"),
    ];
    vec![[&[0, 0][..], &members.concat()].concat(), [&[1, 2][..], &members[0], &members[0]].concat()]
}
