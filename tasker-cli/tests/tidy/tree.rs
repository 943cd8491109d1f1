//! The files of the workspace, and how a fault in one is told.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::rust_code;

/// A text file, by its path from the root of the workspace, with `/` between folders.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments, strings and characters blanked when it is Rust (offsets stay), and as it is otherwise.
    pub(crate) code: String,
}

pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<File>,
}

pub(crate) struct Fault {
    path: String,
    line: usize,
    rule: String,
}

const SOURCES: &[&str] = &["rs", "sql", "sh", "py", "rb", "ts", "tsx", "js", "mjs", "cjs", "css"];
const DOCUMENTS_AND_SETTINGS: &[&str] = &["md", "toml", "yaml", "yml"];
const SOURCES_WITHOUT_EXTENSION: &[&str] = &["Makefile", ".ci/run"];

/// Folders that tools fill.
const NOT_OURS: &[&str] = &["target", "node_modules", "dist", "vendor", "__pycache__"];

impl Tree {
    pub(crate) fn of_workspace() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().expect("the crate lies in the workspace").to_path_buf();
        let mut tree = Self { root, files: Vec::new() };
        tree.read_folder("");
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        tree
    }

    /// A tree of made-up files, for the checks of the rules themselves.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File::new((*path).to_owned(), (*text).to_owned())).collect();
        Self { root: PathBuf::from("/nowhere"), files }
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| is_source(&file.path))
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    fn read_folder(&mut self, folder: &str) {
        let entries = fs::read_dir(self.root.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        for entry in entries {
            let entry = entry.unwrap_or_else(|error| panic!("{folder}: {error}"));
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().unwrap_or_else(|error| panic!("{path}: {error}"));
            if kind.is_dir() && !is_foreign(&name) {
                self.read_folder(&path);
            } else if kind.is_file() && (is_source(&path) || extension_is(&path, DOCUMENTS_AND_SETTINGS)) {
                let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
                self.files.push(File::new(path, text));
            }
        }
    }
}

impl File {
    fn new(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { rust_code::code_only(&text) } else { text.clone() };
        Self { path, text, code }
    }

    /// `line` counts from 1.
    pub(crate) fn fault(&self, line: usize, rule: impl Into<String>) -> Fault {
        Fault { path: self.path.clone(), line, rule: rule.into() }
    }

    /// `offset` in bytes.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// What the checks of the rules compare: where the faults are, never how they are told.
pub(crate) fn places(faults: &[Fault]) -> Vec<(&str, usize)> {
    faults.iter().map(|fault| (fault.path.as_str(), fault.line)).collect()
}

fn is_source(path: &str) -> bool {
    extension_is(path, SOURCES) || SOURCES_WITHOUT_EXTENSION.contains(&path)
}

fn extension_is(path: &str, extensions: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

fn is_foreign(folder: &str) -> bool {
    NOT_OURS.contains(&folder) || (folder.starts_with('.') && folder != ".ci")
}
