//! A store made of a list, under the real decider: it shows the decider only what it asked for, as the databases do, and
//! puts the changes back.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tasker_core::{
    dag::{Definition, Submission, TemplateKey, part_name, plan},
    model::{
        Actor, BatchPart, Fact, Json, Lease, Outcome, StepId, StepPlace, StepState, TaskCounts, TaskId, TaskState,
        TemplateId, Timestamp, Verdict, WorkerId,
    },
    state::{
        Changes, Claim, Claimed, Decision, Input, Look, NewPart, NewParts, NewStep, Refusal, Route, Scope, Snapshot,
        StepSnapshot, Takeover, TaskSnapshot, Values, Verb, decide, scope,
    },
    template,
};

type Templates = HashMap<TemplateKey, Arc<Definition>>;

pub(crate) struct Desk {
    definition: Arc<Definition>,
    templates: Templates,
    tasks: Vec<TaskSnapshot>,
    log: Vec<(TaskId, i64, Vec<Fact>)>,
    now: Timestamp,
    routes: Arc<HashSet<Route>>,
    input: Json,
    results: HashMap<StepId, Json>,
    work: HashMap<StepId, BatchPart>,
}

impl Desk {
    /// One task of this template, on a worker that serves all of it.
    pub(crate) fn new(yaml: &str) -> Self {
        let template = template::parse(yaml, "test.yaml").unwrap();
        let definition = Arc::new(Definition::new(TemplateId::new(), &template, None).unwrap());
        let routes =
            definition.steps.iter().map(|step| Route { queue: step.queue.clone(), handler: step.handler.clone() });
        let mut desk = Self {
            routes: Arc::new(routes.collect()),
            templates: HashMap::new(),
            tasks: Vec::new(),
            log: Vec::new(),
            now: Timestamp::from_micros(1_000_000),
            input: Json::null(),
            results: HashMap::new(),
            work: HashMap::new(),
            definition,
        };
        desk.remember_templates();
        desk.add_task(0);
        desk
    }

    pub(crate) fn add_task(&mut self, priority: i16) {
        let task_id = TaskId::new();
        let steps = self.definition.own_steps.iter().map(|step| StepSnapshot {
            id: StepId::new(task_id, step.idx),
            name: step.name.clone(),
            queue: step.queue.clone(),
            handler: step.handler.clone(),
            state: step.state(),
            attempt: 0,
            failures: 0,
            losses: 0,
            unmet: step.unmet,
            dependents: step.dependents.clone(),
            due_at: (step.state() == StepState::Waiting).then_some(self.now),
            worker_id: None,
            started_at: None,
            error: None,
            flow: None,
        });
        let steps: Vec<_> = steps.collect();
        let total = u32::try_from(steps.len()).unwrap();
        self.tasks.push(TaskSnapshot {
            task_id,
            template: self.definition.key.clone(),
            state: TaskState::Pending,
            priority,
            counts: TaskCounts { total, ..TaskCounts::default() },
            seq: 1,
            completed_at: None,
            deadline_at: self.definition.template.lifecycle.max_duration().map(|span| self.now + span),
            error: None,
            flow: None,
            steps,
            is_whole: true,
        });
        self.log.push((task_id, 1, vec![Fact::TaskCreated]));
    }

    /// The result of a step.
    pub(crate) fn result(&self, name: &str) -> serde_json::Value {
        self.results[&self.step(name).id].to_value()
    }

    pub(crate) fn result_of(&self, step: StepId) -> serde_json::Value {
        self.results[&step].to_value()
    }

    /// The input of every task.
    pub(crate) fn give(&mut self, input: &serde_json::Value) {
        self.input = Json::from(input);
    }

    pub(crate) fn forget_templates(&mut self) {
        self.templates.clear();
    }

    pub(crate) fn remember_templates(&mut self) {
        self.templates.insert(self.definition.key.clone(), Arc::clone(&self.definition));
    }

    pub(crate) fn serve_only(&mut self, handler: &str) {
        self.routes = Arc::new(HashSet::from([Route { queue: "shop".into(), handler: handler.into() }]));
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn pass_deadline(&mut self) {
        let task_id = self.task().task_id;
        self.run(&[Input::DeadlinePassed { task_id }], None);
    }

    /// What was answered when the running attempt of a step was handed out.
    pub(crate) fn claimed_again(&self, name: &str) -> Claimed {
        let StepSnapshot { id, attempt, failures, due_at, .. } = self.step(name).clone();
        let template = self.task().template.clone();
        Claimed { id, template, attempt, failures, lease_until: due_at.unwrap(), ending: None }
    }

    pub(crate) fn task(&self) -> &TaskSnapshot {
        self.task_at(0)
    }

    pub(crate) fn task_at(&self, at: usize) -> &TaskSnapshot {
        &self.tasks[at]
    }

    pub(crate) fn step(&self, name: &str) -> &StepSnapshot {
        self.task().steps.iter().find(|step| step.name.as_ref() == name).unwrap()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&StepSnapshot> {
        self.task().steps.iter().find(|step| step.name.as_ref() == name)
    }

    /// What a part has to do.
    pub(crate) fn work(&self, name: &str) -> serde_json::Value {
        serde_json::to_value(&self.work[&self.step(name).id].work).unwrap()
    }

    /// The running attempt of a step.
    pub(crate) fn claim_of_running(&self, name: &str) -> Vec<Claimed> {
        vec![self.claimed_again(name)]
    }

    /// The steps that are written for these inputs.
    pub(crate) fn write_of(&mut self, inputs: &[Input]) -> Vec<u32> {
        self.run(inputs, None).steps.iter().map(|step| step.id.idx).collect()
    }

    /// The counters of the first task are what its steps say.
    pub(crate) fn check_counts(&self) {
        let steps = &self.task().steps;
        let count =
            |is: &dyn Fn(StepState) -> bool| u32::try_from(steps.iter().filter(|step| is(step.state)).count()).unwrap();
        let counts = TaskCounts {
            total: count(&|_| true),
            done: count(&StepState::is_final),
            active: count(&|state| state == StepState::InProgress),
            failed: count(&|state| state == StepState::Error),
        };
        assert_eq!(self.task().counts, counts);
    }

    pub(crate) fn state(&self, name: &str) -> StepState {
        self.step(name).state
    }

    pub(crate) fn names(&self, claimed: &[Claimed]) -> Vec<&str> {
        let steps = || self.tasks.iter().flat_map(|task| &task.steps);
        let name = |claimed: &Claimed| steps().find(|step| step.id == claimed.id).map(|it| &*it.name);
        claimed.iter().filter_map(name).collect()
    }

    pub(crate) fn facts(&self) -> Vec<Fact> {
        self.log.iter().flat_map(|(_, _, facts)| facts.clone()).collect()
    }

    pub(crate) fn log_len(&self) -> usize {
        self.log.len()
    }

    pub(crate) fn due(&self, name: &str) -> Input {
        let StepId { task_id, idx } = self.step(name).id;
        Input::StepDue { task_id, idx }
    }

    pub(crate) fn report_input(&self, claimed: &Claimed, outcome: &Outcome) -> Input {
        let StepId { task_id, idx } = claimed.id;
        let lease = Lease { task_id, step_idx: idx, attempt: claimed.attempt };
        Input::Report { lease, outcome: outcome.clone() }
    }

    /// Does what an operator wants to the first task; answers why not, if it was refused.
    pub(crate) fn operate(&mut self, verb: Verb) -> Option<Refusal> {
        self.operate_on(self.task().task_id, verb)
    }

    fn operate_on(&mut self, task_id: TaskId, verb: Verb) -> Option<Refusal> {
        let actor = Actor::named("ops").because("a test");
        let input = Input::Operate { task_id, verb, actor };
        self.run(&[input], None).refusals.pop().map(|(_, refusal)| refusal)
    }

    /// Has the first task run again from a step, as the second one.
    pub(crate) fn rerun_from(&mut self, from: &str, given: &[(&str, serde_json::Value)]) -> Option<Refusal> {
        self.rerun_task_from(0, from, given)
    }

    /// Has a task run again from a step, as the next one.
    pub(crate) fn rerun_task_from(
        &mut self,
        at: usize,
        from: &str,
        given: &[(&str, serde_json::Value)],
    ) -> Option<Refusal> {
        let task_id = self.task_at(at).task_id;
        let idx = |name: &str| self.definition.steps.iter().find(|step| *step.name == *name).unwrap().idx;
        let given: BTreeMap<u32, Json> = given.iter().map(|(name, result)| (idx(name), Json::from(result))).collect();
        let mut results: BTreeMap<u32, Json> = {
            let of_task = self.results.iter().filter(|(id, _)| id.task_id == task_id);
            of_task.map(|(id, it)| (id.idx, it.clone())).collect()
        };
        results.extend(given.clone());
        let submission = Submission {
            context: self.input.clone(),
            priority: 0,
            initiator: None,
            source_system: None,
            reason: None,
            tags: Vec::new(),
            correlation_id: None,
            parent_correlation_id: None,
            idempotency_key: None,
            rerun_of: Some(task_id),
            trace: None,
        };
        let task = plan(&self.definition, submission);
        let given = given.into_keys().collect();
        let verb = Verb::RerunFrom(Box::new(Takeover { task, from: idx(from), results, given }));
        self.operate_on(task_id, verb)
    }

    pub(crate) fn claim(&mut self, want: usize) -> Vec<Claimed> {
        self.report_and_claim(&[], &Outcome::Released, want)
    }

    pub(crate) fn report(&mut self, claimed: &[Claimed], outcome: &Outcome) -> Vec<Verdict> {
        let inputs: Vec<_> = claimed.iter().map(|claimed| self.report_input(claimed, outcome)).collect();
        self.apply(&inputs, None)
    }

    pub(crate) fn report_and_claim(&mut self, claimed: &[Claimed], outcome: &Outcome, want: usize) -> Vec<Claimed> {
        self.report_and_claim_looking(claimed, outcome, want, Look::IfShort)
    }

    pub(crate) fn report_and_claim_looking(
        &mut self,
        claimed: &[Claimed],
        outcome: &Outcome,
        want: usize,
        look: Look,
    ) -> Vec<Claimed> {
        let inputs: Vec<_> = claimed.iter().map(|claimed| self.report_input(claimed, outcome)).collect();
        let claim = self.claim_of(want, look);
        self.run(&inputs, Some(&claim)).claimed
    }

    pub(crate) fn apply(&mut self, inputs: &[Input], claim: Option<&Claim>) -> Vec<Verdict> {
        self.run(inputs, claim).verdicts
    }

    /// The first answer to a question, with nothing more shown than a first look gives.
    pub(crate) fn ask(&self, inputs: &[Input], claim: Option<&Claim>) -> Decision {
        decide(&self.look(&scope(inputs)), inputs, claim, &self.templates)
    }

    /// Every task's events are numbered without gaps, and begin and end as they should.
    pub(crate) fn check_log(&self) {
        for task in &self.tasks {
            let mut next = 1;
            for (_, first_seq, facts) in self.log.iter().filter(|(task_id, ..)| *task_id == task.task_id) {
                assert_eq!(*first_seq, next);
                next += i64::try_from(facts.len()).unwrap();
            }
            assert_eq!(next, task.seq + 1);
        }
    }

    fn claim_of(&self, want: usize, look: Look) -> Claim {
        let lease = Duration::from_secs(30);
        Claim { worker_id: WorkerId::new(), routes: Arc::clone(&self.routes), want, lease, look }
    }

    fn run(&mut self, inputs: &[Input], claim: Option<&Claim>) -> Changes {
        let mut scope = scope(inputs);
        let mut candidates = None;
        let mut values = HashMap::new();
        // The databases give up sooner.
        for _ in 0..30 {
            let mut snapshot = Snapshot { values: values.clone(), ..self.look(&scope) };
            if let Some(limit) = candidates {
                self.add_candidates(&mut snapshot, limit);
            }
            match decide(&snapshot, inputs, claim, &self.templates) {
                Decision::Done(changes) => {
                    self.write(&changes);
                    return changes;
                }
                Decision::NeedsWhole(tasks) => {
                    scope
                        .iter_mut()
                        .filter(|scope| tasks.contains(&scope.task_id))
                        .for_each(|scope| scope.whole = true);
                }
                Decision::NeedsSteps(scopes) => {
                    for more in scopes {
                        let known = scope.iter_mut().find(|scope| scope.task_id == more.task_id);
                        known.unwrap().steps.extend(more.steps);
                    }
                }
                Decision::NeedsCandidates(limit) => candidates = Some(limit),
                Decision::NeedsValues(wanted) => {
                    for wanted in wanted {
                        let found = wanted.results.iter().filter_map(|idx| {
                            let id = StepId::new(wanted.task_id, *idx);
                            self.results.get(&id).map(|result| (*idx, result.clone()))
                        });
                        let found: Vec<_> = found.collect();
                        let results = self.results.iter().filter(|(id, _)| id.task_id == wanted.task_id);
                        let results: Vec<_> = results.map(|(id, result)| (id.idx, result.clone())).collect();
                        let read = Values::new(&self.input, None, &wanted.results, &found);
                        values.insert(wanted.task_id, read.with_parts(&wanted.parts, &results));
                    }
                }
                other => panic!("{other:?}: all is known"),
            }
        }
        panic!("it asks again and again: {scope:?}");
    }

    fn look(&self, scope: &[Scope]) -> Snapshot {
        let tasks = scope.iter().filter_map(|scope| {
            let mut task = self.tasks.iter().find(|task| task.task_id == scope.task_id)?.clone();
            task.is_whole = scope.whole;
            if !scope.whole {
                let named = task.steps.iter().filter(|step| scope.steps.contains(&step.id.idx));
                let near: HashSet<u32> =
                    named.flat_map(|step| step.dependents.iter().copied().chain([step.id.idx])).collect();
                task.steps.retain(|step| near.contains(&step.id.idx));
            }
            Some(task)
        });
        Snapshot { now: self.now, tasks: tasks.collect(), candidates_loaded: false, values: HashMap::new() }
    }

    fn add_candidates(&self, snapshot: &mut Snapshot, limit: usize) {
        snapshot.candidates_loaded = true;
        let enqueued = self.tasks.iter().flat_map(|task| {
            let steps = task.steps.iter().filter(|step| step.state == StepState::Enqueued);
            steps.map(move |step| (-task.priority, step.id, task, step))
        });
        let mut enqueued: Vec<_> = enqueued.collect();
        enqueued.sort_by_key(|(urgency, id, ..)| (*urgency, *id));
        for (_, id, task, step) in enqueued.into_iter().take(limit) {
            match snapshot.tasks.iter_mut().find(|known| known.task_id == id.task_id) {
                Some(known) if known.steps.iter().any(|known| known.id == id) => {}
                Some(known) => {
                    known.steps.push(step.clone());
                    known.steps.sort_by_key(|step| step.id);
                }
                None => {
                    snapshot.tasks.push(TaskSnapshot { steps: vec![step.clone()], is_whole: false, ..task.clone() })
                }
            }
        }
    }

    fn add_step(&mut self, added: &NewStep) {
        let task = self.tasks.iter_mut().find(|task| task.task_id == added.id.task_id).unwrap();
        assert!(task.steps.iter().all(|step| step.id != added.id), "a step comes to its task once");
        task.steps.push(StepSnapshot {
            id: added.id,
            name: added.name.clone(),
            queue: added.queue.clone(),
            handler: added.handler.clone(),
            state: StepState::Pending,
            attempt: 0,
            failures: 0,
            losses: 0,
            unmet: added.unmet,
            dependents: added.dependents.clone(),
            due_at: None,
            worker_id: None,
            started_at: None,
            error: None,
            flow: None,
        });
        task.steps.sort_by_key(|step| step.id.idx);
    }

    fn write(&mut self, changes: &Changes) {
        for task in &changes.spawned {
            self.tasks.push(TaskSnapshot::of_new(task));
            self.log.push((task.task_id, 1, vec![Fact::TaskCreated]));
        }
        for change in &changes.tasks {
            let task = self.tasks.iter_mut().find(|task| task.task_id == change.task_id).unwrap();
            assert_eq!(change.completed_at.is_some(), change.state.is_final(), "{change:?}");
            task.state = change.state;
            task.completed_at = change.completed_at;
            task.counts = change.counts;
            task.seq = change.seq;
            task.deadline_at = change.deadline_at;
            task.error.clone_from(&change.error);
        }
        for (task_id, priority) in &changes.priorities {
            self.tasks.iter_mut().find(|task| task.task_id == *task_id).unwrap().priority = *priority;
        }
        for batch in &changes.parts {
            let task = self.tasks.iter_mut().find(|task| task.task_id == batch.task_id).unwrap();
            for new in &batch.parts {
                let row = first_row(batch, new);
                self.work.insert(row.id, new.part.clone());
                task.steps.push(row);
            }
            task.steps.sort_by_key(|step| step.id);
        }
        for added in &changes.added {
            self.add_step(added);
        }
        for (task_id, flow) in &changes.flows {
            let task = self.tasks.iter_mut().find(|task| task.task_id == *task_id).unwrap();
            task.flow = Some(Arc::new(flow.clone()));
        }
        for change in &changes.steps {
            // The databases' CHECK constraints: a row that ended says when, and is not written without it.
            assert_eq!(change.ended_at.is_some(), change.state.is_final(), "{change:?}");
            let task = self.tasks.iter_mut().find(|task| task.task_id == change.id.task_id).unwrap();
            let step = task.steps.iter_mut().find(|step| step.id == change.id).unwrap();
            assert!(!step.state.satisfies(), "a step that is done is never written again");
            step.state = change.state;
            step.attempt = change.attempt;
            step.failures = change.failures;
            step.losses = change.losses;
            step.unmet = change.unmet;
            step.due_at = change.due_at;
            step.worker_id = change.worker_id;
            step.started_at = change.started_at;
            step.error = change.error.clone().or(step.error.take()).filter(|_| change.state == StepState::Error);
            if change.flow.is_some() {
                step.flow.clone_from(&change.flow);
            }
            if let Some(result) = &change.result {
                self.results.insert(change.id, result.clone());
            }
        }
        self.log.extend(changes.events.iter().map(|batch| (batch.task_id, batch.first_seq, batch.facts.clone())));
    }
}

/// The row that a part begins with, as the databases write it.
fn first_row(batch: &NewParts, new: &NewPart) -> StepSnapshot {
    assert!(matches!(new.state, StepState::Pending | StepState::Enqueued), "{new:?}");
    StepSnapshot {
        id: StepId::new(batch.task_id, StepPlace::part(batch.step, new.part.index).idx()),
        name: part_name(&batch.name, new.part.index).into(),
        queue: batch.queue.clone(),
        handler: batch.handler.clone(),
        state: new.state,
        attempt: 0,
        failures: 0,
        losses: 0,
        unmet: new.unmet,
        dependents: [batch.step].into(),
        due_at: None,
        worker_id: None,
        started_at: None,
        error: None,
        flow: None,
    }
}
