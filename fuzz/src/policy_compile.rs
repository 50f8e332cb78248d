//! CIL to a binary policy: whatever the bytes are, there are errors that point into them, or a policy that our reader, which
//! checks what the kernel checks, takes; that comes back to the byte when it is written again; that is the same when it is
//! compiled again; that `-O` leaves whole, with no rule more; and that has the same bytes in any order of files where they are
//! numbered by names.

use hardpan_selinux_policy::diagnostic::{Source, render};
use hardpan_selinux_policy::policydb::{Compat, Target};
use hardpan_selinux_policy::{Options, compile};

use crate::common::{mutate, policy};

/// Two bytes of options, then the text of files that are divided by the byte `0x01`.
pub fn check(bytes: &[u8]) {
    let [flags, more, text @ ..] = bytes else { return };
    let options = options(*flags, *more);
    let source = |text: &[u8]| Source { name: "a".to_owned(), text: text.to_vec() };
    let sources: Vec<Source> = text.split(|byte| *byte == 1).map(source).collect();
    let compiled = match compile(&sources, &options) {
        Ok(compiled) => compiled,
        Err(failure) => {
            assert!(failure.errors() > 0, "an error says why");
            for diagnostic in &failure.diagnostics {
                assert!(!render(diagnostic, &sources).is_empty());
            }
            return;
        }
    };
    let written = policy::compiled(&compiled);
    let again = compile(&sources, &options).expect("it was compiled just now");
    assert_eq!(policy::compiled(&again), written, "compiled again it is something else");
    assert_eq!(again.file_contexts, compiled.file_contexts, "compiled again it labels other files");
    if options.canonical {
        let turned: Vec<Source> = sources.iter().rev().cloned().collect();
        let turned = compile(&turned, &options).expect("the order of files has nothing to refuse");
        assert_eq!(policy::compiled(&turned), written, "the order of files decides bytes");
        assert_eq!(turned.file_contexts, compiled.file_contexts, "the order of files decides labels");
    }
    if !options.optimize {
        let optimized = compile(&sources, &Options { optimize: true, ..options });
        let optimized = optimized.expect("-O has nothing to refuse").policy;
        assert!(policy::rules(&optimized) <= policy::rules(&compiled.policy), "-O adds rules");
    }
}

fn options(flags: u8, more: u8) -> Options {
    let bit = |bit: u8| flags >> bit & 1 == 1;
    Options {
        version: 30 + u32::from(more & 7).min(5),
        target: if more & 8 == 0 { Target::Selinux } else { Target::Xen },
        compat: if more & 16 == 0 { Compat::V3_6 } else { Compat::V3_4 },
        mls: (more & 32 != 0).then_some(more & 64 != 0),
        handle_unknown: None,
        disable_dontaudit: bit(0),
        disable_neverallow: bit(1),
        preserve_tunables: bit(2),
        multiple_declarations: bit(3),
        qualified_names: bit(4),
        expand_generated: bit(5),
        expand_size: if bit(6) { 3 } else { 1 },
        optimize: bit(7),
        canonical: more & 128 != 0,
    }
}

fn flags(options: &Options) -> [u8; 2] {
    let switches = [
        options.disable_dontaudit,
        options.disable_neverallow,
        options.preserve_tunables,
        options.multiple_declarations,
        options.qualified_names,
        options.expand_generated,
        options.expand_size > 1,
        options.optimize,
    ];
    let flags = (0..).zip(switches).fold(0, |flags, (bit, is_set)| flags | u8::from(is_set) << bit);
    let version = u8::try_from(options.version.saturating_sub(30)).unwrap_or(0);
    let mls = options.mls.map_or(0, |mls| 32 | u8::from(mls) << 6);
    let target = u8::from(options.target == Target::Xen) << 3;
    let canonical = u8::from(options.canonical) << 7;
    [flags, version | target | u8::from(options.compat == Compat::V3_4) << 4 | mls | canonical]
}

/// Policies of the generator, and those of the target `cil`, of which most are errors.
pub fn seeds() -> Vec<Vec<u8>> {
    let generated = (1..=40).map(|seed| {
        let (sources, options) = policy::generated(seed);
        let texts: Vec<Vec<u8>> = sources.into_iter().map(|source| source.text).collect();
        [&flags(&options)[..], &texts.join(&1)].concat()
    });
    let written = crate::cil::seeds().into_iter().map(|text| [&[0, 3][..], &text].concat());
    generated.chain(written).chain([[&[0, 3], SMALL.as_bytes()].concat()]).collect()
}

/// A policy that is compiled, small enough for changes to meet something.
const SMALL: &str = "\
(class c (p q))(class process (transition))(classorder (c process))(sid kernel)(sidorder (kernel))
(user u)(role r)(type t)(type t2)(typeattribute a)(typeattributeset a (t t2))(boolean b true)
(userrole u r)(roletype r t)(roletype r t2)(category c0)(category c1)(categoryorder (c0 c1))(sensitivity s)
(sensitivityorder (s))(sensitivitycategory s (range c0 c1))(userlevel u (s))(userrange u ((s)(s (c0 c1))))
(sidcontext kernel (u r t ((s)(s))))(allow a t (c (p)))(booleanif (and b (not b)) (true (allow t a (c (q)))))
(allowx t t2 (ioctl c (range 0x100 0x2ff)))(typetransition t t2 c \"x\" t)(constrain (c (p)) (eq t1 a))
(genfscon proc / (u r t ((s)(s))))(filecon \"/a(/.*)?\" file (u r t ((s)(s))))
";

/// A change of a text: of its lists and words if it has any.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> Option<usize> {
    crate::cil::with_words(|words| {
        let (_, text) = data.split_at_mut_checked(2)?;
        let changed = mutate::mutate(text, size.checked_sub(2)?, max_size.checked_sub(2)?, seed, words)?;
        Some(changed + 2)
    })
}
