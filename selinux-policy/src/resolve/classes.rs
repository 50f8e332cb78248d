//! Classes, their permissions and what stands for several of them.

use super::Resolver;
use super::lookup::{At, Missing, Stop};
use super::scope::{DeclarationId, NONE, Table};
use super::sets::evaluate;
use crate::diagnostic::Severity;
use crate::ir::{self, ClassPerms, ClassRef, Op};
use crate::names::Symbol;
use crate::syntax::{MAX_PERMISSIONS, Word};

/// The permissions of a class, common or class map.
#[derive(Debug)]
pub(super) struct Permissions {
    pub(super) own: Vec<Symbol>,
    /// Of classes, the declaration of their common.
    pub(super) common: Option<DeclarationId>,
}

/// The kind, the class and the ranges of numbers of extended permissions.
type PermissionXParts = (ir::XKind, ClassRef, Vec<(u16, u16)>);

impl Resolver<'_> {
    /// A class or class map.
    pub(super) fn class(&mut self, at: At, node: u32) -> Result<ClassRef, Stop> {
        let found = self.find(at, Table::Classes, node)?;
        Ok(self.class_ref(found))
    }

    fn class_ref(&self, found: DeclarationId) -> ClassRef {
        let declaration = &self.declarations[found as usize];
        match declaration.word {
            Word::Classmap => ClassRef::Map(ir::ClassMapId(declaration.id)),
            _ => ClassRef::Class(ir::ClassId(declaration.id)),
        }
    }

    /// Classes: one, or a list.
    fn classes(&mut self, at: At, node: u32) -> Result<Vec<ClassRef>, Stop> {
        if !self.trees[at.file as usize].is_list(node) {
            return Ok(vec![self.class(at, node)?]);
        }
        let nodes: Vec<_> = self.trees[at.file as usize].children(node).collect();
        nodes.into_iter().map(|node| self.class(at, node)).collect()
    }

    /// Permissions: a set's name, or a class with an expression over its permissions.
    pub(super) fn class_permissions(&mut self, at: At, node: u32) -> Result<ClassPerms, Stop> {
        if !self.trees[at.file as usize].is_list(node) {
            return self.permission_set(at, node);
        }
        let [class, list] = self.trees[at.file as usize].parts(node);
        let found = self.find(at, Table::Classes, class)?;
        if self.declarations[found as usize].word == Word::Classmap {
            return self.map_permissions(at, found, list);
        }
        let permissions = self.permission_bits(at, found, list)?;
        Ok(ClassPerms::Class(ir::ClassId(self.declarations[found as usize].id), permissions))
    }

    fn permission_set(&mut self, at: At, node: u32) -> Result<ClassPerms, Stop> {
        let found = self.find(at, Table::ClassPermissions, node)?;
        let declaration = self.declarations[found as usize];
        if declaration.name.is_some() {
            return Ok(ClassPerms::Set(ir::ClassPermissionId(declaration.id)));
        }
        // An argument that was written out means what it means where it is used first.
        if declaration.id != NONE {
            return Ok(ClassPerms::Set(ir::ClassPermissionId(declaration.id)));
        }
        let file = self.statements[declaration.statement as usize].file;
        let written = At { file, ..at };
        let sets = vec![self.class_permissions(written, declaration.target)?];
        if self.dry {
            return Ok(ClassPerms::Set(ir::ClassPermissionId(NONE)));
        }
        let origin = self.origin(at);
        let id = u32::try_from(self.ir.class_permissions.len()).unwrap_or(NONE);
        self.ir.class_permissions.push(ir::ClassPermission { name: None, sets, origin });
        self.declarations[found as usize].id = id;
        Ok(ClassPerms::Set(ir::ClassPermissionId(id)))
    }

    /// The bits of an expression over a class's permissions; those of its common come first.
    fn permission_bits(&mut self, at: At, class: DeclarationId, list: u32) -> Result<u32, Stop> {
        let tree = &self.trees[at.file as usize];
        let mut bits = 0_u32;
        for node in tree.children(list) {
            let symbol = tree.symbol(node);
            match symbol.filter(|symbol| !is_operator(*symbol)) {
                Some(symbol) => match self.permission_place(class, symbol) {
                    Some(place) => bits |= 1_u32.checked_shl(place).unwrap_or(0),
                    None => return Err(Self::missing_permission(at, node, symbol, class)),
                },
                None => return self.permission_expression_bits(at, class, list),
            }
        }
        Ok(bits)
    }

    fn permission_expression_bits(&mut self, at: At, class: DeclarationId, list: u32) -> Result<u32, Stop> {
        let places = self.permission_expression(at, class, list)?;
        Ok(places.into_iter().fold(0, |bits, place| bits | 1_u32.checked_shl(place).unwrap_or(0)))
    }

    fn map_permissions(&mut self, at: At, map: DeclarationId, list: u32) -> Result<ClassPerms, Stop> {
        let places = self.permission_expression(at, map, list)?;
        self.listed += places.len();
        if self.listed > MAX_LISTED {
            let message =
                format!("rules name over {MAX_LISTED} permissions of class maps, each counted as often");
            return Err(self.refuse("too-large", message, at, list));
        }
        Ok(ClassPerms::Map(ir::ClassMapId(self.declarations[map as usize].id), places.into_boxed_slice()))
    }

    fn missing_permission(at: At, node: u32, name: Symbol, class: DeclarationId) -> Stop {
        Stop::Missing(Missing { at, node, name, wanted: "permission", table: None, class })
    }

    /// The names of a class's permissions and of its common's.
    pub(super) fn permission_names(&self, class: DeclarationId) -> impl Iterator<Item = Symbol> {
        let own = self.permissions_of(class);
        let common = own.and_then(|found| found.common).and_then(|common| self.permissions_of(common));
        common.into_iter().chain(own).flat_map(|found| found.own.iter().copied())
    }

    /// The places of the permissions that an expression comes to, ascending.
    fn permission_expression(&mut self, at: At, class: DeclarationId, list: u32) -> Result<Vec<u32>, Stop> {
        let mut steps: Vec<Op<Symbol>> = Vec::new();
        self.expression(at, list, &mut steps, Self::permission_operand, Self::no_range)?;
        let mut numbers = Vec::with_capacity(steps.len());
        for step in steps {
            numbers.push(match step {
                Op::Operand(symbol) => match self.permission_place(class, symbol) {
                    Some(place) => Op::Operand(place),
                    None => return Err(Self::missing_permission(at, list, symbol, class)),
                },
                Op::Range(..) | Op::All => Op::All,
                Op::Not => Op::Not,
                Op::And => Op::And,
                Op::Or => Op::Or,
                Op::Xor => Op::Xor,
            });
        }
        Ok(evaluate(&numbers, self.permission_count(class)).iter().collect())
    }

    #[expect(clippy::unnecessary_wraps, reason = "other operands can be missing")]
    fn permission_operand(&mut self, at: At, node: u32, out: &mut Vec<Op<Symbol>>) -> Result<(), Stop> {
        out.push(Op::Operand(self.atom(at.file, node)));
        Ok(())
    }

    /// The place of a permission among those of a class: its own are looked at first, but those of its common count first.
    fn permission_place(&self, class: DeclarationId, symbol: Symbol) -> Option<u32> {
        let permissions = self.permissions_of(class)?;
        let common = permissions.common.and_then(|common| self.permissions_of(common));
        let place = match permissions.own.iter().position(|own| *own == symbol) {
            Some(place) => place + common.map_or(0, |common| common.own.len()),
            None => common?.own.iter().position(|own| *own == symbol)?,
        };
        u32::try_from(place).ok()
    }

    fn permission_count(&self, class: DeclarationId) -> u32 {
        let Some(permissions) = self.permissions_of(class) else { return 0 };
        let common = permissions.common.and_then(|common| self.permissions_of(common));
        u32::try_from(permissions.own.len() + common.map_or(0, |common| common.own.len())).unwrap_or(NONE)
    }

    fn permissions_of(&self, class: DeclarationId) -> Option<&Permissions> {
        self.permissions.get(self.declarations.get(class as usize)?.target as usize)
    }

    pub(super) fn class_common(&mut self, at: At) -> Result<(), Stop> {
        if !self.is_preparing {
            return Ok(());
        }
        let [_, class, common] = self.trees[at.file as usize].parts(at.node);
        let found = self.find(at, Table::Classes, class)?;
        if self.declarations[found as usize].word != Word::Class {
            return Err(self.refuse("kind", "a class map has no common", at, class));
        }
        let shared = self.find(at, Table::Commons, common)?;
        let target = self.declarations[found as usize].target as usize;
        if self.permissions.get(target).is_some_and(|permissions| permissions.common.is_some()) {
            return Err(self.refuse("duplicate", "this class has a common already", at, class));
        }
        if let Some(permissions) = self.permissions.get_mut(target) {
            permissions.common = Some(shared);
        }
        self.refuse_shared_permissions(at, found)?;
        if self.permission_count(found) as usize > MAX_PERMISSIONS {
            let message =
                format!("this class has more than {MAX_PERMISSIONS} permissions with those of its common");
            return Err(self.refuse("too-large", message, at, class));
        }
        Ok(())
    }

    fn refuse_shared_permissions(&mut self, at: At, class: DeclarationId) -> Result<(), Stop> {
        let permissions = self.permissions_of(class);
        let common =
            permissions.and_then(|found| found.common).and_then(|common| self.permissions_of(common));
        let (Some(permissions), Some(common)) = (permissions, common) else { return Ok(()) };
        let Some(twice) = permissions.own.iter().copied().find(|own| common.own.contains(own)) else {
            return Ok(());
        };
        let message = format!("class and common both have the permission `{}`", self.ir.names.text(twice));
        Err(self.refuse("duplicate", message, at, at.node))
    }

    /// Adds a class to the policy at the place that its order gives it.
    pub(super) fn emit_class(&mut self, class: DeclarationId) {
        let declaration = self.declarations[class as usize];
        let at = self.at(declaration.instance, declaration.statement);
        let (name, origin) = (self.qualified(class), self.origin(at));
        let (permissions, common) =
            self.permissions_of(class).map(|found| (found.own.clone(), found.common)).unwrap_or_default();
        let common = common.map(|common| ir::CommonId(self.declarations[common as usize].id));
        self.declarations[class as usize].id = u32::try_from(self.ir.classes.len()).unwrap_or(NONE);
        self.ir.classes.push(ir::Class { name, common, permissions, origin });
    }

    pub(super) fn class_mapping(&mut self, at: At) -> Result<(), Stop> {
        let [_, map, permission, access] = self.trees[at.file as usize].parts(at.node);
        let found = self.find(at, Table::Classes, map)?;
        let symbol = self.atom(at.file, permission);
        let Some(place) = self.permission_place(found, symbol) else {
            return Err(Self::missing_permission(at, permission, symbol, found));
        };
        let access = self.class_permissions(at, access)?;
        if self.declarations[found as usize].word != Word::Classmap {
            // The reference compiler takes it, too, and makes nothing of it.
            let mut fault = self.fault("kind", "this is no class map, so that nothing is mapped", at, map);
            fault.severity = Severity::Warning;
            self.faults.push(fault);
            return Ok(());
        }
        if !self.dry {
            let id = self.declarations[found as usize].id;
            self.ir.class_maps[id as usize].permissions[place as usize].1.push(access);
        }
        Ok(())
    }

    pub(super) fn class_permission_set(&mut self, at: At) -> Result<(), Stop> {
        let [_, set, access] = self.trees[at.file as usize].parts(at.node);
        let found = self.find(at, Table::ClassPermissions, set)?;
        if self.declarations[found as usize].name.is_none() {
            return Err(self.refuse("kind", "an argument that is written out cannot be added to", at, set));
        }
        let access = self.class_permissions(at, access)?;
        if !self.dry {
            let id = self.declarations[found as usize].id;
            self.ir.class_permissions[id as usize].sets.push(access);
        }
        Ok(())
    }

    pub(super) fn named_permission_x(&mut self, at: At) -> Result<(), Stop> {
        let [_, _, written] = self.trees[at.file as usize].parts(at.node);
        let (kind, class, numbers) = self.permission_x_parts(at, written)?;
        if !self.dry
            && let Some(declared) = self.declared(at.instance, at.statement)
        {
            let id = self.declarations[declared as usize].id as usize;
            let permission = &mut self.ir.permissionx[id];
            (permission.kind, permission.class, permission.numbers) = (kind, class, numbers);
        }
        Ok(())
    }

    /// Extended permissions: their name, or written out.
    pub(super) fn permission_x(&mut self, at: At, node: u32) -> Result<ir::PermissionXId, Stop> {
        if !self.trees[at.file as usize].is_list(node) {
            let found = self.find(at, Table::PermissionXs, node)?;
            return Ok(ir::PermissionXId(self.declarations[found as usize].id));
        }
        let (kind, class, numbers) = self.permission_x_parts(at, node)?;
        let id = u32::try_from(self.ir.permissionx.len()).unwrap_or(NONE);
        if !self.dry {
            let origin = self.origin(at);
            self.ir.permissionx.push(ir::PermissionX { name: None, kind, class, numbers, origin });
        }
        Ok(ir::PermissionXId(id))
    }

    fn permission_x_parts(&mut self, at: At, node: u32) -> Result<PermissionXParts, Stop> {
        let tree = &self.trees[at.file as usize];
        let [kind, class, list] = tree.parts(node);
        let is_nlmsg = tree.symbol(kind).is_some_and(|kind| Word::Nlmsg.is(kind));
        let kind = if is_nlmsg { ir::XKind::Nlmsg } else { ir::XKind::Ioctl };
        let class = self.class(at, class)?;
        let mut steps: Vec<Op<u32>> = Vec::new();
        self.expression(at, list, &mut steps, Self::number_operand, Self::number_range)?;
        Ok((kind, class, evaluate(&steps, 0x1_0000).ranges()))
    }

    fn number_operand(&mut self, at: At, node: u32, out: &mut Vec<Op<u32>>) -> Result<(), Stop> {
        let number = self.x_number(at, node)?;
        out.push(Op::Operand(number));
        Ok(())
    }

    fn number_range(&mut self, at: At, nodes: [u32; 2], out: &mut Vec<Op<u32>>) -> Result<(), Stop> {
        let [low, high] = [self.x_number(at, nodes[0])?, self.x_number(at, nodes[1])?];
        if low > high {
            let mut fault =
                self.fault("number", "this range ends before it starts and holds nothing", at, nodes[0]);
            fault.severity = Severity::Warning;
            self.faults.push(fault);
        }
        out.push(Op::Range(low, high));
        Ok(())
    }

    fn x_number(&mut self, at: At, node: u32) -> Result<u32, Stop> {
        let number = crate::resolve::contexts::number(self.ir.names.get(self.atom(at.file, node)), true);
        match number.and_then(|number| u16::try_from(number).ok()) {
            Some(number) => Ok(u32::from(number)),
            None => Err(self.refuse("number", "extended permissions are numbers from 0 to 0xffff", at, node)),
        }
    }

    pub(super) fn default(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let tree = &self.trees[at.file as usize];
        let [_, classes, from] = tree.parts(at.node);
        let from = side(tree.symbol(from).and_then(Word::of));
        let classes = self.classes(at, classes)?;
        if !self.dry {
            let component = match word {
                Word::Defaultuser => ir::Component::User,
                Word::Defaultrole => ir::Component::Role,
                _ => ir::Component::Type,
            };
            let origin = self.origin(at);
            self.ir.defaults.push(ir::Default_ { component, classes, from, origin });
        }
        Ok(())
    }

    pub(super) fn default_range(&mut self, at: At) -> Result<(), Stop> {
        let tree = &self.trees[at.file as usize];
        let [_, classes, from, range] = tree.parts(at.node);
        let [from, range] = [from, range].map(|node| tree.symbol(node).and_then(Word::of));
        let from = match (from, range) {
            (Some(Word::Glblub), _) => ir::RangeFrom::GlbLub,
            (from, Some(Word::Low)) => ir::RangeFrom::Low(side(from)),
            (from, Some(Word::High)) => ir::RangeFrom::High(side(from)),
            (from, _) => ir::RangeFrom::LowHigh(side(from)),
        };
        let classes = self.classes(at, classes)?;
        if !self.dry {
            let origin = self.origin(at);
            self.ir.default_ranges.push(ir::DefaultRange { classes, from, origin });
        }
        Ok(())
    }
}

fn side(word: Option<Word>) -> ir::Side {
    if word == Some(Word::Source) { ir::Side::Source } else { ir::Side::Target }
}

fn is_operator(symbol: Symbol) -> bool {
    matches!(Word::of(symbol), Some(Word::And | Word::Or | Word::Xor | Word::Not | Word::All))
}

/// Ascending numbers as ranges that do not touch.
/// How many permissions of class maps all rules may list, all times counted on which they are looked at.
const MAX_LISTED: usize = 1 << 24;
