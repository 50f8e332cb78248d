//! Classes, types, roles, users and booleans.

use super::mls::{Lines, order};
use super::rules::{class_access, permissionx};
use super::world::{Class, Kind, World};

/// The classes of a policy are the first of these.
const CLASSES: [&str; 7] = ["process", "file", "dir", "chr_file", "sock_file", "socket", "k"];

/// Declares classes with their commons, maps and named permissions, all in the root.
pub(crate) fn classes(world: &mut World, lines: &mut Lines) {
    let common: Vec<String> = ["ioctl", "read", "write", "getattr"].map(str::to_owned).to_vec();
    lines.push(format!("(common com ({}))", common.join(" ")));
    let mut names = Vec::new();
    let count = world.random.within(2, 6);
    for (index, name) in CLASSES.iter().take(count).map(|name| (*name).to_owned()).enumerate() {
        let own: Vec<String> = (0..world.random.below(6)).map(|place| format!("p{index}_{place}")).collect();
        lines.push(format!("(class {name} ({}))", own.join(" ")));
        let mut permissions = own;
        if index == 1 || permissions.is_empty() || world.random.chance(40) {
            lines.push(format!("(classcommon {name} com)"));
            permissions.extend(common.iter().cloned());
        }
        world.classes.insert(name.clone(), Class { permissions });
        world.declare(Kind::Class, &name, 0);
        names.push(name);
    }
    world.random.shuffle(&mut names);
    order(world, "classorder", &names, lines);
    if world.random.chance(15) {
        let name = "late".to_owned();
        lines.push(format!("(class {name} (one two))"));
        lines.push(format!("(classorder (unordered {name}))"));
        let permissions = vec!["one".to_owned(), "two".to_owned()];
        world.classes.insert(name, Class { permissions });
    }
    named_permissions(world, lines);
    maps(world, lines);
}

fn named_permissions(world: &mut World, lines: &mut Lines) {
    for index in 0..world.random.below(3) {
        lines.push(format!("(classpermission cp{index})"));
        for _ in 0..world.random.within(1, 2) {
            lines.push(format!("(classpermissionset cp{index} {})", class_access(world)));
        }
        world.declare(Kind::ClassPermission, &format!("cp{index}"), 0);
    }
    for index in 0..world.random.below(3) {
        lines.push(format!("(permissionx px{index} {})", permissionx(world)));
        world.declare(Kind::PermissionX, &format!("px{index}"), 0);
    }
}

fn maps(world: &mut World, lines: &mut Lines) {
    for index in 0..world.random.below(3) {
        let permissions: Vec<String> =
            (0..world.random.within(1, 3)).map(|place| format!("m{place}")).collect();
        lines.push(format!("(classmap map{index} ({}))", permissions.join(" ")));
        for permission in &permissions {
            for _ in 0..world.random.within(1, 3) {
                let access = if world.has(Kind::ClassPermission) && world.random.chance(20) {
                    world.name(Kind::ClassPermission, 0)
                } else {
                    class_access(world)
                };
                lines.push(format!("(classmapping map{index} {permission} {access})"));
            }
        }
        world.class_maps.insert(format!("map{index}"), permissions);
    }
}

/// Declares the names that rules of a block need, in that block. In the root, there is at least one of each kind that rules
/// cannot do without.
pub(crate) fn names(world: &mut World, block: usize, lines: &mut Lines) {
    let is_root = block == 0;
    let types = world.random.within(usize::from(is_root) * 3, if is_root { 10 } else { 3 });
    for index in 0..types {
        // Blocks may have the names that the root has.
        let name = name(world, "ty", index, is_root);
        lines.push(format!("(type {name})"));
        world.declare(Kind::Type, &name, block);
    }
    for index in 0..world.random.below(if is_root { 6 } else { 2 }) {
        let name = name(world, "at", index, is_root);
        lines.push(format!("(typeattribute {name})"));
        world.declare(Kind::TypeAttribute, &name, block);
    }
    for index in 0..world.random.below(2) {
        let name = name(world, "al", index, is_root);
        let of = world.name(Kind::Type, block);
        lines.push(format!("(typealias {name})"));
        lines.push(format!("(typealiasactual {name} {of})"));
        world.declare(Kind::TypeAlias, &name, block);
    }
    roles(world, block, lines);
    for (kind, keyword, stem) in [(Kind::Bool, "boolean", "b"), (Kind::Tunable, "tunable", "tun")] {
        let most = if is_root && world.random.chance(15) { 9 } else { 3 };
        for index in 0..world.random.below(most) {
            let name = name(world, stem, index, is_root);
            lines.push(format!("({keyword} {name} {})", world.random.pick(&["true", "false"])));
            world.declare(kind, &name, block);
        }
    }
}

fn roles(world: &mut World, block: usize, lines: &mut Lines) {
    let is_root = block == 0;
    for index in 0..world.random.within(usize::from(is_root), if is_root { 4 } else { 1 }) {
        let name = name(world, "role", index, is_root);
        lines.push(format!("(role {name})"));
        world.declare(Kind::Role, &name, block);
    }
    for index in 0..world.random.within(usize::from(is_root), if is_root { 3 } else { 1 }) {
        let name = name(world, "usr", index, is_root);
        lines.push(format!("(user {name})"));
        world.declare(Kind::User, &name, block);
    }
    for index in 0..world.random.below(2) {
        let name = name(world, "ra", index, is_root);
        lines.push(format!("(roleattribute {name})"));
        world.declare(Kind::RoleAttribute, &name, block);
    }
    if is_root && world.random.chance(30) {
        let users = world.all(Kind::User);
        let some = world.random.some(&users, 50);
        lines.push("(userattribute ua0)".to_owned());
        let set = if world.random.chance(20) {
            format!("(not ({}))", some[0])
        } else {
            format!("({})", some.join(" "))
        };
        lines.push(format!("(userattributeset ua0 {set})"));
        world.declare(Kind::UserAttribute, "ua0", 0);
    }
}

fn name(world: &mut World, stem: &str, index: usize, is_root: bool) -> String {
    // Other statements rely on the first of each kind.
    if world.is_qualified && index > 0 && world.random.chance(60) {
        format!("q.{stem}.{index}")
    } else if is_root || world.random.chance(40) {
        format!("{stem}{index}")
    } else {
        format!("{stem}{}", 10 + world.next())
    }
}
