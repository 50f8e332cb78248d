//! Sources that mean harm: a few kilobytes that stand for more than there is memory for. Each ends with an error that says
//! what is too much and where, and none is looked at for longer than it takes to see that.

mod binary;
mod cil;
mod told;

use hardpan_selinux_policy::diagnostic::{Diagnostic, Source, render};
use hardpan_selinux_policy::{Compiled, Failure, Options, compile};

/// What a policy needs at least, before each case.
const BASE: &str = "\
(class c (p q ioctl))(class process (transition))(classorder (c process))(sid kernel)(sidorder (kernel))
(user u)(role r)(type t)(userrole u r)(roletype r t)(category c0)(category c1)(categoryorder (c0 c1))
(sensitivity s)(sensitivityorder (s))(sensitivitycategory s (range c0 c1))(userlevel u (s))(userrange u ((s)(s)))
(sidcontext kernel (u r t ((s)(s))))(allow t t (c (p)))
";

fn compiled(text: &str) -> Result<Compiled, Failure> {
    compile(&[source(text)], &Options::default())
}

fn source(text: &str) -> Source {
    Source { name: "a.cil".to_owned(), text: [BASE, text].concat().into_bytes() }
}

/// The only error of a policy, as text.
fn only_error(text: &str) -> (Diagnostic, String) {
    let failure = compiled(text).expect_err("it is refused");
    assert_eq!(failure.errors(), 1, "{:?}", failure.diagnostics);
    let diagnostic = failure.diagnostics[0].clone();
    let told = render(&diagnostic, &[source(text)]);
    (diagnostic, told)
}

/// So many statements, each with its number and the next.
fn numbered(count: usize, statement: impl Fn(usize, usize) -> String) -> String {
    (0..count).map(|number| statement(number, number + 1)).collect()
}
