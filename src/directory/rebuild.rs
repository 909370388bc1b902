//! Making a directory whole whose words may be of different ages: a power cut keeps some
//! pages and loses others.

use super::{Directory, Nodes};
use crate::ring::word::Link;
use crate::sync::Ordering;

impl<N: Nodes> Directory<'_, N> {
    /// Makes each bucket whole, and puts it into its chain, or into the stock. Nobody else
    /// uses the directory. Of two buckets of one key, which only damage makes, the
    /// first is kept.
    pub fn rebuild(self) {
        // Relaxed, all: the caller is alone.
        for link in self.nodes.table() {
            link.store(0, Ordering::Relaxed);
        }
        let stock = self.nodes.stock();
        stock.free.store(0, Ordering::Relaxed);
        let is_touched = |&index: &u64| self.nodes.node(index).head_now().0 != 0;
        let used = (0..self.nodes.len())
            .rev()
            .find(is_touched)
            .map_or(0, |last| last + 1);
        stock.used.store(used, Ordering::Relaxed);
        for index in 0..used {
            let node = self.present(index);
            node.read.link.store(0, Ordering::Relaxed);
            if !node.was_used() {
                self.give_back(index);
                continue;
            }
            node.recover();
            let key = node.key_hash();
            if node.head_now().is_closed() || !matches!(self.find(key), Ok(None)) {
                node.close();
                self.give_back(index);
                continue;
            }
            let first = self.chain(key);
            let old = Link(first.load(Ordering::Relaxed));
            node.read
                .link
                .store(Link(0).to(old.index()).0, Ordering::Relaxed);
            first.store(old.to(Some(index)).0, Ordering::Relaxed);
        }
    }
}
