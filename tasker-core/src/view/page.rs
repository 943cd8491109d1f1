/// The pages of docs/errors whose entries are codes.
const PAGES: [(&str, &str); 7] = [
    ("templates", include_str!("../../../docs/errors/templates.md")),
    ("tasks", include_str!("../../../docs/errors/tasks.md")),
    ("requests", include_str!("../../../docs/errors/requests.md")),
    ("servers", include_str!("../../../docs/errors/servers.md")),
    ("databases", include_str!("../../../docs/errors/databases.md")),
    ("workers", include_str!("../../../docs/errors/workers.md")),
    ("commands", include_str!("../../../docs/errors/commands.md")),
];

/// What is written about one code of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    pub code: &'static str,
    /// The page that has it, under docs/errors.
    pub page: &'static str,
    /// Cause and remedy, in Markdown.
    pub text: &'static str,
}

impl ErrorPage {
    /// The entry of a code.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::all().find(|entry| entry.code == code)
    }

    /// Every entry, page by page.
    pub fn all() -> impl Iterator<Item = Self> {
        PAGES.into_iter().flat_map(|(page, text)| {
            let entries = text.split("\n## ").skip(1);
            entries.filter_map(move |entry| {
                let (code, text) = entry.split_once('\n')?;
                Some(Self { code: code.trim(), page, text: text.trim() })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_stands_once_and_has_a_cause_and_a_remedy() {
        let codes: BTreeSet<_> = ErrorPage::all().map(|entry| entry.code).collect();
        assert_eq!(codes.len(), ErrorPage::all().count());
        for entry in ErrorPage::all() {
            let remedy = entry.text.find("Remedy: ").unwrap_or_else(|| panic!("{} has no remedy", entry.code));
            assert!(remedy > 0, "{} has no cause", entry.code);
        }
        assert_eq!(ErrorPage::of("task_ended").map(|entry| entry.page), Some("tasks"));
        assert_eq!(ErrorPage::of("nothing"), None);
    }
}
