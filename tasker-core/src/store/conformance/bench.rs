use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    dag::{Definition, NewTask, Submission, TemplateKey, TemplateName, plan},
    model::{
        Actor, Event, EventBatch, Json, Lease, Outcome, Step, StepError, StepId, StepPlace, StepState, Task,
        TaskCounts, TaskId, TemplateId, TraceContext, Verdict, WorkerId,
    },
    state::{Changes, Claim, Claimed, Decision, Definitions, Input, Look, Route, Scope, Verb, decide, scope},
    store::{NewTemplate, Store, Transacted},
    template::{Backoff, Handler, Lifecycle, Retry, StepKind, StepTemplate, Template},
};

pub(super) const QUEUE: &str = "shop";

/// A store with templates in it, and the usual ways to use it.
pub(super) struct Bench {
    pub(super) store: Arc<dyn Store>,
    pub(super) definitions: HashMap<TemplateKey, Arc<Definition>>,
    worker_id: WorkerId,
}

impl Bench {
    pub(super) async fn new(store: Arc<dyn Store>) -> Self {
        store.migrate().await.unwrap();
        Self { store, definitions: HashMap::new(), worker_id: WorkerId::new() }
    }

    /// A store with one template in it, of the given shape.
    pub(super) async fn with(store: Arc<dyn Store>, shape: &str) -> (Self, Arc<Definition>) {
        let mut bench = Self::new(store).await;
        let definition = bench.register(&template("order", shape)).await;
        (bench, definition)
    }

    pub(super) async fn register(&mut self, template: &Template) -> Arc<Definition> {
        let new = new_template(template);
        self.store.put_template(&new).await.unwrap();
        let definition = Arc::new(Definition::new(new.id, template, None).unwrap());
        self.definitions.insert(definition.key.clone(), Arc::clone(&definition));
        definition
    }

    pub(super) async fn submit(&self, definition: &Definition) -> TaskId {
        self.insert(new_task(definition)).await
    }

    pub(super) async fn insert(&self, task: NewTask) -> TaskId {
        self.store.insert_tasks(&[task]).await.unwrap()[0].task_id()
    }

    /// A claim of any step in the given queue, under leases that end in an hour.
    pub(super) fn claim_of(&self, handlers: &[&str], want: usize) -> Claim {
        let route = |handler: &&str| Route { queue: QUEUE.into(), handler: (*handler).into() };
        Claim {
            worker_id: self.worker_id,
            routes: Arc::new(handlers.iter().map(route).collect()),
            want,
            lease: Duration::from_secs(3600),
            look: Look::IfShort,
        }
    }

    pub(super) async fn transact(&self, inputs: &[Input], claim: Option<&Claim>) -> Changes {
        let mut scope = scope(inputs);
        let definitions = ByName(&self.definitions);
        loop {
            let decision = |snapshot: &_| decide(snapshot, inputs, claim, &definitions);
            match self.store.transact(&scope, claim, &decision).await.unwrap() {
                Transacted::Done(changes) => return changes,
                Transacted::NeedsTasks(more) => {
                    let is_other = |known: &Scope| more.iter().all(|scope| scope.task_id != known.task_id);
                    scope.retain(is_other);
                    scope.extend(more);
                    scope.sort_by_key(|scope| scope.task_id);
                }
                other => panic!("templates are at hand: {other:?}"),
            }
        }
    }

    /// What would be written, without writing it.
    pub(super) async fn foresee(&self, inputs: &[Input]) -> Changes {
        let foreseen = Mutex::new(Changes::default());
        let look = |snapshot: &_| {
            let Decision::Done(changes) = decide(snapshot, inputs, None, &self.definitions) else {
                panic!("not enough")
            };
            *foreseen.lock().unwrap() = changes;
            Decision::Done(Changes::default())
        };
        self.store.transact(&scope(inputs), None, &look).await.unwrap();
        foreseen.into_inner().unwrap()
    }

    pub(super) async fn claim(&self, handlers: &[&str], want: usize) -> Vec<Claimed> {
        self.transact(&[], Some(&self.claim_of(handlers, want))).await.claimed
    }

    pub(super) async fn report(&self, lease: Lease, outcome: Outcome) -> Verdict {
        self.transact(&[Input::Report { lease, outcome }], None).await.verdicts[0]
    }

    /// Draws the consequences of all that has fallen due.
    pub(super) async fn sweep(&self) -> Changes {
        let due = self.store.due(1_000).await.unwrap();
        let steps = due.steps.into_iter().map(|StepId { task_id, idx }| Input::StepDue { task_id, idx });
        let tasks = due.tasks.into_iter().map(|task_id| Input::DeadlinePassed { task_id });
        self.transact(&steps.chain(tasks).collect::<Vec<_>>(), None).await
    }

    pub(super) async fn task(&self, task_id: TaskId) -> Task {
        self.store.task(task_id).await.unwrap().unwrap()
    }

    /// Every step of a task, those that batches added too.
    pub(super) async fn steps(&self, task_id: TaskId) -> Vec<Step> {
        self.store.steps_in(task_id, 0..u32::try_from(i32::MAX).unwrap(), u32::MAX).await.unwrap()
    }

    pub(super) async fn states(&self, task_id: TaskId) -> Vec<StepState> {
        self.steps(task_id).await.into_iter().map(|step| step.state).collect()
    }

    pub(super) async fn events(&self, task_id: TaskId) -> Vec<Event> {
        let batches = self.store.events(task_id, 0, u32::MAX).await.unwrap();
        batches.into_iter().flat_map(EventBatch::events).collect()
    }

    /// Asserts what holds for every task at any time: counters agree with the steps, `unmet` with the dependencies, and
    /// events are numbered without gaps up to the task's `seq`.
    pub(super) async fn audit(&self, task_id: TaskId) {
        let (task, steps, events) = (self.task(task_id).await, self.steps(task_id).await, self.events(task_id).await);
        let count = |is: fn(&Step) -> bool| u32::try_from(steps.iter().filter(|step| is(step)).count()).unwrap();
        let counted = TaskCounts {
            total: count(|_| true),
            done: count(|step| step.state.is_final()),
            active: count(|step| step.state == StepState::InProgress),
            failed: count(|step| step.state == StepState::Error),
        };
        assert_eq!(task.counts, counted, "the counters of {task_id}");
        let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=task.seq).collect::<Vec<_>>(), "the numbers of the events of {task_id}");
        assert!(
            events.windows(2).all(|pair| pair[0].at <= pair[1].at),
            "events of {task_id} in the order of their times"
        );
        let mut unmet = BTreeMap::new();
        // Parts wait for the leave of their step, which has them in a count of its own.
        let steps: Vec<_> = steps.iter().filter(|step| StepPlace::of(step.id.idx).part.is_none()).collect();
        for step in steps.iter().filter(|step| !step.state.satisfies()) {
            for dependent in &step.dependents {
                *unmet.entry(*dependent).or_insert(0) += 1;
            }
        }
        for step in steps.iter().filter(|step| !step.state.is_final()) {
            assert_eq!(step.unmet, unmet.get(&step.id.idx).copied().unwrap_or(0), "unmet of {}", step.id);
        }
    }
}

/// A template whose steps are `name` or `name:dependency,dependency`, apart by spaces; the handler of each is `handle`.
/// A step that fails runs again at once, twice.
pub(super) fn template(name: &str, shape: &str) -> Template {
    let step = |word: &str| {
        let (name, dependencies) = word.split_once(':').unwrap_or((word, ""));
        StepTemplate {
            name: name.to_owned(),
            kind: StepKind::Standard,
            handler: Handler { callable: "handle".to_owned(), method: None, initialization: None },
            dependencies: dependencies.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            retry: Retry { backoff: Backoff::None, ..Retry::default() },
            timeout_seconds: None,
            result_schema: None,
            ..StepTemplate::default()
        }
    };
    Template {
        name: name.to_owned(),
        namespace: QUEUE.to_owned(),
        version: "1.0.0".to_owned(),
        description: None,
        input_schema: None,
        steps: shape.split_whitespace().map(step).collect(),
        finally: Vec::new(),
        environments: BTreeMap::new(),
        lifecycle: Lifecycle::default(),
        result: None,
    }
}

pub(super) fn new_template(template: &Template) -> NewTemplate {
    let mut routes: Vec<_> = template
        .all_steps()
        .iter()
        .filter(|step| step.kind.has_handler())
        .map(|step| Route { queue: template.namespace.as_str().into(), handler: step.handler.callable.as_str().into() })
        .collect();
    routes.sort();
    routes.dedup();
    NewTemplate { id: TemplateId::new(), template: template.clone(), definition: Json::of(template).unwrap(), routes }
}

pub(super) fn new_task(definition: &Definition) -> NewTask {
    let submission = Submission {
        context: Json::parse("{}".to_owned()).unwrap(),
        priority: 0,
        initiator: None,
        source_system: None,
        reason: None,
        tags: Vec::new(),
        correlation_id: None,
        parent_correlation_id: None,
        idempotency_key: None,
        rerun_of: None,
        trace: None,
    };
    plan(definition, submission)
}

pub(super) fn trace_context() -> TraceContext {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    TraceContext::parse(traceparent, Some("rojo=00f067aa0ba902b7,congo=\"t61\"")).unwrap()
}

pub(super) fn with_key(definition: &Definition, key: &str) -> NewTask {
    let mut task = new_task(definition);
    task.submission.idempotency_key = Some(key.to_owned());
    task
}

pub(super) fn lease(claimed: &Claimed) -> Lease {
    Lease { task_id: claimed.id.task_id, step_idx: claimed.id.idx, attempt: claimed.attempt }
}

pub(super) fn ids(claimed: &[Claimed]) -> Vec<StepId> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

pub(super) fn succeeded(result: &str) -> Outcome {
    Outcome::succeeded(Json::parse(result.to_owned()).unwrap())
}

pub(super) fn failed(error: StepError) -> Outcome {
    Outcome::failed(error)
}

pub(super) fn report_of(claimed: &Claimed, outcome: Outcome) -> Input {
    Input::Report { lease: lease(claimed), outcome }
}

pub(super) fn cancel_of(task_id: TaskId) -> Input {
    operate(task_id, Verb::Cancel)
}

pub(super) fn operate(task_id: TaskId, verb: Verb) -> Input {
    Input::Operate { task_id, verb, actor: Actor::named("ann").because("a check") }
}

/// JSON texts that a store which decodes them would not give back as they were.
pub(super) fn odd_texts() -> Vec<String> {
    let long = format!("{{\"blob\":\"{}\"}}", "x".repeat(1024 * 1024 - 11));
    let odd = [
        "null",
        "12345678901234567890123456789012345678901234567890",
        "1.10",
        "-0",
        "1E400",
        r#"{"b":1,"a":2,"b":3}"#,
        r#"{ "spaced" : [ 1 , 2 ] }"#,
        r#""nul \u0000, half a pair \ud800, escaped \u00e9 \/""#,
        "\"caf\u{e9} \u{1f980} \u{2028}\"",
        r#""'; drop table steps; -- $1 ?1 {} \\ \" ""#,
        "[[[[]]]]",
    ];
    odd.into_iter().map(str::to_owned).chain([long]).collect()
}

/// Definitions by their keys, and by the names of their templates.
struct ByName<'a>(&'a HashMap<TemplateKey, Arc<Definition>>);

impl Definitions for ByName<'_> {
    fn get(&self, key: &TemplateKey) -> Option<Arc<Definition>> {
        self.0.get(key).cloned()
    }

    fn named(&self, name: &TemplateName) -> Option<Result<Arc<Definition>, String>> {
        let found = self.0.values().find(|definition| *definition.name == *name.name);
        Some(found.cloned().ok_or_else(|| format!("there is no template {}", name.name)))
    }
}
