//! MLS, contexts, labels, names, and text.

/// Names and statements.
pub(crate) const CASES: &[(&str, &str)] = &[
    (
        "catset ops",
        r"(categoryset x1 (and (ca cb) (not ca)))(categoryset x2 (all))(categoryset x3 (range ca cc))(categoryset x4 (xor (ca cb) (cb cc)))(userlevel u (s x1))",
    ),
    ("catset of set", r"(categoryset x1 (ca))(categoryset x2 (x1 cb))(userlevel u (s x2))"),
    ("catset range of set", r"(categoryset x1 (ca))(categoryset x2 (range x1 cb))"),
    ("catset circular", r"(categoryset x1 (x2))(categoryset x2 (x1))"),
    ("catset forward", r"(userlevel u (s x2))(categoryset x2 (x1 cb))(categoryset x1 (ca))"),
    ("catset string", r"(categoryset x1 ca)"),
    ("range reversed", r"(categoryset x1 (range cc ca))(userlevel u (s x1))"),
    ("range nested", r"(userlevel u (s ((range ca cb) cc)))"),
    ("level no cats", r"(level l (s))(userlevel u l)"),
    ("level cats string", r"(level l (s ca))(userlevel u l)"),
    ("level too many", r"(level l (s (ca) (cb)))"),
    ("level cats unassociated", r"(sensitivity s3)(sensitivityorder (s2 s3))(level l (s3 (ca)))"),
    (
        "senscat two",
        r"(sensitivity s3)(sensitivityorder (s2 s3))(sensitivitycategory s3 (ca))(sensitivitycategory s3 cb)(level l (s3 (ca cb)))(userlevel u (s))",
    ),
    ("senscat none", r"(sensitivity s3)(sensitivityorder (s2 s3))"),
    ("range string levels", r"(level l (s))(level h (s2 (ca)))(levelrange lr (l h))(userrange u lr)"),
    ("range one", r"(levelrange lr ((s)))"),
    ("userrange wrong", r"(userrange u nope)"),
    ("userlevel attr", r"(userattribute ua)(userlevel ua (s))"),
    ("userlevel twice", r"(userlevel u (s2))(userlevel u (s))"),
    (
        "userattribute",
        r"(user u2)(userrole u2 r)(userlevel u2 (s))(userrange u2 ((s)(s)))(userattribute ua)(userattributeset ua (u u2))(role r3)(userrole ua r3)(constrain (c (p)) (eq u1 ua))",
    ),
    (
        "userattributeset expr",
        r"(userattribute ua)(userattributeset ua (not u))(constrain (c (p)) (eq u1 ua))",
    ),
    (
        "roleattribute",
        r"(role r3)(roleattribute ra)(roleattributeset ra (r r3))(roletype ra t1)(roleallow ra r3)(userrole u ra)",
    ),
    ("roletransition", r"(role r3)(roletransition r t1 c r3)"),
    ("roletransition to attr", r"(roleattribute ra)(roletransition r t1 c ra)"),
    ("roleallow attrs", r"(role r3)(roleattribute ra)(roleattributeset ra (r r3))(roleallow ra ra)"),
    ("rangetransition", r"(rangetransition t t1 c ((s)(s)))"),
    ("rangetransition named", r"(levelrange lr ((s)(s2)))(rangetransition t t1 c lr)"),
    ("rangetransition attr", r"(typeattributeset a1 (t1 t2))(rangetransition a1 a1 c ((s)(s)))"),
    ("context named", r"(context cx (u r t ((s)(s))))(portcon tcp 80 cx)"),
    ("context wrong parts", r"(context cx (u r t))"),
    ("context type attr", r"(context cx (u r a1 ((s)(s))))"),
    ("context role attr", r"(roleattribute ra)(context cx (u ra t ((s)(s))))"),
    ("context string", r"(context cx cy)"),
    ("sidcontext twice", r"(sidcontext k (u r t ((s)(s))))"),
    ("sid without order", r"(sid k2)"),
    ("sid no context", r"(sid k2)(sidorder (k k2))"),
    ("sid context missing sid", r"(sidcontext zz (u r t ((s)(s))))"),
    ("filecons", r#"(filecon "/a" file (u r t ((s)(s))))(filecon "/b(/.*)?" dir ())(filecon "/c" any (t))"#),
    ("filecon unquoted", r"(filecon /abc any (u r t ((s)(s))))"),
    ("filecon kind", r#"(filecon "/a" thing ())"#),
    (
        "fsuse",
        r"(fsuse xattr ext4 (u r t ((s)(s))))(fsuse task pipefs (u r t ((s)(s))))(fsuse trans tmpfs (u r t ((s)(s))))",
    ),
    ("fsuse kind", r"(fsuse other ext4 (u r t ((s)(s))))"),
    ("genfscon", r#"(genfscon proc / (u r t ((s)(s))))(genfscon proc "/a b" (u r t1 ((s)(s))))"#),
    ("genfscon kind", r"(genfscon proc / dir (u r t ((s)(s))))(genfscon proc /x file (u r t1 ((s)(s))))"),
    ("genfscon kind bad", r"(genfscon proc / thing (u r t ((s)(s))))"),
    (
        "portcon",
        r"(portcon tcp 80 (u r t ((s)(s))))(portcon udp (1 20) (u r t ((s)(s))))(portcon dccp 1 (u r t ((s)(s))))(portcon sctp 2 (u r t ((s)(s))))",
    ),
    ("portcon big", r"(portcon tcp 70000 (u r t ((s)(s))))"),
    ("portcon 65536", r"(portcon tcp 65536 (u r t ((s)(s))))"),
    ("portcon reversed", r"(portcon tcp (20 1) (u r t ((s)(s))))"),
    ("portcon hex", r"(portcon tcp 0x50 (u r t ((s)(s))))"),
    ("portcon octal", r"(portcon tcp 010 (u r t ((s)(s))))"),
    ("portcon three", r"(portcon tcp (1 2 3) (u r t ((s)(s))))"),
    ("portcon plus", r"(portcon tcp +80 (u r t ((s)(s))))"),
    ("portcon negative", r"(portcon tcp -80 (u r t ((s)(s))))"),
    ("portcon zero", r"(portcon tcp 0 (u r t ((s)(s))))"),
    ("netifcon", r"(netifcon eth0 (u r t ((s)(s))) (u r t1 ((s)(s))))"),
    (
        "nodecon v6",
        r"(nodecon (fe80::1) (ffff::) (u r t ((s)(s))))(nodecon (1.2.3.4) (255.255.255.0) (u r t ((s)(s))))",
    ),
    ("nodecon bad", r"(nodecon (1.2.3) (255.255.255.0) (u r t ((s)(s))))"),
    ("nodecon leading zeros", r"(nodecon (1.2.3.04) (255.255.255.0) (u r t ((s)(s))))"),
    ("nodecon v4 mapped", r"(nodecon (::ffff:1.2.3.4) (ffff::) (u r t ((s)(s))))"),
    ("ipaddr bad", r"(ipaddr x 1.2)"),
    ("ipaddr unused name", r"(ipaddr x 1.2.3.4)"),
    ("ibpkey", r"(ibpkeycon fe80:: (0 0x10) (u r t ((s)(s))))(ibpkeycon fe80:: 7 (u r t ((s)(s))))"),
    ("ibpkey big", r"(ibpkeycon fe80:: 0x10000 (u r t ((s)(s))))"),
    ("ibpkey v4", r"(ibpkeycon 1.2.3.4 1 (u r t ((s)(s))))"),
    ("ibendport", r"(ibendportcon mlx5_0 1 (u r t ((s)(s))))"),
    ("ibendport 300", r"(ibendportcon mlx5_0 300 (u r t ((s)(s))))"),
    ("ibendport hex", r"(ibendportcon mlx5_0 0x1 (u r t ((s)(s))))"),
    ("ibendport zero", r"(ibendportcon mlx5_0 0 (u r t ((s)(s))))"),
    ("xen", r"(pirqcon 5 (u r t ((s)(s))))"),
    ("pirq hex", r"(pirqcon 0x5 (u r t ((s)(s))))"),
    ("ioport hex", r"(ioportcon (0x5 0x7) (u r t ((s)(s))))"),
    ("iomem hex", r"(iomemcon (0x5 0x7) (u r t ((s)(s))))"),
    ("pci hex", r"(pcidevicecon 0x5 (u r t ((s)(s))))"),
    ("dtree", r#"(devicetreecon "/a b" (u r t ((s)(s))))"#),
    (
        "default",
        r"(defaultuser c source)(defaultrole (c d) target)(defaulttype d source)(defaultrange c source low)(defaultrange d target low-high)",
    ),
    ("default glblub", r"(defaultrange c glblub)"),
    ("default glblub range", r"(defaultrange c glblub low)"),
    ("default range missing", r"(defaultrange c source)"),
    ("default missing class", r"(defaultuser zz source)"),
    ("default map", r"(classmap cm (m1))(classmapping cm m1 (c (p)))(defaultuser cm source)"),
    ("default twice", r"(defaultuser c source)(defaultuser c source)"),
    ("default conflict", r"(defaultuser c source)(defaultuser c target)"),
    ("userprefix", r"(userprefix u pre)"),
    ("selinuxuser", r"(selinuxuser bob u ((s)(s)))(selinuxuserdefault u ((s)(s)))"),
    ("selinuxuser twice", r"(selinuxuser bob u ((s)(s)))(selinuxuser bob u ((s)(s)))"),
    ("selinuxuserdefault twice", r"(selinuxuserdefault u ((s)(s)))(selinuxuserdefault u ((s)(s)))"),
    ("mls false", r"(mls false)"),
    ("mls twice", r"(mls true)(mls false)"),
    ("handle", r"(handleunknown reject)"),
    ("handle twice", r"(handleunknown reject)(handleunknown allow)"),
    ("handle bad", r"(handleunknown what)"),
    ("names bad", r"(type 1x)"),
    ("names dots", r"(type a.b)"),
    ("names plus", r"(type a+b)"),
    ("names quoted", r#"(type "quoted")(allow quoted t (c (p)))"#),
    ("names quoted odd", r#"(type "quo ted")"#),
    ("keyword names", r"(type type)(type allow)(allow allow type (c (p)))"),
    ("keyword and", r"(type and)"),
    ("role all", r"(role all)"),
    ("sens all", r"(sensitivity all)(sensitivityorder (s2 all))"),
    ("cat range", r"(category range)(categoryorder (cc range))"),
    ("dup type", r"(type t1)"),
    ("dup type attr", r"(typeattribute t1)"),
    ("dup across kinds", r"(role t1)(userrole u t1)"),
    ("role object_r", r"(role object_r)(roletype object_r t)(userrole u object_r)"),
    ("optional same block clash", r"(block o)(optional o (type z))"),
    ("macro same name as block", r"(block m)(macro m ())"),
    ("empty parens stmt", r"()(type z)"),
    ("double parens", r"((type z))"),
    ("stray", r"foo"),
    ("stray in block", r"(block b foo)"),
    ("unclosed", r"(type z"),
    ("overclosed", r"(type z))"),
    (
        "comment",
        r"
; foo (bar
(type z) ; baz
",
    ),
    ("string unclosed", r#"(filecon "abc any ())"#),
    ("control char", r"(type z)"),
    (
        "line marks",
        r"
;;* lmx 1 foo.te
(type z)
;;* lme
(allow z t (c (p)))
",
    ),
    (
        "line marks nested",
        r#"
;;* lms 1 foo.te
(block b
;;* lmx 3 "x y.te"
(type z)
;;* lme
(allow z t (c (p))))
;;* lme
"#,
    ),
    ("line marks bad", r";;* lmz 1 foo.te"),
    (
        "line mark unclosed",
        r"
;;* lmx 1 foo.te
(type z)
",
    ),
    (
        "line mark with tunable order",
        r"
(tunable tt true)
;;* lmx 1 foo.te
(tunableif tt (true (type o1)))
(type o2)
;;* lme
(type o3)
",
    ),
    (
        "line mark no number",
        r"
;;* lmx x foo.te
(type z)
;;* lme
",
    ),
    ("deny words as names", r"(type deny)(allow deny t (c (p)))"),
];
