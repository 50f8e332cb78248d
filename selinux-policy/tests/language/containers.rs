//! Tunables, `in`, inheritance, abstract blocks.

/// Names and statements.
pub(crate) const CASES: &[(&str, &str)] = &[
    (
        "sid context not verified?",
        r"(user u9)(userrole u9 r)(userlevel u9 (s2))(userrange u9 ((s2)(s2)))(sid k2)(sidorder (k k2))(sidcontext k2 (u9 r t ((s)(s))))",
    ),
    (
        "tunable simple",
        r"(tunable tt true)(tunableif tt (true (allow t1 t (c (p)))) (false (allow t1 t (c (q)))))",
    ),
    ("tunable false no branch", r"(tunable tt false)(tunableif tt (true (allow t1 t (c (p)))))"),
    (
        "tunable expr",
        r"(tunable tt true)(tunable tu false)(tunableif (and tt (not tu)) (true (type tx)(allow tx t (c (p)))))",
    ),
    (
        "tunable nested",
        r"(tunable tt true)(tunableif tt (true (tunableif tt (true (type tx)))))(allow tx t (c (p)))(type ty)",
    ),
    ("tunable order matters", r"(tunable tt true)(type o1)(tunableif tt (true (type o2)))(type o3)"),
    ("tunable in block", r"(block b (tunable tt true)(tunableif tt (true (type o2)))(type o3))"),
    (
        "tunable in macro",
        r"(tunable tt true)(macro m ((type x)) (tunableif tt (true (allow x t (c (p))))))(call m (t1))",
    ),
    (
        "tunable in booleanif",
        r"(tunable tt true)(boolean bb true)(booleanif bb (true (tunableif tt (true (allow t1 t (c (p)))))))",
    ),
    ("tunable missing", r"(tunableif nope (true (allow t1 t (c (p)))))"),
    (
        "tunable missing in optional",
        r"(optional o (tunableif nope (true (allow t1 t (c (p)))))) (allow t2 t (c (p)))",
    ),
    ("tunable dup decl both branches", r"(tunable tt true)(tunableif tt (true (type o2)) (false (type o2)))"),
    ("tunable declares existing", r"(tunable tt true)(tunableif tt (true (type t1)))"),
    (
        "tunable list or",
        r"(tunable tt true)(tunable tu false)(tunableif (tu tt) (true (allow t1 t (c (p)))))",
    ),
    ("tunable is boolean", r"(boolean tt true)(tunableif tt (true (allow t1 t (c (p)))))"),
    (
        "tunable xor eq",
        r"(tunable tt true)(tunable tu false)(tunableif (xor tt tu) (true (allow t1 t (c (p)))))(tunableif (eq tt tu) (true (allow t2 t (c (p)))) (false (allow t2 t (c (q)))))",
    ),
    ("in order", r"(block b (type b1))(in b (type b2))(in b (type b3))(allow b.b2 b.b3 (c (p)))"),
    ("in missing", r"(in nope (type x))"),
    ("in nested created by in", r"(in b.x (type y))(block b)(in b (block x (type z)))"),
    ("in in in", r"(block b)(in b (in b (type x)))"),
    (
        "in after inherit",
        r"(block b (block x (type z)))(block e (blockinherit b))(in after e.x (type y))(allow e.x.y e.x.z (c (p)))",
    ),
    ("in before inherit fails", r"(block b (block x (type z)))(block e (blockinherit b))(in e.x (type y))"),
    ("in macro", r"(macro m ((type x)))(in m (allow x t (c (p))))(call m (t1))"),
    ("in macro with block", r"(macro m ())(in m (block b))(call m)"),
    ("in optional", r"(optional o (allow t1 t (c (p))))(in o (allow t2 t (c (p))))"),
    (
        "in optional fails",
        r"(optional o (allow t1 t (c (p))))(in o (allow nope t (c (p))))(allow t3 t (c (p)))",
    ),
    (
        "in two optionals",
        r"(optional o (allow t1 t (c (p))))(optional o (allow t3 t (c (p))))(in o (allow t2 t (c (p))))",
    ),
    ("in duplicates", r"(block b (type x))(in b (type x))"),
    ("in root?", r"(in t (type x))"),
    (
        "in abstract",
        r"(block b (blockabstract b)(type x))(in b (type y))(block e (blockinherit b))(allow e.x e.y (c (p)))",
    ),
    (
        "in after abstract",
        r"(block b (blockabstract b)(type x))(in after b (type y))(block e (blockinherit b))(type z)",
    ),
    ("in after uses blockinherit", r"(block b (type x))(block e)(in after e (blockinherit b))"),
    ("in with inherit", r"(block b (type x))(block e)(in e (blockinherit b))(allow e.x b.x (c (p)))"),
    (
        "in reverse with inherit order",
        r"(block b (type x))(block e)(in e (blockinherit b)(type y))(in e (type w))",
    ),
    ("in relative", r"(block b (block x)(in x (type y)))(block x)(allow b.x.y t (c (p)))"),
    ("in relative from inside", r"(block b (in x (type y)))(block x)(allow x.y t (c (p)))"),
    ("in names resolved in target", r"(block b (type x))(block e (type x)(in b (allow x t (c (p)))))"),
    (
        "in tunable inside",
        r"(tunable tt true)(block b)(in b (tunableif tt (true (type y))))(allow b.y t (c (p)))",
    ),
    ("in booleanif", r"(boolean bb true)(block b (type x))(in b (booleanif bb (true (allow x t (c (p))))))"),
    ("inherit simple", r"(block b (type x)(allow x t (c (p))))(block e (blockinherit b))"),
    ("inherit root", r"(block b (type x)(allow x t (c (p))))(blockinherit b)"),
    ("inherit missing", r"(block e (blockinherit nope))"),
    (
        "inherit optional missing",
        r"(block e (optional o (blockinherit nope)(allow t1 t (c (p)))))(allow t2 t (c (p)))",
    ),
    ("inherit in optional", r"(block b (type x)(allow x t (c (p))))(block e (optional o (blockinherit b)))"),
    (
        "inherit in optional with block",
        r"(block b (block q (type x)))(block e (optional o (blockinherit b)))",
    ),
    (
        "inherit in optional dies",
        r"(block b (type x)(allow x t (c (p))))(block e (optional o (blockinherit b)(allow nope t (c (p)))))(type z)",
    ),
    ("inherit non block", r"(macro m ())(block e (blockinherit m))"),
    ("inherit self", r"(block e (blockinherit e))"),
    ("inherit loop", r"(block e (blockinherit f))(block f (blockinherit e))"),
    ("inherit from parent", r"(block e (type x)(block f (blockinherit e)))"),
    (
        "inherit diamond",
        r"(block b (blockabstract b)(type x))(block e (blockabstract e)(blockinherit b))(block f (blockinherit e)(allow x t (c (p))))",
    ),
    (
        "inherit order of chain reversed",
        r"(block f (blockinherit e)(allow x t (c (p))))(block e (blockabstract e)(blockinherit b))(block b (blockabstract b)(type x))",
    ),
    (
        "inherit chain mid",
        r"(block e (blockabstract e)(blockinherit b))(block f (blockinherit e)(allow x t (c (p))))(block b (blockabstract b)(type x))",
    ),
    ("inherit duplicates", r"(block b (type x))(block e (type x)(blockinherit b))"),
    ("inherit twice", r"(block b (type x))(block e (blockinherit b)(blockinherit b))"),
    (
        "inherit block merge",
        r"(block b (block q (type x)))(block e (block q (type y))(blockinherit b)(allow q.x q.y (c (p))))",
    ),
    (
        "inherit macro override",
        r"(block b (macro m () (allow t1 t (c (p)))))(block e (macro m () (allow t2 t (c (q))))(blockinherit b)(call m))",
    ),
    (
        "inherit macro",
        r"(block b (type x)(macro m () (allow x t (c (p)))))(block e (blockinherit b))(call e.m)(call b.m)",
    ),
    (
        "inherit name resolution parents",
        r"(block p (type y)(block b (allow y t (c (p)))))(block e (blockinherit p.b))(block g (type y)(blockinherit p.b))",
    ),
    (
        "inherit global last",
        r"(type y)(block p (type y)(block b (blockabstract b)(allow y t (c (p)))))(block e (blockinherit p.b))",
    ),
    (
        "inherit own decl not visible from original",
        r"(block b (blockabstract b)(allow y t (c (p))))(block e (type y)(blockinherit b))",
    ),
    ("abstract direct name", r"(block b (blockabstract b)(type x))(allow b.x t (c (p)))"),
    ("abstract uncopied", r"(block b (blockabstract b)(allow nope t (c (p))))"),
    ("abstract nested", r"(block b (blockabstract b)(block q (type x)(allow nope t (c (p)))))"),
    ("abstract wrong name", r"(block b (type bb1)(blockabstract e))(block e (type x))"),
    ("abstract missing", r"(block b (blockabstract nope))"),
    ("abstract at root", r"(blockabstract b)(block b (type x))"),
    (
        "abstract macro call",
        r"(block b (blockabstract b)(type x)(macro m ((type y)) (allow y t (c (p)))))(call b.m (t1))",
    ),
    (
        "abstract sees parent types",
        r"(block b (blockabstract b)(type x)(block q (allow x t (c (p)))))(block e (blockinherit b.q))",
    ),
    (
        "abstract macro uses own type",
        r"(block b (blockabstract b)(type x)(macro m () (allow x t (c (p)))))(block e (blockinherit b)(call m))",
    ),
    (
        "abstract in abstract call",
        r"(block b (blockabstract b)(type x)(macro m () (allow x t (c (p)))))(call b.m)",
    ),
    ("class in block", r"(block b (class e (p))(classorder (d e))(allow t1 t (e (p))))"),
    ("category in block", r"(block b (category ce))(categoryorder (cc b.ce))"),
    ("sens in macro", r"(macro m () (sensitivity s3))(call m)(sensitivityorder (s2 s3))"),
    ("sid in block", r"(block b (sid k2)(sidorder (.k k2))(sidcontext k2 (u r t ((s)(s)))))"),
    ("user in block", r"(block b (user u)(userrole u r)(userlevel u (s))(userrange u ((s)(s))))"),
    ("policycap", r"(policycap open_perms)(policycap open_perms)"),
    ("policycap unknown", r"(policycap what_is_this)"),
    ("policycap in block", r"(block b (policycap open_perms))"),
];
