//! Entries of the Boot Loader Specification.

use hardpan_lockdown::loader::{Entry, entry};

/// What is accepted reads back the same when it is written. An error is about a line that is there.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = match entry(&text) {
        Ok(read) => read,
        Err(error) => {
            assert!(error.line as usize <= text.lines().count() && error.column >= 1, "{error}");
            return;
        }
    };
    let again = entry(&written(&read)).expect("what was written is whole");
    let without_line =
        |entry: &Entry| Entry { options: entry.options.clone().map(|(_, text)| (0, text)), ..entry.clone() };
    assert_eq!(without_line(&read), without_line(&again), "{text:?}");
}

fn written(entry: &Entry) -> String {
    let options = entry.options.iter().map(|(_, options)| format!("options {options}\n"));
    let single = [("linux", &entry.linux), ("efi", &entry.efi), ("version", &entry.version)];
    let single = single.into_iter().filter_map(|(key, value)| Some(format!("{key} {}\n", value.as_ref()?)));
    let initrds = entry.initrd.iter().map(|path| format!("initrd {path}\n"));
    options.chain(single).chain(initrds).collect()
}

/// An entry with what kernel-install writes.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![b"title A\nversion 6.1\noptions root=x ro\noptions quiet\nlinux /v\ninitrd /a\ninitrd /b\n".to_vec()]
}
