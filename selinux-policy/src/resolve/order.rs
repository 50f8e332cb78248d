//! The orders of classes, sids, sensitivities and categories, each put together from several partial ones.

use rustc_hash::FxHashMap;

use super::Resolver;
use super::emit::Ordered;
use super::lookup::{At, Stop};
use super::scope::{DeclarationId, NONE, Table};
use super::tree::{InstanceId, ROOT, Step, Walk};
use crate::ir;
use crate::syntax::Word;

impl Resolver<'_> {
    /// What an order statement lists. `unordered` is not among it.
    pub(super) fn order_items(&mut self, at: At) -> Result<Vec<DeclarationId>, Stop> {
        let word = self.statements[at.statement as usize].word;
        let (table, wanted) = match word {
            Word::Classorder => (Table::Classes, Word::Class),
            Word::Sidorder => (Table::Sids, Word::Sid),
            Word::Categoryorder => (Table::Categories, Word::Category),
            _ => (Table::Sensitivities, Word::Sensitivity),
        };
        let [_, list] = self.trees[at.file as usize].parts(at.node);
        let nodes: Vec<_> = self.trees[at.file as usize].children(list).collect();
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            if word == Word::Classorder && Word::Unordered.is(self.atom(at.file, node)) {
                continue;
            }
            let found = match self.find(at, table, node) {
                // A class that is not there is an error even in an optional.
                Err(Stop::Missing(missing)) if word == Word::Classorder => {
                    self.tell_missing(&missing);
                    return Err(Stop::Told);
                }
                found => found?,
            };
            if self.declarations[found as usize].word != wanted {
                return Err(self.refuse("kind", format!("this is no {}", wanted.text()), at, node));
            }
            items.push(found);
        }
        Ok(items)
    }

    /// Puts the orders together and adds what they order to the policy.
    pub(super) fn emit_orders(&mut self, ordered: &Ordered) {
        self.refuse_unlisted();
        for sid in self.merged(ordered, Word::Sidorder, &ordered.sids) {
            let (name, origin) = self.name_and_origin(sid);
            self.declarations[sid as usize].id = u32::try_from(self.ir.sids.len()).unwrap_or(NONE);
            self.ir.sids.push(ir::Sid { name, context: None, origin });
        }
        for class in self.merged(ordered, Word::Classorder, &ordered.classes) {
            self.emit_class(class);
        }
        for category in self.merged(ordered, Word::Categoryorder, &ordered.categories) {
            let (name, origin) = self.name_and_origin(category);
            self.declarations[category as usize].id = u32::try_from(self.ir.categories.len()).unwrap_or(NONE);
            self.ir.categories.push(ir::Category { name, origin });
        }
        for sensitivity in self.merged(ordered, Word::Sensitivityorder, &ordered.sensitivities) {
            let (name, origin) = self.name_and_origin(sensitivity);
            self.declarations[sensitivity as usize].id =
                u32::try_from(self.ir.sensitivities.len()).unwrap_or(NONE);
            self.ir.sensitivities.push(ir::Sensitivity { name, categories: Vec::new(), origin });
        }
    }

    /// Refuses what is declared where it counts for nothing, since no order can list it there.
    fn refuse_unlisted(&mut self) {
        let mut found = Vec::new();
        let mut walk = Walk::new(ROOT);
        while let Some(step) = walk.step(&self.instances) {
            let Step::Run(instance, start, end) = step else { continue };
            found.extend(
                (start..end)
                    .filter(|statement| self.is_ordered(*statement))
                    .map(|statement| (instance, statement)),
            );
        }
        for (instance, statement) in found {
            if self.is_in_template(instance) {
                let at = self.at(instance, statement);
                self.refuse(
                    "order",
                    "this is declared in a macro or abstract block, where no order can list it",
                    at,
                    at.node,
                );
            }
        }
    }

    fn is_ordered(&self, statement: u32) -> bool {
        matches!(
            self.statements[statement as usize].word,
            Word::Class | Word::Sid | Word::Category | Word::Sensitivity
        )
    }

    fn is_in_template(&self, mut instance: InstanceId) -> bool {
        while let Some(found) = self.instances.get(instance as usize) {
            if found.word == Word::Macro || found.is_abstract {
                return true;
            }
            instance = found.parent;
        }
        false
    }

    fn name_and_origin(&mut self, declaration: DeclarationId) -> (crate::names::Symbol, ir::OriginId) {
        let found = self.declarations[declaration as usize];
        let at = self.at(found.instance, found.statement);
        (self.qualified(declaration), self.origin(at))
    }

    /// The merged order of one kind, and errors for what it leaves out.
    fn merged(&mut self, ordered: &Ordered, word: Word, declared: &[DeclarationId]) -> Vec<DeclarationId> {
        let mut lists = Vec::new();
        let mut unordered = Vec::new();
        for at in &ordered.orders {
            if self.statements[at.statement as usize].word != word {
                continue;
            }
            match self.order_items(*at) {
                Ok(items) if self.is_unordered(*at) => unordered.extend(items),
                Ok(items) => lists.push((*at, items)),
                Err(stop) => self.tell(&Err(stop)),
            }
        }
        let mut order = Merge::default();
        let rejected = order.add_all(&lists.iter().map(|(_, items)| items.as_slice()).collect::<Vec<_>>());
        for place in rejected {
            let at = lists[place].0;
            self.refuse("order", "this order does not fit together with the others", at, at.node);
        }
        for item in unordered {
            order.append(item);
        }
        for declaration in declared {
            if !order.items.contains_key(declaration) {
                let found = self.declarations[*declaration as usize];
                let at = self.at(found.instance, found.statement);
                self.refuse("order", format!("this is in no {}", word.text()), at, at.node);
            }
        }
        order.order()
    }

    fn is_unordered(&self, at: At) -> bool {
        let tree = &self.trees[at.file as usize];
        let [_, list] = tree.parts(at.node);
        let [first] = tree.parts(list);
        tree.symbol(first).is_some_and(|first| Word::Unordered.is(first))
    }
}

/// How many items may be looked at while orders are put together, again and again for those that have to wait. Real policies
/// have two orders of a kind and a thousand items.
const MAX_STEPS: usize = 20_000_000;

/// An order that is put together from partial ones: a list in which each item has a label that grows along it, so that items
/// can be put between others without counting anew.
#[derive(Debug, Default)]
struct Merge {
    items: FxHashMap<DeclarationId, Item>,
    first: Option<DeclarationId>,
    last: Option<DeclarationId>,
    steps: usize,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    label: u64,
    next: Option<DeclarationId>,
}

impl Merge {
    /// Adds lists until none can be added any more; returns the places of those that cannot.
    fn add_all(&mut self, lists: &[&[DeclarationId]]) -> Vec<usize> {
        let mut waiting: Vec<usize> = (0..lists.len()).collect();
        loop {
            let before = waiting.len();
            waiting.retain(|place| self.steps > MAX_STEPS || !self.add(lists[*place]));
            if waiting.is_empty() || waiting.len() == before {
                return waiting;
            }
        }
    }

    /// Adds a list where it meets the order so far: items between two that are known go between them, items behind the last
    /// known one go to the end if that is the last of all. Otherwise it waits for others, but what was put between stays.
    fn add(&mut self, list: &[DeclarationId]) -> bool {
        self.steps += list.len();
        if self.first.is_none() {
            return self.append_all(list);
        }
        // The known item of the list that was met last, and what came since.
        let mut met: Option<DeclarationId> = None;
        let mut new: Vec<DeclarationId> = Vec::new();
        for item in list {
            let label = self.items.get(item).map(|item| item.label);
            let met_label = met.and_then(|met| self.items.get(&met)).map(|met| met.label);
            if label.is_none() || label <= met_label {
                new.push(*item);
                continue;
            }
            if !self.insert_before(*item, met, &new) {
                return false;
            }
            new.clear();
            met = Some(*item);
        }
        // Behind another item than the last the new ones could be anywhere.
        new.is_empty() || (met == self.last && self.append_all(&new))
    }

    /// Appends all of a list also where one does not fit; whether all did.
    fn append_all(&mut self, list: &[DeclarationId]) -> bool {
        let mut fits = true;
        for item in list {
            fits &= self.append(*item);
        }
        fits
    }

    /// Puts items directly before one that is known; nothing if one of them stands elsewhere already.
    fn insert_before(
        &mut self,
        known: DeclarationId,
        met: Option<DeclarationId>,
        new: &[DeclarationId],
    ) -> bool {
        if new.is_empty() {
            return true;
        }
        let before = self.before(known, met);
        let mut previous = before;
        for item in new {
            if self.items.contains_key(item) {
                return false;
            }
            self.insert_after(previous, *item);
            previous = Some(*item);
        }
        true
    }

    /// The item before a known one, which is not before the one that was met.
    fn before(&mut self, known: DeclarationId, met: Option<DeclarationId>) -> Option<DeclarationId> {
        let mut at = met;
        loop {
            let next = match at {
                Some(item) => self.items.get(&item)?.next,
                None => self.first,
            };
            if next == Some(known) {
                return at;
            }
            self.steps += 1;
            at = Some(next?);
        }
    }

    fn insert_after(&mut self, previous: Option<DeclarationId>, item: DeclarationId) {
        let next = match previous.and_then(|previous| self.items.get(&previous)) {
            Some(previous) => previous.next,
            None => self.first,
        };
        let label = self.label_between(previous, next);
        self.items.insert(item, Item { label, next });
        match previous.and_then(|previous| self.items.get_mut(&previous)) {
            Some(previous) => previous.next = Some(item),
            None => self.first = Some(item),
        }
        if next.is_none() {
            self.last = Some(item);
        }
    }

    fn label_between(&mut self, previous: Option<DeclarationId>, next: Option<DeclarationId>) -> u64 {
        for _ in 0..2 {
            let label = |item: Option<DeclarationId>| {
                item.and_then(|item| self.items.get(&item)).map(|item| item.label)
            };
            let low = label(previous).unwrap_or(0);
            let high = label(next).unwrap_or_else(|| low.saturating_add(2 * LABEL_STEP));
            if high - low > 1 {
                return low + (high - low) / 2;
            }
            self.label_anew();
        }
        LABEL_STEP
    }

    /// Spreads the labels out again.
    fn label_anew(&mut self) {
        let mut label = 0;
        let mut at = self.first;
        while let Some(item) = at.and_then(|item| self.items.get_mut(&item)) {
            label += LABEL_STEP;
            item.label = label;
            at = item.next;
            self.steps += 1;
        }
    }

    /// Adds an item at the end; whether it was not there already.
    fn append(&mut self, item: DeclarationId) -> bool {
        if self.items.contains_key(&item) {
            return false;
        }
        self.insert_after(self.last, item);
        true
    }

    /// The items in their order.
    fn order(&self) -> Vec<DeclarationId> {
        let next = |item: &DeclarationId| self.items.get(item).and_then(|item| item.next);
        std::iter::successors(self.first, next).collect()
    }
}

/// Between two labels, so that there is room for 2^30 items and 32 halvings.
const LABEL_STEP: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(lists: &[&[u32]]) -> (Vec<u32>, Vec<usize>) {
        let mut merge = Merge::default();
        let rejected = merge.add_all(lists);
        (merge.order(), rejected)
    }

    #[test]
    fn partial_orders_are_put_together() {
        assert_eq!(merge(&[&[1, 2], &[2, 3]]), (vec![1, 2, 3], vec![]));
        assert_eq!(merge(&[&[1, 5], &[1, 2, 5], &[2, 3, 5]]), (vec![1, 2, 3, 5], vec![]));
        assert_eq!(merge(&[&[1, 2], &[3, 4], &[2, 3]]), (vec![1, 2, 3, 4], vec![]));
        assert_eq!(merge(&[&[2, 3], &[1, 2]]), (vec![1, 2, 3], vec![]));
    }

    #[test]
    fn orders_that_contradict_are_rejected() {
        assert_eq!(merge(&[&[1, 2], &[2, 1]]).1, [1]);
        assert_eq!(merge(&[&[1, 2], &[3]]).1, [1]);
        assert_eq!(merge(&[&[1, 2, 1]]).1, [0]);
        assert_eq!(merge(&[&[1, 2], &[1, 3]]).1, [1]);
        assert_eq!(merge(&[&[1, 2, 3], &[1, 3, 2]]).1, [1]);
    }

    #[test]
    fn many_items_can_be_put_in_one_place() {
        let pairs: Vec<[u32; 2]> = (0..1000).rev().map(|item| [item, item + 1]).collect();
        let lists: Vec<&[u32]> = pairs.iter().map(<[u32; 2]>::as_slice).collect();
        assert_eq!(merge(&lists), ((0..=1000).collect(), vec![]));
        let between: Vec<[u32; 3]> = (2..1000).map(|item| [item - 1, item, 5000]).collect();
        let mut lists: Vec<&[u32]> = vec![&[1, 5000]];
        lists.extend(between.iter().map(<[u32; 3]>::as_slice));
        assert_eq!(merge(&lists), ((1..1000).chain([5000]).collect(), vec![]));
    }
}
