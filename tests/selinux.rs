//! `hardpan policy` and `hardpan secilc`.

mod compile;
mod diagnostics;
mod front;
mod show;

use std::fs;
use std::path::{Path, PathBuf};

use crate::peers::{program, require};
use crate::util::Dir;

/// A policy that has one of each thing that the kernel insists on, on lines of its own.
const SMALL: &str = "\
(class file (read write))
(classorder (file))
(sid kernel)
(sidorder (kernel))
(user u)
(role r)
(type t)
(type x)
(category c0)
(categoryorder (c0))
(sensitivity s0)
(sensitivityorder (s0))
(sensitivitycategory s0 (c0))
(userrole u r)
(userlevel u (s0))
(userrange u ((s0) (s0 (c0))))
(roletype r t)
(allow t x (file (read)))
(sidcontext kernel (u r t ((s0) (s0))))
(filecon \"/etc/x\" file (u r t ((s0) (s0))))
";

/// A directory with the small policy as `small.cil`.
fn with_small() -> Dir {
    let dir = Dir::new();
    dir.write("small.cil", SMALL);
    dir
}

/// The directory of our own policy.
fn own_policy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("selinux-policy/policy")
}

/// The files of our own policy, as `hardpan` orders them.
fn own_files() -> Vec<String> {
    let entries = fs::read_dir(own_policy()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "cil")).collect();
    files.sort();
    files.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

/// Whether secilc is there for the running test.
fn has_secilc() -> bool {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    require(&test, "secilc", program(&["secilc"])).is_some()
}

/// Whether two files have the same bytes.
fn same(one: &Path, other: &Path) -> bool {
    fs::read(one).unwrap() == fs::read(other).unwrap()
}
