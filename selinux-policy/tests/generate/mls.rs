//! Levels, ranges and contexts, and the statements that have them.

use super::world::{Kind, World};

/// A level: a sensitivity, and categories as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) sensitivity: usize,
    pub(crate) categories: u32,
}

/// What the levels, users and so on of a policy are.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// Other names of sensitivities and categories, with their numbers.
    sensitivity_aliases: Vec<(String, usize)>,
    category_aliases: Vec<(String, usize)>,
    sets: Vec<(String, u32)>,
    levels: Vec<(String, Level)>,
    ranges: Vec<(String, Level, Level)>,
    /// Names for the root, and the highest level.
    users: Vec<(String, Level)>,
    contexts: Vec<String>,
    /// `userrole` and `roletype` that are written already.
    written: Vec<String>,
}

/// Statements for the root.
pub(crate) type Lines = Vec<String>;

const LOWEST: Level = Level { sensitivity: 0, categories: 0 };

/// Declares sensitivities, categories and what is made of them.
pub(crate) fn declare(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    declare_sensitivities(world, labels, lines);
    declare_categories(world, labels, lines);
    for sensitivity in 0..world.sensitivities {
        let mut of = vec![all(world)];
        if world.random.chance(30) {
            // Statements of one sensitivity add up.
            let low = world.random.below(world.categories);
            of = vec![(1_u32 << low) - 1, all(world) & !((1_u32 << low) - 1)];
            of.retain(|set| *set != 0);
        }
        for categories in of {
            let set = categories_text(world, labels, categories);
            lines.push(format!("(sensitivitycategory s{sensitivity} {set})"));
        }
    }
    for index in 0..world.random.below(4) {
        let level = level_below(world, highest(world));
        lines.push(format!("(level lev{index} {})", anonymous(world, labels, level)));
        world.declare(Kind::Level, &format!("lev{index}"), 0);
        labels.levels.push((format!("lev{index}"), level));
    }
    for index in 0..world.random.below(3) {
        let high = level_below(world, highest(world));
        let low = level_below(world, high);
        let (low_text, high_text) = (level_text(world, labels, low), level_text(world, labels, high));
        lines.push(format!("(levelrange rng{index} ({low_text} {high_text}))"));
        world.declare(Kind::LevelRange, &format!("rng{index}"), 0);
        labels.ranges.push((format!("rng{index}"), low, high));
    }
}

fn declare_sensitivities(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    let names: Vec<String> = (0..world.sensitivities).map(|index| format!("s{index}")).collect();
    for name in &names {
        lines.push(format!("(sensitivity {name})"));
        world.declare(Kind::Sensitivity, name, 0);
    }
    order(world, "sensitivityorder", &names, lines);
    for index in 0..world.random.below(3) {
        let of = world.random.below(names.len());
        lines.push(format!("(sensitivityalias sa{index})"));
        lines.push(format!("(sensitivityaliasactual sa{index} {})", names[of]));
        labels.sensitivity_aliases.push((format!("sa{index}"), of));
    }
}

fn declare_categories(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    let names: Vec<String> = (0..world.categories).map(|index| format!("c{index}")).collect();
    for name in &names {
        lines.push(format!("(category {name})"));
        world.declare(Kind::Category, name, 0);
    }
    order(world, "categoryorder", &names, lines);
    for index in 0..world.random.below(3) {
        let of = world.random.below(names.len());
        lines.push(format!("(categoryalias ca{index})"));
        lines.push(format!("(categoryaliasactual ca{index} {})", names[of]));
        labels.category_aliases.push((format!("ca{index}"), of));
    }
    for index in 0..world.random.below(4) {
        let categories = some_categories(world, all(world));
        let set = categories_text(world, labels, categories);
        let set = if set.starts_with('(') { set } else { format!("({set})") };
        lines.push(format!("(categoryset cs{index} {set})"));
        world.declare(Kind::CategorySet, &format!("cs{index}"), 0);
        labels.sets.push((format!("cs{index}"), categories));
    }
}

/// An order, in one statement or in several that overlap.
pub(crate) fn order(world: &mut World, keyword: &str, names: &[String], lines: &mut Lines) {
    if names.len() < 3 || world.random.chance(60) {
        lines.push(format!("({keyword} ({}))", names.join(" ")));
        return;
    }
    let cut = world.random.within(1, names.len() - 2);
    lines.push(format!("({keyword} ({}))", names[..=cut].join(" ")));
    lines.push(format!("({keyword} ({}))", names[cut..].join(" ")));
}

fn all(world: &World) -> u32 {
    (1 << world.categories) - 1
}

fn highest(world: &World) -> Level {
    Level { sensitivity: world.sensitivities - 1, categories: all(world) }
}

fn some_categories(world: &mut World, of: u32) -> u32 {
    let mut some = of & u32::try_from(world.random.below(1 << world.categories)).unwrap_or(0);
    if some == 0 {
        some = of & of.wrapping_neg();
    }
    some
}

/// A level that another dominates.
fn level_below(world: &mut World, high: Level) -> Level {
    let sensitivity = world.random.within(0, high.sensitivity);
    let categories = match world.random.below(3) {
        0 => 0,
        1 => high.categories,
        _ => some_categories(world, high.categories),
    };
    Level { sensitivity, categories }
}

/// The name of a sensitivity or category, or another that it has.
fn other_name(world: &mut World, aliases: &[(String, usize)], number: usize, stem: &str) -> String {
    let its: Vec<&String> = aliases.iter().filter(|(_, of)| *of == number).map(|(name, _)| name).collect();
    if !its.is_empty() && world.random.chance(30) {
        return world.random.pick(&its).clone();
    }
    format!("{stem}{number}")
}

fn list(categories: u32) -> Vec<String> {
    (0..32).filter(|bit| categories & (1 << bit) != 0).map(|bit| format!("c{bit}")).collect()
}

/// An expression of categories; there is at least one.
fn categories_text(world: &mut World, labels: &Labels, categories: u32) -> String {
    let named: Vec<String> =
        labels.sets.iter().filter(|(_, set)| *set == categories).map(|(name, _)| name.clone()).collect();
    if !named.is_empty() && world.random.chance(60) {
        return world.random.pick(&named);
    }
    let names: Vec<String> = (0..32)
        .filter(|bit| categories & (1 << bit) != 0)
        .map(|bit| other_name(world, &labels.category_aliases, bit, "c"))
        .collect();
    let (low, high) = (categories.trailing_zeros(), categories.ilog2());
    let is_range = categories.count_ones() == high - low + 1;
    let others = all(world) & !categories;
    match world.random.below(6) {
        0 if categories == all(world) => "(all)".to_owned(),
        1 | 2 if is_range && low != high => format!("(range c{low} c{high})"),
        3 if others != 0 => format!("(not ({}))", list(others).join(" ")),
        4 if names.len() > 1 => {
            let (left, right) = names.split_at(1);
            format!("(or ({}) ({}))", left.join(" "), right.join(" "))
        }
        5 => format!("(and ({}) (all))", names.join(" ")),
        _ => format!("({})", names.join(" ")),
    }
}

fn anonymous(world: &mut World, labels: &Labels, level: Level) -> String {
    let name = other_name(world, &labels.sensitivity_aliases, level.sensitivity, "s");
    if level.categories == 0 {
        return format!("({name})");
    }
    format!("({name} {})", categories_text(world, labels, level.categories))
}

fn level_text(world: &mut World, labels: &Labels, level: Level) -> String {
    let named: Vec<String> =
        labels.levels.iter().filter(|(_, its)| *its == level).map(|(name, _)| name.clone()).collect();
    if !named.is_empty() && world.random.chance(70) {
        return world.random.pick(&named);
    }
    anonymous(world, labels, level)
}

/// A range below a level.
pub(crate) fn range(world: &mut World, labels: &Labels, below: Level) -> String {
    let is_below =
        |high: &Level| high.sensitivity <= below.sensitivity && high.categories & !below.categories == 0;
    let named: Vec<String> =
        labels.ranges.iter().filter(|(_, _, high)| is_below(high)).map(|(name, _, _)| name.clone()).collect();
    if !named.is_empty() && world.random.chance(30) {
        return world.random.pick(&named);
    }
    let high = level_below(world, below);
    let low = level_below(world, high);
    let (low, high) = (level_text(world, labels, low), level_text(world, labels, high));
    format!("({low} {high})")
}

/// Any range of the policy.
pub(crate) fn any_range(world: &mut World, labels: &Labels) -> String {
    let below = highest(world);
    range(world, labels, below)
}

/// Declares users with their levels and ranges.
pub(crate) fn declare_users(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    for name in world.all(Kind::User) {
        let high = if world.random.chance(60) { highest(world) } else { level_below(world, highest(world)) };
        let low_text = level_text(world, labels, LOWEST);
        let high_text = level_text(world, labels, high);
        let level = level_below(world, high);
        lines.push(format!("(userrange {name} ({low_text} {high_text}))"));
        lines.push(format!("(userlevel {name} {})", level_text(world, labels, level)));
        labels.users.push((name, high));
    }
}

/// A context, with the statements that make it valid where they are not written yet.
pub(crate) fn context(world: &mut World, labels: &mut Labels, lines: &mut Lines) -> String {
    if !labels.contexts.is_empty() && world.random.chance(50) {
        let named = labels.contexts.clone();
        return world.random.pick(&named);
    }
    let users = labels.users.clone();
    let (user, high) = world.random.pick(&users);
    let (roles, types) = (world.all(Kind::Role), world.all(Kind::Type));
    let (role, type_) = (world.random.pick(&roles), world.random.pick(&types));
    for needed in [format!("(userrole {user} {role})"), format!("(roletype {role} {type_})")] {
        if !labels.written.contains(&needed) && world.random.below(2000) != 0 {
            labels.written.push(needed.clone());
            lines.push(needed);
        }
    }
    let range = range(world, labels, high);
    format!("({user} {role} {type_} {range})")
}

/// Declares named contexts.
pub(crate) fn declare_contexts(world: &mut World, labels: &mut Labels, lines: &mut Lines) {
    for index in 0..world.random.below(4) {
        let context = context(world, labels, lines);
        if !context.starts_with('(') {
            continue;
        }
        lines.push(format!("(context x{index} {context})"));
        world.declare(Kind::Context, &format!("x{index}"), 0);
        labels.contexts.push(format!("x{index}"));
    }
}
