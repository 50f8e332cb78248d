//! The orders of classes, sids, sensitivities and categories, each put together from several partial ones.

use rustc_hash::{FxHashMap, FxHashSet};

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
                Err(stop) => self.tell(Err(stop)),
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
            if !order.known.contains_key(declaration) {
                let found = self.declarations[*declaration as usize];
                let at = self.at(found.instance, found.statement);
                self.refuse("order", format!("this is in no {}", word.text()), at, at.node);
            }
        }
        order.items
    }

    fn is_unordered(&self, at: At) -> bool {
        let tree = &self.trees[at.file as usize];
        let [_, list] = tree.parts(at.node);
        let [first] = tree.parts(list);
        tree.symbol(first).is_some_and(|first| Word::Unordered.is(first))
    }
}

/// An order that is put together from partial ones.
#[derive(Debug, Default)]
struct Merge {
    items: Vec<DeclarationId>,
    /// The place of each.
    known: FxHashMap<DeclarationId, usize>,
}

impl Merge {
    /// Adds lists until none can be added any more; returns the places of those that cannot.
    fn add_all(&mut self, lists: &[&[DeclarationId]]) -> Vec<usize> {
        let mut waiting: Vec<usize> = (0..lists.len()).collect();
        loop {
            let before = waiting.len();
            waiting.retain(|place| !self.add(lists[*place]));
            if waiting.is_empty() || waiting.len() == before {
                return waiting;
            }
        }
    }

    /// Adds a list where it meets the order so far: items between two that are known go between them, items behind the last
    /// known one go to the end if that is the last of all. Otherwise it waits for others, but what was put between stays.
    fn add(&mut self, list: &[DeclarationId]) -> bool {
        if self.items.is_empty() {
            return self.append_all(list);
        }
        let mut result = Vec::with_capacity(self.items.len() + list.len());
        let mut taken = 0;
        let mut new: Vec<DeclarationId> = Vec::new();
        let mut added: FxHashSet<DeclarationId> = FxHashSet::default();
        let mut fits = true;
        for item in list {
            match self.known.get(item) {
                Some(place) if *place >= taken => {
                    if new.iter().any(|item| self.known.contains_key(item) || !added.insert(*item)) {
                        // An item that stands earlier already, or twice: nothing more can be said about this list.
                        fits = false;
                        new.clear();
                        break;
                    }
                    result.extend_from_slice(&self.items[taken..*place]);
                    result.append(&mut new);
                    result.push(*item);
                    taken = place + 1;
                }
                _ => new.push(*item),
            }
        }
        if !new.is_empty() {
            let is_end = taken == self.items.len();
            let is_new = new.iter().all(|item| !self.known.contains_key(item) && added.insert(*item));
            fits = is_end && is_new && fits;
        }
        result.extend_from_slice(&self.items[taken..]);
        if fits {
            result.append(&mut new);
        }
        self.items = result;
        self.known = self.items.iter().enumerate().map(|(place, item)| (*item, place)).collect();
        fits
    }

    fn append_all(&mut self, list: &[DeclarationId]) -> bool {
        list.iter().fold(true, |fits, item| {
            let is_new = !self.known.contains_key(item);
            self.append(*item);
            fits && is_new
        })
    }

    /// Adds an item at the end unless it is there.
    fn append(&mut self, item: DeclarationId) {
        if !self.known.contains_key(&item) {
            self.known.insert(item, self.items.len());
            self.items.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(lists: &[&[u32]]) -> (Vec<u32>, Vec<usize>) {
        let mut merge = Merge::default();
        let rejected = merge.add_all(lists);
        (merge.items, rejected)
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
    }
}
