use crate::style::{Tone, paint};

/// One line of a picture: pieces of text, each in its tone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<(String, Tone)>);

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub(super) fn with(mut self, text: impl Into<String>, tone: Tone) -> Self {
        self.0.push((text.into(), tone));
        self
    }

    /// The same behind another line.
    pub(super) fn behind(mut self, mut first: Self) -> Self {
        first.0.append(&mut self.0);
        first
    }

    /// Characters that are seen.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| text.chars().count()).sum()
    }

    /// The text, cut to `width` characters.
    pub(crate) fn text(&self, width: usize, has_color: bool) -> String {
        if self.width() <= width {
            let text: String = self.0.iter().map(|(text, tone)| paint(text, *tone, has_color)).collect();
            return text.trim_end().to_owned();
        }
        let (mut shown, mut left) = (String::new(), width.saturating_sub(1));
        for (text, tone) in &self.0 {
            let kept: String = text.chars().take(left).collect();
            left -= kept.chars().count();
            shown.push_str(&paint(&kept, *tone, has_color));
        }
        shown + if width > 0 { "…" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_terminal() {
        let line = Line::new().with("ärger", Tone::Plain).with(" und mehr", Tone::Bad);
        assert_eq!(line.text(80, false), "ärger und mehr");
        assert_eq!(line.text(14, false), "ärger und mehr");
        assert_eq!(line.text(8, false), "ärger u…");
        assert_eq!(line.text(3, false), "är…");
        assert_eq!(line.text(0, false), "");
        assert!(line.text(8, true).ends_with("\x1b[31m u\x1b[0m…"));
    }
}
