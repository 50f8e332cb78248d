//! A policy like those of phones: thousands of promises over attributes.

use super::random::Random;

/// Classes with the permissions that rules use.
const CLASSES: [(&str, &[&str]); 8] = [
    ("process", &["fork", "transition", "ptrace", "signal"]),
    ("file", &["ioctl", "read", "write", "open", "execute", "create", "unlink"]),
    ("dir", &["ioctl", "read", "write", "search", "add_name", "remove_name"]),
    ("chr_file", &["ioctl", "read", "write", "open"]),
    ("sock_file", &["write", "create", "unlink"]),
    ("unix_stream_socket", &["ioctl", "read", "write", "connectto"]),
    ("binder", &["call", "transfer", "set_context_mgr"]),
    ("property_service", &["set"]),
];

/// Rules for each type.
const RULES_PER_TYPE: usize = 18;

/// Promises about permissions and, one to every twelve, about extended ones. Half of the types act and half are acted upon;
/// each class has some permissions of each kind of target that no rule gives to some half of the actors, and promises say
/// so for attributes of these.
pub(crate) fn policy(random: &mut Random, types: usize, attributes: usize, promises: usize) -> String {
    let mut text = String::from(PRELUDE);
    for (name, permissions) in CLASSES {
        push(&mut text, &format!("(class {name} ({}))", permissions.join(" ")));
    }
    let names: Vec<&str> = CLASSES.iter().map(|(name, _)| *name).collect();
    push(&mut text, &format!("(classorder ({}))", names.join(" ")));
    for index in 0..types {
        push(&mut text, &format!("(type t{index})"));
        push(&mut text, &format!("(roletype r t{index})"));
    }
    for index in 0..attributes {
        push(&mut text, &format!("(typeattribute a{index})"));
        push(&mut text, &format!("(typeattributeset a{index} ({}))", members(random, index, types)));
    }
    for index in 0..types {
        for _ in 0..RULES_PER_TYPE {
            let rule = allow(random, index, types, attributes);
            push(&mut text, &rule);
        }
    }
    for index in 0..promises {
        let promise = promise(random, index, attributes);
        push(&mut text, &promise);
    }
    text
}

/// What a policy needs that is not about types.
const PRELUDE: &str = "(mls false)(handleunknown deny)
(sensitivity s0)(sensitivityorder (s0))(category c0)(categoryorder (c0))(sensitivitycategory s0 (c0))
(user u)(role r)(role object_r)(userrole u r)(userlevel u (s0))(userrange u ((s0) (s0)))
(sid kernel)(sidorder (kernel))(sidcontext kernel (u r t0 ((s0) (s0))))
";

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Attributes hold types of one of four groups, by their numbers, so that promises can be kept: types belong to groups by
/// theirs.
fn members(random: &mut Random, index: usize, types: usize) -> String {
    let group = index % 4;
    let of_group: Vec<usize> = (0..types).filter(|index| index % 4 == group).collect();
    let some = match random.below(10) {
        // Now and then nearly the whole group, as promises about all but a few have it.
        0 | 1 => random.some(&of_group, 90),
        2..=4 => random.some(&of_group, 25),
        _ => random.some(&of_group, 3),
    };
    some.iter().map(|index| format!("t{index}")).collect::<Vec<_>>().join(" ")
}

/// Types of each group have all permissions of those of the group after theirs, and `read` of all.
fn allow(random: &mut Random, source: usize, types: usize, attributes: usize) -> String {
    let (class, permissions) = random.pick(&CLASSES);
    let next = (source + 1) % 4;
    let is_near = random.chance(60);
    let group = if is_near { next } else { random.below(4) };
    let target = if random.chance(30) {
        format!("a{}", pick_of_group(random, attributes, group))
    } else {
        format!("t{}", pick_of_group(random, types, group))
    };
    if !is_near {
        return if permissions.contains(&"read") {
            format!("(allow t{source} {target} ({class} (read)))")
        } else {
            format!("(allow t{source} t{source} ({class} ({})))", permissions[0])
        };
    }
    let some = random.some(permissions, 40);
    let rule = format!("(allow t{source} {target} ({class} ({})))", some.join(" "));
    if !some.contains(&"ioctl") {
        return rule;
    }
    format!("{rule}\n(allowx t{source} {target} (ioctl {class} (0x{:x} 0x5401)))", 0x8900 + random.below(64))
}

fn pick_of_group(random: &mut Random, count: usize, group: usize) -> usize {
    (random.below(count) / 4 * 4 + group).min((count - 1 - group) / 4 * 4 + group)
}

/// Nothing but `read` goes to a group that is neither the own nor the next.
fn promise(random: &mut Random, index: usize, attributes: usize) -> String {
    let source = random.below(attributes);
    if index.is_multiple_of(12) {
        let target = pick_of_group(random, attributes, (source + 1) % 4);
        let class = random.pick(&["file", "dir", "chr_file", "unix_stream_socket"]);
        return format!("(neverallowx a{source} a{target} (ioctl {class} ((range 0x6000 0x7fff))))");
    }
    let group = (source + random.within(2, 3)) % 4;
    let target = pick_of_group(random, attributes, group);
    let (class, permissions) = random.pick(&CLASSES);
    let permissions: Vec<&str> = permissions.iter().filter(|name| **name != "read").copied().collect();
    let some = random.some(&permissions, 60);
    format!("(neverallow a{source} a{target} ({class} ({})))", some.join(" "))
}
