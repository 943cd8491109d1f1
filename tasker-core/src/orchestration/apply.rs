use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{Engine, Error, Result, cache::DefinitionCache, report::Session};
use crate::{
    dag::{Definition, TemplateKey, TemplateName},
    model::{StepPlace, Verdict},
    state::{Changes, Claim, Decision, Definitions, Input, Look, Scope, Snapshot, decide, scope},
    store::Transacted,
};

/// More outcomes than this are no longer alone: sharing a commit then saves more than the short way does.
const FROM_MEMORY_MAX: usize = 32;

impl Engine {
    /// Writes the consequences of what has happened, and tells those who wait for them.
    pub(super) async fn apply(
        &self,
        inputs: &[Input],
        claim: Option<&Claim>,
        asker: Option<&Session>,
    ) -> Result<Changes> {
        if let Some(changes) = self.apply_from_memory(inputs, claim).await? {
            self.after_commit(inputs, &changes, asker);
            return Ok(changes);
        }
        let mut scope = self.remember(inputs, scope(inputs));
        let mut at_hand = AtHand { cache: &self.definitions, named: HashMap::new() };
        loop {
            let decide = |snapshot: &Snapshot| {
                // Whoever takes steps reports them, and may then go the short way.
                claim.into_iter().for_each(|_| self.recall.learn(&snapshot.tasks));
                decide(snapshot, inputs, claim, &at_hand)
            };
            match self.store.transact(&scope, claim, &decide).await? {
                Transacted::Done(changes) => {
                    self.after_commit(inputs, &changes, asker);
                    return Ok(changes);
                }
                Transacted::NeedsTemplates(keys) => {
                    for key in &keys {
                        self.definition(key).await?;
                    }
                }
                Transacted::NeedsNamed(names) => {
                    for name in names {
                        let found = self.look_up(&name).await?;
                        at_hand.named.insert(name, found);
                    }
                }
                Transacted::NeedsTasks(more) => scope = self.remember(inputs, with(scope, more)?),
            }
        }
    }

    /// Adds what this engine remembers of the tasks, and the parents of those that are about to end. Nothing of tasks that are
    /// looked at because of the time: a lease that was extended since is no event.
    fn remember(&self, inputs: &[Input], scope: Vec<Scope>) -> Vec<Scope> {
        let is_due = |input: &&Input| !matches!(input, Input::Report { .. });
        let due: HashSet<_> = inputs.iter().filter(is_due).map(Input::task_id).collect();
        let known = |task_id| if due.contains(&task_id) { None } else { self.recall.whole(task_id) };
        let parents = scope.iter().filter_map(|scope| {
            let task = known(scope.task_id)?;
            let open = task.counts.total.saturating_sub(task.counts.done) as usize;
            let parent = task.flow.as_ref()?.parent.as_ref()?;
            (open <= scope.steps.len()).then(|| Scope::of(parent.task_id, vec![parent.step]))
        });
        let parents = parents.collect();
        let (mut scope, _) = join(scope, parents);
        for scope in &mut scope {
            scope.known = known(scope.task_id);
        }
        scope
    }

    /// The short way for lone outcomes: decides on the tasks as this engine remembers them, and writes only if they still
    /// stand there. It takes one round trip to the database instead of four. None, with nothing written, wherever the
    /// decision would have to see more, or another engine has been at work.
    async fn apply_from_memory(&self, inputs: &[Input], claim: Option<&Claim>) -> Result<Option<Changes>> {
        let is_alone = !inputs.is_empty() && inputs.len() <= FROM_MEMORY_MAX;
        let is_plain = inputs.iter().all(|input| matches!(input, Input::Report { .. }))
            && claim.is_none_or(|claim| claim.look == Look::Nowhere);
        if !is_alone || !is_plain {
            return Ok(None);
        }
        let Some(now) = self.store.clock() else { return Ok(None) };
        let Some(tasks) = self.recall.all(inputs.iter().map(Input::task_id)) else { return Ok(None) };
        let mut snapshot = Snapshot { now, tasks, candidates_loaded: false, values: HashMap::new() };
        let changes = loop {
            match decide(&snapshot, inputs, claim, &self.definitions) {
                Decision::Done(changes) => break changes,
                // The end of a sub-workflow is the business of its parent too.
                Decision::NeedsTasks(more) if snapshot.tasks.len() <= FROM_MEMORY_MAX => {
                    let known = snapshot.tasks.iter().map(|task| task.task_id);
                    let wanted: Vec<_> = known.chain(more.iter().map(|scope| scope.task_id)).collect();
                    let Some(tasks) = self.recall.all(wanted.into_iter()) else { return Ok(None) };
                    if tasks.len() == snapshot.tasks.len() {
                        return Ok(None);
                    }
                    snapshot.tasks = tasks;
                }
                _ => return Ok(None),
            }
        };
        // A refusal is not guarded by what is written, so that it must come from the database.
        let is_guarded = changes.tasks.len() == snapshot.tasks.len()
            && changes.verdicts.iter().all(|verdict| *verdict == Verdict::Accepted);
        // New rows, and where a task stands in a flow, take more than one statement.
        let has_new_rows = !changes.spawned.is_empty() || !changes.added.is_empty() || !changes.parts.is_empty();
        if !is_guarded || has_new_rows || !changes.flows.is_empty() {
            return Ok(None);
        }
        if self.store.apply_unchanged(&changes).await? {
            return Ok(Some(changes));
        }
        snapshot.tasks.iter().for_each(|task| self.recall.forget(task.task_id));
        Ok(None)
    }

    /// A template by its name; the inner error says why there is none.
    async fn look_up(&self, name: &TemplateName) -> Result<Result<Arc<Definition>, String>> {
        match self.definition_for(&name.namespace, &name.name, name.version.as_deref()).await {
            Ok(definition) => Ok(Ok(definition)),
            Err(error @ Error::TemplateNotFound { .. }) => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }

    pub(super) fn after_commit(&self, inputs: &[Input], changes: &Changes, asker: Option<&Session>) {
        let has_ended = |task_id| changes.ended.iter().any(|(ended, _)| *ended == task_id);
        for step in &changes.steps {
            // The results of parts are read together, once.
            if let Some(result) = &step.result
                && StepPlace::of(step.id.idx).part.is_none()
                && (changes.ended.is_empty() || !has_ended(step.id.task_id))
            {
                self.payloads.put_result(step.id.task_id, step.id.idx, result.clone());
            }
        }
        if let Some(observer) = self.observer.get().filter(|_| !changes.is_empty()) {
            let outcomes = inputs.iter().filter(|input| matches!(input, Input::Report { .. })).count();
            observer.committed(outcomes, changes, &self.definitions);
        }
        self.recall.follow(changes);
        let is_begun = self.after_spawn(&changes.spawned);
        self.wakeups.committed(changes, asker);
        if changes.next_due.is_some() || is_begun {
            self.wakeups.due_changed();
        }
    }
}

/// What a decision may look up: definitions by their keys, and those that it has asked for by name.
struct AtHand<'a> {
    cache: &'a DefinitionCache,
    named: HashMap<TemplateName, Result<Arc<Definition>, String>>,
}

impl Definitions for AtHand<'_> {
    fn get(&self, key: &TemplateKey) -> Option<Arc<Definition>> {
        self.cache.get(key)
    }

    fn named(&self, name: &TemplateName) -> Option<Result<Arc<Definition>, String>> {
        self.named.get(name).cloned()
    }
}

/// The scope with more in it; an error if that was in it already, for then it is not stored.
fn with(scope: Vec<Scope>, more: Vec<Scope>) -> Result<Vec<Scope>> {
    let (scope, is_more) = join(scope, more);
    if is_more {
        return Ok(scope);
    }
    let missing = "a task names another one that is not stored, or a step that it does not have".to_owned();
    Err(Error::Store(crate::store::Error::Corrupt(missing)))
}

/// Both, ascending by id, and whether the second has what is not in the first.
fn join(scope: Vec<Scope>, more: Vec<Scope>) -> (Vec<Scope>, bool) {
    let mut tasks: BTreeMap<_, _> = scope.into_iter().map(|scope| (scope.task_id, scope)).collect();
    let mut is_more = false;
    for Scope { task_id, steps, whole, known: _ } in more {
        let known = tasks.entry(task_id).or_insert_with(|| {
            is_more = true;
            Scope::of(task_id, Vec::new())
        });
        is_more |= whole && !known.whole || steps.iter().any(|step| !known.steps.contains(step));
        known.whole |= whole;
        known.steps.extend(steps);
        known.steps.sort_unstable();
        known.steps.dedup();
    }
    (tasks.into_values().collect(), is_more)
}
