//! What kernel modules say of themselves.

use hardpan_lockdown::modules::{ModInfo, ModuleSignature, name_of_file, normal};

use crate::common::elf;

/// Nothing is read past what is there, and names are in the form in which they are compared.
pub fn check(bytes: &[u8]) {
    if let Ok(info) = ModInfo::read(bytes) {
        for name in info.depends.iter().chain(&info.name) {
            assert_eq!(*name, normal(name));
        }
    }
    if let Ok(ModuleSignature::Appended { bytes: len }) = ModuleSignature::of(bytes) {
        assert!(len > 0 && (len as usize) < bytes.len());
    }
    let text = String::from_utf8_lossy(bytes);
    assert!(name_of_file(&text).is_none_or(|name| !name.is_empty() && !name.contains('/')));
}

/// Modules of both byte orders, and one with a signature behind it.
pub fn seeds() -> Vec<Vec<u8>> {
    let strings = b"name=dm_verity\0depends=dm-mod,dm-bufio\0softdep=pre: crc32c post: x\0parm=a:b\0vermagic=6.1 SMP \0";
    let module = |order, at: usize| {
        let mut file = elf::elf(order, &[(".modinfo", elf::PROGBITS, 2, strings)]);
        file[16..18].copy_from_slice(&[0, 0]);
        // ET_REL.
        file[at] = 1;
        file
    };
    let (little, big) = (module(elf::Order::Little, 16), module(elf::Order::Big, 17));
    let behind =
        [&[7; 40][..], &[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 40], b"~Module signature appended~\n"].concat();
    vec![[&little[..], &behind].concat(), little, big]
}
