//! What is fuzzed, what must hold for any bytes, and the inputs to start from, which our own writers make.

use std::path::Path;

mod common;

pub mod ar;
pub mod boot_config;
pub mod bootconfig;
pub mod cil;
pub mod cmdline;
pub mod cpio;
pub mod create;
pub mod deb;
pub mod decompress;
pub mod descriptor;
pub mod dm_reply;
pub mod dps_signature;
pub mod dwarf;
pub mod fec;
pub mod flags;
pub mod go_buildinfo;
pub mod gpt;
pub mod grub;
pub mod journal;
pub mod kconfig;
pub mod kernel_image;
pub mod kernel_parameters;
pub mod line;
pub mod loader_entry;
pub mod manifest;
pub mod modinfo;
pub mod newc;
pub mod notes;
pub mod oci;
pub mod pem;
pub mod pkcs7;
pub mod policy_compile;
pub mod policy_round_trip;
pub mod policydb;
pub mod proc_maps;
pub mod profile;
pub mod receipt;
pub mod rpm;
pub mod superblock;
pub mod sysctl_d;
pub mod table;
pub mod verify;
pub mod veritytab;

/// Writes the first inputs of a target into the directory that `HARDPAN_FUZZ_SEEDS` names, and ends the process; does
/// nothing where that is not set. The target does it itself, since a program of its own would have to be built without
/// the instrumentation.
pub fn seeds_instead(seeds: fn() -> Vec<Vec<u8>>) {
    let Some(directory) = std::env::var_os("HARDPAN_FUZZ_SEEDS") else { return };
    let write = |(index, seed): (usize, Vec<u8>)| {
        std::fs::write(Path::new(&directory).join(format!("seed-{index}")), seed)
    };
    let written = std::fs::create_dir_all(&directory);
    let written = written.and_then(|()| seeds().into_iter().enumerate().try_for_each(write));
    if let Err(error) = &written {
        eprintln!("{}: {error}", directory.display());
    }
    std::process::exit(i32::from(written.is_err()));
}

/// A target over the module of the same name.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::seeds_instead($crate::$name::seeds),
            |bytes: &[u8]| $crate::$name::check(bytes)
        );
    };
    // With changes of its own beside libFuzzer's.
    ($name:ident, mutated) => {
        $crate::target!($name);
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            let changed = $crate::$name::mutate(data, size, max_size, seed);
            changed.unwrap_or_else(|| libfuzzer_sys::fuzzer_mutate(data, size, max_size))
        });
    };
}
