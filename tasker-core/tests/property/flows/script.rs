//! What is tried: templates with everything that flows have, and what happens to their tasks.

use std::fmt::{self, Write};

use tasker_core::state::Look;

use crate::scenario::Fate;

#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// A step of type `workflow` runs one of those behind its own template.
    pub(crate) templates: Vec<TemplatePlan>,
    pub(crate) actions: Vec<Action>,
}

#[derive(Clone, Debug)]
pub(crate) struct TemplatePlan {
    pub(crate) steps: Vec<StepPlan>,
    pub(crate) finally: Vec<FinallyPlan>,
    pub(crate) deadline_minutes: Option<u8>,
    /// Whether its result is an expression that has a value, or has none.
    pub(crate) result: Option<bool>,
}

#[derive(Clone, Debug)]
pub(crate) struct StepPlan {
    pub(crate) kind: Kind,
    /// Picks among the steps before it.
    pub(crate) depends_on: Vec<usize>,
    pub(crate) when: Option<When>,
    pub(crate) on_exhaustion: &'static str,
    pub(crate) attempts: u32,
    pub(crate) backoff: &'static str,
    pub(crate) timeout_seconds: Option<u8>,
    /// The attempts of what undoes it.
    pub(crate) undone_in: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Plain,
    Decision,
    Convergence,
    Rest {
        seconds: u8,
    },
    Signal {
        name: usize,
        deadline_seconds: Option<u8>,
    },
    Child {
        pick: usize,
        input: ChildInput,
    },
    Map {
        from: Rows,
        split: SplitPlan,
    },
    /// Two steps: one that says into which parts, and one that does the work.
    Split(SplitPlan),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ChildInput {
    Same,
    Mapped,
    /// An expression that has no value.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rows {
    Input,
    /// What is no list.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SplitPlan {
    pub(crate) parallelism: Option<u32>,
    pub(crate) failure_strategy: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    Flag,
    NoFlag,
    /// Of the first step that it depends on.
    HasResult,
    /// Has no answer where that step has no result.
    ReadsResult,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct FinallyPlan {
    pub(crate) is_behind: bool,
    pub(crate) is_conditional: bool,
    pub(crate) on_exhaustion: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Submit { engine: usize, template: usize, flag: bool, rows: u8, fate: Fate },
    Work { worker: usize, answers: Vec<Answer>, want: usize, look: Look, fate: Fate },
    Checkpoint { engine: usize, held: usize, fate: Fate },
    Extend { engine: usize, held: usize, fate: Fate },
    Sweep { engine: usize, fate: Fate },
    Signal { engine: usize, task: usize, name: usize, is_sound: bool, fate: Fate },
    Operate { engine: usize, task: usize, verb: Verb, fate: Fate },
    Pass { ms: i64 },
    PassToDue { is_early: bool },
    LoseWorker { worker: usize },
    RestartEngine { engine: usize },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The newest first; of those that are gone, if `is_stale`.
    pub(crate) pick: usize,
    pub(crate) is_stale: bool,
    pub(crate) how: How,
    /// What a decision chooses, and how many parts there are.
    pub(crate) choice: u8,
    /// Whether the worker says it again in the same call.
    pub(crate) is_doubled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    Succeed,
    /// Says what a step of this type may not say.
    Nonsense,
    Break,
    Stumble,
    Timeout,
    Abandon,
    Release,
}

/// Steps are named by a number that is taken modulo what there is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verb {
    Pause,
    Resume,
    Cancel,
    Resolve,
    RetryFailed,
    Retry(usize),
    ResolveStep(usize),
    CompleteStep(usize),
    Prioritize(i16),
    Rerun,
    RerunFrom(usize),
}

pub(crate) const SIGNALS: [&str; 2] = ["go", "stop"];

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for number in 0..self.templates.len() {
            f.write_str(&self.yaml(number))?;
        }
        self.actions.iter().enumerate().try_for_each(|(number, action)| writeln!(f, "action {number}: {action:?}"))
    }
}

impl Script {
    /// The text of a template.
    pub(crate) fn yaml(&self, number: usize) -> String {
        let template = &self.templates[number];
        let mut yaml = format!("name: t{number}\nnamespace: test\nversion: 1.0.0\n");
        if let Some(minutes) = template.deadline_minutes {
            let _ = writeln!(yaml, "lifecycle: {{max_duration_minutes: {minutes}}}");
        }
        if let Some(has_value) = template.result {
            let _ = writeln!(yaml, "result: {}", if has_value { "input.rows" } else { "input.rows.nothing" });
        }
        yaml += "steps:\n";
        for at in 0..template.steps.len() {
            self.step(&mut yaml, number, at);
        }
        for (at, FinallyPlan { is_behind, is_conditional, on_exhaustion }) in template.finally.iter().enumerate() {
            if at == 0 {
                yaml += "finally:\n";
            }
            let before = if *is_behind && at > 0 { format!("f{}", at - 1) } else { String::new() };
            let when = if *is_conditional { ", when: has(results.s0)" } else { "" };
            let _ = writeln!(
                yaml,
                "  - {{name: f{at}, handler: {{callable: h}}, dependencies: [{before}], on_exhaustion: {on_exhaustion}, \
                 retry: {{max_attempts: 2, backoff: none}}{when}}}"
            );
        }
        yaml
    }

    fn step(&self, yaml: &mut String, number: usize, at: usize) {
        let template = &self.templates[number];
        let plan = &template.steps[at];
        let before = template.before(at);
        let kind = self.kind(number, at);
        let mut fields = String::new();
        let has_handler = !matches!(kind, Kind::Rest { .. } | Kind::Signal { .. } | Kind::Child { .. });
        if has_handler {
            fields += ", handler: {callable: h}";
        }
        match kind {
            Kind::Plain => {}
            Kind::Decision => fields += ", type: decision",
            Kind::Convergence => fields += ", type: deferred_convergence",
            Kind::Rest { seconds } => drop(write!(fields, ", type: wait, wait: {{seconds: {seconds}.5}}")),
            Kind::Signal { name, deadline_seconds } => {
                let deadline = deadline_seconds.map(|seconds| format!(", deadline_seconds: {seconds}.25"));
                let (name, deadline) = (SIGNALS[name], deadline.unwrap_or_default());
                let schema = "schema: {type: object, required: [serial]}";
                let _ = write!(fields, ", type: wait, wait: {{signal: {name}, {schema}{deadline}}}");
            }
            Kind::Child { pick, input } => {
                let child = number + 1 + pick % (self.templates.len() - number - 1);
                let input = match input {
                    ChildInput::Same => "",
                    ChildInput::Mapped => ", input: {flag: '!input.flag', rows: input.rows}",
                    ChildInput::Broken => ", input: {flag: input.rows.nothing}",
                };
                let _ = write!(fields, ", type: workflow, workflow: {{name: t{child}{input}}}");
            }
            Kind::Map { from, split } => {
                let rows = if from == Rows::Input { "input.rows" } else { "input.flag" };
                let _ = write!(fields, ", for_each: {rows}{split}");
            }
            Kind::Split(split) => {
                let retry = "retry: {max_attempts: 3, backoff: none}";
                let names = before.join(", ");
                let _ = writeln!(
                    yaml,
                    "  - {{name: b{at}, type: batchable, handler: {{callable: h}}, dependencies: [{names}], {retry}}}"
                );
                let _ = write!(fields, ", type: batch_worker{split}");
            }
        }
        if let (Some(timeout), true) = (plan.timeout_seconds, has_handler) {
            let _ = write!(fields, ", timeout_seconds: {timeout}");
        }
        let named = before.first();
        match (plan.when, named) {
            (None, _) => {}
            (Some(When::NoFlag), _) => fields += ", when: '!input.flag'",
            (Some(When::HasResult), Some(step)) => drop(write!(fields, ", when: has(results.{step})")),
            (Some(When::ReadsResult), Some(step)) => drop(write!(fields, ", when: results.{step}.serial > 0")),
            (Some(_), _) => fields += ", when: input.flag",
        }
        if let Some(attempts) = plan.undone_in {
            let _ = write!(
                fields,
                ", compensate: {{handler: {{callable: h}}, retry: {{max_attempts: {attempts}, backoff: none}}}}"
            );
        }
        let dependencies = if matches!(kind, Kind::Split(_)) { format!("b{at}") } else { before.join(", ") };
        let StepPlan { on_exhaustion, attempts, backoff, .. } = plan;
        let _ = writeln!(
            yaml,
            "  - {{name: s{at}, dependencies: [{dependencies}], on_exhaustion: {on_exhaustion}, retry: {{max_attempts: \
             {attempts}, backoff: {backoff}, backoff_base_ms: 700, jitter: 0}}{fields}}}"
        );
    }

    /// What a step is where it stands: some need others before them, behind them, or another template.
    fn kind(&self, number: usize, at: usize) -> Kind {
        let template = &self.templates[number];
        let has_dependents = || (at + 1..template.steps.len()).any(|later| template.depends(later, at));
        match template.steps[at].kind {
            Kind::Decision if !has_dependents() => Kind::Plain,
            Kind::Convergence if template.before(at).is_empty() => Kind::Plain,
            Kind::Child { .. } if number + 1 == self.templates.len() => Kind::Plain,
            kind => kind,
        }
    }
}

impl TemplatePlan {
    fn picks(&self, at: usize) -> Vec<usize> {
        let mut picks: Vec<_> = self.steps[at].depends_on.iter().filter(|_| at > 0).map(|pick| pick % at).collect();
        picks.sort_unstable();
        picks.dedup();
        picks
    }

    fn before(&self, at: usize) -> Vec<String> {
        self.picks(at).into_iter().map(|before| format!("s{before}")).collect()
    }

    /// Whether a step depends on another by itself, and not through the one that splits its work.
    fn depends(&self, later: usize, at: usize) -> bool {
        self.picks(later).contains(&at)
    }
}

impl fmt::Display for SplitPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parallelism) = self.parallelism {
            write!(f, ", parallelism: {parallelism}")?;
        }
        write!(f, ", failure_strategy: {}", self.failure_strategy)
    }
}
