//! Options that change how a policy is read.

const XEN: &[&str] = &["-t", "xen", "-c", "30"];

/// Names, options and statements.
pub(crate) const CASES: &[(&str, &[&str], &str)] = &[
    ("for xen", XEN, "(iomemcon (1 2) (u r t ((s)(s))))"),
    (
        "extended permissions for xen",
        XEN,
        "(class e (ioctl))(classorder (d e))(allow t1 t (e (ioctl)))(allowx t1 t (ioctl e (0x10)))",
    ),
    (
        "extended permissions of nobody for xen",
        XEN,
        "(class e (ioctl))(classorder (d e))(allow t1 t (e (ioctl)))(allowx a1 t (ioctl e (0x10)))",
    ),
    (
        "preserved tunable",
        &["-P"],
        "(tunable tt true)(tunableif tt (true (allow t1 t (c (p)))) (false (allow t2 t (c (p)))))",
    ),
    ("preserved tunable with declaration", &["-P"], "(tunable tt true)(tunableif tt (true (type x)))"),
    (
        "preserved tunable with optional",
        &["-P"],
        "(tunable tt true)(tunableif tt (true (optional o (allow t1 t (c (p))))))",
    ),
    (
        "preserved tunable in booleanif",
        &["-P"],
        "(tunable tt true)(booleanif tt (true (allow t1 t (c (p)))))",
    ),
    (
        "preserved tunable in tunableif",
        &["-P"],
        "(tunable tt true)(tunableif tt (true (tunableif tt (true (allow t1 t (c (p)))))))",
    ),
    ("preserved tunable beside boolean", &["-P"], "(tunable tt true)(boolean tt false)"),
    (
        "preserved tunable in macro",
        &["-P"],
        "(tunable tt true)(macro m ((type a)) (tunableif tt (true (allow a t (c (p))))))(call m (t1))",
    ),
    (
        "preserved tunable in block",
        &["-P"],
        "(block b (tunable tt true))(tunableif b.tt (true (allow t1 t (c (p)))))",
    ),
    ("types twice", &["-m"], "(type x)(type x)(type y)(type x)(allow x t (c (p)))"),
    (
        "attributes twice",
        &["-m"],
        "(typeattribute x)(typeattribute x)(typeattributeset x (t1))(allow x t (c (p)))",
    ),
    ("type and attribute twice", &["-m"], "(type x)(typeattribute x)"),
    ("users twice", &["-m"], "(user u)"),
    ("booleans twice", &["-m"], "(boolean x true)(boolean x true)"),
    ("blocks twice", &["-m"], "(block x)(block x)"),
    ("classes twice", &["-m"], "(class c (p q))"),
    ("aliases twice", &["-m"], "(typealias x)(typealias x)(typealiasactual x t)"),
    (
        "types twice by optional",
        &["-m"],
        "(optional o (type x)(allow gone t (c (p))))(type x)(allow x t (c (p)))",
    ),
    (
        "types twice by second optional",
        &["-m"],
        "(type x)(optional o (type x)(allow gone t (c (p))))(allow x t (c (p)))",
    ),
    ("types twice by macros", &["-m"], "(macro m () (type x))(call m)(call m)(allow x t (c (p)))"),
    ("types twice by inheritance", &["-m"], "(block b (type x))(block e (type x)(blockinherit b))"),
    ("qualified names", &["-Q"], "(type a.b)(type a.c)(allow a.b a.c (c (p)))"),
    ("qualified names and blocks", &["-Q"], "(block b)"),
    ("qualified names from the root", &["-Q"], "(type a.b)(allow .a.b t (c (p)))"),
    ("qualified names and macros", &["-Q"], "(macro m.n ((type a.b)) (allow a.b t (c (p))))(call m.n (t1))"),
    ("qualified names start with letters", &["-Q"], "(type .a)"),
    ("qualified names and inheritance", &["-Q"], "(blockinherit b)"),
    ("qualified names and in", &["-Q"], "(optional o.p (type z))(in o.p (type y))"),
    (
        "qualified strings",
        &["-Q"],
        "(macro m ((string a.b)) (typetransition t t1 c a.b t2))(call m (\"x.y\"))",
    ),
];
