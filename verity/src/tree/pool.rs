//! Numbered tasks on every thread of the pool, handed out in order.
//!
//! Rayon's parallel iterators would split the range in halves and read a file from several places; a shared counter
//! keeps reading nearly sequential, holds one buffer per thread, and makes the error with the lowest number certain.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// Runs `work` for every number below `count`, each thread with its own `state`. After an error no new task is begun;
/// of several errors the one with the lowest number is returned.
pub(crate) fn for_each_task<S>(
    count: u64,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, u64) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let first: Mutex<Option<(u64, Error)>> = Mutex::new(None);
    let run = || {
        let mut state = state();
        while !stop.load(Ordering::Relaxed) {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= count {
                return;
            }
            if let Err(error) = work(&mut state, task) {
                stop.store(true, Ordering::Relaxed);
                keep_lowest(&first, task, error);
            }
        }
    };
    // Waking the other threads costs more than one task.
    if count <= 1 {
        run();
    } else {
        on_every_thread(&run);
    }
    first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), |(_, error)| Err(error))
}

#[cfg(feature = "parallel")]
fn on_every_thread(run: &(impl Fn() + Sync)) {
    rayon::broadcast(|_| run());
}

#[cfg(not(feature = "parallel"))]
fn on_every_thread(run: &(impl Fn() + Sync)) {
    run();
}

fn keep_lowest(first: &Mutex<Option<(u64, Error)>>, task: u64, error: Error) {
    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
    if first.as_ref().is_none_or(|(lowest, _)| task < *lowest) {
        *first = Some((task, error));
    }
}

#[cfg(all(test, feature = "parallel"))]
mod tests {
    use std::io;

    use super::*;

    fn error(offset: u64) -> Error {
        Error::Write { what: "hash area", offset, source: io::ErrorKind::Other.into() }
    }

    #[test]
    fn every_task_runs_once() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let sum = AtomicU64::new(0);
        let work = |(): &mut (), task| {
            sum.fetch_add(task + 1, Ordering::Relaxed);
            Ok(())
        };
        pool.install(|| for_each_task(1000, || (), work)).unwrap();
        assert_eq!(sum.into_inner(), 1000 * 1001 / 2);
    }

    #[test]
    fn of_several_errors_the_lowest_task_has_the_word() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let under_way = AtomicU64::new(0);
        let work = |(): &mut (), task| {
            // Both tasks are under way before either fails, so that both do, in whichever order.
            under_way.fetch_add(1, Ordering::Relaxed);
            while under_way.load(Ordering::Relaxed) < 2 {
                std::thread::yield_now();
            }
            Err(error(task))
        };
        let result = pool.install(|| for_each_task(2, || (), work));
        assert!(matches!(result, Err(Error::Write { offset: 0, .. })), "{result:?}");
    }
}
