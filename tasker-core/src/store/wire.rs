use async_trait::async_trait;

use super::Result;

/// The longest text that every wire carries, in bytes.
pub const WIRE_TEXT_MAX: usize = 7_900;

/// Carries short texts between the processes on one database, to all of them and to the sender too. It may lose them, and is
/// dropped when it fails: whoever needs it connects again.
#[async_trait]
pub trait Wire: Send {
    /// Sends a text of at most [`WIRE_TEXT_MAX`] bytes.
    ///
    /// # Errors
    /// [`super::Error`], after which the wire is of no use any more.
    async fn send(&mut self, text: &str) -> Result<()>;

    /// The next text. Dropping the future loses none.
    ///
    /// # Errors
    /// As [`Wire::send`].
    async fn next(&mut self) -> Result<String>;
}
