//! What is inside of statements: names, expressions, levels, contexts, permissions.

use super::grammar::{Walk, check_part, is_valid_name};
use super::{Tree, Word};
use crate::diagnostic::{Diagnostic, Source};
use crate::names::Names;

/// What the operands of an expression are, which decides its operators.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Bools,
    Names,
    Categories,
    Permissions,
    Numbers,
}

/// Checks the inside of a statement that has its outer form.
pub(super) fn check(walk: &mut Walk<'_>, node: u32, word: Word) {
    let [_, first, second, third, fourth] = walk.tree.parts(node);
    if let Some(reserved) = declares(word) {
        declaration(walk, first, reserved);
    }
    match word {
        Word::Boolean | Word::Tunable => one_of(walk, second, &[Word::True, Word::False]),
        Word::Booleanif | Word::Tunableif => conditional(walk, node, first),
        Word::Macro => parameters(walk, second),
        Word::In => in_statement(walk, node, first),
        Word::Categoryorder | Word::Sensitivityorder | Word::Sidorder | Word::Classorder => {
            order(walk, first, word);
        }
        Word::Categoryset | Word::Sensitivitycategory => expression(walk, second, Of::Categories),
        Word::Class | Word::Common | Word::Classmap => permissions(walk, second, word),
        Word::Allow
        | Word::Auditallow
        | Word::Dontaudit
        | Word::Neverallow
        | Word::Deny
        | Word::Classmapping => {
            class_permission(walk, third);
        }
        Word::Allowx | Word::Auditallowx | Word::Dontauditx | Word::Neverallowx
            if walk.tree.is_list(third) =>
        {
            permission_x(walk, third);
        }
        Word::Permissionx => permission_x(walk, second),
        Word::Classpermissionset => class_permission(walk, second),
        Word::Constrain | Word::Mlsconstrain => {
            class_permission(walk, first);
            constraint(walk, second, false);
        }
        Word::Validatetrans | Word::Mlsvalidatetrans => constraint(walk, second, true),
        Word::Defaultuser | Word::Defaultrole | Word::Defaulttype => {
            atoms(walk, first);
            one_of(walk, second, &[Word::Source, Word::Target]);
        }
        Word::Defaultrange => default_range(walk, node, first, second, third),
        Word::Expandtypeattribute => {
            atoms(walk, first);
            one_of(walk, second, &[Word::True, Word::False]);
        }
        Word::Typeattributeset | Word::Roleattributeset | Word::Userattributeset => {
            expression(walk, second, Of::Names);
        }
        Word::Filecon => {
            one_of(walk, second, FILE_KINDS);
            file_context(walk, third);
        }
        Word::Genfscon => genfscon(walk, node, third, fourth),
        Word::Fsuse => {
            one_of(walk, first, &[Word::Xattr, Word::Task, Word::Trans]);
            context(walk, third);
        }
        Word::Handleunknown => one_of(walk, first, &[Word::Allow, Word::Deny, Word::Reject]),
        Word::Mls => one_of(walk, first, &[Word::True, Word::False]),
        Word::Context if walk.tree.is_list(second) => context(walk, second),
        Word::Sidcontext | Word::Devicetreecon | Word::Pcidevicecon | Word::Pirqcon => context(walk, second),
        Word::Level | Word::Userlevel => level(walk, second),
        Word::Levelrange | Word::Userrange | Word::Selinuxuserdefault => level_range(walk, second),
        Word::Selinuxuser => level_range(walk, third),
        Word::Rangetransition => level_range(walk, fourth),
        Word::Portcon => {
            one_of(walk, first, &[Word::Tcp, Word::Udp, Word::Dccp, Word::Sctp]);
            pair(walk, second);
            context(walk, third);
        }
        Word::Ibpkeycon => {
            pair(walk, second);
            context(walk, third);
        }
        Word::Iomemcon | Word::Ioportcon => {
            pair(walk, first);
            context(walk, second);
        }
        Word::Ibendportcon => context(walk, third),
        Word::Netifcon => {
            context(walk, second);
            context(walk, third);
        }
        Word::Nodecon => {
            address(walk, first);
            address(walk, second);
            context(walk, third);
        }
        _ => {}
    }
}

/// What is wrong with a list that is the argument for a parameter of some kind.
pub(crate) fn argument_fault(
    tree: &Tree,
    file: u32,
    source: &Source,
    names: &Names,
    kind: Word,
    node: u32,
) -> Option<Diagnostic> {
    check_part(tree, file, source, names, |walk| match kind {
        Word::Categoryset => expression(walk, node, Of::Categories),
        Word::Level => level(walk, node),
        Word::Levelrange => level_range(walk, node),
        _ => class_permission(walk, node),
    })
}

const FILE_KINDS: &[Word] =
    &[Word::Any, Word::File, Word::Dir, Word::Char, Word::Block, Word::Socket, Word::Pipe, Word::Symlink];

/// The words that a name may not be where its kind stands in expressions. `None` for statements that declare nothing.
fn declares(word: Word) -> Option<&'static [Word]> {
    const NONE: &[Word] = &[];
    Some(match word {
        Word::Boolean | Word::Tunable => &[Word::And, Word::Or, Word::Not, Word::Xor, Word::Eq, Word::Neq],
        Word::User | Word::Userattribute | Word::Role | Word::Roleattribute => PERMISSION_WORDS,
        Word::Type | Word::Typeattribute | Word::Typealias => TYPE_WORDS,
        Word::Category | Word::Categoryset | Word::Categoryalias | Word::Permissionx => RANGE_WORDS,
        Word::Block
        | Word::Optional
        | Word::Macro
        | Word::Sensitivity
        | Word::Sensitivityalias
        | Word::Sid
        | Word::Policycap
        | Word::Classpermission
        | Word::Class
        | Word::Common
        | Word::Classmap
        | Word::Context
        | Word::Ipaddr
        | Word::Level
        | Word::Levelrange => NONE,
        _ => return None,
    })
}

const PERMISSION_WORDS: &[Word] = &[Word::And, Word::Or, Word::Not, Word::Xor, Word::All];
const TYPE_WORDS: &[Word] =
    &[Word::And, Word::Or, Word::Not, Word::Xor, Word::All, Word::Self_, Word::Notself, Word::Other];
const RANGE_WORDS: &[Word] = &[Word::And, Word::Or, Word::Not, Word::Xor, Word::All, Word::Range];

fn declaration(walk: &mut Walk<'_>, node: u32, reserved: &[Word]) {
    let Some(symbol) = walk.tree.symbol(node) else { return };
    if !is_valid_name(walk.names.get(symbol), walk.dialect.qualified_names) {
        let message = format!(
            "`{}` cannot be a name: a letter, then letters, digits, `_` and `-`",
            walk.names.text(symbol)
        );
        walk.fault(node, "name", &message);
    } else if reserved.iter().any(|word| word.is(symbol) && walk.dialect.knows(*word)) {
        let message = format!("`{}` is an operator and cannot be a name here", walk.names.text(symbol));
        walk.fault(node, "name", &message);
    }
}

fn one_of(walk: &mut Walk<'_>, node: u32, words: &[Word]) {
    if !walk.tree.symbol(node).is_some_and(|symbol| words.iter().any(|word| word.is(symbol))) {
        let words: Vec<_> = words.iter().map(|word| word.text()).collect();
        walk.fault(node, "form", &format!("this must be one of: {}", words.join(", ")));
    }
}

fn conditional(walk: &mut Walk<'_>, node: u32, condition: u32) {
    expression(walk, condition, Of::Bools);
    let mut seen = Vec::new();
    for branch in walk.tree.children(node).skip(2) {
        let word =
            walk.tree.children(branch).next().and_then(|first| walk.tree.symbol(first)).and_then(Word::of);
        match word {
            Some(word @ (Word::True | Word::False)) if !seen.contains(&word) => seen.push(word),
            Some(Word::True | Word::False) => walk.fault(branch, "form", "this branch is there twice"),
            _ => walk.fault(branch, "form", "a branch begins with `true` or `false`"),
        }
    }
}

fn parameters(walk: &mut Walk<'_>, list: u32) {
    let mut seen = rustc_hash::FxHashSet::default();
    for parameter in walk.tree.children(list) {
        let mut parts = walk.tree.children(parameter);
        let (Some(kind), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
            walk.fault(parameter, "form", "a parameter is written (KIND NAME)");
            continue;
        };
        one_of(walk, kind, PARAMETER_KINDS);
        let reserved = walk.tree.symbol(kind).and_then(Word::of).map_or(&[][..], reserved_for);
        declaration(walk, name, reserved);
        match walk.tree.symbol(name) {
            Some(symbol) if !seen.insert(symbol) => {
                walk.fault(name, "form", "this parameter is there twice");
            }
            Some(_) => {}
            None => walk.fault(name, "form", "a parameter's name is a word"),
        }
    }
}

const PARAMETER_KINDS: &[Word] = &[
    Word::Type,
    Word::Role,
    Word::User,
    Word::Sensitivity,
    Word::Category,
    Word::Categoryset,
    Word::Level,
    Word::Levelrange,
    Word::Class,
    Word::Classmap,
    Word::Ipaddr,
    Word::Classpermission,
    Word::Boolean,
    Word::String_,
    Word::Name,
];

fn reserved_for(kind: Word) -> &'static [Word] {
    declares(kind).unwrap_or(&[])
}

fn in_statement(walk: &mut Walk<'_>, node: u32, first: u32) {
    if walk.tree.children(node).nth(2).is_some_and(|third| !walk.tree.is_list(third)) {
        one_of(walk, first, &[Word::Before, Word::After]);
    }
}

fn order(walk: &mut Walk<'_>, list: u32, word: Word) {
    atoms(walk, list);
    for (place, item) in walk.tree.children(list).enumerate() {
        if !walk.tree.symbol(item).is_some_and(|symbol| Word::Unordered.is(symbol)) {
            continue;
        }
        if word != Word::Classorder {
            walk.fault(item, "form", "only classes can be unordered");
        } else if place != 0 || walk.tree.children(list).nth(1).is_none() {
            walk.fault(item, "form", "`unordered` comes first, and classes after it");
        }
    }
}

/// An atom, or a list of nothing but atoms.
fn atoms(walk: &mut Walk<'_>, node: u32) {
    for child in walk.tree.children(node) {
        if walk.tree.is_list(child) {
            walk.fault(child, "form", "a name belongs here, not a list");
        }
    }
}

/// How many permissions a class can have: they are the bits of one word in the format.
pub(crate) const MAX_PERMISSIONS: usize = 32;

fn permissions(walk: &mut Walk<'_>, list: u32, word: Word) {
    if word != Word::Classmap && walk.tree.children(list).count() > MAX_PERMISSIONS {
        walk.fault(list, "too-large", &format!("these are more than {MAX_PERMISSIONS} permissions"));
    }
    let mut seen = rustc_hash::FxHashSet::default();
    for permission in walk.tree.children(list) {
        match walk.tree.symbol(permission) {
            None => walk.fault(permission, "form", "a permission is a word"),
            Some(symbol) if !seen.insert(symbol) => {
                let message = format!("the permission `{}` is there twice", walk.names.text(symbol));
                walk.fault(permission, "duplicate", &message);
            }
            Some(_) => declaration(walk, permission, PERMISSION_WORDS),
        }
    }
}

fn class_permission(walk: &mut Walk<'_>, node: u32) {
    if !walk.tree.is_list(node) {
        return;
    }
    let mut parts = walk.tree.children(node);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(class), Some(permissions), None)
            if !walk.tree.is_list(class)
                && walk.tree.is_list(permissions)
                && !walk.tree.is_empty(permissions) =>
        {
            expression(walk, permissions, Of::Permissions);
        }
        _ => walk.fault(
            node,
            "form",
            "permissions are written (CLASS (PERMISSION...)), or as the name of a set",
        ),
    }
}

fn permission_x(walk: &mut Walk<'_>, node: u32) {
    let mut parts = walk.tree.children(node);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(kind), Some(class), Some(numbers), None)
            if !walk.tree.is_list(class) && walk.tree.is_list(numbers) =>
        {
            one_of(walk, kind, &[Word::Ioctl, Word::Nlmsg]);
            expression(walk, numbers, Of::Numbers);
        }
        _ => walk.fault(node, "form", "extended permissions are written (ioctl|nlmsg CLASS (NUMBER...))"),
    }
}

/// An expression: a name, a list of names and expressions, or an operator with its operands.
fn expression(walk: &mut Walk<'_>, node: u32, of: Of) {
    // The parser limits how deep lists are, so that a stack of our own is not larger than the text.
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if !walk.tree.is_list(node) {
            if walk.tree.symbol(node).and_then(operator).is_some() {
                walk.fault(node, "form", "this operator stands outside of an expression");
            }
            continue;
        }
        let Some(first) = walk.tree.children(node).next() else {
            walk.fault(node, "form", "this list is empty");
            continue;
        };
        let skip = match walk.tree.symbol(first).and_then(operator) {
            Some(word) => {
                operands(walk, node, word, of);
                1
            }
            None => 0,
        };
        open.extend(walk.tree.children(node).skip(skip));
    }
}

/// The operators that expressions of any kind know; in each of them the others are no names either.
fn operator(symbol: crate::names::Symbol) -> Option<Word> {
    Word::of(symbol).filter(|word| {
        matches!(
            word,
            Word::And | Word::Or | Word::Not | Word::Eq | Word::Neq | Word::Xor | Word::All | Word::Range
        )
    })
}

fn operands(walk: &mut Walk<'_>, node: u32, word: Word, of: Of) {
    let known = match word {
        Word::Eq | Word::Neq => of == Of::Bools,
        Word::All => of != Of::Bools,
        Word::Range => matches!(of, Of::Categories | Of::Numbers),
        _ => true,
    };
    if !known {
        walk.fault(node, "form", &format!("there is no `{}` in expressions of this kind", word.text()));
        return;
    }
    let wanted = match word {
        Word::All => 0,
        Word::Not => 1,
        _ => 2,
    };
    let count = walk.tree.children(node).skip(1).count();
    if count != wanted {
        walk.fault(node, "form", &format!("`{}` has {wanted} operands, here are {count}", word.text()));
    } else if word == Word::Range && walk.tree.children(node).any(|child| walk.tree.is_list(child)) {
        walk.fault(node, "form", "a range has two names, no lists");
    }
}

fn constraint(walk: &mut Walk<'_>, node: u32, is_transition: bool) {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let [first, left, right] = walk.tree.parts(node);
        let word = walk.tree.symbol(first).and_then(Word::of);
        let count = walk.tree.children(node).count();
        match (word, count) {
            (Some(Word::Not), 2) if is_filled(walk.tree, left) => open.push(left),
            (Some(Word::And | Word::Or), 3) if is_filled(walk.tree, left) && is_filled(walk.tree, right) => {
                open.extend([left, right]);
            }
            (Some(word @ (Word::Eq | Word::Neq | Word::Dom | Word::Domby | Word::Incomp)), 3) => {
                comparison(walk, node, word, [left, right], is_transition);
            }
            _ => walk.fault(
                node,
                "form",
                "this is no expression of a constraint: not, and, or, eq, neq, dom, domby, incomp",
            ),
        }
    }
}

fn is_filled(tree: &Tree, node: u32) -> bool {
    tree.is_list(node) && !tree.is_empty(node)
}

/// What the format can compare: a component with names, or two components in the pairs that it knows.
fn comparison(walk: &mut Walk<'_>, node: u32, word: Word, sides: [u32; 2], is_transition: bool) {
    let tree = walk.tree;
    let [left, right] =
        sides.map(|side| tree.symbol(side).and_then(Word::of).filter(|word| is_component(*word)));
    let Some(left) = left else {
        walk.fault(
            node,
            "form",
            "left of a comparison is a component: u1 to u3, r1 to r3, t1 to t3, l1, l2, h1, h2",
        );
        return;
    };
    let is_equality = matches!(word, Word::Eq | Word::Neq);
    let is_level = matches!(left, Word::L1 | Word::L2 | Word::H1 | Word::H2);
    let is_third = matches!(left, Word::U3 | Word::R3 | Word::T3);
    let fits = match right {
        None if tree.is_list(sides[1]) && (!is_equality || tree.is_empty(sides[1])) => false,
        None => !is_level && (!is_third || is_transition),
        Some(Word::U2) => left == Word::U1 && is_equality,
        Some(Word::T2) => left == Word::T1 && is_equality,
        Some(Word::R2) => left == Word::R1,
        Some(Word::L2) => matches!(left, Word::L1 | Word::H1),
        Some(Word::H2) => matches!(left, Word::L1 | Word::L2 | Word::H1),
        Some(Word::H1) => left == Word::L1,
        // The levels of one side by themselves are no right side; the format has no number for it.
        Some(Word::L1) => true,
        Some(_) => false,
    };
    if !fits {
        walk.fault(node, "form", "this cannot be compared in this way");
    }
    if tree.is_list(sides[1]) {
        atoms(walk, sides[1]);
    }
}

fn is_component(word: Word) -> bool {
    use Word::{H1, H2, L1, L2, R1, R2, R3, T1, T2, T3, U1, U2, U3};
    matches!(word, U1 | U2 | U3 | R1 | R2 | R3 | T1 | T2 | T3 | L1 | L2 | H1 | H2)
}

fn default_range(walk: &mut Walk<'_>, node: u32, classes: u32, from: u32, range: u32) {
    atoms(walk, classes);
    let has_range = walk.tree.children(node).nth(3).is_some();
    let is_bound = walk.tree.symbol(from).is_some_and(|symbol| Word::Glblub.is(symbol));
    // With `glblub` a range has no meaning, but the reference compiler lets it stand.
    if !is_bound {
        one_of(walk, from, &[Word::Source, Word::Target]);
        if has_range {
            one_of(walk, range, &[Word::Low, Word::High, Word::LowHigh]);
        } else {
            walk.fault(node, "form", "low, high or low-high is missing");
        }
    }
}

fn genfscon(walk: &mut Walk<'_>, node: u32, third: u32, fourth: u32) {
    if walk.tree.children(node).nth(4).is_some() {
        one_of(walk, third, FILE_KINDS);
        context(walk, fourth);
    } else {
        context(walk, third);
    }
}

/// A context, or a list of less than two elements for none.
fn file_context(walk: &mut Walk<'_>, node: u32) {
    if walk.tree.children(node).nth(1).is_some() {
        context(walk, node);
    }
}

fn context(walk: &mut Walk<'_>, node: u32) {
    if !walk.tree.is_list(node) {
        return;
    }
    let tree = walk.tree;
    let parts: Vec<_> = tree.children(node).take(5).collect();
    match parts[..] {
        [user, role, type_, range] if ![user, role, type_].iter().any(|part| tree.is_list(*part)) => {
            level_range(walk, range);
        }
        _ => walk.fault(
            node,
            "form",
            "a context is written (USER ROLE TYPE LEVELRANGE), or as the name of one",
        ),
    }
}

fn level_range(walk: &mut Walk<'_>, node: u32) {
    if !walk.tree.is_list(node) {
        return;
    }
    let parts: Vec<_> = walk.tree.children(node).take(3).collect();
    match parts[..] {
        [low, high] => {
            level(walk, low);
            level(walk, high);
        }
        _ => walk.fault(node, "form", "a range is written (LOW HIGH), or as the name of one"),
    }
}

fn level(walk: &mut Walk<'_>, node: u32) {
    if !walk.tree.is_list(node) {
        return;
    }
    let parts: Vec<_> = walk.tree.children(node).take(3).collect();
    match parts[..] {
        [sensitivity] if !walk.tree.is_list(sensitivity) => {}
        [sensitivity, categories] if !walk.tree.is_list(sensitivity) => {
            expression(walk, categories, Of::Categories);
        }
        _ => {
            walk.fault(node, "form", "a level is written (SENSITIVITY (CATEGORY...)), or as the name of one");
        }
    }
}

/// A number, or a list of two.
fn pair(walk: &mut Walk<'_>, node: u32) {
    if walk.tree.is_list(node) && walk.tree.children(node).count() != 2 {
        walk.fault(node, "form", "this is a number, or (LOW HIGH)");
    }
    atoms(walk, node);
}

fn address(walk: &mut Walk<'_>, node: u32) {
    if walk.tree.is_list(node) && walk.tree.children(node).count() != 1 {
        walk.fault(node, "form", "an address is written (ADDRESS), ADDRESS, or as the name of one");
    }
    atoms(walk, node);
}
