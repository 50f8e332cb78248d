//! Sensitivities, categories, levels and ranges.

use super::Resolver;
use super::lookup::{At, Stop};
use super::scope::{DeclarationId, NONE, Table};
use crate::ir::{self, CategoryRef, LevelId, Op, RangeId, SensitivityId};
use crate::syntax::Word;

impl Resolver<'_> {
    /// An expression over categories.
    fn categories(&mut self, at: At, node: u32, out: &mut Vec<Op<CategoryRef>>) -> Result<(), Stop> {
        self.expression(at, node, out, Self::category_operand, Self::category_range)
    }

    fn category_operand(&mut self, at: At, node: u32, out: &mut Vec<Op<CategoryRef>>) -> Result<(), Stop> {
        let found = self.find(at, Table::Categories, node)?;
        let declaration = self.declarations[found as usize];
        match declaration.word {
            Word::Categoryset if declaration.name.is_none() => {
                // An argument that was written out stands for what it spells, where it is used.
                let file = self.statements[declaration.statement as usize].file;
                return self.categories(At { file, ..at }, declaration.target, out);
            }
            Word::Categoryset => out.push(Op::Operand(CategoryRef::Set(ir::CategorySetId(declaration.id)))),
            _ => out.push(Op::Operand(CategoryRef::Category(ir::CategoryId(declaration.id)))),
        }
        Ok(())
    }

    fn category_range(
        &mut self,
        at: At,
        nodes: [u32; 2],
        out: &mut Vec<Op<CategoryRef>>,
    ) -> Result<(), Stop> {
        let mut ends = [CategoryRef::Category(ir::CategoryId(NONE)); 2];
        for (end, node) in ends.iter_mut().zip(nodes) {
            let found = self.find(at, Table::Categories, node)?;
            if self.declarations[found as usize].word == Word::Categoryset {
                return Err(self.refuse(
                    "kind",
                    "a range goes from one category to another, not to a set",
                    at,
                    node,
                ));
            }
            *end = CategoryRef::Category(ir::CategoryId(self.declarations[found as usize].id));
        }
        let [low, high] = ends;
        out.push(Op::Range(low, high));
        Ok(())
    }

    pub(super) fn category_set(&mut self, at: At) -> Result<(), Stop> {
        let [_, _, node] = self.trees[at.file as usize].parts(at.node);
        let mut set = Vec::new();
        self.categories(at, node, &mut set)?;
        if !self.dry
            && let Some(declared) = self.declared(at.instance, at.statement)
        {
            let id = self.declarations[declared as usize].id as usize;
            self.ir.category_sets[id].set = set;
        }
        Ok(())
    }

    pub(super) fn sensitivity_category(&mut self, at: At) -> Result<(), Stop> {
        let [_, sensitivity, node] = self.trees[at.file as usize].parts(at.node);
        let sensitivity = self.sensitivity(at, sensitivity)?;
        let mut set = Vec::new();
        self.categories(at, node, &mut set)?;
        if !self.dry {
            let categories = &mut self.ir.sensitivities[sensitivity.index()].categories;
            let is_first = categories.is_empty();
            categories.append(&mut set);
            if !is_first {
                categories.push(Op::Or);
            }
        }
        Ok(())
    }

    fn sensitivity(&mut self, at: At, node: u32) -> Result<SensitivityId, Stop> {
        let found = self.find(at, Table::Sensitivities, node)?;
        Ok(SensitivityId(self.declarations[found as usize].id))
    }

    /// A level: its name, or written out.
    fn level(&mut self, at: At, node: u32) -> Result<LevelId, Stop> {
        if self.trees[at.file as usize].is_list(node) {
            return self.written_level(at, at, node);
        }
        let found = self.find(at, Table::Levels, node)?;
        if let Some((written, node)) = self.argument_of(at, found) {
            let level = self.written_level(at, written, node)?;
            self.remember(found, level.0);
            return Ok(level);
        }
        Ok(LevelId(self.declarations[found as usize].id))
    }

    /// An argument that was written out and is used the first time: where it is written. `None` for all else, which has
    /// its place in the policy already.
    fn argument_of(&self, at: At, found: DeclarationId) -> Option<(At, u32)> {
        let declaration = self.declarations[found as usize];
        let is_new = declaration.name.is_none() && declaration.id == NONE;
        let file = self.statements[declaration.statement as usize].file;
        is_new.then_some((At { file, ..at }, declaration.target))
    }

    /// Keeps the place that an argument was given.
    fn remember(&mut self, found: DeclarationId, id: u32) {
        if !self.dry {
            self.declarations[found as usize].id = id;
        }
    }

    /// Adds a level that is written at one place and counts at another.
    fn written_level(&mut self, at: At, written: At, node: u32) -> Result<LevelId, Stop> {
        let (sensitivity, categories) = self.level_parts(written, node)?;
        let id = LevelId(u32::try_from(self.ir.levels.len()).unwrap_or(NONE));
        if !self.dry {
            let origin = self.origin(at);
            self.ir.levels.push(ir::Level { name: None, sensitivity, categories, origin });
        }
        Ok(id)
    }

    fn level_parts(&mut self, at: At, node: u32) -> Result<(SensitivityId, Vec<Op<CategoryRef>>), Stop> {
        let tree = &self.trees[at.file as usize];
        let [sensitivity] = tree.parts(node);
        let categories = tree.children(node).nth(1);
        let sensitivity = self.sensitivity(at, sensitivity)?;
        let mut set = Vec::new();
        if let Some(categories) = categories {
            self.categories(at, categories, &mut set)?;
        }
        Ok((sensitivity, set))
    }

    pub(super) fn named_level(&mut self, at: At) -> Result<(), Stop> {
        let [_, _, node] = self.trees[at.file as usize].parts(at.node);
        let (sensitivity, categories) = self.level_parts(at, node)?;
        if !self.dry
            && let Some(declared) = self.declared(at.instance, at.statement)
        {
            let level = &mut self.ir.levels[self.declarations[declared as usize].id as usize];
            (level.sensitivity, level.categories) = (sensitivity, categories);
        }
        Ok(())
    }

    /// A range: its name, or written out.
    pub(super) fn range(&mut self, at: At, node: u32) -> Result<RangeId, Stop> {
        if self.trees[at.file as usize].is_list(node) {
            return self.written_range(at, at, node);
        }
        let found = self.find(at, Table::Ranges, node)?;
        if let Some((written, node)) = self.argument_of(at, found) {
            let range = self.written_range(at, written, node)?;
            self.remember(found, range.0);
            return Ok(range);
        }
        Ok(RangeId(self.declarations[found as usize].id))
    }

    fn written_range(&mut self, at: At, written: At, node: u32) -> Result<RangeId, Stop> {
        let [low, high] = self.range_parts(at, written, node)?;
        let id = RangeId(u32::try_from(self.ir.ranges.len()).unwrap_or(NONE));
        if !self.dry {
            let origin = self.origin(at);
            self.ir.ranges.push(ir::LevelRange { name: None, low, high, origin });
        }
        Ok(id)
    }

    fn range_parts(&mut self, at: At, written: At, node: u32) -> Result<[LevelId; 2], Stop> {
        let nodes: [u32; 2] = self.trees[written.file as usize].parts(node);
        let mut ends = [LevelId(NONE); 2];
        for (end, node) in ends.iter_mut().zip(nodes) {
            *end = if self.trees[written.file as usize].is_list(node) {
                self.written_level(at, written, node)?
            } else {
                self.level(written, node)?
            };
        }
        Ok(ends)
    }

    pub(super) fn named_range(&mut self, at: At) -> Result<(), Stop> {
        let [_, _, node] = self.trees[at.file as usize].parts(at.node);
        let [low, high] = self.range_parts(at, at, node)?;
        if !self.dry
            && let Some(declared) = self.declared(at.instance, at.statement)
        {
            let range = &mut self.ir.ranges[self.declarations[declared as usize].id as usize];
            (range.low, range.high) = (low, high);
        }
        Ok(())
    }

    pub(super) fn user_level_or_range(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, user, value] = self.trees[at.file as usize].parts(at.node);
        let user = self.user_only(at, user)?;
        if word == Word::Userlevel {
            let level = self.level(at, value)?;
            if !self.dry {
                self.ir.users[user.index()].level = Some(level);
            }
        } else {
            let range = self.range(at, value)?;
            if !self.dry {
                self.ir.users[user.index()].range = Some(range);
            }
        }
        Ok(())
    }

    pub(super) fn selinux_user(&mut self, at: At, word: Word) -> Result<(), Stop> {
        let [_, first, second, third] = self.trees[at.file as usize].parts(at.node);
        let (login, user, range) =
            if word == Word::Selinuxuser { (Some(first), second, third) } else { (None, first, second) };
        let user = self.user_only(at, user)?;
        let range = self.range(at, range)?;
        if !self.dry {
            let origin = self.origin(at);
            let login = login.map(|login| self.atom(at.file, login));
            self.ir.selinux_users.push(ir::SelinuxUser { login, user, range, origin });
        }
        Ok(())
    }
}
