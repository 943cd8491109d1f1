//! The files that the steps hand to each other by path.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tasker_worker::StepError;
use tokio::task::spawn_blocking;

/// A CSV file that a step made: where it is, and how many rows it has without the header.
#[derive(Debug, Serialize, Deserialize)]
pub struct Table {
    pub path: PathBuf,
    pub rows: u64,
}

impl Table {
    /// Every row, decoded; a row that is no `T` is an error that names its line.
    ///
    /// # Errors
    /// Retryable when the file cannot be opened; permanent `broken_table` for a bad row.
    pub fn read<T: DeserializeOwned>(&self) -> Result<impl Iterator<Item = Result<T, StepError>> + use<T>, StepError> {
        let path = self.path.display().to_string();
        let rows = csv::Reader::from_path(&self.path)?.into_deserialize();
        let broken = move |error| StepError::permanent("broken_table", format!("{path}: {error}"));
        Ok(rows.map(move |row| row.map_err(&broken)))
    }

    /// Writes rows to a new file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write<T: Serialize>(path: PathBuf, rows: &[T]) -> Result<Self, StepError> {
        write_whole(&path, |part| {
            let mut out = csv::Writer::from_writer(part);
            rows.iter().try_for_each(|row| out.serialize(row))?;
            Ok(out.flush()?)
        })?;
        Ok(Self { path, rows: rows.len() as u64 })
    }

    /// The path of a file beside this one: `orders-1.csv` becomes `orders-1.{suffix}.csv`.
    #[must_use]
    pub fn beside(&self, suffix: &str) -> PathBuf {
        self.path.with_extension(format!("{suffix}.csv"))
    }
}

/// Writes a file so that nobody ever sees a part of it: tasks that run side by side may share a directory.
///
/// # Errors
/// When the file cannot be written.
pub fn write_whole(path: &Path, fill: impl FnOnce(&mut fs::File) -> csv::Result<()>) -> Result<(), StepError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut part = tempfile::NamedTempFile::new_in(directory)?;
    fill(part.as_file_mut())?;
    part.persist(path)?;
    Ok(())
}

/// Runs work that reads and writes files where it does not hold up other handlers.
///
/// # Errors
/// Those of the work; retryable when the work panicked.
pub async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
