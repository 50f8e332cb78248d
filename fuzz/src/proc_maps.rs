//! The maps of a process.

use hardpan_checksec::process::{Backing, Mapping, Maps};

/// A line that is understood is written so that it reads back the same, and is of something that can be told. All that is
/// understood is what its lines are, each by itself.
pub fn check(bytes: &[u8]) {
    let maps = Maps::parse(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!(maps.all.len() as u64 + maps.not_understood, lines as u64);
    let mut written = Vec::new();
    for mapping in &maps.all {
        assert!(mapping.start < mapping.end);
        mapping.write(&mut written);
        if let Backing::File { path, .. } = mapping.backing() {
            assert!(path.starts_with(b"/") && path.len() <= mapping.name.len());
        }
    }
    assert_eq!(Maps::parse(&written), Maps { all: maps.all, not_understood: 0 });
}

/// Our own maps, and names of every kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let names: [&[u8]; 9] = [
        b"",
        b"[stack]",
        b"[anon:name]",
        b"/bin/x",
        b"/bin/x (deleted)",
        b"/bin/a\\012b",
        b"/memfd:x (deleted)",
        b"/SYSV00000000 (deleted)",
        b"anon_inode:[x]",
    ];
    let mut all = Vec::new();
    for (name, at) in names.iter().zip(1..) {
        let mapping = Mapping {
            start: at << 12,
            end: (at + 1) << 12,
            readable: true,
            writable: at % 2 == 0,
            executable: at % 3 == 0,
            shared: at % 5 == 0,
            offset: 0,
            device: (0, 1),
            inode: at,
            name: (*name).into(),
        };
        mapping.write(&mut all);
    }
    vec![all, std::fs::read("/proc/self/maps").unwrap_or_default()]
}
