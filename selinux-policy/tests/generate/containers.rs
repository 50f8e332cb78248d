//! Blocks, macros, optionals and tunables around rules.

use super::mls::Lines;
use super::rules::{access, condition, rule};
use super::world::{Block, Declared, Kind, World};

/// Declares blocks; what is declared in them is not yet.
pub(crate) fn declare_blocks(world: &mut World) {
    for index in 0..world.random.below(4) {
        let parent = world.random.below(world.blocks.len());
        world.blocks.push(Block { name: format!("blk{index}"), parent });
    }
}

/// A statement of a block: a rule, or a container of some.
pub(crate) fn statement(world: &mut World, block: usize) -> String {
    match world.random.below(100) {
        0..=5 => {
            let text = optional(world, block, 2);
            let name = text.split_whitespace().nth(1).unwrap_or_default().to_owned();
            let path = world.path(&Declared { name, block });
            world.optionals.push((path, block));
            text
        }
        6..=8 => tunable_if(world, block),
        9..=13 if world.has(Kind::Macro) => call(world, block),
        _ => rule(world, block),
    }
}

fn optional(world: &mut World, block: usize, depth: usize) -> String {
    let name = world.next();
    let mut body = Lines::new();
    for _ in 0..world.random.within(1, 3) {
        body.push(match world.random.below(10) {
            0 | 1 if depth > 0 => optional(world, block, depth - 1),
            2 if !world.is_in_macro => format!("(type ot{})", world.next()),
            3 if world.has(Kind::Macro) => call(world, block),
            _ => rule(world, block),
        });
    }
    if world.random.chance(40) {
        let missing = missing(world, block);
        let place = world.random.below(body.len() + 1);
        body.insert(place, missing);
    }
    format!("(optional opt{name}\n  {})", body.join("\n  "))
}

/// A statement that names what nothing declares.
fn missing(world: &mut World, block: usize) -> String {
    let type_ = world.type_(block);
    let access = access(world, block);
    match world.random.below(6) {
        0 => format!("(allow {type_} nothing {access})"),
        1 => format!("(allow nothing {type_} {access})"),
        2 => format!("(typeattributeset nothing ({type_}))"),
        3 => format!("(roletype nothing {type_})"),
        4 => format!("(call nothing ({type_}))"),
        _ => format!("(allow {type_} {type_} (nothing (read)))"),
    }
}

fn tunable_if(world: &mut World, block: usize) -> String {
    if !world.has(Kind::Tunable) {
        return rule(world, block);
    }
    let condition = condition(world, Kind::Tunable, block, 1);
    let (yes, no) = (rule(world, block), rule(world, block));
    if world.random.chance(50) {
        format!("(tunableif {condition}\n  (true {yes}))")
    } else {
        format!("(tunableif {condition}\n  (true {yes})\n  (false {no}))")
    }
}

/// What the macros of a policy take.
#[derive(Clone, Debug)]
pub(crate) struct Macro {
    parameters: Vec<Kind>,
}

const PARAMETERS: [Kind; 17] = [
    Kind::Type,
    Kind::Type,
    Kind::Type,
    Kind::TypeAttribute,
    Kind::Role,
    Kind::Bool,
    Kind::ClassPermission,
    Kind::ClassPermission,
    Kind::Class,
    Kind::User,
    Kind::LevelRange,
    Kind::Level,
    Kind::CategorySet,
    Kind::Category,
    Kind::Sensitivity,
    Kind::IpAddress,
    Kind::FileName,
];
/// Parameters whose arguments may be written out, so that nothing need be declared for them.
const WRITTEN_OUT: [Kind; 6] = [
    Kind::ClassPermission,
    Kind::LevelRange,
    Kind::Level,
    Kind::CategorySet,
    Kind::IpAddress,
    Kind::FileName,
];

/// Declares macros, whose bodies may call those before.
pub(crate) fn macros(world: &mut World, lines: &mut [Lines]) {
    for index in 0..world.random.below(4) {
        let block = world.random.below(world.blocks.len());
        let mut parameters: Vec<Kind> = Vec::new();
        for _ in 0..world.random.below(4) {
            let kind = world.random.pick(&PARAMETERS);
            if world.has(kind) || WRITTEN_OUT.contains(&kind) {
                parameters.push(kind);
            }
        }
        let named =
            parameters.iter().enumerate().map(|(place, kind)| format!("({} arg{place})", keyword(*kind)));
        let named: Vec<String> = named.collect();
        world.parameters =
            parameters.iter().enumerate().map(|(place, kind)| (*kind, format!("arg{place}"))).collect();
        world.is_in_macro = true;
        let mut body = Lines::new();
        for _ in 0..world.random.below(5) {
            body.push(match world.random.below(12) {
                0 if world.random.chance(20) => format!("(type mt{})", world.next()),
                1 | 2 if world.has(Kind::Macro) => call(world, block),
                3 => optional(world, block, 1),
                4..=6 if !world.parameters.is_empty() => use_parameter(world, block),
                _ => rule(world, block),
            });
        }
        world.parameters.clear();
        world.is_in_macro = false;
        lines[block].push(format!("(macro mac{index} ({})\n  {})", named.join(" "), body.join("\n  ")));
        world.declare(Kind::Macro, &format!("mac{index}"), block);
        world.macros.insert(format!("mac{index}"), Macro { parameters });
    }
}

fn keyword(kind: Kind) -> &'static str {
    match kind {
        Kind::Role => "role",
        Kind::Bool => "boolean",
        Kind::ClassPermission => "classpermission",
        Kind::Class => "class",
        Kind::User => "user",
        Kind::LevelRange => "levelrange",
        Kind::Level => "level",
        Kind::CategorySet => "categoryset",
        Kind::Category => "category",
        Kind::Sensitivity => "sensitivity",
        Kind::IpAddress => "ipaddr",
        Kind::FileName => "name",
        _ => "type",
    }
}

fn written_out(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::LevelRange => &["((s0) (s0))", "((s0) (s0 (c0)))", "((s0 (all)) (s0 (all)))"],
        Kind::Level => &["(s0)", "(s0 (c0))", "(s0 (all))"],
        Kind::CategorySet => &["(c0)", "(all)", "(not (c0))", "((c0))"],
        _ => &["(10.0.0.1)", "(255.255.0.0)", "10.0.0.7", "(::1)"],
    }
}

/// A statement with one of the parameters that rules have no use for.
fn use_parameter(world: &mut World, block: usize) -> String {
    let parameters = world.parameters.clone();
    let (kind, name) = world.random.pick(&parameters);
    let (one, two) = (world.type_(block), world.type_(block));
    match kind {
        Kind::LevelRange => format!("(rangetransition {one} {two} process {name})"),
        Kind::Level => format!("(rangetransition {one} {two} file ({name} {name}))"),
        Kind::CategorySet => format!("(sensitivitycategory s0 {name})"),
        Kind::Category => format!("(sensitivitycategory s0 ({name}))"),
        Kind::Sensitivity => format!("(sensitivitycategory {name} (c0))"),
        Kind::IpAddress => format!("(nodecon {name} (255.255.255.0) (usr0 role0 ty0 ((s0) (s0))))"),
        Kind::FileName => format!("(typetransition {one} {two} file {name} {})", world.of_root("ty0")),
        Kind::Class => format!("(typetransition {one} {two} {name} {})", world.of_root("ty0")),
        _ => rule(world, block),
    }
}

fn call(world: &mut World, block: usize) -> String {
    let written = world.name(Kind::Macro, block);
    let last = written.rsplit('.').next().unwrap_or_default().to_owned();
    let parameters = world.macros[&last].parameters.clone();
    let mut arguments = Lines::new();
    for kind in parameters {
        arguments.push(match kind {
            Kind::ClassPermission => access(world, block),
            Kind::TypeAttribute if world.random.chance(2) => world.type_(block),
            Kind::Type => world.type_(block),
            Kind::FileName => world.random.pick(&["passwd", "\"passwd\"", "\"a b\"", "x"]).to_owned(),
            kind if WRITTEN_OUT.contains(&kind) && (!world.has(kind) || world.random.chance(50)) => {
                world.random.pick(written_out(kind)).to_owned()
            }
            _ => world.name(kind, block),
        });
    }
    if arguments.is_empty() {
        format!("(call {written})")
    } else {
        format!("(call {written} ({}))", arguments.join(" "))
    }
}

/// An abstract block, blocks that inherit it, and rules over what they have by that.
pub(crate) fn inheritance(world: &mut World, lines: &mut [Lines]) {
    for index in 0..world.random.below(3) {
        let access_text = access(world, 0);
        let mut body = vec!["(type own_t)".to_owned(), format!("(allow own_t self {access_text})")];
        if world.random.chance(50) {
            body.push("(blockabstract tpl".to_owned() + &index.to_string() + ")");
        }
        if world.random.chance(50) {
            body.push("(typeattribute own)".to_owned());
            body.push("(typeattributeset own (own_t))".to_owned());
        }
        for _ in 0..world.random.below(3) {
            body.push(rule(world, 0));
        }
        let has_macro = world.random.chance(40);
        if has_macro {
            let rule = rule(world, 0);
            body.push(format!("(macro tm ((type x))\n    (allow x own_t {access_text})\n    {rule})"));
        }
        if world.random.chance(25) {
            let rule = rule(world, 0);
            let word = if world.random.chance(40) { "(blockabstract inner)" } else { "" };
            body.push(format!(
                "(block inner {word} (type inner_t)\n    (allow inner_t own_t {access_text})\n    {rule})"
            ));
        }
        if index > 0 && world.random.chance(40) {
            let again = ["(type ", "(typeattribute ", "(macro ", "(block inner"];
            body.retain(|line| !again.iter().any(|word| line.starts_with(word)));
            body.push(format!("(blockinherit tpl{})", index - 1));
        }
        lines[0].push(format!("(block tpl{index}\n  {})", body.join("\n  ")));
        for heir in 0..world.random.within(1, 2) {
            let more = if world.random.chance(50) { rule(world, 0) } else { String::new() };
            let inherit = format!("(blockinherit tpl{index})");
            let inherit = if world.random.chance(15) { optional_around(world, &inherit) } else { inherit };
            lines[0].push(format!("(block heir{index}_{heir}\n  {inherit}\n  {more})"));
            if world.random.chance(20) {
                let (when, rule) = (world.random.pick(&["", "before ", "after ", "after "]), rule(world, 0));
                let own = if when == "after " {
                    format!("(allow own_t self {access_text})")
                } else {
                    String::new()
                };
                lines[0].push(format!("(in {when}heir{index}_{heir}\n  {own}\n  {rule})"));
            }
            let other = world.type_(0);
            let access_text = access(world, 0);
            if has_macro {
                lines[0].push(format!("(call heir{index}_{heir}.tm ({other}))"));
            }
            lines[0].push(format!("(allow heir{index}_{heir}.own_t {other} {access_text})"));
        }
    }
}

/// An optional around a statement, which something missing may switch off.
fn optional_around(world: &mut World, statement: &str) -> String {
    let missing = if world.random.chance(20) { missing(world, 0) } else { String::new() };
    format!("(optional opt{} {statement} {missing})", world.next())
}

/// Statements that are put into a block or an optional from outside.
pub(crate) fn ins(world: &mut World, lines: &mut Lines) {
    for _ in 0..world.random.below(3) {
        let (path, block) = if world.optionals.is_empty() || world.random.chance(70) {
            let block = world.random.within(1, world.blocks.len() - 1);
            (world.block_path(block), block)
        } else {
            let optionals = world.optionals.clone();
            world.random.pick(&optionals)
        };
        let (one, two) = (rule(world, block), rule(world, block));
        let declared = format!("(type in{})", world.next());
        let when = world.random.pick(&["", "", "", "", "", "before ", "after "]);
        lines.push(format!("(in {when}{path}\n  {one}\n  {declared}\n  {two})"));
    }
}
