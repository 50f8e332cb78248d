//! Numbers 1 to 9: the ELF header.

use super::{
    Damage, Form, Linux, assert_one_finding, cases, damage, hopeless, judge, program, unchanged, wide,
};
use crate::support::{Patch, facts};
use crate::tiny::{SHAPES, tiny};
use hardpan_checksec::ElfError;

cases! {
    1 empty => assert!(matches!(facts(b""), Err(ElfError::Malformed { .. })));
    2 magic_only => assert_one_finding("magic only", b"\x7fELF");
    3 header_of_63_bytes => assert_one_finding("63 bytes", &tiny(SHAPES[0])[..63]);
    4 ei_class => unchanged(Linux::Runs, Form::Malformed, |_| {
        let classes = [0, 1, 3, 0xff].map(|class| damage("EI_CLASS", 4, &[class]));
        let others = [damage("EI_VERSION", 6, &[9]), damage("e_ehsize", 52, &[1, 0])];
        classes.into_iter().chain(others).collect()
    });
    5 ei_data => unchanged(Linux::Runs, Form::Malformed, |_| {
        [0, 2, 0xff].map(|order| damage("EI_DATA", 5, &[order])).into()
    });
    6 e_phentsize => hopeless(|_| {
        [0_u16, 1, 65535].map(|size| damage("e_phentsize", 54, &size.to_le_bytes())).into()
    });
    7 pn_xnum => hopeless(more_headers_than_bytes);
    8 e_phoff => hopeless(|_| [u64::MAX, u64::MAX - 55, 1 << 63].map(|at| wide("e_phoff", 32, at)).into());
    9 machine_and_type => unknown_ones_and_core_dumps();
}

/// `PN_XNUM` says that the number is in the first section header, which says 2^32-1.
fn more_headers_than_bytes(whole: &Patch) -> Vec<Damage> {
    let first_section = usize::try_from(whole.u64(40)).unwrap();
    let mut end = whole.0[56..first_section + 44].to_vec();
    end[..2].copy_from_slice(&[0xff, 0xff]);
    end.extend(u32::MAX.to_le_bytes());
    vec![
        damage("e_phnum 0", 56, &[0, 0]),
        damage("PN_XNUM", 56, &[0xff, 0xff]),
        damage("PN_XNUM and sh_info", 56, &end),
    ]
}

fn unknown_ones_and_core_dumps() {
    let Some(whole) = program() else { return };
    let with = |at: usize, value: u16| {
        let mut file = Patch(whole.0.clone());
        file.put(at, &value.to_le_bytes());
        judge(&file.0).unwrap()
    };
    for of_core in with(16, 4) {
        assert_eq!(of_core.1, "~n/a", "{} of a core dump", of_core.0);
    }
    for kind in [0, 5, 0xfe00, 0x7777, 0xffff] {
        assert_eq!(with(16, kind)["well-formed"], "-malformed", "e_type {kind:#x}");
        assert_eq!(with(16, kind)["relro"], "~n/a", "e_type {kind:#x}");
    }
    // A machine that nobody knows has program headers like any other.
    let sound = judge(&whole.0).unwrap();
    for rule in ["relro", "bind-now", "pie", "nx-stack", "textrel", "wx-segments"] {
        assert_eq!(with(18, 0x1234)[rule], sound[rule], "{rule}");
    }
}
