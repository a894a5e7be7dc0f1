//! Every order of the steps of three clients, of whom two fit the limit at once, each of whom may die
//! between any two steps, while at any time all leases may end. What has led to the same state
//! before is not followed again.

use std::collections::BTreeSet;

use super::{Game, Harness, PRICE, State, Step};

const CLIENTS: usize = 3;
/// Two of them fit 2,200 tokens.
const SMALL: usize = 2;

/// What a client knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Idle,
    Holds(usize),
    Sent(usize),
    Done,
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Reserve(usize),
    Dispatch(usize),
    Settle(usize),
    Release(usize),
    Die(usize),
    LeasesEnd,
}

/// Plays all of them, which lead to more than `least` states.
pub(super) fn all<H: Harness>(least: usize) {
    let mut seen = BTreeSet::new();
    let mut paths = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let (state, moves) = play::<H>(&path);
        if seen.insert(state) {
            paths.extend(moves.into_iter().map(|next| [path.as_slice(), &[next]].concat()));
        }
    }
    // A walk that stops early would prove nothing.
    assert!(seen.len() > least, "{}", seen.len());
}

/// Whether the leases have ended once; what each client knows and its row says, in no order, since
/// the clients are alike.
type Reached = (bool, Vec<(Phase, Option<&'static str>)>);

/// Plays a path from the beginning; what it leads to, and what may follow.
fn play<H: Harness>(path: &[Move]) -> (Reached, Vec<Move>) {
    let mut game = Game::<H>::new([SMALL; super::RUNS]);
    let mut phases = [Phase::Idle; CLIENTS];
    let mut rows = [None; CLIENTS];
    let mut ended = false;
    for (index, &next) in path.iter().enumerate() {
        let state = |game: &Game<H>, row: usize| game.model.rows[row].state;
        match (next, next.client().map(|client| (client, phases[client]))) {
            (Move::Reserve(client), _) => {
                let row = game.model.rows.len();
                step(
                    &mut game,
                    &Step::Reserve { run: client, input: 500, output: 400, price: Some(PRICE) },
                    index,
                );
                let is_held = state(&game, row) == State::Reserved;
                phases[client] = if is_held { Phase::Holds(row) } else { Phase::Done };
                rows[client] = Some(row);
            }
            (Move::Dispatch(_), Some((client, Phase::Holds(row)))) => {
                step(&mut game, &Step::Dispatch { pick: row, permille: 400 }, index);
                let is_sent = state(&game, row) == State::Dispatched;
                phases[client] = if is_sent { Phase::Sent(row) } else { Phase::Done };
            }
            (Move::Settle(_), Some((client, Phase::Sent(row)))) => {
                step(&mut game, &Step::Settle { pick: row, full: false }, index);
                phases[client] = Phase::Done;
            }
            (Move::Release(_), Some((client, Phase::Holds(row)))) => {
                step(&mut game, &Step::Release { pick: row }, index);
                phases[client] = Phase::Done;
            }
            (Move::Die(client), _) => {
                step(&mut game, &Step::Crash { run: client, next: SMALL }, index);
                phases[client] = Phase::Done;
            }
            (Move::LeasesEnd, _) => {
                step(&mut game, &Step::Tick { ms: 151_000 }, index);
                ended = true;
            }
            (next, phase) => unreachable!("{next:?} in {phase:?}"),
        }
    }
    game.agree().unwrap();
    game.keeps_limits().unwrap();
    let state = |row: Option<usize>| row.map(|row| game.model.rows[row].state.as_str());
    let mut reached: Vec<_> =
        phases.iter().zip(rows).map(|(phase, row)| (phase.without_row(), state(row))).collect();
    reached.sort_unstable();
    let mut moves: Vec<_> = (0..CLIENTS).flat_map(|client| phases[client].moves(client)).collect();
    if !ended {
        moves.push(Move::LeasesEnd);
    }
    ((ended, reached), moves)
}

fn step<H: Harness>(game: &mut Game<H>, step: &Step, index: usize) {
    game.apply(step, index).unwrap();
}

impl Phase {
    fn without_row(self) -> Self {
        match self {
            Self::Holds(_) => Self::Holds(0),
            Self::Sent(_) => Self::Sent(0),
            other => other,
        }
    }

    fn moves(self, client: usize) -> Vec<Move> {
        match self {
            Self::Idle => vec![Move::Reserve(client)],
            Self::Holds(_) => vec![Move::Dispatch(client), Move::Release(client), Move::Die(client)],
            Self::Sent(_) => vec![Move::Settle(client), Move::Die(client)],
            Self::Done => Vec::new(),
        }
    }
}

impl Move {
    fn client(self) -> Option<usize> {
        match self {
            Self::Reserve(client)
            | Self::Dispatch(client)
            | Self::Settle(client)
            | Self::Release(client)
            | Self::Die(client) => Some(client),
            Self::LeasesEnd => None,
        }
    }
}
