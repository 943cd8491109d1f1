//! Draws scripts at random, in a way that proptest can shrink.

use proptest::{collection::vec, option, prelude::*, sample::select};
use tasker_core::state::Look;

use super::script::{
    Action, Answer, ChildInput, FinallyPlan, How, Kind, Rows, SIGNALS, Script, SplitPlan, StepPlan, TemplatePlan, Verb,
    When,
};
use crate::generate::{fate, passing};

pub(crate) fn script() -> impl Strategy<Value = Script> {
    (vec(template(), 1..4), vec(submit(), 1..3), vec(action(), 0..90)).prop_map(|(templates, submissions, later)| {
        let actions = submissions.into_iter().chain(later).collect();
        Script { templates, actions }
    })
}

fn template() -> impl Strategy<Value = TemplatePlan> {
    let result = option::weighted(0.2, prop::bool::weighted(0.8));
    (vec(step(), 1..7), vec(finally(), 0..3), option::weighted(0.2, 1..10_u8), result).prop_map(
        |(steps, finally, deadline_minutes, result)| TemplatePlan { steps, finally, deadline_minutes, result },
    )
}

prop_compose! {
    fn step()(
        kind in kind(),
        depends_on in vec(0..8_usize, 0..3),
        when in option::weighted(0.2, select(vec![When::Flag, When::NoFlag, When::HasResult, When::ReadsResult])),
        on_exhaustion in select(vec!["fail", "fail", "fail", "skip", "skip_cascade", "block"]),
        attempts in 1..4_u32,
        backoff in select(vec!["none", "linear"]),
        timeout_seconds in option::weighted(0.1, 1..60_u8),
        undone_in in option::weighted(0.3, 1..3_u8),
    ) -> StepPlan {
        StepPlan { kind, depends_on, when, on_exhaustion, attempts, backoff, timeout_seconds, undone_in }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    let strategy = select(vec!["continue_on_failure", "fail_fast", "isolate"]);
    let split = (option::of(1..4_u32), strategy)
        .prop_map(|(parallelism, failure_strategy)| SplitPlan { parallelism, failure_strategy });
    let split = split.boxed();
    let rows = prop_oneof![9 => Just(Rows::Input), 1 => Just(Rows::Broken)];
    let input = prop_oneof![4 => Just(ChildInput::Same), 4 => Just(ChildInput::Mapped), 1 => Just(ChildInput::Broken)];
    prop_oneof![
        6 => Just(Kind::Plain),
        2 => Just(Kind::Decision),
        2 => Just(Kind::Convergence),
        1 => (0..100_u8).prop_map(|seconds| Kind::Rest { seconds }),
        2 => (0..SIGNALS.len(), option::of(1..200_u8))
            .prop_map(|(name, deadline_seconds)| Kind::Signal { name, deadline_seconds }),
        2 => (0..4_usize, input).prop_map(|(pick, input)| Kind::Child { pick, input }),
        1 => (rows, split.clone()).prop_map(|(from, split)| Kind::Map { from, split }),
        1 => split.prop_map(Kind::Split),
    ]
}

fn finally() -> impl Strategy<Value = FinallyPlan> {
    (any::<bool>(), any::<bool>(), select(vec!["fail", "fail", "skip", "skip_cascade"]))
        .prop_map(|(is_behind, is_conditional, on_exhaustion)| FinallyPlan { is_behind, is_conditional, on_exhaustion })
}

fn submit() -> impl Strategy<Value = Action> {
    // Mostly of the first template, which can run the others.
    let template = prop_oneof![3 => Just(0_usize), 1 => 0..3_usize];
    (0..2_usize, template, any::<bool>(), 0..5_u8, fate())
        .prop_map(|(engine, template, flag, rows, fate)| Action::Submit { engine, template, flag, rows, fate })
}

fn action() -> impl Strategy<Value = Action> {
    let look = prop_oneof![4 => Just(Look::IfShort), 2 => Just(Look::Always), 1 => Just(Look::Nowhere)];
    let answers = prop_oneof![1 => Just(Vec::new()), 3 => vec(answer(), 1..5)];
    let engine = || 0..2_usize;
    prop_oneof![
        40 => (0..3_usize, answers, 0..6_usize, look, fate())
            .prop_map(|(worker, answers, want, look, fate)| Action::Work { worker, answers, want, look, fate }),
        1 => submit(),
        2 => (engine(), 0..5_usize, fate()).prop_map(|(engine, held, fate)| Action::Checkpoint { engine, held, fate }),
        1 => (engine(), 0..5_usize, fate()).prop_map(|(engine, held, fate)| Action::Extend { engine, held, fate }),
        8 => (engine(), fate()).prop_map(|(engine, fate)| Action::Sweep { engine, fate }),
        4 => (engine(), 0..6_usize, 0..SIGNALS.len(), prop::bool::weighted(0.9), fate())
            .prop_map(|(engine, task, name, is_sound, fate)| Action::Signal { engine, task, name, is_sound, fate }),
        9 => (engine(), 0..6_usize, verb(), fate())
            .prop_map(|(engine, task, verb, fate)| Action::Operate { engine, task, verb, fate }),
        6 => passing().prop_map(|ms| Action::Pass { ms }),
        6 => any::<bool>().prop_map(|is_early| Action::PassToDue { is_early }),
        2 => (0..3_usize).prop_map(|worker| Action::LoseWorker { worker }),
        1 => engine().prop_map(|engine| Action::RestartEngine { engine }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let how = prop_oneof![
        24 => Just(How::Succeed),
        1 => Just(How::Nonsense),
        3 => Just(How::Break),
        5 => Just(How::Stumble),
        1 => Just(How::Timeout),
        2 => Just(How::Abandon),
        2 => Just(How::Release),
    ];
    (0..6_usize, prop::bool::weighted(0.12), how, any::<u8>(), prop::bool::weighted(0.1))
        .prop_map(|(pick, is_stale, how, choice, is_doubled)| Answer { pick, is_stale, how, choice, is_doubled })
}

fn verb() -> impl Strategy<Value = Verb> {
    let step = || 0..12_usize;
    prop_oneof![
        3 => Just(Verb::Pause),
        5 => Just(Verb::Resume),
        1 => Just(Verb::Cancel),
        1 => prop_oneof![3 => Just(Verb::Resume), 1 => Just(Verb::Resolve)],
        4 => Just(Verb::RetryFailed),
        4 => step().prop_map(Verb::Retry),
        2 => step().prop_map(Verb::ResolveStep),
        1 => step().prop_map(Verb::CompleteStep),
        1 => (-3..4_i16).prop_map(Verb::Prioritize),
        1 => Just(Verb::Rerun),
        2 => step().prop_map(Verb::RerunFrom),
    ]
}
