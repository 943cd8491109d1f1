//! Draws scenarios at random, in a way that proptest can shrink.

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};
use tasker_core::{
    state::Look,
    template::{Backoff, OnExhaustion},
};

use crate::scenario::{
    Action, Fate, HANDLERS, NAMESPACES, OutcomePlan, ReportPlan, Request, Scenario, Shape, StepPlan, TemplatePlan,
    VerbPlan, Which, WorkerPlan,
};

pub(crate) fn scenario() -> impl Strategy<Value = Scenario> {
    let first = (0..2_usize, vec(request(), 1..4));
    let first = first.prop_map(|(engine, requests)| Action::Submit { engine, requests, fate: Fate::Answered });
    (vec(template(), 1..4), vec(worker(), 1..5), first, vec(action(), 0..110)).prop_map(
        |(templates, workers, first, mut actions)| {
            actions.insert(0, first);
            Scenario { templates, workers, actions }
        },
    )
}

pub(crate) fn template() -> impl Strategy<Value = TemplatePlan> {
    let shape = prop_oneof![5 => Just(Shape::Any), 1 => Just(Shape::Chain), 1 => Just(Shape::Fan)];
    let steps = prop_oneof![5 => vec(step(), 1..9), 1 => vec(step(), 9..41)];
    (0..2_usize, shape, steps, option::weighted(0.3, 1..10_u8)).prop_map(
        |(namespace, shape, steps, deadline_minutes)| TemplatePlan { namespace, shape, steps, deadline_minutes },
    )
}

fn step() -> impl Strategy<Value = StepPlan> {
    let backoff = select(vec![Backoff::None, Backoff::Linear, Backoff::Exponential, Backoff::Fibonacci]);
    let graph = (0..8_u8, vec(0..40_usize, 0..4), 0..HANDLERS.len());
    let retry = (prop::bool::weighted(0.9), 1..6_u32, 1..4_u32, backoff, 0..4_000_u64, 1_000..6_000_u64);
    let limits = (option::weighted(0.2, 1..60_u8), prop::bool::weighted(0.2), on_exhaustion());
    (graph, retry, limits).prop_map(
        |((rank, depends_on, handler), retry, (timeout_seconds, is_checked, on_exhaustion))| {
            let (retryable, attempts, attempts_at_night, backoff, base_ms, cap_ms) = retry;
            StepPlan {
                rank,
                depends_on,
                handler,
                retryable,
                attempts,
                attempts_at_night,
                backoff,
                base_ms,
                cap_ms,
                timeout_seconds,
                is_checked,
                on_exhaustion,
            }
        },
    )
}

/// `block` is left out: what operators do about it is tried apart.
fn on_exhaustion() -> impl Strategy<Value = OnExhaustion> {
    prop_oneof![4 => Just(OnExhaustion::Fail), 1 => Just(OnExhaustion::Skip), 1 => Just(OnExhaustion::SkipCascade)]
}

fn worker() -> impl Strategy<Value = WorkerPlan> {
    let handlers = subsequence(HANDLERS.to_vec(), 1..=HANDLERS.len());
    let queues = subsequence(NAMESPACES.to_vec(), 0..=1);
    let room = prop_oneof![2 => Just(0), 1 => 1..4_usize, 1 => Just(50)];
    (0..2_usize, handlers, queues, room).prop_map(|(engine, handlers, queues, room)| WorkerPlan {
        engine,
        handlers,
        queues,
        room,
    })
}

fn action() -> impl Strategy<Value = Action> {
    let look = prop_oneof![4 => Just(Look::IfShort), 2 => Just(Look::Always), 1 => Just(Look::Nowhere)];
    let reports = prop_oneof![1 => Just(Vec::new()), 3 => vec(report(), 1..5)];
    let work = (0..4_usize, reports, 0..6_usize, look, fate());
    prop_oneof![
        40 => work.prop_map(|(worker, reports, want, look, fate)| Action::Work { worker, reports, want, look, fate }),
        4 => (0..2_usize, vec(request(), 1..4), fate())
            .prop_map(|(engine, requests, fate)| Action::Submit { engine, requests, fate }),
        3 => (0..2_usize, vec(which(), 1..4), fate()).prop_map(|(engine, leases, fate)| Action::Extend { engine, leases, fate }),
        8 => (0..2_usize, fate()).prop_map(|(engine, fate)| Action::Sweep { engine, fate }),
        1 => (0..2_usize, 0..4_usize, fate()).prop_map(|(engine, task, fate)| Action::Cancel { engine, task, fate }),
        5 => (0..2_usize, 0..4_usize, verb(), fate()).prop_map(|(engine, task, verb, fate)| Action::Operate { engine, task, verb, fate }),
        1 => (0..2_usize, 0..4_usize).prop_map(|(engine, template)| Action::Register { engine, template }),
        6 => passing().prop_map(|ms| Action::Pass { ms }),
        6 => any::<bool>().prop_map(|is_early| Action::PassToDue { is_early }),
        2 => (0..4_usize).prop_map(|worker| Action::LoseWorker { worker }),
        1 => (0..2_usize).prop_map(|engine| Action::RestartEngine { engine }),
    ]
}

fn verb() -> impl Strategy<Value = VerbPlan> {
    let step = || option::weighted(0.5, 0..40_usize);
    prop_oneof![
        3 => Just(VerbPlan::Pause),
        4 => Just(VerbPlan::Resume),
        1 => Just(VerbPlan::Resolve),
        6 => step().prop_map(VerbPlan::Retry),
        2 => (step(), any::<bool>()).prop_map(|(step, has_result)| VerbPlan::ResolveSteps { step, has_result }),
        1 => (0..40_usize).prop_map(VerbPlan::CompleteStep),
        1 => (-3..4_i16).prop_map(VerbPlan::Prioritize),
        1 => Just(VerbPlan::Rerun),
    ]
}

/// Milliseconds by which the clock jumps: a little, beyond leases, beyond deadlines, or a little back.
pub(crate) fn passing() -> impl Strategy<Value = i64> {
    prop_oneof![12 => 1..5_000_i64, 4 => 9_000..40_000_i64, 1 => 60_000..600_000_i64, 3 => -3_000..0_i64]
}

pub(crate) fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![10 => Just(Fate::Answered), 1 => Just(Fate::AnswerLost), 2 => (0..20_u32).prop_map(Fate::Dies)]
}

fn request() -> impl Strategy<Value = Request> {
    (0..4_usize, -2..3_i16, option::weighted(0.4, 0..3_u8), 0..2_000_usize)
        .prop_map(|(template, priority, key, padding)| Request { template, priority, key, padding })
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![6 => (0..6_usize).prop_map(Which::Held), 1 => (0..12_usize).prop_map(Which::Gone)]
}

fn report() -> impl Strategy<Value = ReportPlan> {
    (which(), outcome(), prop::bool::weighted(0.1), prop::bool::weighted(0.1))
        .prop_map(|(which, outcome, is_doubled, is_kept)| ReportPlan { which, outcome, is_doubled, is_kept })
}

fn outcome() -> impl Strategy<Value = OutcomePlan> {
    prop_oneof![
        24 => (0..1_500_usize).prop_map(|padding| OutcomePlan::Success { padding }),
        1 => Just(OutcomePlan::Malformed),
        1 => Just(OutcomePlan::Oversized),
        6 => option::weighted(0.3, 1..20_000_u64).prop_map(|retry_after_ms| OutcomePlan::Retryable { retry_after_ms }),
        1 => Just(OutcomePlan::Permanent),
        2 => Just(OutcomePlan::Timeout),
        3 => Just(OutcomePlan::Released),
        3 => Just(OutcomePlan::Abandoned),
    ]
}
