//! What the binaries of the table are made of: each file shows one property, or is unable to.

/// Name and text of every source file.
pub(crate) const SOURCES: &[(&str, &str)] = &[
    (
        // A function with an array, one call that level 1 of FORTIFY checks and one that level 2 checks.
        "main.c",
        "#include <stdio.h>\n#include <string.h>\nint main(int argc, char **argv) { char buffer[64]; \
         strcpy(buffer, argv[0]); printf(\"%s %d\\n\", buffer, argc); return 0; }\n",
    ),
    // Nothing that the stack protector would protect, and nothing that has a checked form.
    ("plain.c", "#include <stdlib.h>\nint main(int argc, char **argv) { return atoi(argv[0]) + argc; }\n"),
    // The only call with a checked form is one that few checkers know.
    (
        "read.c",
        "#include <unistd.h>\nint main(int argc, char **argv) { char buffer[64]; \
         return (int)read(argc, buffer, (size_t)argc) + buffer[argc & 63]; }\n",
    ),
    (
        "poll.c",
        "#include <poll.h>\nint main(int argc, char **argv) { struct pollfd fds[4] = {{0}}; \
         return poll(fds, (nfds_t)argc, 0) + fds[argc & 3].revents; }\n",
    ),
    // A call that is checked only where the buffer's size is known, and it is not.
    (
        "unknown-size.c",
        "#include <unistd.h>\nint main(int argc, char **argv) { return (int)read(argc, argv[0], 1); }\n",
    ),
    (
        "longjmp.c",
        "#include <setjmp.h>\njmp_buf at; int main(int argc, char **argv) { \
         if (setjmp(at) == 0) longjmp(at, argc); return 0; }\n",
    ),
    // Frames of several pages, of a length known to the compiler and of one that is not.
    (
        "frames.c",
        "#include <stdio.h>\n__attribute__((noinline)) int large(int n) { volatile char a[70000]; \
         a[n] = (char)n; return a[n / 2]; }\n__attribute__((noinline)) int varying(int n) { volatile char \
         a[n * 4096]; a[n] = 1; return a[n]; }\nint main(int argc, char **argv) { \
         printf(\"%d\\n\", large(argc) + varying(argc)); return 0; }\n",
    ),
    (
        "calls.c",
        "#include <stdio.h>\ntypedef int (*step)(int);\nint add(int x) { return x + 1; }\n\
         int twice(int x) { return x * 2; }\nstep steps[] = {add, twice};\nint main(int argc, char **argv) { \
         printf(\"%d\\n\", steps[argc & 1](argc)); return 0; }\n",
    ),
    // A library that needs no other, so that no start file of the C library takes its property marks away.
    (
        "alone.c",
        "typedef int (*step)(int);\nint apply(step by, int x) { return by(x) + 1; }\n\
         int both(step a, step b, int x) { return a(x) + b(x); }\n",
    ),
    // A library that needs a variable of another one.
    ("pointer.c", "extern int other; int *pointer(void) { return &other; }\n"),
    // A program that needs nothing at all.
    ("start.c", "int word = 1; void _start(void) { for (;;) word++; }\n"),
    (
        "module.c",
        "const char license[] __attribute__((section(\".modinfo\"))) = \"license=GPL\";\n\
         void fill(char *); int init_module(void) { char b[64]; fill(b); return b[0]; }\n",
    ),
    (
        "part.c",
        "#include <string.h>\nint part(const char *from) { char b[64]; strcpy(b, from); return b[1]; }\n",
    ),
    (
        "whole.c",
        "#include <stdio.h>\n#include <string.h>\nint part(const char *); int main(int argc, char **argv) { \
         char b[64]; strcpy(b, argv[0]); printf(\"%s %d\\n\", b, part(b)); return 0; }\n",
    ),
    // A relocation in code: of the size of a pointer.
    (
        "code-relocation.c",
        "#include <stdio.h>\n#include <string.h>\n#if __SIZEOF_POINTER__ == 8\n__asm__(\".text\\n.quad main\\n\");\n\
         #else\n__asm__(\".text\\n.long main\\n\");\n#endif\nint main(int argc, char **argv) { char b[64]; \
         strcpy(b, argv[0]); printf(\"%s %d\\n\", b, argc); return 0; }\n",
    ),
    ("no-note.s", ".text\n.globl f\nf: ret\n"),
    ("exec-note.s", ".text\n.globl f\nf: ret\n.section .note.GNU-stack,\"x\",@progbits\n"),
    (
        "main.cc",
        "#include <iostream>\n#include <cstdio>\n#include <cstring>\nint main(int c, char **v) { \
         char b[64]; std::strcpy(b, v[0]); std::printf(\"%s %d\\n\", b, c); std::cout << c; }\n",
    ),
    // One segment for everything, writable and executable.
    (
        "one-segment.ld",
        "PHDRS { all PT_LOAD FLAGS(7); stack PT_GNU_STACK FLAGS(6); }\n\
         SECTIONS { . = 0x400000 + SIZEOF_HEADERS; .text : { *(.text*) } :all\n\
         .data : { *(.data* .bss* .rodata* .eh_frame*) } :all /DISCARD/ : { *(.note.gnu.property) } }\n",
    ),
    ("hello.go", "package main\n\nfunc main() { println(\"hello\") }\n"),
    (
        "calls-c.go",
        "package main\n\n/*\n#include <stdio.h>\n#include <string.h>\nint part(char *at) { char b[64]; \
         strcpy(b, at); printf(\"%s\\n\", b); return b[1]; }\n*/\nimport \"C\"\n\n\
         func main() { println(C.part(C.CString(\"x\"))) }\n",
    ),
    (
        "shared.go",
        "package main\n\nimport \"C\"\n\n//export Answer\nfunc Answer() int { return 42 }\n\nfunc main() {}\n",
    ),
    ("main.rs", "fn main() { println!(\"{:?}\", std::env::args().collect::<Vec<_>>()); }\n"),
    (
        "library.rs",
        "#[unsafe(no_mangle)] pub extern \"C\" fn answer() -> usize { std::env::args().count() }\n",
    ),
    (
        "frames.rs",
        "#[inline(never)] fn large(n: usize) -> u8 { let a = std::hint::black_box([n as u8; 70000]); a[n] }\n\
         fn main() { println!(\"{}\", large(std::env::args().count())); }\n",
    ),
];
