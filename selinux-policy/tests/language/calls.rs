//! Macros and calls, and optionals in them.

/// Names and statements.
pub(crate) const CASES: &[(&str, &str)] = &[
    ("empty", r""),
    ("block name order", r"(block b (type x)(allow x t (c (p))))(allow b.x .t (c (q)))"),
    (
        "nested shadow",
        r"(block b (type t)(block e (type t)(allow t .t (c (p)))(allow .b.t t (c (p)))(allow b.t t (c (q)))))",
    ),
    ("dotted relative", r"(block b (block e (type x)) (allow e.x e.x (c (p))))"),
    ("trailing dot", r"(allow t. t (c (p)))"),
    ("only dots", r"(allow ... t (c (p)))"),
    ("double dot", r"(block b (type x)) (allow b..x t (c (p)))"),
    ("macro simple", r"(macro m ((type x)(class k)) (allow x t (k (p)))) (call m (t1 c)) (call m (a1 d))"),
    (
        "macro declares",
        r"(macro m () (type x) (allow x t (c (p)))) (block b (call m)) (block e (call m) (allow x b.x (c (q))))",
    ),
    ("macro shadow root", r"(type g)(macro m () (allow g t (c (p)))) (block b (type g) (call m))"),
    ("macro arg shadows", r"(macro m ((type t)) (allow t t (c (q)))) (call m (t1))"),
    (
        "macro param name used as decl other kind",
        r"(macro m ((type x)) (role x) (roletype x x)) (call m (t1))",
    ),
    ("macro declares param same kind", r"(macro m ((type x)) (type x)) (call m (t1))"),
    ("macro declares attribute named param", r"(macro m ((type x)) (typeattribute x)) (call m (t1))"),
    ("uncalled bad macro", r"(macro m () (allow nowhere t (c (p))))"),
    ("call missing macro", r"(call nothing)"),
    ("call with few", r"(macro m ((type x)) (allow x t (c (p)))) (call m)"),
    ("call with many", r"(macro m ((type x)) (allow x t (c (p)))) (call m (t t))"),
    ("call with empty parens no params", r"(macro m () (allow t t (c (p)))) (call m ())"),
    ("call empty parens with params", r"(macro m ((type x)) (allow x t (c (p)))) (call m ())"),
    ("call no parens no params", r"(macro m () (allow t t (c (q)))) (call m)"),
    ("call a block", r"(block b (type x)) (call b)"),
    ("recursive", r"(macro m () (call n)) (macro n () (call m)) (call m)"),
    ("recursive uncalled", r"(macro m () (call m))"),
    (
        "nested calls args",
        r"(macro m ((type x)) (call n (x t1))) (macro n ((type y)(type x)) (allow y x (c (p)))) (call m (t2))",
    ),
    (
        "macro in block uses block names",
        r"(block b (type x)(macro m ((type y)) (allow x y (c (p))))) (block e (type x) (call b.m (x)))",
    ),
    (
        "call arg resolved to own decl",
        r"(macro m ((type x)) (type y) (allow x y (c (p)))) (type y2) (call m (t1))",
    ),
    (
        "call arg named as decl in macro",
        r"(block b (block e (macro m ((type x)) (type y) (allow x y (c (p)))) (call m (y))) (type y))",
    ),
    ("call arg only own decl", r"(macro m ((type x)) (type y) (allow x y (c (p)))) (call m (y))"),
    (
        "string param",
        r#"(macro m ((name f)) (typetransition t t1 c f t2)) (call m ("a.b c")) (call m (plain))"#,
    ),
    (
        "string nested",
        r#"(macro m ((string f)) (call n (f))) (macro n ((name g)) (typetransition t t1 c g t2)) (call m ("inner"))"#,
    ),
    ("string param not used", r#"(macro m ((string f)) (typetransition t t1 c "f" t2)) (call m ("real"))"#),
    (
        "string outer param name in inner",
        r#"(macro m ((string f)) (call n)) (macro n () (typetransition t t1 c f t2)) (call m ("real"))"#,
    ),
    ("filecon string param", r#"(macro m ((string f)) (filecon f file (u r t ((s)(s))))) (call m ("/x"))"#),
    (
        "catset arg",
        r"(macro m ((categoryset cs)) (userlevel u (s cs))) (user u2)(userrole u2 r)(userrange u2 ((s)(s2 (ca)))) (userlevel u2 (s)) (call m ((ca cb)))",
    ),
    (
        "catset arg in list",
        r"(macro m ((categoryset cs)) (userlevel u (s (cs cc)))) (call m ((range ca cb)))",
    ),
    (
        "catset named arg",
        r"(categoryset z (ca cb)) (macro m ((categoryset cs)) (userlevel u (s cs))) (call m (z))",
    ),
    ("level arg", r"(macro m ((level l)) (userlevel u l)) (call m ((s (ca))))"),
    (
        "level arg nested",
        r"(macro m ((level l)) (call n (l))) (macro n ((level k)) (userrange u (k (s2 (ca cb cc))))(userlevel u k)) (call m ((s (ca))))",
    ),
    ("range arg", r"(macro m ((levelrange l)) (userrange u l)) (call m (((s)(s2 (ca)))))"),
    (
        "range arg with named",
        r"(level lo (s)) (macro m ((levelrange l)) (userrange u l)) (call m ((lo (s2 (ca)))))",
    ),
    (
        "anonymous arg names like a param",
        r"(level lo (s)) (level hi (s2 (ca))) (macro m ((level lo)(levelrange l)) (userrange u l)) (call m (hi (lo (s2 (ca)))))",
    ),
    (
        "classpermission arg",
        r"(macro m ((classpermission x)) (allow t1 t x)(allow t2 t x)) (call m ((c (p q))))",
    ),
    (
        "classpermission arg map",
        r"(classmap cm (mp)) (classmapping cm mp (c (p))) (macro m ((classpermission x)) (allow t1 t x)) (call m ((cm (mp))))",
    ),
    (
        "classpermission arg nested",
        r"(macro m ((classpermission x)) (call n (x))) (macro n ((classpermission y)) (allow t1 t y)) (call m ((d (x r))))",
    ),
    (
        "classpermissionset on arg",
        r"(macro m ((classpermission x)) (classpermissionset x (c (p)))) (call m ((c (p))))",
    ),
    (
        "ip arg",
        r"(macro m ((ipaddr a)(ipaddr b)) (nodecon a b (u r t ((s)(s))))) (call m (1.2.3.4 255.255.255.0))",
    ),
    (
        "ip arg list",
        r"(macro m ((ipaddr a)(ipaddr b)) (nodecon a b (u r t ((s)(s))))) (call m ((1.2.3.4) (255.255.255.0)))",
    ),
    ("ip named", r"(ipaddr i 10.0.0.0)(ipaddr j 255.0.0.0)(nodecon i j (u r t ((s)(s))))"),
    ("ip direct", r"(nodecon 10.0.0.0 255.0.0.0 (u r t ((s)(s))))"),
    ("ip direct list", r"(nodecon (10.0.0.0) (255.0.0.0) (u r t ((s)(s))))"),
    ("ip families", r"(nodecon (10.0.0.0) (::1) (u r t ((s)(s))))"),
    (
        "bool arg",
        r"(boolean bb true)(macro m ((bool x)) (booleanif x (true (allow t1 t (c (p)))))) (call m (bb))",
    ),
    ("role user args", r"(macro m ((role x)(user y)) (userrole y x) (roletype x t1)) (call m (r u))"),
    ("sens cat args", r"(macro m ((sensitivity x)(category y)) (userlevel u (x (y)))) (call m (s ca))"),
    (
        "classmap arg",
        r"(classmap cm (mp)) (classmapping cm mp (c (p))) (macro m ((classmap x)) (allow t1 t (x (mp)))) (call m (cm))",
    ),
    (
        "class arg gets map",
        r"(classmap cm (mp)) (classmapping cm mp (c (p))) (macro m ((class x)) (allow t1 t (x (mp)))) (call m (cm))",
    ),
    ("type arg list", r"(macro m ((type x)) (allow x t (c (p)))) (call m ((t1)))"),
    ("call inside optional missing", r"(optional o (call nothing) (type gone)) "),
    (
        "call inside optional decl used elsewhere",
        r"(optional o (call nothing) (type gone)) (optional o2 (allow gone t (c (p))) (type g3)) (allow t1 t (c (q)))",
    ),
    (
        "optional chain",
        r"(optional o (type x1) (allow nope t (c (p)))) (optional o2 (type x2)(allow x1 t (c (p)))) (optional o3 (allow x2 t (c (p)))) (optional o4 (allow t1 t (c (p))))",
    ),
    ("optional used outside", r"(optional o (type x1) (allow nope t (c (p)))) (allow x1 t (c (p)))"),
    (
        "optional falls back",
        r"(type x)(block b (optional o (type x) (allow nope t (c (p)))) (allow x t (c (p))))",
    ),
    (
        "optional nested inner dies",
        r"(optional o (type x1) (optional i (allow nope t (c (p)))) (allow x1 t (c (p))))",
    ),
    (
        "optional nested outer dies",
        r"(optional o (optional i (type x1) (allow x1 t (c (p)))) (allow nope t (c (p))))",
    ),
    ("optional bad permission", r"(optional o (allow t1 t (c (nope))))"),
    ("optional kind error", r"(optional o (typeattributeset t1 t2))"),
    ("optional kind error and missing", r"(optional o (allow nope t (c (p))) (typeattributeset t1 t2))"),
    ("optional missing then kind error", r"(optional o (typeattributeset t1 t2) (allow nope t (c (p))))"),
    ("optional same names", r"(optional o (type x1))(optional o (type x2))"),
    ("optional and block clash", r"(optional o (type x1))(block o (type x2))"),
    ("optional classorder missing", r"(optional o (classorder (zz)))"),
    ("optional sidorder missing", r"(optional o (sidorder (zz)))"),
    ("optional catorder missing", r"(optional o (categoryorder (zz)))"),
    (
        "optional with class",
        r"(optional o (class e (p)) (classorder (d e)) (allow t1 t (e (p))) (allow nope t (c (p))))",
    ),
    ("optional with class alive", r"(optional o (class e (p)) (classorder (d e)) (allow t1 t (e (p))))"),
    (
        "optional alias",
        r"(optional o (typealias al) (typealiasactual al t1) (allow nope t (c (p)))) (optional p (allow al t (c (p)))) (allow t2 t (c (p)))",
    ),
    (
        "alias outside actual inside dead",
        r"(typealias al) (optional o (typealiasactual al t1) (allow nope t (c (p))))",
    ),
    (
        "alias fine",
        r"(typealias al)(typealiasactual al t1)(allow al t (c (p)))(typeattributeset a1 (al t2))(roletype r al)",
    ),
    (
        "alias of alias",
        r"(typealias al)(typealias am)(typealiasactual al am)(typealiasactual am t1)(allow al t (c (p)))",
    ),
    ("alias circle", r"(typealias al)(typealias am)(typealiasactual al am)(typealiasactual am al)"),
    ("alias unused", r"(typealias al)"),
    ("alias twice", r"(typealias al)(typealiasactual al t1)(typealiasactual al t2)"),
    ("alias of attribute", r"(typealias al)(typealiasactual al a1)"),
    ("alias actual is type", r"(typealiasactual t1 t2)"),
    ("sens alias", r"(sensitivityalias sa)(sensitivityaliasactual sa s)(level l (sa (ca)))(userlevel u l)"),
    ("cat alias", r"(categoryalias ka)(categoryaliasactual ka ca)(userlevel u (s (ka cb)))"),
    (
        "cat alias in order",
        r"(categoryalias ka)(categoryaliasactual ka ca)(category cd)(categoryorder (cc cd))",
    ),
    ("classcommon twice", r"(classcommon c com)(classcommon c com)"),
    ("classcommon map", r"(classmap cm (mp))(classcommon cm com)"),
    (
        "optional classcommon dead",
        r"(optional o (classcommon c com)(allow nope t (c (p)))) (optional o2 (allow t1 t (c (x))))",
    ),
];
