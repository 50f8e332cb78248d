//! Rules over types, roles and classes.

use super::world::{Kind, World};

/// A rule that may stand anywhere: in blocks, macros and optionals.
pub(crate) fn rule(world: &mut World, block: usize) -> String {
    match world.random.below(100) {
        0..=49 => av_rule(world, block),
        50..=56 if !world.is_xen || world.random.chance(1) => xperm_rule(world, block),
        57..=70 => type_rule(world, block),
        71..=76 => name_transition(world, block),
        77..=82 => attribute_set(world, block),
        83..=87 => roles(world, block),
        88..=91 => constraint(world, block),
        92..=94 => range_transition(world, block),
        95 => flag(world, block),
        96 => expand(world, block),
        97 => default(world, block),
        _ => boolean_if(world, block),
    }
}

/// What is said of a type by itself.
fn flag(world: &mut World, block: usize) -> String {
    let keyword =
        if world.is_modern && world.random.chance(50) { "typeneveraudit" } else { "typepermissive" };
    format!("({keyword} {})", world.type_(block))
}

fn av_rule(world: &mut World, block: usize) -> String {
    let keywords = ["allow", "allow", "allow", "auditallow", "dontaudit"];
    let keyword = world.random.pick(&keywords);
    av_rule_of(world, keyword, block)
}

/// `allow` and its like.
pub(crate) fn av_rule_of(world: &mut World, keyword: &str, block: usize) -> String {
    let (source, target) = (world.type_or_attribute(block), target(world, block));
    let access = access(world, block);
    format!("({keyword} {source} {target} {access})")
}

fn target(world: &mut World, block: usize) -> String {
    if world.random.chance(15) {
        return "self".to_owned();
    }
    if world.is_modern && world.random.chance(10) {
        return world.random.pick(&["notself", "other"]).to_owned();
    }
    world.type_or_attribute(block)
}

/// A class with permissions, permissions of a map, or a named set.
pub(crate) fn access(world: &mut World, block: usize) -> String {
    match world.random.below(10) {
        0 if world.has(Kind::ClassPermission) => world.name(Kind::ClassPermission, block),
        1 | 2 if !world.class_maps.is_empty() => {
            let maps: Vec<_> = world.class_maps.clone().into_iter().collect();
            let (name, permissions) = world.random.pick(&maps);
            let some = world.random.some(&permissions, 50);
            format!("({name} ({}))", some.join(" "))
        }
        _ => class_access(world),
    }
}

/// A class with permissions, as names or as an expression.
pub(crate) fn class_access(world: &mut World) -> String {
    let classes: Vec<_> = world.classes.clone().into_iter().collect();
    let (name, class) = world.random.pick(&classes);
    let some = world.random.some(&class.permissions, 35).join(" ");
    let expression = match world.random.below(20) {
        0 => "(all)".to_owned(),
        1 => format!("(not ({some}))"),
        2 => format!("(and ({some}) (all))"),
        3 => format!("(xor ({some}) ({}))", world.random.pick(&class.permissions)),
        _ => format!("({some})"),
    };
    format!("({name} {expression})")
}

fn class(world: &mut World) -> String {
    let parameters = world.parameters.clone();
    if let Some((_, name)) = parameters.into_iter().find(|(kind, _)| *kind == Kind::Class)
        && world.random.chance(40)
    {
        return name;
    }
    let classes: Vec<String> = world.classes.keys().cloned().collect();
    world.random.pick(&classes)
}

fn class_or_map(world: &mut World) -> String {
    if !world.class_maps.is_empty() && world.random.chance(15) {
        let maps: Vec<String> = world.class_maps.keys().cloned().collect();
        return world.random.pick(&maps);
    }
    class(world)
}

fn xperm_rule(world: &mut World, block: usize) -> String {
    let keyword = world.random.pick(&["allowx", "allowx", "auditallowx", "dontauditx"]);
    xperm_rule_of(world, keyword, block)
}

/// `allowx` and its like.
pub(crate) fn xperm_rule_of(world: &mut World, keyword: &str, block: usize) -> String {
    let (source, target) = (world.type_or_attribute(block), target(world, block));
    let access = if world.has(Kind::PermissionX) && world.random.chance(35) {
        world.name(Kind::PermissionX, block)
    } else {
        permissionx(world)
    };
    format!("({keyword} {source} {target} {access})")
}

/// Extended permissions, written out. Only some classes have `ioctl`.
pub(crate) fn permissionx(world: &mut World) -> String {
    let with_ioctl: Vec<String> = world
        .classes
        .iter()
        .filter(|(_, class)| class.permissions.iter().any(|name| name == "ioctl"))
        .map(|(name, _)| name.clone())
        .collect();
    let class = world.random.pick(&with_ioctl);
    // A map stands for all classes of its permissions, which must all have `ioctl`: that is so of few.
    let maps: Vec<String> = world.class_maps.keys().cloned().collect();
    let class = if !maps.is_empty() && world.random.chance(3) { world.random.pick(&maps) } else { class };
    format!("(ioctl {class} {})", numbers(world))
}

fn numbers(world: &mut World) -> String {
    let low = world.random.pick(&[0, 0x10, 0x1234, 0x8900, 0x89fe, 0xff00, 0x5400]);
    let wide = low + world.random.pick(&[0, 1, 0x7f, 0xff, 0x100, 0x2ff]);
    let wide = wide.min(0xffff);
    match world.random.below(6) {
        0 => format!("({low:#x})"),
        1 => format!("({low:#x} {:#x} 0x42)", low + 1),
        2 | 3 => format!("((range {low:#x} {wide:#x}))"),
        4 => format!("(and (range {low:#x} {wide:#x}) (not (range {low:#x} {low:#x})))"),
        _ => format!("(not (range {low:#x} {wide:#x}))"),
    }
}

fn type_rule(world: &mut World, block: usize) -> String {
    let keyword = world.random.pick(&["typetransition", "typetransition", "typechange", "typemember"]);
    let class = class_or_map(world);
    let (source, target) = (world.type_or_attribute(block), type_target(world, block));
    let result = result_type(world, block);
    format!("({keyword} {source} {target} {class} {result})")
}

fn type_target(world: &mut World, block: usize) -> String {
    if world.random.chance(8) { "self".to_owned() } else { world.type_or_attribute(block) }
}

/// Nearly always the same type, since rules that overlap must agree.
fn result_type(world: &mut World, block: usize) -> String {
    if world.random.chance(97) { world.of_root("ty0") } else { world.type_(block) }
}

fn name_transition(world: &mut World, block: usize) -> String {
    let names = ["passwd", "shadow", "a b", "x", "*", "log"];
    let name = world.random.pick(&names);
    let class = class_or_map(world);
    let (source, target) = (world.type_or_attribute(block), type_target(world, block));
    let result = result_type(world, block);
    format!("(typetransition {source} {target} {class} \"{name}\" {result})")
}

fn attribute_set(world: &mut World, block: usize) -> String {
    if !world.has(Kind::TypeAttribute) {
        return av_rule(world, block);
    }
    let attribute = world.name(Kind::TypeAttribute, block);
    format!("(typeattributeset {attribute} {})", type_expression(world, block))
}

/// An expression of types; of attributes rarely, since they must not hold themselves.
fn type_expression(world: &mut World, block: usize) -> String {
    let (one, two) = (world.type_(block), world.type_(block));
    match world.random.below(12) {
        0 => format!("(and ({one} {two}) ({two}))"),
        1 => format!("(xor ({one}) ({two}))"),
        2 => format!("(not ({one}))"),
        3 => "(all)".to_owned(),
        4 => format!("(or {one} (and {two} {one}))"),
        5 => format!("({one} {two})"),
        6 if world.random.chance(20) => format!("({})", world.type_or_attribute(block)),
        _ => format!("({one})"),
    }
}

fn roles(world: &mut World, block: usize) -> String {
    let (one, two) = (role(world, block), role(world, block));
    match world.random.below(6) {
        0 | 1 => format!("(roletype {one} {})", world.type_or_attribute(block)),
        2 => format!("(roleallow {one} {two})"),
        3 => {
            let (target, class) = (world.type_or_attribute(block), class(world));
            let result = if world.random.chance(97) { world.of_root("role0") } else { two };
            format!("(roletransition {one} {target} {class} {result})")
        }
        4 if world.has(Kind::RoleAttribute) => {
            let attribute = world.name(Kind::RoleAttribute, block);
            let member = world.name(Kind::Role, block);
            let other = world.name_of(&[Kind::Role, Kind::RoleAttribute], block);
            match world.random.below(8) {
                0 => format!("(roleattributeset {attribute} (and ({member}) (all)))"),
                1 => format!("(roleattributeset {attribute} (not ({member})))"),
                2 => format!("(roleattributeset {attribute} (xor {member} {other}))"),
                3 => format!("(roleattributeset {attribute} ({member} {other}))"),
                _ => format!("(roleattributeset {attribute} ({member}))"),
            }
        }
        _ => {
            let user = world.name_of(&[Kind::User, Kind::UserAttribute], block);
            format!("(userrole {user} {one})")
        }
    }
}

fn role(world: &mut World, block: usize) -> String {
    if world.random.chance(25) {
        return world.name_of(&[Kind::RoleAttribute, Kind::Role], block);
    }
    world.name(Kind::Role, block)
}

fn constraint(world: &mut World, block: usize) -> String {
    let keywords = ["constrain", "mlsconstrain", "validatetrans", "mlsvalidatetrans"];
    let keyword = world.random.pick(&keywords);
    let (is_mls, is_validate) = (keyword.starts_with("mls"), keyword.ends_with("validatetrans"));
    let what = if is_validate { class_or_map(world) } else { access(world, block) };
    let expression = constraint_expression(world, block, is_mls, is_validate, 3);
    format!("({keyword} {what} {expression})")
}

fn constraint_expression(
    world: &mut World,
    block: usize,
    is_mls: bool,
    is_validate: bool,
    depth: usize,
) -> String {
    if depth > 0 && world.random.chance(45) {
        let left = constraint_expression(world, block, is_mls, is_validate, depth - 1);
        if world.random.chance(30) {
            return format!("(not {left})");
        }
        let right = constraint_expression(world, block, is_mls, is_validate, depth - 1);
        return format!("({} {left} {right})", world.random.pick(&["and", "or"]));
    }
    let operator = world.random.pick(&["eq", "neq"]);
    let ordering = world.random.pick(&["eq", "neq", "dom", "domby", "incomp"]);
    let side = if is_validate { world.random.within(1, 3) } else { world.random.within(1, 2) };
    match world.random.below(if is_mls { 8 } else { 6 }) {
        0 => format!("({operator} u1 u2)"),
        1 => format!("({ordering} r1 r2)"),
        2 => format!("({operator} t1 t2)"),
        3 => format!("({operator} t{side} {})", constraint_names(world, block)),
        4 => format!("({operator} r{side} {})", role(world, block)),
        5 => format!("({operator} u{side} {})", world.name_of(&[Kind::User, Kind::UserAttribute], block)),
        _ => {
            let sides = [("l1", "l2"), ("l1", "h2"), ("h1", "l2"), ("h1", "h2"), ("l1", "h1"), ("l2", "h2")];
            let (left, right) = world.random.pick(&sides);
            format!("({ordering} {left} {right})")
        }
    }
}

fn constraint_names(world: &mut World, block: usize) -> String {
    let (one, two) = (world.type_or_attribute(block), world.type_or_attribute(block));
    if world.random.chance(40) { format!("({one} {two})") } else { one }
}

fn range_transition(world: &mut World, block: usize) -> String {
    let class = class(world);
    let (source, target) = (world.type_or_attribute(block), world.type_or_attribute(block));
    // Rules that overlap must agree, so nearly all have the same range.
    let range = if world.random.chance(97) { "((s0) (s0))" } else { "((s0) (s0 (c0)))" };
    format!("(rangetransition {source} {target} {class} {range})")
}

fn expand(world: &mut World, block: usize) -> String {
    if !world.has(Kind::TypeAttribute) {
        return av_rule(world, block);
    }
    let attributes = world.name(Kind::TypeAttribute, block);
    let attributes = match world.random.below(3) {
        0 => attributes,
        1 => format!("({attributes})"),
        _ => format!("({attributes} {})", world.name(Kind::TypeAttribute, block)),
    };
    format!("(expandtypeattribute {attributes} {})", world.random.pick(&["true", "false"]))
}

fn default(world: &mut World, block: usize) -> String {
    // Two of one class must agree, so there is one answer for each keyword, but seldom.
    let _ = block;
    let (one, two) = (class_or_map(world), class(world));
    let side = |world: &mut World, usual: &'static str| {
        if world.random.chance(97) { usual } else { world.random.pick(&["source", "target"]) }
    };
    match world.random.below(4) {
        0 => format!("(defaultuser {one} {})", side(world, "source")),
        1 => format!("(defaultrole ({one} {two}) {})", side(world, "target")),
        2 => format!("(defaulttype {one} {})", side(world, "source")),
        _ => match world.ranges_by_default {
            "glblub" => format!("(defaultrange {two} glblub)"),
            part => format!("(defaultrange ({one} {two}) {} {part})", side(world, "target")),
        },
    }
}

/// Rules that depend on booleans.
pub(crate) fn boolean_if(world: &mut World, block: usize) -> String {
    if !world.has(Kind::Bool) {
        return av_rule(world, block);
    }
    let depth = if world.random.chance(10) { 4 } else { 2 };
    let condition = condition(world, Kind::Bool, block, depth);
    let branches = ["true", "false"].map(|branch| {
        let mut rules = vec![branch.to_owned()];
        for _ in 0..world.random.within(1, 4) {
            rules.push(match world.random.below(10) {
                0..=6 => av_rule(world, block),
                7 if world.is_modern => xperm_rule(world, block),
                _ => type_rule(world, block),
            });
        }
        format!("({})", rules.join("\n    "))
    });
    let branches = match world.random.below(3) {
        0 => branches[0].clone(),
        1 => branches[1].clone(),
        _ => branches.join("\n  "),
    };
    format!("(booleanif {condition}\n  {branches})")
}

/// A condition over booleans or tunables.
pub(crate) fn condition(world: &mut World, kind: Kind, block: usize, depth: usize) -> String {
    if depth == 0 || world.random.chance(45) {
        return world.name(kind, block);
    }
    let left = condition(world, kind, block, depth - 1);
    if world.random.chance(25) {
        return format!("(not {left})");
    }
    let right = condition(world, kind, block, depth - 1);
    let operator = world.random.pick(&["and", "or", "xor", "eq", "neq"]);
    format!("({operator} {left} {right})")
}
