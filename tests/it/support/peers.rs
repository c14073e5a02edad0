//! Ranks that are threads of one process.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use alpaca_run::base::peers::{Peers, SharedPeers};

/// How long a rank waits for the others before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the ranks have in common.
#[derive(Debug)]
struct Table {
    state: Mutex<State>,
    has_turned: Condvar,
}

#[derive(Debug)]
struct State {
    places: Vec<Message>,
    /// Number of ranks that wait for the next turn.
    n_waiting: usize,
    turn: usize,
}

#[derive(Clone, Debug, Default)]
struct Message {
    bytes: Vec<u8>,
    numbers: Vec<f32>,
}

#[derive(Debug)]
struct Rank {
    own: usize,
    count: usize,
    table: Arc<Table>,
}

/// Ranks that share a table.
pub fn ranks(count: usize) -> Vec<SharedPeers> {
    let state = State { places: vec![Message::default(); count], n_waiting: 0, turn: 0 };
    let table = Arc::new(Table { state: Mutex::new(state), has_turned: Condvar::new() });
    let rank =
        |rank| -> SharedPeers { Arc::new(Rank { own: rank, count, table: Arc::clone(&table) }) };
    (0..count).map(rank).collect()
}

impl Rank {
    /// Puts a message on the table, and reads all of them once they are there.
    fn meet<T>(&self, own: Message, read: impl FnOnce(&[Message]) -> T) -> T {
        self.table.state.lock().unwrap().places[self.own] = own;
        self.wait();
        let found = read(&self.table.state.lock().unwrap().places);
        self.wait();
        found
    }

    /// Waits for all ranks.
    fn wait(&self) {
        let mut state = self.table.state.lock().unwrap();
        state.n_waiting += 1;
        if state.n_waiting == self.count {
            (state.n_waiting, state.turn) = (0, state.turn + 1);
            self.table.has_turned.notify_all();
            return;
        }
        let turn = state.turn;
        let waited =
            self.table.has_turned.wait_timeout_while(state, PATIENCE, |state| state.turn == turn);
        assert!(!waited.unwrap().1.timed_out(), "rank {} waits for the others", self.own);
    }
}

impl Peers for Rank {
    fn rank(&self) -> usize {
        self.own
    }

    fn count(&self) -> usize {
        self.count
    }

    fn collect_bytes(&self, own: &[u8], lengths: &[usize]) -> Vec<u8> {
        let message = Message { bytes: own.to_vec(), ..Message::default() };
        self.meet(message, |all| {
            let found: Vec<usize> = all.iter().map(|message| message.bytes.len()).collect();
            assert_eq!(found, lengths);
            all.iter().flat_map(|message| message.bytes.clone()).collect()
        })
    }

    fn collect(&self, own: &[f32], lengths: &[usize]) -> Vec<f32> {
        let message = Message { numbers: own.to_vec(), ..Message::default() };
        self.meet(message, |all| {
            let found: Vec<usize> = all.iter().map(|message| message.numbers.len()).collect();
            assert_eq!(found, lengths);
            all.iter().flat_map(|message| message.numbers.clone()).collect()
        })
    }

    fn exchange(&self, own: &[f32], to: &[usize], from: &[usize]) -> Vec<f32> {
        assert_eq!((own.len(), to.len()), (to.iter().sum(), self.count));
        // The lengths are sent, too, so that each rank finds its part.
        let lengths = to.iter().flat_map(|length| (*length as u64).to_le_bytes()).collect();
        let message = Message { numbers: own.to_vec(), bytes: lengths };
        self.meet(message, |all| {
            let parts = all.iter().map(|Message { bytes, numbers }| {
                let lengths: Vec<usize> = bytes
                    .chunks_exact(8)
                    .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()) as usize)
                    .collect();
                let first: usize = lengths[..self.own].iter().sum();
                numbers[first..first + lengths[self.own]].to_vec()
            });
            let parts: Vec<Vec<f32>> = parts.collect();
            assert!(parts.iter().map(Vec::len).eq(from.iter().copied()));
            parts.concat()
        })
    }
}
