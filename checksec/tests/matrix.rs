//! Binaries made with known flags, and the verdicts that follow from the flags.

use hardpan_checksec::verdicts;
use hardpan_report::Outcome;

use crate::samples::{Row, SAMPLE, compile, difference, good_pie, row, with};
use crate::support::{Patch, Root, has_peers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Pie,
    Fixed,
    Static,
    StaticPie,
    Shared,
    Object,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relro {
    Off,
    Lazy,
    Now,
}

/// What a binary is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub(crate) compiler: &'static str,
    pub(crate) link: Link,
    pub(crate) relro: Relro,
    pub(crate) exec_stack: bool,
    pub(crate) protector: bool,
    pub(crate) fortify: u8,
    pub(crate) extra: &'static [&'static str],
}

pub(crate) const BASE: Flags = Flags {
    compiler: "gcc",
    link: Link::Pie,
    relro: Relro::Now,
    exec_stack: false,
    protector: true,
    fortify: 2,
    extra: &[],
};

impl Flags {
    fn name(&self) -> String {
        let Self { compiler, link, relro, exec_stack, protector, fortify, extra } = self;
        let extra = extra.join("").replace(['/', '$'], "_");
        format!("{compiler}-{link:?}-{relro:?}-x{exec_stack}-p{protector}-f{fortify}{extra}")
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["-O2".to_string(), "-w".into(), "-U_FORTIFY_SOURCE".into()];
        let mut add = |all: &[&str]| arguments.extend(all.iter().map(ToString::to_string));
        // Distributions have both of these as the default, or not.
        add(&["-fcf-protection=none"]);
        if self.link != Link::Object {
            add(&["-Wl,--build-id=sha1"]);
        }
        add(match self.link {
            Link::Pie => &["-fPIE", "-pie"],
            Link::Fixed => &["-fno-pie", "-no-pie"],
            Link::Static => &["-fno-pie", "-no-pie", "-static"],
            Link::StaticPie => &["-fPIE", "-static-pie"],
            Link::Shared => &["-fPIC", "-shared"],
            Link::Object => &["-fPIC", "-c"],
        });
        if self.link != Link::Object {
            add(match self.relro {
                Relro::Off => &["-Wl,-z,norelro,-z,lazy"],
                Relro::Lazy => &["-Wl,-z,relro,-z,lazy"],
                Relro::Now => &["-Wl,-z,relro,-z,now"],
            });
            add(if self.exec_stack { &["-Wl,-z,execstack"] } else { &["-Wl,-z,noexecstack"] });
        }
        add(if self.protector { &["-fstack-protector-strong"] } else { &["-fno-stack-protector"] });
        match self.fortify {
            0 => {}
            level => add(&[&format!("-D_FORTIFY_SOURCE={level}")]),
        }
        add(self.extra);
        arguments
    }

    /// The verdicts that follow from the flags. What `extra` changes is said where it is used, but for what the name of an
    /// option tells.
    pub(crate) fn expected(&self) -> Row {
        let is_static = matches!(self.link, Link::Static | Link::StaticPie);
        let is_clang = self.compiler == "clang";
        let has = |option: &str| self.extra.contains(&option);
        let canary = if self.protector && !is_static { "+yes" } else { "?no sign" };
        if self.link == Link::Object {
            let fortify = if self.fortify > 0 { "+2+" } else { "?no sign" };
            let none: Row = good_pie().into_keys().map(|rule| (rule, "~n/a".to_string())).collect();
            let changes = [("nx-stack", "+NX"), ("stack-protector", canary), ("fortify", fortify)];
            let changes = changes.into_iter().chain([("well-formed", "+yes"), ("cet", "-no")]);
            let changes = changes.chain([("branch-protection", "~not arm64")]);
            return with(&none, changes.chain([("stack-clash", "?no sign"), ("build-flags", "~none")]));
        }
        let relro = match self.relro {
            Relro::Off => "-none",
            Relro::Lazy => "%partial",
            Relro::Now => "+full",
        };
        let now = match self.relro {
            _ if is_static => "~static",
            Relro::Now => "+now",
            _ => "-lazy",
        };
        let pie = match self.link {
            Link::Pie => "+PIE",
            Link::StaticPie => "+static PIE",
            Link::Shared => "~DSO",
            _ => "-no",
        };
        let fortify = match self.fortify {
            _ if is_static => "?static",
            0 => "-no",
            _ => "+2+",
        };
        let relocated = if self.link == Link::Static { "~static" } else { "+none" };
        let instrumented = match (is_clang, has("-s")) {
            (true, true) => ["?stripped"; 2],
            (true, false) => ["-no"; 2],
            (false, _) => ["-no", "~GCC"],
        };
        let changes = [
            ("relro", relro),
            ("bind-now", now),
            ("pie", pie),
            ("nx-stack", if self.exec_stack { "-exec" } else { "+NX" }),
            ("stack-protector", canary),
            ("fortify", fortify),
            ("rpath", relocated),
            ("textrel", relocated),
            ("cfi", instrumented[0]),
            ("safe-stack", instrumented[1]),
            ("symbols", if has("-s") { "+stripped" } else { "%symbols" }),
            // LLD packs segments into neighbouring pages unless it is told not to.
            ("separate-code", if has("-fuse-ld=lld") { "%border" } else { "+yes" }),
        ];
        with(&good_pie(), changes)
    }
}

/// Every way to link with every kind of RELRO, then each other flag by itself.
pub(crate) fn cases() -> Vec<Flags> {
    let mut cases = Vec::new();
    for compiler in ["gcc", "clang"] {
        let base = Flags { compiler, ..BASE };
        for link in [Link::Pie, Link::Fixed, Link::Static, Link::StaticPie, Link::Shared] {
            for relro in [Relro::Off, Relro::Lazy, Relro::Now] {
                cases.push(Flags { link, relro, ..base });
            }
            cases.push(Flags { link, exec_stack: true, ..base });
            cases.push(Flags { link, protector: false, fortify: 0, ..base });
        }
        for protector in [false, true] {
            cases.push(Flags { link: Link::Object, protector, ..base });
            cases.push(Flags { link: Link::Object, protector, fortify: 0, ..base });
        }
        cases.push(Flags { extra: &["-s"], ..base });
        cases.push(Flags { extra: &["-fuse-ld=lld"], ..base });
        cases.push(Flags { extra: &["-fuse-ld=lld"], relro: Relro::Lazy, ..base });
        cases.push(Flags { extra: &["-fuse-ld=lld"], link: Link::Shared, ..base });
        cases.push(Flags { extra: &["-Wl,--hash-style=sysv"], ..base });
        cases.push(Flags { extra: &["-Wl,--hash-style=gnu"], fortify: 0, ..base });
    }
    cases.push(Flags { fortify: 1, ..BASE });
    cases.push(Flags { fortify: 3, ..BASE });
    cases
}

#[test]
fn verdicts_follow_from_the_flags() {
    if !has_peers("matrix", &["gcc", "clang", "ld.lld"]) {
        return;
    }
    let root = Root::new();
    let source = root.write("src/sample.c", SAMPLE);
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    for case in &cases {
        compile(&root, case.compiler, &case.name(), &case.arguments(), &source);
    }
    let scan = root.scan();
    let mut wrong = Vec::new();
    for case in &cases {
        let mut expected = case.expected();
        if case.fortify == 1 {
            // Level 1 leaves printf alone.
            expected = with(&expected, [("fortify", "+1 or mixed")]);
        }
        wrong.extend(difference(&case.name(), &row(&scan, &case.name()), &expected));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn findings_have_path_offset_and_key() {
    if !has_peers("findings", &["gcc"]) {
        return;
    }
    let root = Root::new();
    let source = root.write("src/sample.c", SAMPLE);
    compile(&root, "gcc", "lazy", &Flags { relro: Relro::Lazy, ..BASE }.arguments(), &source);
    compile(&root, "gcc", "good", &BASE.arguments(), &source);
    let scan = root.scan();
    let all = verdicts(&scan);
    let (meta, relro) = &all[0];
    assert_eq!(relro.outcome(), Outcome::Partial);
    assert_eq!(relro.summary, "1 of 2 pass; 1 partial");
    let [finding] = &relro.findings[..] else { panic!("{:?}", relro.findings) };
    assert_eq!(finding.fingerprint(&meta.id), "ELF-001:/bin/lazy:relro");
    assert!(finding.message.starts_with("partial RELRO: 3 of 3 PLT slots"), "{}", finding.message);
    let place = finding.evidence[0].location.as_ref().unwrap();
    assert_eq!(place.path.as_bytes(), b"/bin/lazy");
    let bytes = std::fs::read(root.path().join("bin/lazy")).unwrap();
    assert_eq!(place.offset, Some(Patch(bytes).headers(PT_GNU_RELRO)[0] as u64));
    let coverage = relro.evidence.iter().map(|evidence| &*evidence.seen).collect::<Vec<_>>();
    assert_eq!(coverage, ["2 ELF files judged, 3 files opened, 0 of them unreadable"]);
    assert_eq!(all[3].1.outcome(), Outcome::Pass);
}

const PT_GNU_RELRO: u32 = 0x6474_e552;
