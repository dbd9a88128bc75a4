//! Work on all processors.

use std::num::NonZero;
use std::thread;

/// Computes a value for each number below `count`, in order, on all processors. `state` is created once a thread.
pub(super) fn parallel<S, T: Send>(
    count: usize,
    state: impl Fn() -> S + Sync,
    compute: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let step = count.div_ceil(threads).max(1);
    let work = |start: usize| {
        let mut state = state();
        (start..count.min(start + step)).map(|nth| compute(&mut state, nth)).collect::<Vec<_>>()
    };
    let work = &work;
    thread::scope(|scope| {
        let starts = (0..count).step_by(step);
        let threads: Vec<_> = starts.map(|start| scope.spawn(move || work(start))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_order_for_any_count() {
        for count in [0, 1, 2, 3, 5, 64, 1_001] {
            let found = parallel(count, || 7, |state, nth| *state + nth);
            assert_eq!(found, (7..7 + count).collect::<Vec<_>>());
        }
    }
}
