//! Numbers 10 to 19: section headers, which Linux does not look at.

use super::{Damage, Form, Linux, cases, content, damage, judge, program, section, unchanged, wide};
use crate::support::{Patch, assert_runs};

cases! {
    10 e_shnum_0 => unchanged(Linux::Runs, Form::Any, |_| vec![damage("e_shnum", 60, &[0, 0])]);
    11 extended_e_shnum => unchanged(Linux::Runs, Form::Any, |whole| {
        [1 << 32, 1 << 60].map(|count| extended(whole, count)).into()
    });
    12 e_shentsize => unchanged(Linux::Runs, Form::Malformed, |_| {
        [0_u16, 1, 63, 65535].map(|size| damage("e_shentsize", 58, &size.to_le_bytes())).into()
    });
    13 e_shoff => unchanged(Linux::Runs, Form::Malformed, |whole| {
        let end = whole.0.len() as u64;
        [end, end - 63, 1 << 40, u64::MAX, u64::MAX - 63].map(|at| wide("e_shoff", 40, at)).into()
    });
    14 e_shstrndx => unchanged(Linux::Runs, Form::Any, |whole| {
        let first = usize::try_from(whole.u64(40)).unwrap();
        let mut end = whole.0[62..first + 40].to_vec();
        end[..2].copy_from_slice(&[0xff, 0xff]);
        end.extend(u32::MAX.to_le_bytes());
        vec![
            damage("e_shstrndx 0xfefe", 62, &[0xfe, 0xfe]),
            damage("e_shstrndx SHN_XINDEX", 62, &[0xff, 0xff]),
            damage("e_shstrndx SHN_XINDEX and sh_link", 62, &end),
        ]
    });
    15 sh_offset_and_size_wrap => unchanged(Linux::Runs, Form::Any, |whole| {
        let names = [".shstrtab", ".symtab", ".strtab", ".comment", ".debug_info", ".note.gnu.build-id", ".rela.dyn"];
        names.iter().map(|name| wide("sh_offset", section(whole, name) + 24, u64::MAX - 7)).collect()
    });
    16 symbol_table => unchanged(Linux::Runs, Form::Any, |whole| {
        let symbols = section(whole, ".symtab");
        vec![
            wide("sh_size of .symtab", symbols + 32, 1 << 60),
            wide("sh_size of .symtab", symbols + 32, 25),
            wide("sh_entsize of .symtab", symbols + 56, 0),
            wide("sh_entsize of .symtab", symbols + 56, u64::MAX),
            damage("sh_link of .symtab", symbols + 40, &0xfefe_u32.to_le_bytes()),
            damage("sh_link of .symtab", symbols + 40, &u32::MAX.to_le_bytes()),
            damage("sh_link of .symtab to itself", symbols + 40, &own_index(whole, symbols)),
        ]
    });
    17 string_table_without_nul => unchanged(Linux::Runs, Form::Any, |whole| {
        let last = |name| { let (at, size) = content(whole, name); at + size - 1 };
        vec![damage(".strtab", last(".strtab"), b"x"), damage(".shstrtab", last(".shstrtab"), b"x")]
    });
    18 compressed_sections => unchanged(Linux::Runs, Form::Any, |whole| {
        [".debug_info", ".debug_str", ".debug_abbrev", ".debug_line_str"].map(|name| bomb(whole, name)).into()
    });
    19 last_byte_cut => without_its_last_byte();
}

/// The number of sections is in the first section header.
fn extended(whole: &Patch, count: u64) -> Damage {
    let first = usize::try_from(whole.u64(40)).unwrap();
    let mut end = whole.0[60..first + 32].to_vec();
    end[..2].fill(0);
    end.extend(count.to_le_bytes());
    damage("e_shnum 0 and sh_size", 60, &end)
}

fn own_index(whole: &Patch, header: usize) -> [u8; 4] {
    let start = usize::try_from(whole.u64(40)).unwrap();
    u32::try_from((header - start) / 64).unwrap().to_le_bytes()
}

/// A section that says that it is 2^50 bytes when unpacked.
fn bomb(whole: &Patch, name: &str) -> Damage {
    let header = section(whole, name);
    let (start, _) = content(whole, name);
    let mut all = whole.0[start..header + 16].to_vec();
    all[..4].copy_from_slice(&1_u32.to_le_bytes());
    all[8..16].copy_from_slice(&(1_u64 << 50).to_le_bytes());
    all[16..24].copy_from_slice(&1_u64.to_le_bytes());
    let flags = whole.u64(header + 8) | 0x800;
    let at = header + 8 - start;
    all[at..at + 8].copy_from_slice(&flags.to_le_bytes());
    damage("SHF_COMPRESSED and ch_size", start, &all)
}

fn without_its_last_byte() {
    let Some(whole) = program() else { return };
    let (sound, cut) = (judge(&whole.0).unwrap(), &whole.0[..whole.0.len() - 1]);
    let found = judge(cut).unwrap();
    for rule in [
        "relro",
        "bind-now",
        "pie",
        "nx-stack",
        "stack-protector",
        "fortify",
        "rpath",
        "textrel",
        "wx-segments",
    ] {
        assert_eq!(found[rule][..1], sound[rule][..1], "{rule}");
    }
    assert_eq!(found["well-formed"], "-malformed");
    assert_runs("last byte cut", cut);
}
