//! What a reader thread has received and nobody has taken yet.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A queue between a reader thread and the thread that controls the emulator.
///
/// It never blocks the reader: a UART that is not drained stops all of QEMU, its QMP included. So
/// the oldest items are dropped when nobody takes them.
pub(super) struct Inbox<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    open_writers: usize,
}

/// What [`Inbox::pop`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Popped<T> {
    /// The oldest item.
    Item(T),
    /// Nothing, and there will never be anything.
    Closed,
    /// Nothing yet.
    TimedOut,
}

impl<T> Inbox<T> {
    /// Items that are kept; at 4 KiB a line that is 256 MiB at the very most.
    const CAPACITY: usize = 65_536;

    /// An empty queue that is closed once [`Inbox::close`] has been called `writers` times.
    pub fn new(writers: usize) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                open_writers: writers,
            }),
            changed: Condvar::new(),
        }
    }

    /// Appends an item.
    pub fn push(&self, item: T) {
        let mut state = self.lock();
        if state.items.len() == Self::CAPACITY {
            state.items.pop_front();
        }
        state.items.push_back(item);
        self.changed.notify_all();
    }

    /// One writer has ended.
    pub fn close(&self) {
        let mut state = self.lock();
        state.open_writers = state.open_writers.saturating_sub(1);
        self.changed.notify_all();
    }

    /// Takes the oldest item, and waits for one until `deadline`.
    pub fn pop(&self, deadline: Instant) -> Popped<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Popped::Item(item);
            }
            if state.open_writers == 0 {
                return Popped::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Popped::TimedOut;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until all writers have ended, at most until `deadline`.
    pub fn wait_until_closed(&self, deadline: Instant) {
        let mut state = self.lock();
        while state.open_writers > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Takes everything that is there now.
    pub fn drain(&self) -> Vec<T> {
        self.lock().items.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A thread that panicked while it held the lock has left a valid queue: no operation on it
        // is done by halves.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes its inbox when it is dropped, also when the reader thread panics.
pub(super) struct Writer<T>(pub std::sync::Arc<Inbox<T>>);

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn items_come_in_order_then_the_end() {
        let inbox = Inbox::new(1);
        inbox.push(1);
        inbox.push(2);
        inbox.close();
        let now = Instant::now();
        assert_eq!(inbox.pop(now), Popped::Item(1));
        assert_eq!(inbox.pop(now), Popped::Item(2));
        assert_eq!(inbox.pop(now), Popped::Closed);
    }

    #[test]
    fn an_empty_inbox_times_out_until_its_last_writer_has_ended() {
        let inbox = Inbox::<u8>::new(2);
        let soon = || Instant::now() + Duration::from_millis(5);
        assert_eq!(inbox.pop(soon()), Popped::TimedOut);
        inbox.close();
        assert_eq!(inbox.pop(soon()), Popped::TimedOut);
        inbox.close();
        assert_eq!(inbox.pop(soon()), Popped::Closed);
    }

    #[test]
    fn the_oldest_items_go_when_nobody_takes_them() {
        let inbox = Inbox::new(1);
        for item in 0..Inbox::<usize>::CAPACITY + 3 {
            inbox.push(item);
        }
        assert_eq!(inbox.pop(Instant::now()), Popped::Item(3));
        assert_eq!(inbox.drain().len(), Inbox::<usize>::CAPACITY - 1);
    }

    #[test]
    fn a_reader_that_panics_closes_its_inbox() {
        let inbox = Arc::new(Inbox::<u8>::new(1));
        let writer = Writer(inbox.clone());
        let result = std::thread::spawn(move || {
            let _writer = writer;
            std::panic::panic_any("meant to");
        })
        .join();
        assert!(result.is_err());
        assert_eq!(inbox.pop(Instant::now()), Popped::Closed);
    }
}
