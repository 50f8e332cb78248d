//! ELF files with known properties, from the compiler.

use std::sync::OnceLock;

use super::Dir;

/// A program that passes every rule on executables.
pub(crate) fn hardened() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        compile(&[
            "-O2",
            "-fPIE",
            "-pie",
            "-fstack-protector-all",
            "-U_FORTIFY_SOURCE",
            "-D_FORTIFY_SOURCE=2",
            "-Wl,-z,relro,-z,now,-z,noexecstack",
        ])
    })
}

/// A program without any protection, and with an executable stack.
pub(crate) fn weak() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        compile(&[
            "-O2",
            "-no-pie",
            "-fno-pie",
            "-fno-stack-protector",
            "-U_FORTIFY_SOURCE",
            "-Wl,-z,norelro,-z,lazy,-z,execstack,-rpath,/tmp/lib",
        ])
    })
}

/// A shared object with all protections that it can have but immediate binding.
pub(crate) fn library() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        compile(&["-O2", "-fPIC", "-shared", "-fstack-protector-all", "-Wl,-z,relro,-z,lazy"])
    })
}

/// A program that needs no loader.
pub(crate) fn fixed() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| compile(&["-O1", "-static", "-nostdlib", "-no-pie", "-DBARE", "-Wl,-z,noexecstack"]))
}

/// A program or a shared object of these flags.
pub(crate) fn compile(flags: &[&str]) -> Vec<u8> {
    let dir = Dir::new();
    dir.write("main.c", SOURCE);
    dir.tool("cc", &[&["main.c", "-o", "out"], flags].concat());
    std::fs::read(dir.path("out")).unwrap()
}

/// It has a buffer for the stack protector, and a copy of unknown length for FORTIFY.
const SOURCE: &str = r#"
#ifdef BARE
void _start(void) { for (;;) {} }
#else
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    char buffer[32];
    memcpy(buffer, argv[0], (size_t)argc);
    printf("%s %d\n", buffer, argc);
    return 0;
}
#endif
"#;
