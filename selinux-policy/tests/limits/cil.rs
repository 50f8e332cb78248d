//! What is too much.

use super::{compiled, numbered, only_error};

fn is_refused(text: &str, code: &str, says: &[&str]) {
    let (diagnostic, told) = only_error(text);
    assert_eq!(diagnostic.code, code, "{told}");
    for part in says {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    assert!(told.len() < 20_000, "{} bytes are told", told.len());
}

/// Macros that each call the next twice, and one that is called 2^`depth` times.
fn doubling(depth: usize, last: &str) -> String {
    let macros = numbered(depth, |this, next| format!("(macro m{this} () (call m{next})(call m{next}))"));
    format!("{macros}(macro m{depth} () {last})(call m0)")
}

#[test]
fn macros_that_double() {
    let says = ["`m30` is expanded most", "more than 2000000 statements or 400000 containers", "brought by"];
    is_refused(&doubling(30, "(allow t t (c (p)))"), "too-large", &says);
    assert!(compiled(&doubling(8, "(allow t t (c (p)))")).is_ok());
}

#[test]
fn macros_that_double_in_optionals_and_blocks() {
    let macros = numbered(30, |this, next| {
        format!("(macro m{this} () (optional o{this} (call m{next})(call m{next})))")
    });
    let text = format!(
        "{macros}(macro m30 () (allow t t (c (p))))(block b (blockabstract b)(call m0))(block d (blockinherit b))"
    );
    is_refused(&text, "too-large", &["`m30` is expanded most"]);
}

#[test]
fn blocks_that_inherit_twice_what_does() {
    let blocks = numbered(30, |this, next| {
        format!("(block b{next} (block l (blockinherit b{this}))(block r (blockinherit b{this})))")
    });
    is_refused(&format!("(block b0 (type x)){blocks}"), "inheritance", &["multiply too much"]);
}

#[test]
fn names_as_long_as_all_their_blocks() {
    let types = numbered(60, |this, _| format!("(type y{this})"));
    let heirs = numbered(1000, |this, _| format!("(block b{this} (blockinherit m))"));
    let text = format!("(block m (blockabstract m){types})(block {} {heirs})", "z".repeat(2000));
    let failure = compiled(&text).expect_err("it is refused");
    let told = &failure.diagnostics[0];
    assert_eq!(told.code, "too-large");
    assert!(told.message.contains("67108864 bytes"), "{}", told.message);
}

#[test]
fn what_calls_itself() {
    is_refused("(macro a () (call b))(macro b () (call a))(call a)", "recursion", &["declared here"]);
    is_refused("(macro a ((type x)) (call a (x)))(call a (t))", "recursion", &["calls itself"]);
    is_refused("(block a (block b (blockinherit a)))", "inheritance", &["inherit from itself"]);
    let circle = "(typeattribute a)(typeattribute b)(typeattributeset a b)(typeattributeset b a)";
    is_refused(&format!("{circle}(allow a b (c (p)))"), "attribute-cycle", &["holds itself"]);
    is_refused("(classmap m (a))(classmapping m a (m (a)))", "class-permission-cycle", &["class map m"]);
}

#[test]
fn insertions_that_wait_for_each_other() {
    let text = numbered(2000, |this, next| format!("(in x{this} (optional x{next}))"));
    is_refused(
        &format!("{text}(optional x0)"),
        "too-large",
        &["wait for each other", "a.cil:", "write those first"],
    );
}

#[test]
fn class_permissions_that_double() {
    let maps = numbered(40, |this, next| {
        let mapping = format!("(classmapping m{this} a (m{next} (a)))");
        format!("(classmap m{this} (a)){mapping}{mapping}")
    });
    let text = format!("{maps}(classmap m40 (a))(classmapping m40 a (c (p)))(allow t t (m0 (a)))");
    is_refused(&text, "too-many-class-permissions", &["4194304"]);
    let sets = numbered(40, |this, next| {
        let set = format!("(classpermissionset s{this} s{next})");
        format!("(classpermission s{this}){set}{set}")
    });
    let text = format!("{sets}(classpermission s40)(classpermissionset s40 (c (p)))(allow t t s0)");
    is_refused(&text, "too-many-class-permissions", &["4194304"]);
}

/// Attributes of all of 3000 types, which rules replace by them.
fn many_types() -> String {
    let types = numbered(3000, |this, _| format!("(type t{this})"));
    format!("{types}(typeattribute A)(typeattributeset A (all))(expandtypeattribute (A) true)")
}

#[test]
fn rules_that_stand_for_millions() {
    let wide = format!("(classmap m (a)){}", "(classmapping m a (c (p)))".repeat(3000));
    let rules = [
        "(allow A A (c (q)))",
        "(allow A notself (c (q)))",
        "(allow A other (c (q)))",
        "(allowx A A (ioctl c (1)))",
        "(typetransition A A c t)",
        "(typetransition A A c \"name\" t)",
        "(rangetransition A A c ((s)(s)))",
        "(boolean b true)(booleanif b (true (allow A A (c (q)))))",
        "(boolean b true)(booleanif b (true (typechange A A c t)))",
        "(allow A t (m (a)))",
        "(typetransition A t m t)",
        "(roletransition r A m r)",
    ];
    for rule in rules {
        let text = format!("{}{wide}{rule}", many_types());
        is_refused(
            &text,
            "too-many-rules",
            &["over 4194304 rules", "sources, each with", "expandtypeattribute"],
        );
    }
    assert!(compiled(&format!("{}(allow A t (c (q)))(allow A self (c (q)))", many_types())).is_ok());
}

#[test]
fn constraints_that_are_repeated() {
    let wide = format!("(classmap m (a)){}", "(classmapping m a (c (p)))".repeat(3000));
    let text = format!("{wide}{}", "(constrain (m (a)) (eq t1 t))".repeat(1500));
    is_refused(&text, "too-many-rules", &["over 4194304 rules"]);
}

#[test]
fn roles_with_all_types() {
    let roles = numbered(30_000, |this, _| format!("(role r{this})"));
    let types = numbered(25_000, |this, _| format!("(type t{this})"));
    let all = "(typeattribute A)(typeattributeset A (all))(roleattribute R)(roleattributeset R (all))(roletype R A)";
    let (diagnostic, _) = only_error(&format!("{roles}{types}{all}"));
    assert_eq!(diagnostic.code, "too-many-roles");
}

#[test]
fn lists_of_class_map_permissions() {
    let permissions = numbered(5000, |this, _| format!("p{this} "));
    let mapped = numbered(5000, |this, _| format!("(classmapping m p{this} (c (p)))"));
    let text = format!("(classmap m ({permissions})){mapped}{}", "(allow t t (m (all)))".repeat(4000));
    let failure = compiled(&text).expect_err("it is refused");
    assert!(failure.diagnostics.iter().all(|told| told.code == "too-large"), "{failure:?}");
}

/// Whatever nests: the error is at the parenthesis that is too much, and what is just not too deep is compiled.
#[test]
fn nesting_of_every_kind() {
    let shapes = [
        ("(typeattribute a)(typeattributeset a ", "(not ", "t", ")"),
        ("(typeattribute a)(typeattributeset a ", "(or t ", "t", ")"),
        ("(roleattribute a)(roleattributeset a ", "(not ", "(r)", ")"),
        ("(constrain (c (p)) ", "(not ", "(eq t1 t)", ")"),
        ("(mlsconstrain (c (p)) ", "(not ", "(eq l1 l2)", ")"),
        ("(validatetrans c ", "(not ", "(eq t3 t)", ")"),
        ("(boolean b true)(booleanif ", "(not ", "b", " (true (allow t t (c (q)))))"),
        ("(tunable b true)(tunableif ", "(not ", "b", " (true (allow t t (c (q)))))"),
        ("(categoryset cs ", "(not ", "(c0)", ")"),
        ("(level l (s ", "(not ", "(c0)", "))"),
        ("(allow t t (c ", "(not ", "(q)", "))"),
        ("(classpermission cp)(classpermissionset cp (c ", "(not ", "(p)", "))"),
        ("(allowx t t (ioctl c ", "(not ", "(1)", "))"),
        ("", "(optional o ", "(allow t t (c (q)))", ""),
        ("", "(block b ", "(allow t t (c (q)))", ""),
    ];
    for (before, open, inside, after) in shapes {
        let nested =
            |depth: usize| format!("{before}{}{inside}{}{after}", open.repeat(depth), ")".repeat(depth));
        let compiled = compiled(&nested(2000));
        assert!(compiled.is_ok(), "{before}{open}: {:?}", compiled.err().map(|failure| failure.diagnostics));
        is_refused(&nested(100_000), "too-deep", &["more than 4096 parentheses are open here"]);
        is_refused(&format!("{before}{}", open.repeat(100_000)), "too-deep", &["a.cil:5:"]);
    }
}
