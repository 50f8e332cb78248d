//! The one table of what a minimal host does without: by name, by text in the program, by library.
//!
//! Literals were looked up in the programs as Debian 12 builds them, and in all other programs at hand to see that they
//! are not there. Texts that others embed (Go programs carry completion scripts for bash, say) are paired with a second
//! one: a tool is told only by all of its literals.

/// What a family of tools is banned as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ban {
    /// Reads commands and runs them.
    Shell,
    /// Runs programs that are text.
    Interpreter,
    /// Installs software.
    PackageManager,
    /// Secure Shell, server or client.
    Ssh,
    /// Makes programs, or looks into running ones.
    Toolchain,
    /// Moves arbitrary data over the network.
    NetworkTool,
    /// Runs a command as another user.
    PrivilegeSwitcher,
}

impl Ban {
    /// For messages: `a shell`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Shell => "a shell",
            Self::Interpreter => "an interpreter",
            Self::PackageManager => "a package manager",
            Self::Ssh => "an SSH program",
            Self::Toolchain => "a build or debugging tool",
            Self::NetworkTool => "a network transfer tool",
            Self::PrivilegeSwitcher => "a program for changing user",
        }
    }
}

/// One thing that a minimal host does without.
#[derive(Debug)]
pub struct Tool {
    /// What it is banned as.
    pub ban: Ban,
    /// Its name for people, unique in the table.
    pub what: &'static str,
    /// Why it is banned; a phrase.
    pub why: &'static str,
    /// The names it is installed under, without version suffixes.
    pub names: &'static [&'static str],
    /// Texts that every program containing it holds, all of them. Each is cut once by a `|`, which is not part of it:
    /// otherwise Hardpan's own program would hold them all.
    pub literals: &'static [&'static str],
    /// Beginnings of the names of its shared libraries.
    pub libraries: &'static [&'static str],
}

impl Tool {
    /// Whether it is installed under this name, or under one with a version (`python3.11`, `gcc-12`) or, for compilers,
    /// with a target (`x86_64-linux-gnu-gcc`).
    pub(crate) fn has_name(&self, name: &[u8]) -> bool {
        let matches = |name: &[u8]| self.names.iter().any(|known| known.as_bytes() == name);
        let plain = if self.ban == Ban::Toolchain { without_target(name) } else { name };
        matches(name) || matches(plain) || matches(without_version(plain))
    }

    /// The texts of `literals`, whole.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        self.literals.iter().map(|literal| literal.replace('|', ""))
    }

    /// The library prefix that a file name has: `libpython` for `libpython3.11.so.1.0`, nothing for `libpythonic.so`.
    pub(crate) fn has_library(&self, name: &[u8]) -> bool {
        self.libraries.iter().any(|prefix| {
            name.strip_prefix(prefix.as_bytes()).is_some_and(|rest| {
                let ends = rest.first().is_some_and(|next| matches!(next, b'.' | b'-' | b'0'..=b'9'));
                ends && without_version(rest).ends_with(b".so")
            })
        })
    }
}

fn without_version(name: &[u8]) -> &[u8] {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let stem = &name[..name.len() - digits];
    stem.strip_suffix(b"-").unwrap_or(stem)
}

fn without_target(name: &[u8]) -> &[u8] {
    const SYSTEM: &[u8] = b"-linux-";
    let Some(at) = name.windows(SYSTEM.len()).position(|part| part == SYSTEM) else { return name };
    let environment = &name[at + SYSTEM.len()..];
    environment.iter().position(|byte| *byte == b'-').map_or(name, |dash| &environment[dash + 1..])
}

const fn tool(
    ban: Ban,
    what: &'static str,
    why: &'static str,
    names: &'static [&'static str],
    literals: &'static [&'static str],
    libraries: &'static [&'static str],
) -> Tool {
    Tool { ban, what, why, names, literals, libraries }
}

const ANY_COMMAND: &str = "runs any command, and scripts";
const ANY_PROGRAM: &str = "runs any program that is given to it as text";
const INSTALLS: &str = "installs and removes software behind the image's back";
const TRANSFERS: &str = "fetches an intruder's tools and sends data out";

/// The table.
#[rustfmt::skip]
pub static TOOLS: &[Tool] = &[
    tool(Ban::Shell, "bash", "runs any command and script, and opens network connections by itself", &["bash", "rbash", "bash-static"], &["BASH|_VERSINFO", "BASH|_ARGV"], &[]),
    tool(Ban::Shell, "sh", "runs any command, and is what every script and `system()` call asks for", &["sh", "static-sh", "sh.distrib"], &[], &[]),
    tool(Ban::Shell, "Almquist shell", ANY_COMMAND, &["dash", "ash", "hush"], &["OPTI|ND=1", "is a| %sshell builtin"], &[]),
    tool(Ban::Shell, "BusyBox", "is a shell and hundreds of tools in one file, whatever name it goes by", &["busybox", "busybox-static"], &["Busy|Box v", "appl|et not found"], &[]),
    tool(Ban::Shell, "Toybox", "is a shell and hundreds of tools in one file, whatever name it goes by", &["toybox"], &["Toyb|ox %s multicall"], &[]),
    tool(Ban::Shell, "zsh", ANY_COMMAND, &["zsh", "rzsh", "zsh-static"], &["ZSH_|EVAL_CONTEXT"], &[]),
    tool(Ban::Shell, "MirBSD Korn shell", ANY_COMMAND, &["mksh", "lksh", "mksh-static"], &["MIRB|SD KSH"], &[]),
    tool(Ban::Shell, "MirBSD legacy Korn shell", ANY_COMMAND, &[], &["LEGA|CY KSH R"], &[]),
    tool(Ban::Shell, "Korn shell", ANY_COMMAND, &["ksh", "rksh", "pdksh", "oksh", "loksh"], &["Vers|ion AJM 93"], &[]),
    tool(Ban::Shell, "fish", ANY_COMMAND, &["fish"], &["fish|-shell/fish-shell", "init|-command"], &[]),
    tool(Ban::Shell, "C shell", ANY_COMMAND, &["csh", "tcsh", "bsd-csh"], &["Tcsh| thinks your terminal"], &[]),
    tool(Ban::Shell, "yash", ANY_COMMAND, &["yash"], &["$YAS|H_LOADPATH"], &[]),
    tool(Ban::Shell, "posh", ANY_COMMAND, &["posh"], &["posh|_builtin_getopts"], &[]),
    tool(Ban::Shell, "sash", ANY_COMMAND, &["sash"], &["Stan|d-alone shell (version"], &[]),
    tool(Ban::Shell, "Elvish", ANY_COMMAND, &["elvish"], &["src.|elv.sh/pkg/eval"], &[]),
    tool(Ban::Shell, "other shells", ANY_COMMAND, &["nu", "xonsh", "pwsh", "osh", "ysh", "ion", "brush"], &[], &[]),

    tool(Ban::Interpreter, "Python", ANY_PROGRAM, &["python", "pypy", "micropython"], &["PYTH|ONSTARTUP", "PYTH|ONHOME"], &["libpython"]),
    tool(Ban::Interpreter, "Perl", ANY_PROGRAM, &["perl"], &["PERL|5OPT", "PERL|5LIB"], &["libperl"]),
    tool(Ban::Interpreter, "Ruby", ANY_PROGRAM, &["ruby", "jruby", "mruby", "irb"], &["RUBY|OPT", "RUBY|LIB"], &["libruby"]),
    tool(Ban::Interpreter, "Lua", ANY_PROGRAM, &["lua", "lua-any"], &["$Lua|Version: "], &["liblua"]),
    tool(Ban::Interpreter, "LuaJIT", ANY_PROGRAM, &["luajit"], &["LuaJ|IT 2."], &["libluajit"]),
    tool(Ban::Interpreter, "Node.js", ANY_PROGRAM, &["node", "nodejs", "deno", "bun"], &["NODE|_OPTIONS", "node|:internal"], &["libnode"]),
    tool(Ban::Interpreter, "JavaScript", ANY_PROGRAM, &["qjs", "duk", "gjs", "js"], &[], &["libduktape", "libmozjs", "libquickjs", "libv8"]),
    tool(Ban::Interpreter, "PHP", ANY_PROGRAM, &["php", "php-cgi", "php-fpm"], &["PHP_|INI_SCAN_DIR"], &["libphp"]),
    tool(Ban::Interpreter, "Tcl", ANY_PROGRAM, &["tclsh", "wish", "jimsh"], &["tcl_|pkgPath"], &["libtcl", "libjim"]),
    tool(Ban::Interpreter, "expect", "drives other programs by a script", &["expect"], &[], &["libexpect"]),
    tool(Ban::Interpreter, "awk", "runs awk programs, which can run commands and, with gawk, use the network", &["awk", "nawk", "gawk", "mawk", "original-awk", "goawk"], &[], &[]),
    tool(Ban::Interpreter, "GNU awk", "runs awk programs, which can run commands and use the network", &[], &["AWKP|ATH", "PROC|INFO"], &[]),
    tool(Ban::Interpreter, "mawk", "runs awk programs, which can run commands", &[], &["MAWK|_LONG_OPTIONS"], &[]),
    tool(Ban::Interpreter, "Kernighan's awk", "runs awk programs, which can run commands", &[], &["can'|t happen: bad conversion"], &[]),
    tool(Ban::Interpreter, "Guile", ANY_PROGRAM, &["guile"], &[], &["libguile"]),
    tool(Ban::Interpreter, "Java", "runs any Java program", &["java", "jshell", "jjs"], &[], &["libjvm", "libjli"]),
    tool(Ban::Interpreter, ".NET", "runs any .NET program", &["mono", "mono-sgen", "dotnet"], &[], &["libmono", "libmonosgen", "libcoreclr"]),
    tool(Ban::Interpreter, "Erlang", ANY_PROGRAM, &["erl", "escript", "beam.smp", "elixir", "iex"], &[], &[]),
    tool(Ban::Interpreter, "R", ANY_PROGRAM, &["R", "Rscript"], &[], &["libR"]),

    tool(Ban::PackageManager, "dpkg", INSTALLS, &["dpkg", "dpkg-deb", "dpkg-divert"], &["DPKG|_MAINTSCRIPT_PACKAGE"], &[]),
    tool(Ban::PackageManager, "APT", INSTALLS, &["apt", "apt-get", "apt-cache", "aptitude"], &[], &["libapt-pkg"]),
    tool(Ban::PackageManager, "RPM", INSTALLS, &["rpm", "rpmkeys", "rpmdb", "rpm2cpio"], &[], &["librpm"]),
    tool(Ban::PackageManager, "DNF", INSTALLS, &["dnf", "yum", "microdnf", "tdnf", "rpm-ostree"], &[], &["libdnf"]),
    tool(Ban::PackageManager, "Zypper", INSTALLS, &["zypper"], &[], &["libzypp"]),
    tool(Ban::PackageManager, "apk", INSTALLS, &["apk"], &[], &["libapk"]),
    tool(Ban::PackageManager, "pacman", INSTALLS, &["pacman"], &[], &["libalpm"]),
    tool(Ban::PackageManager, "opkg", INSTALLS, &["opkg", "ipkg"], &[], &["libopkg"]),
    tool(Ban::PackageManager, "snap", INSTALLS, &["snap", "snapd"], &["snap|core/snapd/snap"], &[]),
    tool(Ban::PackageManager, "Flatpak", INSTALLS, &["flatpak"], &[], &["libflatpak"]),
    tool(Ban::PackageManager, "Nix", INSTALLS, &["nix", "nix-env", "guix"], &[], &["libnixstore"]),
    tool(Ban::PackageManager, "other package managers", INSTALLS, &["emerge", "xbps-install", "brew", "swupd", "eopkg", "conda"], &[], &[]),
    tool(Ban::PackageManager, "language package managers", "fetches code from a public registry and runs it", &["pip", "pipx", "easy_install", "npm", "npx", "yarn", "pnpm", "gem", "bundle", "cpan", "luarocks", "composer", "uv"], &[], &[]),

    tool(Ban::Ssh, "OpenSSH server", "lets people log in over the network", &["sshd", "sshd-session", "sshd-auth"], &["Serv|er listening on %", ".ssh|/authorized_keys"], &[]),
    tool(Ban::Ssh, "OpenSSH client", "carries an intruder on to other hosts, and tunnels", &["ssh", "scp", "sftp", "sftp-server", "slogin", "ssh-agent", "ssh-add", "ssh-keygen", "ssh-keyscan", "ssh-keysign", "ssh-copy-id", "sshpass"], &["SSH-|%d.%d-%"], &[]),
    tool(Ban::Ssh, "Dropbear", "lets people log in over the network", &["dropbear", "dropbearmulti", "dbclient", "dropbearkey", "dropbearconvert"], &["SSH-|2.0-dropbear"], &[]),
    tool(Ban::Ssh, "Go SSH server", "lets people log in over the network", &[], &["gola|ng.org/x/crypto/ssh.NewServerConn"], &[]),
    tool(Ban::Ssh, "other SSH programs", "carries an intruder on to other hosts, and tunnels", &["plink", "pscp", "psftp", "putty", "mosh-server", "mosh-client", "tinysshd", "lsh", "lshd"], &[], &[]),

    tool(Ban::Toolchain, "GCC", "turns source code into programs on the host", &["gcc", "g++", "cc", "c++", "cpp", "c89", "c99", "cc1", "cc1plus", "collect2", "gfortran", "gccgo", "gnat", "lto1"], &["COLL|ECT_GCC_OPTIONS"], &["libgccjit"]),
    tool(Ban::Toolchain, "LLVM", "turns source code into programs on the host", &["clang", "clang++", "clang-cpp", "lld", "llc", "opt"], &[], &["libclang", "libLLVM"]),
    tool(Ban::Toolchain, "other compilers", "turns source code into programs on the host", &["tcc", "pcc", "rustc", "cargo", "go", "gofmt", "javac", "ghc", "ocamlc", "ocamlopt", "fpc", "zig", "nasm", "yasm", "bpfc"], &[], &["librustc_driver"]),
    tool(Ban::Toolchain, "binutils", "assembles, links and takes apart programs", &["as", "ld", "ld.bfd", "ld.gold", "ld.lld", "gold", "mold", "ar", "objcopy", "objdump", "ranlib", "gprof", "patchelf"], &[], &["libbfd", "libopcodes"]),
    tool(Ban::Toolchain, "build tools", "runs the commands of a build description", &["make", "gmake", "bmake", "cmake", "ninja", "meson", "scons", "bazel", "autoconf", "automake", "libtool", "m4"], &[], &[]),
    tool(Ban::Toolchain, "debuggers", "reads and changes the memory of running programs", &["gdb", "gdbserver", "lldb", "lldb-server", "rr", "valgrind", "gcore", "crash", "dlv"], &[], &["liblldb"]),
    tool(Ban::Toolchain, "tracers", "shows what running programs do, their secrets included", &["strace", "ltrace", "perf", "bpftrace", "trace-cmd", "sysdig", "stap", "tcpdump", "tshark", "dumpcap", "ngrep"], &["Usag|e: strace ["], &["libwireshark"]),

    tool(Ban::NetworkTool, "curl", TRANSFERS, &["curl"], &["Usag|e: curl [options...]"], &[]),
    tool(Ban::NetworkTool, "Wget", TRANSFERS, &["wget", "wget2"], &["GNU |Wget"], &["libwget"]),
    tool(Ban::NetworkTool, "netcat", "opens and accepts any connection, and ties it to a command", &["nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "cryptcat"], &[], &[]),
    tool(Ban::NetworkTool, "Ncat", "opens and accepts any connection, and ties it to a command", &[], &["Usag|e: ncat ["], &[]),
    tool(Ban::NetworkTool, "netcat of OpenBSD", "opens and accepts any connection", &[], &["Open|BSD netcat"], &[]),
    tool(Ban::NetworkTool, "socat", "opens and accepts any connection, and ties it to a command", &[], &["soca|t_signal(): handling"], &[]),
    tool(Ban::NetworkTool, "telnet", "carries an intruder on to other hosts", &["telnet", "telnetd", "in.telnetd", "telnet.netkit", "inetutils-telnet", "telnet-ssl"], &[], &[]),
    tool(Ban::NetworkTool, "FTP and TFTP", TRANSFERS, &["ftp", "tnftp", "lftp", "ncftp", "netkit-ftp", "inetutils-ftp", "tftp", "atftp", "in.tftpd"], &[], &[]),
    tool(Ban::NetworkTool, "rsh", "runs commands on other hosts without encryption", &["rsh", "rlogin", "rcp", "rexec", "in.rshd", "in.rlogind"], &[], &[]),
    tool(Ban::NetworkTool, "other transfer tools", TRANSFERS, &["aria2c", "axel", "httpie", "rsync", "rclone", "lynx", "links", "elinks", "w3m", "nmap"], &[], &[]),

    tool(Ban::PrivilegeSwitcher, "sudo", "runs commands as root for those that its configuration names", &["sudo", "sudoedit", "sudo-rs"], &[], &["libsudo_util"]),
    tool(Ban::PrivilegeSwitcher, "su", "gives a shell as root to whoever knows a password", &["su", "su-rs"], &[], &[]),
    tool(Ban::PrivilegeSwitcher, "doas", "runs commands as root for those that its configuration names", &["doas", "opendoas"], &[], &[]),
    tool(Ban::PrivilegeSwitcher, "pkexec", "runs commands as root for those that polkit's rules name", &["pkexec"], &[], &[]),
    tool(Ban::PrivilegeSwitcher, "run0", "has systemd run commands as root for those that polkit's rules name", &["run0"], &[], &[]),
    tool(Ban::PrivilegeSwitcher, "newgrp", "changes the group of the caller, by a group password", &["newgrp", "sg"], &[], &[]),
    tool(Ban::PrivilegeSwitcher, "other switchers", "runs commands as another user", &["gosu", "su-exec", "super", "calife", "please", "ksu"], &[], &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_can_be_told_and_is_named_once() {
        let mut names: Vec<&str> = TOOLS.iter().map(|tool| tool.what).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for tool in TOOLS {
            assert!(!tool.why.is_empty());
            assert!(tool.names.len() + tool.literals.len() + tool.libraries.len() > 0, "{}", tool.what);
        }
    }

    #[test]
    fn the_table_holds_no_text_that_it_looks_for() {
        for literal in TOOLS.iter().flat_map(|tool| tool.literals) {
            assert_eq!(literal.matches('|').count(), 1, "{literal}");
            assert!(!literal.starts_with('|') && !literal.ends_with('|'), "{literal}");
        }
    }

    #[test]
    fn a_name_belongs_to_one_tool() {
        let mut names: Vec<&str> = TOOLS.iter().flat_map(|tool| tool.names).copied().collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn versions_and_targets_are_looked_past() {
        let named =
            |name: &str| TOOLS.iter().find(|tool| tool.has_name(name.as_bytes())).map(|tool| tool.what);
        assert_eq!(named("python3.11"), Some("Python"));
        assert_eq!(named("perl5.36.0"), Some("Perl"));
        assert_eq!(named("x86_64-linux-gnu-gcc-12"), Some("GCC"));
        assert_eq!(named("nc.openbsd"), Some("netcat"));
        assert_eq!(named("python3-config"), None);
        assert_eq!(named("nologin"), None);
        assert_eq!(named("12"), None);
        assert_eq!(named(""), None);
    }

    #[test]
    fn libraries_are_told_by_their_stem() {
        let of =
            |name: &str| TOOLS.iter().find(|tool| tool.has_library(name.as_bytes())).map(|tool| tool.what);
        assert_eq!(of("libpython3.11.so.1.0"), Some("Python"));
        assert_eq!(of("libapt-pkg.so.6.0"), Some("APT"));
        assert_eq!(of("libpythonic.so"), None);
        assert_eq!(of("libpython3.11.a"), None);
        assert_eq!(of("libjvm.so-gdb.py"), None);
        assert_eq!(of("liblua5.4-c++.so.0.0.0"), Some("Lua"));
        assert_eq!(of("libR.so"), Some("R"));
        assert_eq!(of("libResolv.so"), None);
    }
}
