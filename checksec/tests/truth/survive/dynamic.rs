//! Numbers 20 to 29: the dynamic segment and its tables.

use super::{Form, Linux, cases, content, damage, judge, no_better, program, unchanged, unknown, wide};
use crate::support::Patch;

cases! {
    20 extent_of_pt_dynamic => {
        unchanged(Linux::Runs, Form::Malformed, |whole| {
            let header = whole.headers(2)[0];
            let sizes = [0, 1, 17, 1 << 40, 1 << 63, u64::MAX];
            let mut all = sizes.map(|size| wide("p_filesz of PT_DYNAMIC", header + 32, size)).to_vec();
            all.extend([1, u64::MAX - 8].map(|at| wide("p_offset of PT_DYNAMIC", header + 8, at)));
            all
        });
        unknown(|whole| {
            let header = whole.headers(2)[0];
            let elsewhere = |address| (wide("p_vaddr of PT_DYNAMIC", header + 16, address), OF_DYNAMIC);
            vec![elsewhere(1 << 40), elsewhere(u64::MAX), elsewhere(u64::MAX - 7)]
        });
    };
    21 no_dt_null => unknown(|whole| {
        // To the end of what its segment maps, .got and .data included.
        let (at, _) = content(whole, ".dynamic");
        let (data, size) = content(whole, ".data");
        let entries = [21_u64.to_le_bytes(), 0_u64.to_le_bytes()].concat().repeat((data + size - at) / 16);
        let mut all = whole.0[at..data + size].to_vec();
        all[..entries.len()].copy_from_slice(&entries);
        vec![(damage("no DT_NULL", at, &all), OF_DYNAMIC)]
    });
    22 dt_strsz => unchanged(Linux::Runs, Form::Malformed, |whole| {
        [u64::MAX, 1 << 40].map(|size| wide("DT_STRSZ", value(whole, STRSZ), size)).into()
    });
    23 string_and_symbol_tables => {
        unknown(|whole| {
            let (strings, symbols) = (value(whole, STRTAB), value(whole, SYMTAB));
            vec![
                (wide("DT_STRTAB unmapped", strings, 1 << 40), OF_STRINGS),
                (wide("DT_STRTAB unmapped", strings, u64::MAX), OF_STRINGS),
                (wide("DT_SYMTAB unmapped", symbols, 1 << 40), OF_SYMBOLS),
                (wide("DT_SYMTAB unmapped", symbols, u64::MAX), OF_SYMBOLS),
            ]
        });
        aliasing();
    };
    24 dt_syment => unchanged(Linux::Runs, Form::Any, |whole| {
        [0, 1, u64::MAX].map(|size| wide("DT_SYMENT", value(whole, SYMENT), size)).into()
    });
    25 gnu_hash => {
        unchanged(Linux::Runs, Form::Any, |whole| vec![damage("nbuckets 0", hash(whole), &[0; 4])]);
        unchanged(Linux::Refuses, Form::Any, |whole| {
            vec![
                damage("nbuckets 2^32-1", hash(whole), &[0xff; 4]),
                damage("bloom size 0", hash(whole) + 8, &[0; 4]),
                damage("bloom size 2^32-1", hash(whole) + 8, &[0xff; 4]),
            ]
        });
        unknown(|whole| vec![(damage("first symbol 2^32-1", hash(whole) + 4, &[0xff; 4]), OF_SYMBOLS)]);
        endless_chains();
    };
    26 dt_hash => {
        no_better("gcc-hash-sysv", |whole| {
            let hash = old_hash(whole);
            let count = whole.u32(hash + 4);
            let chains = hash + 8 + 4 * whole.u32(hash) as usize;
            let cyclic: Vec<u8> = (0..count).flat_map(u32::to_le_bytes).collect();
            vec![
                damage("nchain 2^32-1", hash + 4, &[0xff; 4]),
                damage("nchain 2^31", hash + 4, &[0, 0, 0, 0x80]),
                damage("nchain 0", hash + 4, &[0; 4]),
                damage("nbucket 2^32-1", hash, &[0xff; 4]),
                damage("cyclic chains", chains, &cyclic),
            ]
        });
    };
    27 dt_needed => unknown(|whole| {
        let past = |at| (wide("DT_NEEDED", value(whole, NEEDED), at), &["rpath"][..]);
        vec![past(1 << 63), past(u64::MAX), past(1 << 40)]
    });
    28 relocation_sizes => unknown(|whole| {
        vec![
            (wide("DT_RELASZ", value(whole, RELASZ), 1 << 60), OF_SLOTS),
            (wide("DT_PLTRELSZ", value(whole, PLTRELSZ), 1 << 60), OF_SLOTS),
            (wide("DT_JMPREL unmapped", value(whole, JMPREL), 1 << 50), OF_SLOTS),
        ]
    });
    29 verneed_loop => unchanged(Linux::Refuses, Form::Any, |whole| {
        let (at, _) = content(whole, ".gnu.version_r");
        vec![
            damage("vn_cnt 65535 and vna_next 0", at + 2, &[0xff; 2]),
            wide("DT_VERNEEDNUM 2^40", value(whole, VERNEEDNUM), 1 << 40),
            damage("vn_next 0 of as many", value(whole, VERNEEDNUM), &u64::MAX.to_le_bytes()),
            damage("vna_next to itself", at + 16 + 12, &[0; 4]),
            damage("vna_next wraps", at + 16 + 12, &[0xff; 4]),
        ]
    });
}

/// The value of the entry with a tag.
fn value(file: &Patch, tag: u64) -> usize {
    file.dynamic(tag) + 8
}

/// The first segment is mapped where it is in the file.
fn hash(file: &Patch) -> usize {
    usize::try_from(file.u64(value(file, 0x6fff_fef5))).unwrap()
}

fn old_hash(file: &Patch) -> usize {
    usize::try_from(file.u64(value(file, 4))).unwrap()
}

/// The loader would take symbols for names as well; none of them is a sign of any defence.
fn aliasing() {
    let Some(whole) = program() else { return };
    let mut file = Patch(whole.0.clone());
    file.put(value(&whole, STRTAB), &whole.u64(value(&whole, SYMTAB)).to_le_bytes());
    let found = judge(&file.0).unwrap();
    for rule in ["stack-protector", "fortify"] {
        // What the debugging information says of the flags is as true as before.
        let by_flags = rule == "stack-protector" && found[rule] != "+yes";
        assert!(!found[rule].starts_with('+') || by_flags, "{rule}: {}", found[rule]);
    }
}

/// Chains end at odd words, of which there are none.
fn endless_chains() {
    no_better("canary-recorded", |whole| {
        let (at, size) = content(whole, ".gnu.hash");
        let mut table = whole.0[at..at + size].to_vec();
        let buckets = at + 16 + 8 * whole.u32(at + 8) as usize;
        let chains = buckets - at + 4 * whole.u32(at) as usize;
        for word in table[chains..].chunks_mut(4) {
            word[0] &= !1;
        }
        let mut endless = vec![damage("bucket at 2^32-1", buckets, &[0xff; 4])];
        if chains < size {
            endless.push(damage("endless chains", at, &table));
        }
        endless
    });
}

const NEEDED: u64 = 1;
const PLTRELSZ: u64 = 2;
const STRTAB: u64 = 5;
const SYMTAB: u64 = 6;
const RELASZ: u64 = 8;
const STRSZ: u64 = 10;
const SYMENT: u64 = 11;
const JMPREL: u64 = 23;
const VERNEEDNUM: u64 = 0x6fff_ffff;

/// The rules that cannot tell without the dynamic segment.
const OF_DYNAMIC: &[&str] = &["relro", "bind-now", "pie", "stack-protector", "fortify", "rpath", "textrel"];
/// Those that cannot tell without its strings.
const OF_STRINGS: &[&str] = &["stack-protector", "fortify", "rpath"];
const OF_SYMBOLS: &[&str] = &["stack-protector", "fortify"];
const OF_SLOTS: &[&str] = &["relro", "stack-protector", "fortify"];
