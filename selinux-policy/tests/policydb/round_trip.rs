//! Policies of checkpolicy, which marks attributes in another way, and files of ours that checkpolicy reads.

use hardpan_selinux_policy::policydb::symbols::TypeKind;
use hardpan_selinux_policy::policydb::{Compat, read, write};

use crate::peers::{EVERY, XEN, checkpolicy, directory, has_peers, secilc, text_of};

/// A policy in checkpolicy's language: with a role attribute, which takes a value that no name has.
const CONF: &str = "
class process class file
sid kernel
common file { read write }
class process { transition }
class file inherits file { execute }
attribute domain;
attribute_role role_group;
type kernel_t, domain;
type file_t;
typealias file_t alias { data_t };
bool nets false;
allow domain file_t : file { read };
if (nets) { allow kernel_t file_t : file { write }; }
type_transition kernel_t file_t : file kernel_t \"name\";
role object_r;
role system_r;
roleattribute system_r role_group;
role system_r types kernel_t;
user system_u roles system_r;
constrain file { read } ( t1 == domain or t1 == kernel_t );
sid kernel system_u:system_r:kernel_t
";

#[test]
fn what_checkpolicy_writes_reads_and_comes_back() {
    if !has_peers("policies of checkpolicy", &["checkpolicy"]) {
        return;
    }
    let directory = directory("checkpolicy");
    for version in ["24", "26", "28", "29", "30", "33"] {
        let file = checkpolicy(&directory, CONF, &["-c", version]);
        let mut policy = read(&file).unwrap();
        assert_eq!(write(&policy).unwrap(), file, "version {version}");
        policy.arrange(Compat::V3_4);
        assert_eq!(write(&policy).unwrap(), file, "version {version}");
        assert!(policy.types.iter().any(|it| it.kind == TypeKind::PrimaryAttribute));
        assert_eq!(policy.reserved_roles, 1);
    }
}

/// The tools of SELinux read our bytes, also of the order that only newer releases write, and see the same in them.
#[test]
fn checkpolicy_reads_the_newer_order() {
    if !has_peers("the newer order", &["secilc", "checkpolicy"]) {
        return;
    }
    let directory = directory("newer");
    for (text, target) in [(EVERY, "selinux"), (XEN, "xen")] {
        let old = secilc(&directory, text, &["-t", target, "-c", "30"]);
        let mut policy = read(&old).unwrap();
        policy.arrange(Compat::V3_6);
        let new = write(&policy).unwrap();
        // The policy for Xen is so small that both orders of it are the same.
        assert!(new != old || target == "xen");
        let as_text = |file: &[u8]| text_of(&directory, file, &["-b", "-C", "-M", "-t", target]);
        assert_eq!(as_text(&new), as_text(&old));
    }
}
