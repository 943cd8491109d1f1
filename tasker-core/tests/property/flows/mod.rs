//! Flows under whatever may happen: decisions, conditions, waits, signals, sub-workflows, batches, what becomes of failed steps,
//! compensations and `finally`, on two engines that die at any point, with late and doubled reports, operators and a clock
//! that jumps. What each action must do is not worked out beforehand, as it is for plain graphs: after every action
//! all that is stored must be sound, and in the end every task has ended.

mod act;
mod check;
mod draw;
mod log;
mod script;
mod seen;
mod stage;

use crate::try_cases;

/// Takes about forty seconds on a busy core.
const CASES: u64 = 40;

#[test]
fn flows_stay_sound_and_come_to_their_end() {
    try_cases("flows_stay_sound", CASES, &draw::script(), stage::play);
}
