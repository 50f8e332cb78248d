//! How the boot binary is linked when it is static, as it is in an initramfs.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=without-unwinding.ld");
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if !features.split(',').any(|feature| feature == "crt-static") {
        return;
    }
    // Two thousand places hold an address that the program itself puts right when it starts, since it is to lie where
    // nobody can guess. Their list takes 48 KiB as records of 24 bytes each, and half a kilobyte as a map of bits. The C
    // library must know the map (glibc 2.36, musl 1.2.4); that the binary starts at all is what a test looks at. Giving up
    // the random place instead would save as much, and one lock.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // Cargo does not tell a build script that a profile aborts on panics: of those here, only `boot`, which does, is
    // optimised for size. Others unwind, and need the tables.
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "z") {
        let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{directory}/without-unwinding.ld");
    }
}
