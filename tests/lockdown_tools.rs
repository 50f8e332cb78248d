//! `hardpan lockdown generate`, `plan`, `apply` and `receipt` as users run them.

mod apply;
mod generate;
mod initramfs;
mod receipt;

use std::path::Path;

use crate::util::Dir;

/// An image, its tree and its descriptor, a program that is static, and a profile that names them.
fn example(dir: &Dir, more: &str) {
    let image: Vec<u8> = (0..256 * 1024_u32).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
    dir.write("root.img", image);
    dir.write("root.json", dir.ok(&["verity", "format", "root.img", "root.hash", "--json"]));
    dir.write("hardpan-boot", static_program());
    let slot = "[[slot]]\nname = \"a\"\nversion = 3\nimage = \"root.img\"\nhash = \"root.hash\"\ndescriptor = \"root.json\"\n";
    dir.write("profile.toml", format!("profile = 1\n{slot}[root]\ntype = \"erofs\"\n{more}\n"));
}

/// A program that needs no other file: a header and one segment. Nobody runs it.
fn static_program() -> Vec<u8> {
    let mut elf = vec![0; 0x1000];
    elf[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    // Executable, for x86-64, with one program header of 56 bytes at 64.
    for (at, value) in
        [(16, 2_u64), (18, 62), (20, 1), (24, 0x40_0100), (32, 64), (52, 64), (54, 56), (56, 1)]
    {
        let len = if matches!(at, 24 | 32) { 8 } else { 2 };
        elf[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
    }
    // A segment to be loaded, readable and executable, that is the whole file.
    for (at, value) in [
        (64, 1 | 5 << 32),
        (72, 0),
        (80, 0x40_0000),
        (88, 0x40_0000),
        (96, 0x1000),
        (104, 0x1000),
        (112, 0x1000),
    ] {
        elf[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
    }
    elf
}

/// A kernel module: an object file with these strings in `.modinfo`.
fn module(strings: &[&str]) -> Vec<u8> {
    let info: Vec<u8> = strings.iter().flat_map(|text| text.bytes().chain([0])).collect();
    let names = b"\0.modinfo\0.shstrtab\0";
    let mut file = vec![0; 64];
    file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    file[16] = 1;
    file[18] = 62;
    let info_at = file.len() as u64;
    file.extend(&info);
    let names_at = file.len() as u64;
    file.extend(names);
    let table = file.len() as u64;
    let sections =
        [(0_u64, 0, 0, 0), (1, 1, info_at, info.len() as u64), (10, 3, names_at, names.len() as u64)];
    for (name, kind, offset, size) in sections {
        for (value, len) in [(name, 4), (kind, 4), (0, 8), (0, 8), (offset, 8), (size, 8), (0, 24)] {
            file.extend(&[&value.to_le_bytes()[..], &[0; 16]].concat()[..len]);
        }
    }
    file[40..48].copy_from_slice(&table.to_le_bytes());
    file[58..64].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
    file
}

/// Modules of a kernel 6.1.0 below `modules`, each with what it depends on; the rest is built in.
fn kernel(dir: &Dir, modules: &[(&str, &str)], built_in: &[&str]) {
    for (name, depends) in modules {
        let own = name.replace('-', "_");
        let strings = [format!("name={own}"), format!("depends={depends}"), "vermagic=6.1.0 SMP".to_owned()];
        let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
        dir.write(format!("modules/kernel/{name}.ko"), module(&strings));
    }
    let lines: Vec<String> = built_in.iter().map(|name| format!("kernel/{name}.ko\n")).collect();
    dir.write("modules/modules.builtin", lines.concat());
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const GENERATE: [&str; 8] =
    ["lockdown", "generate", "--profile", "profile.toml", "--boot", "hardpan-boot", "--output", "boot"];
