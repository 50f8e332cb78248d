//! Numbers 30 to 33: notes, the interpreter, and program headers.

use super::super::patches::two_stacks;
use super::{Form, Linux, cases, content, damage, judge, no_better, program, unchanged, unknown, wide};
use crate::support::{Patch, assert_runs};

cases! {
    30 note_sizes => {
        for (base, notes) in [
            ("cet-full", &[".note.gnu.property", ".note.gnu.build-id"][..]),
            ("aarch64-standard", &[".note.gnu.property", ".note.gnu.build-id"]),
            ("canary-recorded", &[".note.gnu.property", ".note.gnu.build-id", ".note.ABI-tag"]),
            ("cet-object", &[".note.gnu.property"]),
        ] {
            for note in notes {
                no_better(base, |whole| {
                    let (at, _) = content(whole, note);
                    let mut all = vec![
                        damage("n_namesz 2^32-1", at, &[0xff; 4]),
                        damage("n_descsz 2^32-1", at + 4, &[0xff; 4]),
                        damage("n_namesz and n_descsz 2^32-4", at, &[0xfc, 0xff, 0xff, 0xff, 0xfc, 0xff, 0xff, 0xff]),
                    ];
                    if *note == ".note.gnu.property" {
                        all.push(damage("pr_datasz 2^32-1", at + 20, &[0xff; 4]));
                        all.push(damage("pr_datasz 2^32-4", at + 20, &[0xfc, 0xff, 0xff, 0xff]));
                        all.push(damage("pr_datasz 0", at + 20, &[0; 4]));
                    }
                    all
                });
            }
        }
    };
    31 interpreter => {
        unknown(|whole| {
            let header = whole.headers(3)[0];
            let end = usize::try_from(whole.u64(header + 8) + whole.u64(header + 32)).unwrap() - 1;
            vec![
                (wide("PT_INTERP empty", header + 32, 0), &["rpath"]),
                (wide("PT_INTERP of one byte", header + 32, 1), &["rpath"]),
                (wide("PT_INTERP of 2^40 bytes", header + 32, 1 << 40), &["rpath"]),
                (damage("PT_INTERP unterminated", end, b"x"), &["rpath"]),
            ]
        });
        escapes_in_the_interpreter();
    };
    32 two_gnu_stacks => stacks();
    33 segments => {
        unchanged(Linux::Runs, Form::Any, |whole| {
            let loads = whole.headers(1);
            loads[..3].iter().map(|load| wide("p_align 3", load + 48, 3)).collect()
        });
        unchanged(Linux::Refuses, Form::Malformed, |whole| {
            let loads = whole.headers(1);
            vec![
                wide("p_memsz below p_filesz", loads[0] + 40, 1),
                wide("p_memsz below p_filesz", loads[3] + 40, 8),
                wide("p_memsz 2^64-1", loads[2] + 40, u64::MAX),
                wide("p_memsz over the next", loads[2] + 40, 0x2100),
            ]
        });
        what_is_mapped_last_counts();
    };
}

fn escapes_in_the_interpreter() {
    let Some(whole) = program() else { return };
    let mut file = Patch(whole.0.clone());
    let (at, size) = content(&whole, ".interp");
    let hostile = b"\x1b[31m\n\xff/../evil\xe2\x80\xae.so";
    assert!(hostile.len() < size);
    file.put(at, hostile);
    let found = judge(&file.0).unwrap();
    assert_eq!(found["rpath"], "-unsafe");
}

fn stacks() {
    let Some(whole) = program() else { return };
    for (first, last) in [(6, 7), (7, 6)] {
        let mut file = Patch(whole.0.clone());
        two_stacks(&mut file, first, last);
        assert!(judge(&file.0).unwrap()["nx-stack"].starts_with('-'), "{first} {last}");
        assert_runs("two PT_GNU_STACK", &file.0);
    }
}

/// A segment over another hides its content from who reads the first that has an address: here a dynamic segment with a
/// search path that everyone can write to, behind a copy without it.
fn what_is_mapped_last_counts() {
    let Some(bytes) = super::BINARIES.get("runpath-open") else { return };
    let mut file = Patch(bytes.clone());
    let load = file.headers(1)[3];
    let [address, offset, size] = [16, 8, 32].map(|field| file.u64(load + field));
    file.0.resize(file.0.len().next_multiple_of(4096), 0);
    let copy = file.0.len() as u64 + offset % 4096;
    let page = usize::try_from(offset / 4096 * 4096).unwrap();
    file.0.extend_from_within(page..page + 8192.min(file.0.len() - page));
    let runpath = file.dynamic(29);
    file.put(runpath, &0x6000_1234_u64.to_le_bytes());
    let spare = file.headers(0x6474_e550)[0];
    let mut header = [1_u32.to_le_bytes(), 6_u32.to_le_bytes()].concat();
    for field in [copy, address, address, size, size + 8, 4096] {
        header.extend(field.to_le_bytes());
    }
    file.put(spare, &header);
    let found = judge(&file.0).unwrap();
    assert_eq!((&*found["rpath"], &*found["well-formed"]), ("-unsafe", "-malformed"));
    assert_runs("one segment over another", &file.0);
}
