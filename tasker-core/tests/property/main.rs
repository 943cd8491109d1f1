//! The engine as a whole, under whatever may happen: random graphs and failures, workers and processes that die at any
//! point, late and doubled reports, and a clock that jumps. After every action the invariants of ARCHITECTURE.md hold, and
//! in the end every task has ended as it should.
//!
//! `TASKER_SEED=N` replays one case, `TASKER_CASES=N` sets how many are tried.

mod assigned;
mod blueprint;
mod by_hand;
mod concurrent;
mod flows;
mod generate;
mod observer;
mod operate;
mod predict;
mod replay;
mod scenario;
mod verbs;
mod violation;
mod world;

use std::{env, fmt, future::Future};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use crate::violation::{Checked, Violation};

/// Takes about half a minute on two busy cores.
const CASES: u64 = 180;

#[test]
fn the_invariants_hold_after_every_action_and_every_task_ends() {
    try_cases("the_invariants_hold", CASES, &generate::scenario(), async |scenario| world::play(&scenario).await);
}

/// Plays what is drawn by so many seeds, and looks for the smallest that fails.
fn try_cases<T, F>(test: &str, cases: u64, strategy: &impl Strategy<Value = T>, play: impl Fn(T) -> F)
where
    T: fmt::Debug + fmt::Display,
    F: Future<Output = Checked>,
{
    if let Some(seed) = number("TASKER_SEED") {
        return try_case(test, seed, strategy, &play);
    }
    // Without a wish the cases are the same each time, so that a change is judged by what it does and not by chance; so many as
    // are asked for are drawn anew.
    let wish = number("TASKER_CASES");
    let first = if wish.is_some() { u64::from(fastrand::u32(..)) << 16 } else { 1 << 16 };
    (first..first + wish.unwrap_or(cases)).for_each(|seed| try_case(test, seed, strategy, &play));
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable} is `{text}`: {error}")))
}

fn try_case<T, F>(test: &str, seed: u64, strategy: &impl Strategy<Value = T>, play: &impl Fn(T) -> F)
where
    T: fmt::Debug + fmt::Display,
    F: Future<Output = Checked>,
{
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: 1_000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(strategy, |case| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(play(case)).map_err(|Violation(text)| TestCaseError::fail(text))
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!(
            "{reason}\n\nthe smallest case found:\n{case}\nreplay it with\n    \
             TASKER_SEED={seed} cargo test -p tasker-core --test property {test}"
        ),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}
