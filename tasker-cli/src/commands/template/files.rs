use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use tasker_core::model::limits;

use crate::{
    failure::{Failure, Result},
    settings::Settings,
};

/// A template's text, and what it is called in faults.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The texts that are meant by the arguments: files, folders (every `.yaml` and `.yml` below), `-` for standard input.
/// Without arguments, what the settings name.
pub(crate) fn read_all(arguments: &[PathBuf], settings: &Settings) -> Result<Vec<Source>> {
    let from_settings = settings.template_path.as_slice();
    let paths = if arguments.is_empty() { from_settings } else { arguments };
    if paths.is_empty() {
        return Err(Failure::usage("no templates are named", "name files or folders, or set TASKER_TEMPLATE_PATH"));
    }
    let mut sources = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            sources.push(read_stdin()?);
            continue;
        }
        let files = template_files(path)?;
        if files.is_empty() {
            let message = format!("{} holds no .yaml or .yml file", path.display());
            return Err(Failure::new("no_templates", message, "name the folder that holds the templates"));
        }
        for file in files {
            sources.push(read(&file)?);
        }
    }
    Ok(sources)
}

/// What an argument says that may name a file or a registered template; none when no file is meant.
pub(super) fn as_file(argument: &str) -> Option<Result<Source>> {
    let path = Path::new(argument);
    if argument == "-" {
        return Some(read_stdin());
    }
    let looks_like_file = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    (looks_like_file || path.is_file()).then(|| read(path))
}

/// A file by itself; of a folder, the template files in it and in the folders below, in alphabetical order.
pub(crate) fn template_files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(path, true, &mut files).map_err(|error| unreadable(path, &error))?;
    Ok(files)
}

fn collect(path: &Path, is_named: bool, files: &mut Vec<PathBuf>) -> io::Result<()> {
    // A link to a folder is followed where it was named, and nowhere else: it may lead back.
    let metadata = if is_named { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
    if !metadata.is_dir() {
        let is_template = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_named || is_template {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| collect(entry, false, files))
}

pub(crate) fn read(path: &Path) -> Result<Source> {
    let text = fs::File::open(path).and_then(read_bounded).map_err(|error| unreadable(path, &error))?;
    Ok(Source { name: path.display().to_string(), text })
}

fn read_stdin() -> Result<Source> {
    let text = read_bounded(io::stdin().lock()).map_err(|error| unreadable(Path::new("standard input"), &error))?;
    Ok(Source { name: "<stdin>".to_owned(), text })
}

/// A little more than a template may have, so that the parser can refuse it.
fn read_bounded(reader: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(limits::TEMPLATE_BYTES as u64 + 4).read_to_end(&mut bytes)?;
    if bytes.len() > limits::TEMPLATE_BYTES {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn unreadable(path: &Path, error: &io::Error) -> Box<Failure> {
    let message = format!("{} cannot be read", path.display());
    Failure::new("file_unreadable", message, "correct the path, or make the file readable").with_cause(error)
}
