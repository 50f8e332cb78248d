//! The table: what was asked of the compiler, and what follows from it.
//!
//! A line has a name, a verdict for every rule in the order of their ids, the commands of the shell that make `$o`, and
//! the labels that the verdicts must have where that says more. The verdicts were written from the flags, before
//! anything was judged:
//!
//! - `+` pass, `%` partial, `-` fail, `?` unknown, `~` not applicable
//! - `.` no claim: unknown or not applicable
//! - `!` anything but a pass, which would claim a defence that is not there
//! - `*` anything but a failure, which would miss one that is there or blame what has none
//! - `o` open: the flags do not decide it
//!
//! Left to right: relro, bind-now, pie, nx-stack, stack-protector; fortify, rpath, textrel, wx-segments, well-formed; cet,
//! branch-protection, stack-clash, cfi, safe-stack; symbols, build-id, separate-code, build-flags.

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Binary {
    pub(crate) name: &'static str,
    /// One letter for each of [`RULE_NAMES`].
    pub(crate) verdicts: Vec<char>,
    pub(crate) how: &'static str,
    /// Rule and label.
    pub(crate) labels: Vec<(&'static str, &'static str)>,
}

/// The columns.
pub(crate) const RULE_NAMES: [&str; 19] = [
    "relro",
    "bind-now",
    "pie",
    "nx-stack",
    "stack-protector",
    "fortify",
    "rpath",
    "textrel",
    "wx-segments",
    "well-formed",
    "cet",
    "branch-protection",
    "stack-clash",
    "cfi",
    "safe-stack",
    "symbols",
    "build-id",
    "separate-code",
    "build-flags",
];

/// The columns of rules that are not there yet. Empty when all are.
pub(crate) const NOT_YET: &[&str] = &[];

/// What `$hard` and its like mean in the lines.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    (
        "hard",
        "-O2 -w -fPIE -pie -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 \
         -Wl,-z,relro,-z,now,-z,noexecstack",
    ),
    (
        "soft",
        "-O2 -w -fno-pie -no-pie -fno-stack-protector -U_FORTIFY_SOURCE -Wl,-z,norelro,-z,lazy,-z,noexecstack",
    ),
    // A library on its own: no start file takes marks away from it.
    ("lone", "-O2 -w -fPIC -shared -nostdlib -Wl,-z,relro,-z,now,-z,noexecstack"),
    // Of a program the parts that only the compiler decides.
    ("code", "-O2 -w -fPIC -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"),
    ("bare", "-O2 -w -fPIC -fno-stack-protector -U_FORTIFY_SOURCE"),
];

/// The lines.
pub(crate) fn table() -> Vec<Binary> {
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(binary).collect()
}

fn binary(line: &'static str) -> Binary {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let [name, verdicts, how, ref labels @ ..] = fields[..] else { panic!("{line}") };
    let verdicts: Vec<char> = verdicts.chars().filter(|letter| *letter != ' ').collect();
    assert!(verdicts.iter().all(|letter| "+%-?~.!*o".contains(*letter)), "{name}");
    assert_eq!(verdicts.len(), RULE_NAMES.len(), "{name}");
    let labels = labels.iter().flat_map(|labels| labels.split(", "));
    let labels = labels.map(|label| label.split_once('=').unwrap()).collect();
    Binary { name, verdicts, how, labels }
}

const TABLE: &str = r"
# RELRO, binding and position, by gcc ---------------------------------------------------------------------------------
#name                  rnpxc frtwf cbkis yugf   how                                                         labels
gcc-pie              | +++++ +++++ -~?!! !++.  | gcc $hard main.c -o $o | relro=full, bind-now=now, pie=PIE
gcc-pie-lazy         | %-+++ +++++ -~?!! !++.  | gcc $hard -Wl,-z,lazy main.c -o $o | relro=partial, bind-now=lazy
gcc-pie-norelro      | --+++ +++++ -~?!! !++.  | gcc $hard -Wl,-z,norelro,-z,lazy main.c -o $o | relro=none
gcc-pie-now-norelro  | -++++ +++++ -~?!! !++.  | gcc $hard -Wl,-z,norelro main.c -o $o | relro=none
gcc-pie-no-plt       | +++++ +++++ -~?!! !++.  | gcc $hard -fno-plt -Wl,-z,lazy main.c -o $o | relro=full
gcc-exec             | ++-++ +++++ -~?!! !++.  | gcc $hard -fno-pie -no-pie main.c -o $o | relro=full
gcc-exec-lazy        | %--++ +++++ -~?!! !++.  | gcc $hard -fno-pie -no-pie -Wl,-z,lazy main.c -o $o
gcc-soft             | ---+? -++++ -~?!! !++.  | gcc $soft main.c -o $o | relro=none, bind-now=lazy
gcc-static           | +~-+? ?~~++ -~?!! !++.  | gcc $hard -fno-pie -no-pie -static main.c -o $o | relro=full
gcc-static-lazy      | %~-+? ?~~++ -~?!! !++.  | gcc $hard -fno-pie -no-pie -static -Wl,-z,lazy main.c -o $o
gcc-static-soft      | -~-+? ?~~++ -~?!! !++.  | gcc $soft -static main.c -o $o | relro=none
gcc-static-pie       | +~++? ?++++ -~?!! !++.  | gcc $hard -static-pie main.c -o $o | pie=static PIE
gcc-static-pie-lazy  | %~++? ?++++ -~?!! !++.  | gcc $hard -static-pie -Wl,-z,lazy main.c -o $o
gcc-shared           | ++~++ +++++ -~?!! !++.  | gcc $hard -fPIC -shared part.c -o $o | pie=DSO
gcc-shared-lazy      | %-~++ +++++ -~?!! !++.  | gcc $hard -fPIC -shared -Wl,-z,lazy part.c -o $o
gcc-shared-norelro   | -+~++ +++++ -~?!! !++.  | gcc $hard -fPIC -shared -Wl,-z,norelro part.c -o $o
gcc-gold             | +++++ +++++ -~?!! !+o.  | gcc $hard -fuse-ld=gold main.c -o $o
gcc-gold-lazy        | %-+++ +++++ -~?!! !+o.  | gcc $hard -fuse-ld=gold -Wl,-z,lazy main.c -o $o
gcc-hash-sysv        | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,--hash-style=sysv main.c -o $o
gcc-cplusplus        | +++++ +++++ -~?!! !++.  | g++ $hard main.cc -o $o

# The same by clang ---------------------------------------------------------------------------------------------------
clang-pie            | +++++ +++++ -~?!! !++.  | clang $hard -Wl,--build-id main.c -o $o | relro=full, pie=PIE
clang-pie-lazy       | %-+++ +++++ -~?!! !++.  | clang $hard -Wl,--build-id,-z,lazy main.c -o $o | relro=partial
clang-soft           | ---+? -++++ -~?!! !++.  | clang $soft -Wl,--build-id main.c -o $o
clang-static         | +~-+? ?~~++ -~?!! !++.  | clang $hard -fno-pie -no-pie -static -Wl,--build-id main.c -o $o
clang-static-pie     | +~++? ?++++ -~?!! !++.  | clang $hard -static-pie -Wl,--build-id main.c -o $o
clang-shared         | ++~++ +++++ -~?!! !++.  | clang $hard -fPIC -shared -Wl,--build-id part.c -o $o | pie=DSO
clang-lld            | +++++ +++++ -~?!! !+o.  | clang $hard -fuse-ld=lld -Wl,--build-id main.c -o $o
clang-lld-lazy       | %-+++ +++++ -~?!! !+o.  | clang $hard -fuse-ld=lld -Wl,--build-id,-z,lazy main.c -o $o
clang-lld-shared     | ++~++ +++++ -~?!! !+o.  | clang $hard -fuse-ld=lld -Wl,--build-id -fPIC -shared part.c -o $o

# Stacks that are executable, and what taints the final link ----------------------------------------------------------
gcc-execstack        | +++-+ +++++ -~?!! !++.  | gcc $hard -Wl,-z,execstack main.c -o $o | nx-stack=exec
gcc-shared-execstack | ++~-+ +++++ -~?!! !++.  | gcc $hard -fPIC -shared -Wl,-z,execstack part.c -o $o | nx-stack=exec
gcc-static-execstack | +~--? ?~~++ -~?!! !++.  | gcc $hard -fno-pie -no-pie -static -Wl,-z,execstack main.c -o $o
clang-execstack      | +++-+ +++++ -~?!! !++.  | clang $hard -Wl,--build-id,-z,execstack main.c -o $o
clang-lld-execstack  | +++-+ +++++ -~?!! !+o.  | clang $hard -fuse-ld=lld -Wl,--build-id,-z,execstack main.c -o $o
object               | ~~~++ +~~~+ -~?!! ~~~.  | gcc $code -c main.c -o $o
object-clang         | ~~~++ +~~~+ -~?!! ~~~.  | clang $code -c main.c -o $o
object-soft          | ~~~+? ?~~~+ -~?!! ~~~.  | gcc $bare -c main.c -o $o
object-no-note       | ~~~-. .~~~+ -~.!! ~~~.  | gcc -c no-note.s -o $o | nx-stack=missing
object-exec-note     | ~~~-. .~~~+ -~.!! ~~~.  | gcc -c exec-note.s -o $o | nx-stack=exec
module               | ~~~~+ ~~~~+ o~o!! o-~.  | gcc $code -c module.c -o $o | symbols=stripped, build-id=none
module-soft          | ~~~~? ~~~~+ o~o!! o-~.  | gcc $bare -c module.c -o $o

# Memory that is writable and executable ------------------------------------------------------------------------------
wx-omagic            | !~-+? ?~~-+ -~?!! !o-.  | musl-gcc $hard -fno-pie -no-pie -static -Wl,-N main.c -o $o
wx-omagic-aarch64    | ~~-+. .~~-+ ~-.!! !o-.  | aarch64-linux-gnu-gcc $soft -static -nostdlib -Wl,-N start.c -o $o
wx-script            | ~~-+. .~~-+ -~?!! !o-.  | gcc $soft -static -nostdlib -T one-segment.ld start.c -o $o
wx-omagic-lld        | !~-+? ?~~-+ -~?!! !o-.  | clang $soft -static -fuse-ld=lld -Wl,-N main.c -o $o

# Relocations in code -------------------------------------------------------------------------------------------------
textrel              | +++++ ++-++ -~?!! !++.  | gcc $hard -Wl,-z,notext code-relocation.c -o $o
textrel-shared       | ++~++ ++-++ -~?!! !++.  | gcc $hard -fPIC -shared -Wl,-z,notext code-relocation.c -o $o
textrel-lld          | +++++ ++-++ -~?!! !+o.  | clang $hard -fuse-ld=lld -Wl,--build-id,-z,notext code-relocation.c -o $o
textrel-i386         | ++~++ ++-++ -~.!! !++.  | i686-linux-gnu-gcc $hard -fno-pic -fno-pie -no-pie -shared -Wl,-z,notext main.c -o $o

# Where libraries are looked for --------------------------------------------------------------------------------------
rpath-absolute       | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,-rpath,/usr/lib,--disable-new-dtags main.c -o $o | rpath=safe RPATH
runpath-absolute     | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,-rpath,/usr/lib,--enable-new-dtags main.c -o $o | rpath=safe RUNPATH
runpath-origin       | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,-rpath,'$ORIGIN/../lib',--enable-new-dtags main.c -o $o | rpath=safe RUNPATH
rpath-origin-escapes | +++++ +-+++ -~?!! !++.  | gcc $hard -Wl,-rpath,'$ORIGIN/../../../lib',--disable-new-dtags main.c -o $o
rpath-empty          | +++++ +-+++ -~?!! !++.  | gcc $hard -Wl,-rpath,/usr/lib::/lib main.c -o $o
rpath-relative       | +++++ +-+++ -~?!! !++.  | clang $hard -Wl,--build-id,-rpath,lib main.c -o $o
runpath-open         | +++++ +-+++ -~?!! !++.  | gcc $hard -Wl,-rpath,/open,--enable-new-dtags main.c -o $o
needed-open          | +++++ +-+++ -~?!! !++.  | gcc -shared -Wl,-soname,/open/evil.so part.c -o $o.so; gcc $hard -Wl,--no-as-needed main.c $o.so -o $o
audit-open           | +++++ +-+++ -~?!! !++.  | gcc $hard -Wl,--audit=/open/evil.so main.c -o $o
audit-list-open      | +++++ +-+++ -~?!! !++.  | gcc $hard -Wl,--depaudit=sound.so:/open/evil.so main.c -o $o
audit-sound          | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,--audit=/usr/lib/audit.so main.c -o $o
filter-relative      | ++~++ +-+++ -~?!! !++.  | gcc $hard -fPIC -shared -Wl,-F,./evil.so part.c -o $o
auxiliary-open       | ++~++ +-+++ -~?!! !++.  | gcc $hard -fPIC -shared -Wl,-f,/open/evil.so part.c -o $o
interpreter-relative | +++++ +-+++ -~?!! !++.  | gcc $hard -Wl,--dynamic-linker=evil.sh main.c -o $o
interpreter-open     | +++++ +-+++ -~?!! !++.  | gcc $hard -Wl,--dynamic-linker=/open/evil.sh main.c -o $o

# Stack protector -----------------------------------------------------------------------------------------------------
canary-off           | ++++? +++++ -~?!! !++.  | gcc $hard -fno-stack-protector main.c -o $o
canary-basic         | +++++ +++++ -~?!! !++.  | gcc $hard -fstack-protector main.c -o $o
canary-all           | +++++ +++++ -~?!! !++.  | gcc $hard -fstack-protector-all main.c -o $o
canary-plain         | ++++? ~++++ -~?!! !++.  | gcc $hard plain.c -o $o
canary-plain-all     | +++++ ~++++ -~?!! !++.  | gcc $hard -fstack-protector-all plain.c -o $o
canary-off-clang     | ++++? +++++ -~?!! !++.  | clang $hard -Wl,--build-id -fno-stack-protector main.c -o $o
canary-plain-clang   | ++++? ~++++ -~?!! !++.  | clang $hard -Wl,--build-id plain.c -o $o
# What the debugging information records of the flags decides where symbols cannot.
canary-recorded      | +++++ +++++ -~?!! !+++  | gcc $hard -g main.c -o $o
canary-recorded-off  | ++++- +++++ -~?!! !++o  | gcc $hard -g -fno-stack-protector main.c -o $o
canary-recorded-plain| +++++ ~++++ -~?!! !+++  | gcc $hard -g plain.c -o $o
canary-recorded-dwarf4|++++- +++++ -~?!! !++o  | gcc $hard -gdwarf-4 -fno-stack-protector main.c -o $o
canary-recorded-gz   | ++++- +++++ -~?!! !++o  | gcc $hard -g -gz -fno-stack-protector main.c -o $o
canary-recorded-clang| ++++- +++++ -~?!! !++o  | clang $hard -Wl,--build-id -g -grecord-command-line -fno-stack-protector main.c -o $o
canary-recorded-line | ++++- +++++ -~?!! !++o  | clang $hard -Wl,--build-id -frecord-command-line -fno-stack-protector main.c -o $o
canary-mixed         | ++++% +++++ -~?!! !++!  | gcc $bare -g -c part.c -o $o.part; gcc $hard -g whole.c $o.part -o $o
canary-last-wins     | ++++- +++++ -~?!! !++o  | gcc $hard -g -fstack-protector-all -fno-stack-protector main.c -o $o

# The C library defines what others only refer to; it has an interpreter and is no program.
canary-libc-itself   | oo~++ ~++++ oooo! ooo.  | cp `gcc -print-file-name=libc.so.6` $o
canary-loader-itself | oo~+o .++++ oooo! ooo.  | cp `gcc -print-file-name=ld-linux-x86-64.so.2` $o

# FORTIFY -------------------------------------------------------------------------------------------------------------
fortify-off          | +++++ -++++ -~?!! !++.  | gcc $hard -U_FORTIFY_SOURCE main.c -o $o
fortify-0            | +++++ -++++ -~?!! !++.  | gcc $hard -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0 main.c -o $o
fortify-1            | +++++ +++++ -~?!! !++.  | gcc $hard -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=1 main.c -o $o
fortify-3            | +++++ +++++ -~?!! !++.  | gcc $hard -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 main.c -o $o
fortify-read         | +++++ +++++ -~?!! !++.  | gcc $hard read.c -o $o
fortify-read-off     | +++++ ?++++ -~?!! !++.  | gcc $hard -U_FORTIFY_SOURCE read.c -o $o
fortify-poll         | +++++ +++++ -~?!! !++.  | gcc $hard poll.c -o $o
fortify-unknown-size | ++++? ?++++ -~?!! !++.  | gcc $hard unknown-size.c -o $o
fortify-longjmp      | ++++? +++++ -~?!! !++.  | gcc $hard longjmp.c -o $o
fortify-longjmp-off  | ++++? -++++ -~?!! !++.  | gcc $hard -U_FORTIFY_SOURCE longjmp.c -o $o
fortify-unoptimised  | +++++ -++++ -~?!! !++o  | gcc $hard -O0 -g main.c -o $o
fortify-recorded     | +++++ +++++ -~?!! !+++  | clang $hard -Wl,--build-id -frecord-command-line -fno-stack-protector -fstack-protector-strong unknown-size.c -o $o
fortify-recorded-off | ++++o -++++ -~?!! !++o  | clang $hard -Wl,--build-id -frecord-command-line -U_FORTIFY_SOURCE unknown-size.c -o $o
fortify-off-clang    | +++++ -++++ -~?!! !++.  | clang $hard -Wl,--build-id -U_FORTIFY_SOURCE main.c -o $o
fortify-3-clang      | +++++ +++++ -~?!! !++.  | clang $hard -Wl,--build-id -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 main.c -o $o
# clang 14 does not replace read, so nothing shows that the flag was given.
fortify-read-clang   | +++++ ?++++ -~?!! !++.  | clang $hard -Wl,--build-id read.c -o $o
fortify-object-off   | ~~~++ ?~~~+ -~?!! ~~~.  | gcc $code -U_FORTIFY_SOURCE -c main.c -o $o

# Another C library ---------------------------------------------------------------------------------------------------
# musl's own objects tell how they were compiled, which is no word on the program.
musl                 | +++++ ~++++ -~?!! !++.  | musl-gcc $hard -Wl,--build-id main.c -o $o
musl-lazy            | %++++ ~++++ -~?!! !++.  | musl-gcc $hard -Wl,--build-id -Wl,-z,lazy main.c -o $o
musl-canary-off      | ++++? ~++++ -~?!! !++.  | musl-gcc $hard -Wl,--build-id -fno-stack-protector main.c -o $o
musl-static          | +~-+? ?~~++ -~?!! !++.  | musl-gcc $hard -Wl,--build-id -fno-pie -no-pie -static main.c -o $o
musl-static-off      | o~-+? ?~~++ -~?!! !-+.  | musl-gcc $soft -static main.c -o $o

# Control-flow enforcement of x86 -------------------------------------------------------------------------------------
cet-full             | ++~+? .++++ +~?!! !++.  | gcc $lone -fcf-protection=full alone.c -o $o
cet-branch           | ++~+? .++++ %~?!! !++.  | gcc $lone -fcf-protection=branch alone.c -o $o
cet-return           | ++~+? .++++ %~?!! !++.  | gcc $lone -fcf-protection=return alone.c -o $o
cet-none             | ++~+? .++++ -~?!! !++.  | gcc $lone -fcf-protection=none alone.c -o $o
cet-full-clang       | ++~+? .++++ +~?!! !+o.  | clang $lone -fuse-ld=lld -Wl,--build-id -fcf-protection=full alone.c -o $o
cet-none-clang       | ++~+? .++++ -~?!! !+o.  | clang $lone -fuse-ld=lld -Wl,--build-id -fcf-protection=none alone.c -o $o
cet-full-i386        | ++~+? .++++ +~.!! !++.  | i686-linux-gnu-gcc $lone -fcf-protection=full alone.c -o $o
# The mark was put on code that was compiled without: no defence.
cet-mark-only        | ++~+? .++++ !~?!! !++.  | gcc $lone -fcf-protection=none -Wl,-z,ibt,-z,shstk alone.c -o $o
cet-program-mark-only| +++++ +++++ !~?!! !++.  | gcc $hard -fcf-protection=none -Wl,-z,ibt,-z,shstk main.c -o $o
cet-object           | ~~~++ +~~~+ +~?!! ~~~.  | gcc $code -fcf-protection=full -c main.c -o $o
cet-object-none      | ~~~++ +~~~+ -~?!! ~~~.  | gcc $code -fcf-protection=none -c main.c -o $o

# Stack clash ---------------------------------------------------------------------------------------------------------
clash                | +++++ +++++ -~+!! !++.  | gcc $hard -fstack-clash-protection frames.c -o $o
clash-off            | +++++ +++++ -~?!! !++.  | gcc $hard -fno-stack-clash-protection frames.c -o $o
clash-clang          | +++++ +++++ -~+!! !++.  | clang $hard -Wl,--build-id -fstack-clash-protection frames.c -o $o
clash-off-clang      | +++++ +++++ -~?!! !++.  | clang $hard -Wl,--build-id -fno-stack-clash-protection frames.c -o $o
clash-small-frames   | +++++ +++++ -~?!! !++.  | gcc $hard -fstack-clash-protection main.c -o $o
clash-recorded       | +++++ +++++ -~+!! !+++  | gcc $hard -g -fstack-clash-protection main.c -o $o
clash-recorded-off   | +++++ +++++ -~!!! !++o  | gcc $hard -g -fno-stack-clash-protection frames.c -o $o
clash-stripped       | +++++ +++++ -~+!! +++.  | gcc $hard -s -fstack-clash-protection frames.c -o $o

# Clang's CFI and SafeStack -------------------------------------------------------------------------------------------
cfi                  | ++++? +++++ -~?+! !+o.  | clang $hard -Wl,--build-id -fuse-ld=lld -flto -fvisibility=hidden -fsanitize=cfi calls.c -o $o
cfi-cross            | ++++* +++++ -~?+! !+o.  | clang $hard -Wl,--build-id -fuse-ld=lld -flto -fvisibility=hidden -fsanitize=cfi -fsanitize-cfi-cross-dso calls.c -o $o
# Nothing here has its address taken, so that no symbol tells of it. The traps of the checks do.
cfi-shared           | ++~+? .++++ -~?+! !+o.  | clang $lone -Wl,--build-id -fuse-ld=lld -flto -fvisibility=default -fsanitize=cfi alone.c -o $o
# The names are gone, the traps are not.
cfi-stripped         | ++++? +++++ -~?+! ++o.  | clang $hard -Wl,--build-id -s -fuse-ld=lld -flto -fvisibility=hidden -fsanitize=cfi calls.c -o $o
cfi-lto-only         | ++++? +++++ -~?!! !+o.  | clang $hard -Wl,--build-id -fuse-ld=lld -flto -fvisibility=hidden calls.c -o $o
safe-stack           | ++++? +++++ -~?!+ !++.  | clang $hard -Wl,--build-id -fno-stack-protector -fsanitize=safe-stack main.c -o $o
safe-stack-stripped  | ++++? +++++ -~?!+ +++.  | clang $hard -Wl,--build-id -s -fno-stack-protector -fsanitize=safe-stack main.c -o $o
safe-stack-shared    | ++~+? +++++ -~?!+ !++.  | clang $hard -Wl,--build-id -fPIC -shared -fno-stack-protector -fsanitize=safe-stack part.c -o $o

# Symbols, build ids, code apart from data ----------------------------------------------------------------------------
stripped             | +++++ +++++ -~?!! +++.  | gcc $hard -s main.c -o $o
stripped-later       | +++++ +++++ -~?!! +++.  | gcc $hard -g main.c -o $o; strip $o
stripped-debug       | +++++ +++++ -~?!! !++.  | gcc $hard -g main.c -o $o; strip -g $o
stripped-static      | +~-+? ?~~++ -~?!! +++.  | gcc $hard -fno-pie -no-pie -static -s main.c -o $o
debug-link           | +++++ +++++ -~?!! o++.  | gcc $hard -g main.c -o $o; objcopy --only-keep-debug $o $o.debug; objcopy -S --add-gnu-debuglink=$o.debug $o
debug-file           | ~~~~~ ~~~~+ ~~~~~ ~o~o  | gcc $hard -g main.c -o $o.all; objcopy --only-keep-debug $o.all $o
no-comment           | +++++ +++++ -~?!! !++.  | gcc $hard main.c -o $o; objcopy -R .comment $o
build-id-none        | +++++ +++++ -~?!! !-+.  | gcc $hard -Wl,--build-id=none main.c -o $o
build-id-sha1        | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,--build-id=sha1 main.c -o $o
build-id-md5         | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,--build-id=md5 main.c -o $o
build-id-hex         | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,--build-id=0x0123456789abcdef main.c -o $o
build-id-lld         | +++++ +++++ -~?!! !+o.  | clang $hard -fuse-ld=lld -Wl,--build-id=fast main.c -o $o
build-id-stripped    | +++++ +++++ -~?!! +-+.  | gcc $hard -s -Wl,--build-id=none main.c -o $o
separate-code        | +++++ +++++ -~?!! !++.  | gcc $hard -Wl,-z,separate-code main.c -o $o
separate-code-not    | +++++ +++++ -~?!! !+-.  | gcc $hard -Wl,-z,noseparate-code main.c -o $o
separate-code-lld    | +++++ +++++ -~?!! !++.  | clang $hard -fuse-ld=lld -Wl,--build-id,-z,separate-code main.c -o $o

# AArch64 -------------------------------------------------------------------------------------------------------------
aarch64              | +++++ +++++ ~-.!! !+-.  | aarch64-linux-gnu-gcc $hard main.c -o $o
aarch64-lazy         | %-+++ +++++ ~-.!! !+-.  | aarch64-linux-gnu-gcc $hard -Wl,-z,lazy main.c -o $o
aarch64-soft         | ---+? -++++ ~-.!! !+-.  | aarch64-linux-gnu-gcc $soft main.c -o $o
aarch64-static       | +~-+? ?~~++ ~-.!! !+-.  | aarch64-linux-gnu-gcc $hard -fno-pie -no-pie -static main.c -o $o
aarch64-static-pie   | +~++? ?++++ ~-.!! !+-.  | aarch64-linux-gnu-gcc $hard -static-pie main.c -o $o
aarch64-execstack    | +++-+ +++++ ~-.!! !+-.  | aarch64-linux-gnu-gcc $hard -Wl,-z,execstack main.c -o $o
aarch64-separate     | +++++ +++++ ~-.!! !++.  | aarch64-linux-gnu-gcc $hard -Wl,-z,separate-code main.c -o $o
aarch64-standard     | ++~+? .++++ ~+.!! !+-.  | aarch64-linux-gnu-gcc $lone -mbranch-protection=standard alone.c -o $o
aarch64-bti          | ++~+? .++++ ~%.!! !+-.  | aarch64-linux-gnu-gcc $lone -mbranch-protection=bti alone.c -o $o
aarch64-pac-ret      | ++~+? .++++ ~%.!! !+-.  | aarch64-linux-gnu-gcc $lone -mbranch-protection=pac-ret alone.c -o $o
aarch64-none         | ++~+? .++++ ~-.!! !+-.  | aarch64-linux-gnu-gcc $lone -mbranch-protection=none alone.c -o $o
aarch64-mark-only    | ++~+? .++++ ~!.!! !+-.  | aarch64-linux-gnu-gcc $lone -mbranch-protection=none -Wl,-z,force-bti alone.c -o $o
aarch64-object       | ~~~++ +~~~+ ~+.!! ~~~.  | aarch64-linux-gnu-gcc $code -mbranch-protection=standard -c main.c -o $o
aarch64-clash        | +++++ +++++ ~-+!! !+-+  | aarch64-linux-gnu-gcc $hard -g -fstack-clash-protection main.c -o $o
aarch64-clang        | ++~+? .++++ ~+.!! !+o.  | clang --target=aarch64-linux-gnu $lone -fuse-ld=lld -Wl,--build-id -mbranch-protection=standard alone.c -o $o

# Other machines ------------------------------------------------------------------------------------------------------
armhf                | +++++ +++++ ~~.!! !+-.  | arm-linux-gnueabihf-gcc $hard main.c -o $o
armhf-lazy           | %-+++ +++++ ~~.!! !+-.  | arm-linux-gnueabihf-gcc $hard -Wl,-z,lazy main.c -o $o
armhf-soft           | ---+? -++++ ~~.!! !+-.  | arm-linux-gnueabihf-gcc $soft main.c -o $o
armhf-execstack      | +++-+ +++++ ~~.!! !+-.  | arm-linux-gnueabihf-gcc $hard -Wl,-z,execstack main.c -o $o
i386                 | +++++ +++++ -~.!! !++.  | i686-linux-gnu-gcc $hard main.c -o $o
i386-lazy            | %-+++ +++++ -~.!! !++.  | i686-linux-gnu-gcc $hard -Wl,-z,lazy main.c -o $o
i386-soft            | ---+? -++++ -~.!! !++.  | i686-linux-gnu-gcc $soft main.c -o $o
i386-static          | +~-+? ?~~++ -~.!! !++.  | i686-linux-gnu-gcc $hard -fno-pie -no-pie -static main.c -o $o
i386-execstack       | +++-+ +++++ -~.!! !++.  | i686-linux-gnu-gcc $hard -Wl,-z,execstack main.c -o $o
# binutils 2.40 puts the whole GOT of this machine behind RELRO, whatever the flags ask for.
riscv64              | %++++ +++++ ~~.!! !+-.  | riscv64-linux-gnu-gcc $hard main.c -o $o
# Without a PLT its slots look like any pointer, and here they lie outside.
riscv64-no-plt       | ?+~+? .++++ ~~.!! !+-.  | riscv64-linux-gnu-gcc $lone pointer.c -o $o
riscv64-no-slots     | ++~+? .++++ ~~.!! !+-.  | riscv64-linux-gnu-gcc $lone alone.c -o $o
no-plt-alone         | ++~+? .++++ -~?!! !++.  | gcc $lone pointer.c -o $o
riscv64-lazy         | %-+++ +++++ ~~.!! !+-.  | riscv64-linux-gnu-gcc $hard -Wl,-z,lazy main.c -o $o
riscv64-soft         | ---+? -++++ ~~.!! !+-.  | riscv64-linux-gnu-gcc $soft main.c -o $o
s390x                | +++++ +++++ ~~.!! !+-.  | s390x-linux-gnu-gcc $hard main.c -o $o
s390x-lazy           | %-+++ +++++ ~~.!! !+-.  | s390x-linux-gnu-gcc $hard -Wl,-z,lazy main.c -o $o
s390x-soft           | ---+? -++++ ~~.!! !+-.  | s390x-linux-gnu-gcc $soft main.c -o $o
s390x-static         | +~-+? ?~~++ ~~.!! !+-.  | s390x-linux-gnu-gcc $hard -fno-pie -no-pie -static main.c -o $o

# Go ------------------------------------------------------------------------------------------------------------------
go-static            | ~~-+~ ~~~++ -~~!! !!-o  | CGO_ENABLED=0 go build -o $o hello.go
go-static-stripped   | ~~-+~ ~~~++ -~~!! +!-o  | CGO_ENABLED=0 go build -ldflags='-s -w' -o $o hello.go
go-pie               | ++++~ ~++++ -~~!! !!-o  | CGO_ENABLED=0 go build -buildmode=pie -o $o hello.go | pie=PIE
go-pie-stripped      | ++++~ ~++++ -~~!! +!-o  | CGO_ENABLED=0 go build -buildmode=pie -ldflags='-s -w' -o $o hello.go
go-cgo               | !--++ +++++ -~o!! !+oo  | CGO_ENABLED=1 CGO_CFLAGS='-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2' go build -o $o calls-c.go
go-cgo-soft          | !--+! !++++ -~o!! !+oo  | CGO_ENABLED=1 CGO_CFLAGS='-O2 -fno-stack-protector -U_FORTIFY_SOURCE' go build -o $o calls-c.go
go-cgo-pie           | +++++ +++++ -~o!! !+oo  | CGO_ENABLED=1 CGO_CFLAGS='-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2' go build -buildmode=pie -ldflags='-linkmode=external -extldflags=-Wl,-z,relro,-z,now' -o $o calls-c.go
go-shared            | +o~+! !++++ -~o!! !+oo  | CGO_ENABLED=1 CGO_CFLAGS='-O2 -fno-stack-protector' go build -buildmode=c-shared -ldflags='-linkmode=external -extldflags=-Wl,-z,relro,-z,now' -o $o shared.go
go-rpath             | o--+! !-+++ -~o!! !+oo  | CGO_ENABLED=1 go build -ldflags='-r /open' -o $o calls-c.go

# Rust ----------------------------------------------------------------------------------------------------------------
rust                 | ++++~ ~++++ -~*!! !+oo  | rustc -O main.rs -o $o | relro=full, pie=PIE
rust-stripped        | ++++~ ~++++ -~*!! ++oo  | rustc -O -C strip=symbols -C panic=abort main.rs -o $o
rust-partial         | %-++~ ~++++ -~*!! !+oo  | rustc -O -C relro-level=partial main.rs -o $o
rust-norelro         | --++~ ~++++ -~*!! !+oo  | rustc -O -C relro-level=off main.rs -o $o | relro=none
rust-fixed           | ++-+~ ~++++ -~*!! !+oo  | rustc -O -C relocation-model=static main.rs -o $o
rust-static-pie      | +~++~ ~++++ -~*!! !+oo  | rustc -O -C target-feature=+crt-static main.rs -o $o | pie=static PIE
rust-static          | +~-+~ ~~~++ -~*!! !+oo  | rustc -O -C target-feature=+crt-static -C relocation-model=static main.rs -o $o
rust-cdylib          | ++~+~ ~++++ -~*!! !+oo  | rustc -O --crate-type=cdylib library.rs -o $o | pie=DSO
rust-execstack       | +++-~ ~++++ -~*!! !+oo  | rustc -O -C link-arg=-Wl,-z,execstack main.rs -o $o
rust-frames          | ++++~ ~++++ -~+!! !+oo  | rustc -O frames.rs -o $o
rust-debug           | ++++~ ~++++ -~*!! !+oo  | rustc -O -g main.rs -o $o
rust-rpath           | ++++~ ~-+++ -~*!! !+oo  | rustc -O -C link-arg=-Wl,-rpath,/open main.rs -o $o
";
