use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::mpsc::{Receiver, channel, error::TryRecvError},
    time::sleep,
};

use crate::{
    commands::template::{Source, read, template_files},
    failure::{Failure, Result},
};

/// Template files that are watched.
pub(super) struct Folder {
    path: PathBuf,
    /// The texts as they were last read, by file.
    texts: HashMap<PathBuf, String>,
    changes: Receiver<()>,
    /// Whether something has changed that `wait` has not yet told.
    has_changed: bool,
    _watcher: RecommendedWatcher,
}

/// Editors write a file in several steps; after this long without another they are done.
const QUIET: Duration = Duration::from_millis(80);

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self> {
        // Checks that it is there, with a better message than the watcher's.
        template_files(path)?;
        // One place is enough: whoever is told looks at every file.
        let (sender, changes) = channel(1);
        let watch = move |event: notify::Result<notify::Event>| {
            let is_ours =
                event.map_or(true, |event| !event.kind.is_access() && event.paths.iter().any(|path| is_template(path)));
            if is_ours {
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(watch).and_then(|mut watcher| {
            watcher.watch(watched(path), RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        let watcher = watcher.map_err(|error| {
            let remedy = "raise the limit of watched files (fs.inotify.max_user_watches), or name a smaller folder";
            Failure::new("folder_unwatchable", format!("{} cannot be watched", path.display()), remedy)
                .with_cause(error)
        })?;
        Ok(Self { path: path.to_owned(), texts: HashMap::new(), changes, has_changed: false, _watcher: watcher })
    }

    /// Resolves when a template file may have changed. Cancel-safe: a change that was not told is told by the next call.
    pub(super) async fn wait(&mut self) {
        if !self.has_changed {
            if self.changes.recv().await.is_none() {
                return std::future::pending().await;
            }
            self.has_changed = true;
        }
        loop {
            sleep(QUIET).await;
            if matches!(self.changes.try_recv(), Err(TryRecvError::Empty | TryRecvError::Disconnected)) {
                self.has_changed = false;
                return;
            }
        }
    }

    /// The files that are new or different since the last call.
    pub(super) fn changed(&mut self) -> Result<Vec<Source>> {
        let mut changed = Vec::new();
        for path in template_files(&self.path)? {
            let source = match read(&path) {
                Ok(source) => source,
                // Removed, or being written, at this very moment: the next change tells.
                Err(_) if !path.exists() => continue,
                Err(failure) => return Err(failure),
            };
            if self.texts.get(&path) != Some(&source.text) {
                self.texts.insert(path, source.text.clone());
                changed.push(source);
            }
        }
        Ok(changed)
    }
}

/// A file by itself is watched through its folder, since editors replace it.
fn watched(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if path.is_file() && parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) if path.is_file() => parent,
        _ => path,
    }
}

fn is_template(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}
