//! CIL: whatever the bytes are, there is a resolved policy or errors that point into them.

use hardpan_selinux_policy::diagnostic::{Diagnostic, Source, render};
use hardpan_selinux_policy::resolve::{Options, resolve};

use crate::common::mutate;

/// The text is taken as two files that are cut at the first byte `0x01`, so that places in more than one file are made, too.
pub fn check(bytes: &[u8]) {
    let cut = bytes.iter().position(|byte| *byte == 1).unwrap_or(bytes.len());
    let (first, second) = (&bytes[..cut], bytes.get(cut + 1..).unwrap_or_default());
    let source = |name: &str, text: &[u8]| Source { name: name.to_owned(), text: text.to_vec() };
    let sources = [source("a", first), source("b", second)];
    for options in [Options::default(), ALL] {
        let told = match resolve(&sources, &options) {
            Ok((_, warnings)) => warnings,
            Err(faults) => {
                assert!(!faults.is_empty(), "an error says why");
                faults
            }
        };
        for diagnostic in &told {
            lies_inside(diagnostic, &sources);
            assert!(!render(diagnostic, &sources).is_empty());
        }
    }
}

const ALL: Options = Options {
    preserve_tunables: true,
    multiple_declarations: true,
    qualified_names: true,
    sorted_files: true,
    modern: true,
    conditional_xperms: true,
};

fn lies_inside(diagnostic: &Diagnostic, sources: &[Source]) {
    let notes = diagnostic.notes.iter().map(|(span, _)| span);
    for span in diagnostic.at.iter().chain(&diagnostic.through).chain(notes) {
        let length = sources[span.file as usize].text.len();
        let is_inside = span.start <= span.end && span.end as usize <= length;
        assert!(is_inside, "{span:?} in {length} bytes: {diagnostic:?}");
    }
}

/// Policies with statements of all kinds, and what expansion has to hold.
pub fn seeds() -> Vec<Vec<u8>> {
    [DECLARATIONS, CONTAINERS, RULES, LABELS, DOUBLING].iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A change of a text: of its lists and words if it has any.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> Option<usize> {
    with_words(|words| mutate::mutate(data, size, max_size, seed, words))
}

/// Calls with all words of the first inputs: every statement and operator of the language is one.
pub(crate) fn with_words<T>(call: impl FnOnce(&[&[u8]]) -> T) -> T {
    let texts = [DECLARATIONS, CONTAINERS, RULES, LABELS].map(str::as_bytes);
    let words = texts.iter().flat_map(|text| mutate::atoms(text).into_iter().map(|atom| &text[atom]));
    call(&words.collect::<Vec<_>>())
}

const DECLARATIONS: &str = "\
(class c (p q))(common m (x))(classcommon c m)(classorder (c))(classorder (unordered d))(class d ())
(classmap cm (a))(classmapping cm a (c (p)))(classpermission cp)(classpermissionset cp (c (not (q))))
(permissionx px (ioctl c (and (range 0x1 0xff) (not (2 3)))))
(sid k)(sidorder (k))(sidcontext k (u r t ((s)(s (a b)))))
(category a)(category b)(categoryalias ca)(categoryaliasactual ca a)(categoryorder (a b))(categoryset cs (range a b))
(sensitivity s)(sensitivityalias sa)(sensitivityaliasactual sa s)(sensitivityorder (s))(sensitivitycategory s (all))
(level l (s (cs)))(levelrange lr (l (sa (xor a b))))
(type t)(typealias ta)(typealiasactual ta t)(typeattribute at)(typeattributeset at (and (t ta) (not at)))
(expandtypeattribute (at) true)(typepermissive t)(typebounds t ta)
(role r)(roleattribute ra)(roleattributeset ra (r))(roletype ra t)(roleallow r r)(roletransition r t c r)(rolebounds r r)
(user u)(userattribute ua)(userattributeset ua (all))(userrole u r)(userlevel u l)(userrange u lr)(userprefix u p)
(selinuxuser x u lr)(selinuxuserdefault u (l l))(policycap open_perms)(mls true)(handleunknown deny)
(boolean bo true)(tunable tu false)
";

const CONTAINERS: &str = "\
(block b (blockabstract b)(type t)(optional o (allow t gone (c (p)))(type x))(macro m ((type a)(string n)) (allow a t (c (p)))
(typetransition a t c n t)))(block e (blockinherit b)(call m (t \"f g\")))(in e.o (type y))(in after e (type z))
(macro k ((level l)(levelrange lr)(categoryset cs)(classpermission cp)(ipaddr i)(boolean b)) (allow .e.t self cp)
(booleanif b (true (allow e.t e.z cp)))(nodecon i i (u r t (l l))))
(call k ((s (a)) ((s) (s)) (range a b) (c (p)) 1.2.3.4 e.bo))\x01(tunable tu true)
(tunableif (and tu (not tu)) (true (type w)) (false (type v) (tunableif tu (true (call k)))))
;;* lmx 3 \"a b\"
(class c (p))
;;* lme
";

const RULES: &str = "\
(class c (p ioctl))(classorder (c))(type t)(boolean x true)(boolean y false)
(allow t self (c (p)))(auditallow t t (c (all)))(dontaudit t notself (c (xor p ioctl)))(neverallow t other (c ()))
(allowx t t (ioctl c (1 0x2 03 (range 5 9))))(neverallowx t t (nlmsg c (not (all))))(deny t t (c (p)))
(typetransition t t c t)(typetransition t t c \"n\" t)(typetransition t t c * t)(typechange t self c t)(typemember t t c t)
(rangetransition t t c ((s)(s)))(constrain (c (p)) (or (eq u1 u2) (and (not (eq t1 (t))) (dom r1 r2))))
(mlsconstrain (c (p)) (domby l1 h2))(validatetrans c (eq t3 t))(mlsvalidatetrans c (incomp h1 h2))
(defaultuser c source)(defaultrole (c) target)(defaulttype c source)(defaultrange c target low-high)(defaultrange c glblub)
(booleanif (eq x (or x (neq y (not y)))) (true (allow t t (c (p)))) (false (typechange t t c t)(auditallowx t t (ioctl c (1)))))
";

const LABELS: &str = "\
(context cx (u r t ((s)(s))))(filecon \"/a(/.*)?\" file cx)(filecon \"/b\" any ())(fsuse xattr ext4 cx)(genfscon proc / cx)
(genfscon proc /x dir cx)(portcon tcp 80 cx)(portcon udp (1 65535) cx)(netifcon eth0 cx (u r t lr))
(nodecon (1.2.3.4) (255.0.0.0) cx)(ipaddr i ::1)(nodecon i i cx)(ibpkeycon fe80:: (0 0xffff) cx)(ibendportcon m 1 cx)
(pirqcon 1 cx)(iomemcon (0 0xffffffffffffffff) cx)(ioportcon 3 cx)(pcidevicecon 4 cx)(devicetreecon \"/a b\" cx)
";

const DOUBLING: &str = "\
(macro a () (call b)(call b))(macro b () (call c)(call c))(macro c () (call d)(call d))(macro d () (type t))(call a)
(block f (block g (block h (type t))(blockinherit h))(blockinherit g))(blockinherit f)(macro l () (call l))(call l)
";
