use std::io::{self, Stdout, Write};

use crossterm::{
    cursor::{Hide, MoveToColumn, MoveUp, Show},
    queue,
    terminal::{
        self, BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
    },
};

use super::line::Line;

/// A picture on the terminal that is drawn again in its place. The cursor comes back when it is dropped.
pub(crate) struct Live {
    stdout: Stdout,
    has_color: bool,
    /// The widths of the lines on the screen.
    drawn: Vec<usize>,
}

/// What a terminal has that does not say how large it is.
const SIZE: (u16, u16) = (80, 24);

impl Live {
    pub(crate) fn new(has_color: bool) -> Self {
        Self { stdout: io::stdout(), has_color, drawn: Vec::new() }
    }

    /// Lines that a picture may have.
    pub(crate) fn height(&self) -> usize {
        // The last line is for the cursor.
        usize::from(size().1).saturating_sub(1).max(3)
    }

    /// Draws a picture over the one before it.
    pub(crate) fn draw(&mut self, lines: &[Line]) {
        // Where the terminal has gone away there is nobody to draw for; the signal that says so is on its way.
        let _ = self.try_draw(lines);
    }

    fn try_draw(&mut self, lines: &[Line]) -> io::Result<()> {
        let width = usize::from(size().0).max(1);
        let out = &mut self.stdout;
        queue!(out, BeginSynchronizedUpdate, Hide, DisableLineWrap)?;
        // A terminal that became narrower has broken the lines, so that they take more rows than before.
        let rows: usize = self.drawn.iter().map(|line| line.div_ceil(width).max(1)).sum();
        if rows > 0 {
            queue!(out, MoveUp(u16::try_from(rows).unwrap_or(u16::MAX)))?;
        }
        queue!(out, MoveToColumn(0))?;
        self.drawn.clear();
        for line in lines {
            write!(out, "{}", line.text(width, self.has_color))?;
            queue!(out, Clear(ClearType::UntilNewLine))?;
            write!(out, "\r\n")?;
            self.drawn.push(line.width().min(width));
        }
        queue!(out, Clear(ClearType::FromCursorDown), EnableLineWrap, EndSynchronizedUpdate)?;
        out.flush()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = queue!(self.stdout, EnableLineWrap, Show);
        let _ = self.stdout.flush();
    }
}

/// Columns and rows of the terminal.
fn size() -> (u16, u16) {
    terminal::size().ok().filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(SIZE)
}
